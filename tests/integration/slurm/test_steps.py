"""Every trial its own job step: a row for each in the accounting, and a node that dies takes only its own trials."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from slurmbed import Cluster
from slurmbed.requirements import PATH
from slurmbed.waiting import until

import autode
from autode.energy import read_sacct

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

#: trains in 10 epochs of as many seconds as the file says at that moment, and has a checkpoint
OBJECTIVE = """\
import time
from pathlib import Path
from autode.trial import TrialInterrupted

PAUSE = Path(__file__).with_name("pause")

def objective(trial):
    checkpoint = trial.directory / "checkpoint"
    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    for epoch in range(done + 1, 11):
        time.sleep(float(PAUSE.read_text()))
        checkpoint.write_text(str(epoch))
        trial.report(epoch, error=1.0 / epoch)
        if trial.should_stop():
            raise TrialInterrupted
    return {"error": (trial.params["x"] - 0.3) ** 2}
"""
EVALUATIONS = 8
WATTS = 200.0
ON_PATH = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), PATH])}


class Study:
    """A study on two nodes, with one step a trial."""

    def __init__(self, cluster: Cluster, project: Any):
        self.cluster, self.project, self.folder = cluster, project, project.folder
        self.pause(0.0)

    def pause(self, seconds: float) -> None:
        """Set how long an epoch takes from now on."""
        temporary = self.folder / "pause.new"
        temporary.write_text(str(seconds))
        temporary.replace(self.folder / "pause")

    def submit(self, **settings: Any) -> int:
        """Submit it as a user does; return the job's number."""
        slurm = {"nodes": 2, "ntasks_per_node": 2, "requeue": False, **settings}
        search = {"algorithm": "lshade", "population": 4, "evaluations": EVALUATIONS}
        self.project.write(
            OBJECTIVE, search=search, slurm=slurm, execution={"schedule": "asynchronous", "executor": "srun-steps"}
        )
        program = [sys.executable, "-m", "autode.cli.main", "submit", "workflow.toml", "--out", "out", "--no-report"]
        said = self.cluster.run(*program, folder=self.folder, env=ON_PATH).stdout
        found = re.match(r"submitted job (\d+)", said)
        assert found, said
        return int(found[1])

    def started(self) -> list[dict[str, Any]]:
        started: list[dict[str, Any]] = self.project.records("started")
        return started

    def told(self) -> dict[int, str]:
        """Return trial -> state; no trial has two results."""
        told = self.project.records("told")
        states = {record["trial"]: record["state"] for record in told}
        assert len(states) == len(told)
        return states

    def log(self, job: int) -> str:
        path = self.folder / f"out/slurm-{job}.log"
        return path.read_text() if path.exists() else "(no log)"

    def steps(self, job: int) -> dict[str, tuple[str, str]]:
        """Return Slurm's ``JOB.STEP`` -> name and state of the trials' steps."""
        rows = self.cluster.accounting(job, "JobName")
        return {row["JobID"]: (row["JobName"], row["State"]) for row in rows if re.search(r"\.\d+$", row["JobID"])}


@pytest.fixture
def study(cluster: Cluster, project: Any) -> Study:
    return Study(cluster, project)


def test_the_accounting_has_a_row_for_every_trial(cluster: Cluster, study: Study) -> None:
    job = study.submit()
    (ended,) = cluster.wait(job, seconds=120)
    assert ended["JobState"] == "COMPLETED", study.log(job)
    assert study.told() == dict.fromkeys(range(EVALUATIONS), "completed")
    expected = {record["step"]: (f"trial{record['trial']:05d}", "COMPLETED") for record in study.started()}
    assert len(expected) == EVALUATIONS
    until(lambda: study.steps(job) == expected, f"a row for every trial, not {study.steps(job)}", seconds=20)
    (run,) = study.project.records("run")
    assert (run["execution"], run["slots"]) == ("srun-steps", 4)
    hosts = Counter(record["host"] for record in study.started())
    assert len(hosts) == 2, "both nodes had trials"


