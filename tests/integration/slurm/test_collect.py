"""The joules of a study's jobs, from the cluster's own accounting, against watts times seconds."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from slurmbed import Cluster
from slurmbed.requirements import PATH
from slurmbed.waiting import until

import autode
from autode.energy.conformance.powercap import PACKAGE, PowercapTree
from autode.energy.node_series import FOLDER, read_node_series

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

#: every trial takes as many seconds as the file says
OBJECTIVE = """\
import time
from pathlib import Path

PAUSE = Path(__file__).with_name("pause")

def objective(trial):
    time.sleep(float(PAUSE.read_text()))
    return {"error": (trial.params["x"] - 0.3) ** 2}
"""
ON_PATH = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), PATH])}
WATTS = 200.0


def autode_on(cluster: Cluster, folder: Path, *arguments: str, **options: Any) -> Any:
    return cluster.run(sys.executable, "-m", "autode.cli.main", *arguments, folder=folder, env=ON_PATH, **options)


def submit(cluster: Cluster, project: Any, pause: float, *settings: str, evaluations: int = 12) -> int:
    """Submit a study of one trial at a time per rank, and return the job's number."""
    (project.folder / "pause").write_text(str(pause))
    project.write(OBJECTIVE, search__evaluations=evaluations, search__population=6)
    options = [word for setting in settings for word in ("--set", setting)]
    said = autode_on(cluster, project.folder, "submit", "workflow.toml", "--out", "out", "--no-report", *options)
    return int(said.stdout.split()[2].rstrip(";"))


def live_joules(project: Any, run: int) -> float:
    """Return what sstat has told of a run of the program so far, from the journal."""
    records = (one for one in project.records("energy") if one["scope"] == "job" and one["run"] == run)
    return sum(reading["energy_j"] for record in records for reading in record["readings"])


def test_the_joules_of_a_study_on_two_nodes_are_watts_times_time(cluster: Cluster, project: Any) -> None:
    job = submit(cluster, project, 12.0, "slurm.nodes=2", "slurm.ntasks_per_node=1")
    (ended,) = cluster.wait(job, seconds=240)
    assert ended["JobState"] == "COMPLETED", (project.out / f"slurm-{job}.log").read_text()
    said = autode_on(cluster, project.folder, "collect", "out").stdout  # at once: records that are late are waited for
    (row,) = autode.load(project.out).jobs.to_dict("records")
    assert (row["job"], row["state"], row["nodes"].partition("[")[0]) == (str(job), "COMPLETED", "node")
    assert row["elapsed_s"] > 60
    assert row["flags"] is None, "nobody else was on its nodes"
    assert row["energy_j"] == pytest.approx(2 * WATTS * row["elapsed_s"], rel=0.02)
    assert row["mean_power_w"] == pytest.approx(2 * WATTS, rel=0.02)
    assert row["energy_from"] == "extern"
    assert 0 <= row["cpu_efficiency"] <= 1
    assert row["run_start"] >= row["start"], "times of both are in UTC"
    assert row["run_end"][:19] <= row["end"][:19]
    assert "mean node power" in said
    energy = autode.load(project.out).energy
    booked = energy[(energy["scope"] == "job") & energy["account"].notna()]["joules"]
    assert sum(round(joules * 1e6) for joules in booked) == round(row["energy_j"] * 1e6), "to the microjoule"
    trials = autode.load(project.out).trials
    assert set(trials["energy_class"]) == {"apportioned"}
    assert 0.5 * row["energy_j"] < trials["energy_j"].sum() < row["energy_j"]
    written = pd.read_csv(project.out / "jobs.csv")
    assert written["energy_j"].tolist() == [row["energy_j"]]
    (entry,) = json.loads((project.out / "accounting/index.json").read_text())
    raw = (project.out / "accounting" / entry["file"]).read_bytes()
    assert hashlib.sha256(raw).hexdigest() == entry["sha256"]
    assert entry["cluster"]["AcctGatherEnergyType"] == "acct_gather_energy/pm_counters"
    assert entry["cluster"]["PrologFlags"].lower().startswith("alloc,contain")