def test_a_step_that_had_its_node_to_itself_gives_its_trial_its_own_joules(cluster: Cluster, study: Study) -> None:
    """Two nodes of 200 W, one step at a time on each: what Slurm counted for a step is its trial's."""
    study.pause(0.8)
    job = study.submit(ntasks_per_node=1, exclusive=True)
    (ended,) = cluster.wait(job, seconds=240)
    assert ended["JobState"] == "COMPLETED", study.log(job)
    collect = [sys.executable, "-m", "autode.cli.main", "collect", "out"]
    said = cluster.run(*collect, folder=study.folder, env=ON_PATH).stdout
    out = study.folder / "out"
    (text,) = (out / "accounting").glob("sacct-*.txt")
    rows = read_sacct(text)
    steps = rows[rows["step"].str.isdigit()].set_index("step")
    energy = autode.load(out).energy
    trials = energy[(energy["scope"] == "trial") & energy["source"].str.startswith("sacct")].set_index("id")
    assert set(trials["share_rule"]) == {"step_exclusive"}, said
    assert len(trials) == EVALUATIONS
    for record in study.started():
        step = steps.loc[record["step"].rpartition(".")[2]]
        joules = trials.loc[record["trial"], "joules"]
        assert joules == step["energy_j"]
        # Slurm cuts the length of a step to seconds, and reads the node's counter within one of its ends
        assert joules == pytest.approx(WATTS * step["elapsed_s"], abs=1.5 * WATTS)
    (whole,) = autode.load(out).jobs["energy_j"]
    booked = energy[(energy["scope"] == "job") & energy["account"].notna()].set_index("account")["joules"]
    assert sum(round(one * 1e6) for one in booked) == round(whole * 1e6), "to the microjoule"
    assert booked["trial"] == pytest.approx(steps["energy_j"].sum())
    assert booked["trial"] < whole


def test_a_dead_node_fails_only_its_own_trials(cluster: Cluster, study: Study) -> None:
    study.pause(0.3)
    job = study.submit()
    first = cluster.wait(job, "RUNNING", seconds=60)[0]["BatchHost"]
    until(lambda: len({record["host"] for record in study.started()}) == 2, "trials on both nodes", seconds=60)
    host = next(record["host"] for record in study.started() if record["host"] != first)
    dead = int(host.removeprefix("node"))
    cluster.power_off(dead)
    try:
        (ended,) = cluster.wait(job, seconds=150)
    finally:
        cluster.power_on(dead)
    assert ended["JobState"] == "COMPLETED", study.log(job)
    assert ended["Restarts"] == "0", "the job went on on the other node"
    assert study.told() == dict.fromkeys(range(EVALUATIONS), "completed"), "no trial has failed because of it"
    lost = study.project.records("attempt")
    assert lost, "there were trials on it"
    assert {(record["host"], record["state"]) for record in lost} == {(host, "lost")}
    assert all(record["error"].startswith("node_fail: the job step ") for record in lost)
    again = {record["trial"]: record["host"] for record in study.started() if record["attempt"] == 1}
    assert again == {record["trial"]: first for record in lost}, "and they went on on the other node"
    until(lambda: cluster.node_state(dead) == "idle", "the node to be welcomed back", seconds=60)


def test_a_job_whose_batch_node_dies_is_requeued_by_its_steps(cluster: Cluster, study: Study) -> None:
    study.pause(1.0)
    job = study.submit(requeue=True)
    first = cluster.wait(job, "RUNNING", seconds=60)[0]["BatchHost"]
    until(lambda: len({record["host"] for record in study.started()}) == 2, "trials on both nodes", seconds=60)
    dead = int(first.removeprefix("node"))
    cluster.power_off(dead)
    try:
        until(lambda: cluster.job(job)["Restarts"] == "1", "the other node to notice", seconds=120)
        study.pause(0.0)
        (ended,) = cluster.wait(job, seconds=90)
    finally:
        cluster.power_on(dead)
    assert ended["JobState"] == "COMPLETED", study.log(job)
    assert study.told() == dict.fromkeys(range(EVALUATIONS), "completed")
    assert len(study.project.records("run")) == 2
    until(lambda: cluster.node_state(dead) == "idle", "the node to be welcomed back", seconds=60)


def test_a_cancelled_job_saves_its_trials(cluster: Cluster, study: Study) -> None:
    study.pause(0.5)
    job = study.submit()
    until(lambda: len(study.started()) == 4, "four trials", seconds=60)
    cluster.run("scancel", str(job))
    cluster.wait(job, "CANCELLED", seconds=30)
    until(lambda: study.project.records("end"), "the run to write its end", seconds=20)
    (end,) = study.project.records("end")
    assert (end["signal"], end["exit_code"]) == ("SIGTERM", 3)
    attempts = study.project.records("attempt")
    assert [(record["state"], record["error"]) for record in attempts] == [("interrupted", "")] * 4
    assert all(record["epochs"] >= 1 for record in attempts), "each ended its epoch first"