@pytest.mark.parametrize("nodes", [2, 1])
def test_a_run_that_died_with_its_node_is_accounted_for(cluster: Cluster, project: Any, nodes: int) -> None:
    job = submit(cluster, project, 1.0, f"slurm.nodes={nodes}", "slurm.ntasks_per_node=1", evaluations=16)
    until(lambda: len(project.records("told")) >= 4, "some finished trials", seconds=90)
    until(lambda: live_joules(project, 0) > 0, "an answer of sstat in the journal", seconds=60)
    dead = int(cluster.job(job)["BatchHost"].removeprefix("node"))
    cluster.power_off(dead)
    try:
        until(lambda: cluster.job(job)["Restarts"] == "1", "Slurm to put the job back into the queue", seconds=90)
        (ended,) = cluster.wait(job, seconds=120)
    finally:
        cluster.power_on(dead)
    assert ended["JobState"] == "COMPLETED"
    said = autode_on(cluster, project.folder, "collect", "out").stdout
    lost, done = autode.load(project.out).jobs.to_dict("records")
    assert (lost["state"], lost["restart"], lost["run_state"]) == ("NODE_FAIL", 0, "lost")
    assert "partial" in lost["flags"]
    assert lost["energy_j"] >= live_joules(project, 0), "never less than what sstat had told while it lived"
    if nodes == 1:
        assert lost["energy_from"] == "sstat", "accounting has nothing of a node that is gone"
        assert lost["energy_j"] <= WATTS * (lost["elapsed_s"] + 1)
    else:
        extern, *_ = (row for row in cluster.accounting(job, "ElapsedRaw") if row["JobID"] == f"{job}.extern")
        # on the surviving node it ends later than the job, whose end is the failure
        assert lost["energy_j"] < 0.75 * 2 * WATTS * float(extern["ElapsedRaw"]), (
            "the dead node's share is lost with it"
        )
    assert (done["state"], done["restart"]) == ("COMPLETED", 1)
    truth = nodes * WATTS * done["elapsed_s"]
    assert done["energy_j"] == pytest.approx(truth, rel=0.1), "whole seconds of a short run"
    assert f"job {job}, restart 0: NODE_FAIL" in said
    energy = autode.load(project.out).energy
    lost_j = energy[(energy["id"] == f"{job}.0") & (energy["account"] == "lost")]["joules"].iloc[0]
    assert 0 < lost_j <= lost["energy_j"], "the trials that died, in an account of their own"
    until(lambda: cluster.node_state(dead) == "idle", "the node to be welcomed back", seconds=60)


def test_every_node_leaves_its_series_also_the_one_that_died(cluster: Cluster, project: Any, tmp_path: Path) -> None:
    """Both nodes read a counter of 170 W beside the 200 W that Slurm counts; the one that coordinates dies."""
    counted, over = 170.0, threading.Event()

    def consume() -> None:
        last = time.monotonic()
        while not over.wait(0.05):
            now = time.monotonic()
            tree.add(PACKAGE, counted * (now - last))
            last = now

    with PowercapTree.of_a_node(tmp_path / "powercap") as tree:
        thread = threading.Thread(target=consume)
        thread.start()
        try:
            settings = ["slurm.nodes=2", "slurm.ntasks_per_node=1", 'energy.meters=["rapl","slurm"]']
            settings.append(f'slurm.before=["export AUTODE_POWERCAP={tree.root}"]')
            job = submit(cluster, project, 1.0, *settings, evaluations=24)
            until(lambda: len(project.records("told")) >= 8, "some finished trials", seconds=90)
            dead = cluster.job(job)["BatchHost"]
            cluster.power_off(int(dead.removeprefix("node")))
            try:
                until(lambda: cluster.job(job)["Restarts"] == "1", "the job to be requeued", seconds=90)
                (ended,) = cluster.wait(job, seconds=120)
            finally:
                cluster.power_on(int(dead.removeprefix("node")))
        finally:
            over.set()
            thread.join()
    assert ended["JobState"] == "COMPLETED"
    autode_on(cluster, project.folder, "collect", "out")
    first = [one for one in read_node_series(project.out / FOLDER) if not one.restart]
    assert len({one.host for one in first}) == 2, "both nodes of the run that died"
    assert dead in {one.host for one in first}
    for one in first:
        seconds = one.times[-1] - one.times[0]
        assert seconds > 3
        assert one.energy_uj[-1].sum() * 1e-6 == pytest.approx(counted * seconds, abs=0.5 * counted)
    data = autode.load(project.out)
    nodes = data.energy[(data.energy["scope"] == "node") & (data.energy["run"] == 0)]
    assert {one.host for one in first} <= set(nodes["host"])
    # of the run that was not disturbed every joule of the nodes' counters is booked by use, and the rest stated
    rows = data.energy[data.energy["id"] == f"{job}.1"]
    (whole,) = rows[rows["account"].isna()].to_dict("records")
    assert whole["reason"].startswith("residual against the nodes' meters"), whole
    booked = rows[rows["account"].notna()].set_index("account")["joules"]
    assert sum(round(joules * 1e6) for joules in booked) == round(whole["joules"] * 1e6), "to the microjoule"
    assert 0.2 * whole["joules"] < booked["unattributed"] < 0.6 * whole["joules"]
    assert booked["trial"] > 0
    until(lambda: cluster.node_state(int(dead.removeprefix("node"))) == "idle", "the node to be back", seconds=60)


def test_the_conformance_suite_judges_the_cluster_itself(cluster: Cluster, project: Any) -> None:
    options = ("--watts-per-node", str(WATTS), "--nodes", "2", "--seconds", "60")
    said = autode_on(cluster, project.folder, "doctor", "--conformance", *options, "--all").stdout
    assert "passed slurm: 2 x 200 W, COMPLETED: truth" in said
    wrong = ("--watts-per-node", str(1.2 * WATTS), "--seconds", "20")
    answer = autode_on(cluster, project.folder, "doctor", "--conformance", *wrong, check=False)
    assert answer.returncode == 1
    assert "FAILED slurm: 1 x 240 W" in answer.stdout


def test_a_job_that_shared_its_node_is_flagged(cluster: Cluster, project: Any) -> None:
    other = cluster.submit("--nodelist=node1", "--wrap=sleep 600", "--output=other.log", folder=project.folder)
    cluster.wait(other, "RUNNING", seconds=60)
    job = submit(cluster, project, 0.5, "slurm.ntasks_per_node=2", 'slurm.extra=["--nodelist=node1"]')
    cluster.wait(job, "COMPLETED", seconds=90)
    cluster.run("scancel", str(other))
    autode_on(cluster, project.folder, "collect", "out")
    (row,) = autode.load(project.out).jobs.to_dict("records")
    assert "shared_node" in row["flags"]
    (entry,) = json.loads((project.out / "accounting/index.json").read_text())
    assert entry["shared"] == {f"{job}.0": [str(other)]}


def test_a_job_that_accounting_does_not_know_is_said_in_a_sentence(cluster: Cluster, project: Any) -> None:
    from autode.study.journal import Journal

    journal = Journal(project.folder / "journal.jsonl")
    journal.append({"type": "study", "schema": 1, "name": "s", "identity": {}, "workflow": {}})
    journal.append({"type": "run", "run": 0, "slurm": {"job_id": "99999"}, "time": "2026-05-01T00:00:00Z"})
    journal.close()
    answer = autode_on(cluster, project.folder, "collect", ".", "--wait", "1", check=False)
    assert answer.returncode == 2
    assert "sacct knows none of the jobs of . (99999); is this the cluster they ran on?" in answer.stderr
