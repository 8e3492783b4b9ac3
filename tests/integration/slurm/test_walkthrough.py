"""The pages that lead a new user over a cluster: their commands, run in order, while nodes lose power."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from checkout import Checkout, submitted
from pages import ROOT, TINY, commands_of, shorten
from slurmbed import Cluster
from slurmbed.waiting import ASK_SLURM_EVERY_S, until

import autode

#: the first test waits for the image, too
pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(1200)]

WATTS = 200.0
EVALUATIONS = 40


def told(folder: Path) -> int:
    """Return how many trials of a study have their result."""
    journal = folder / "journal.jsonl"
    return journal.read_text().count('"type":"told"') if journal.exists() else 0


def runs(folder: Path) -> int:
    """Return how many runs of the program have begun on a study."""
    journal = folder / "journal.jsonl"
    return journal.read_text().count('"type":"run"') if journal.exists() else 0


def cell_of(out: Path, task: dict[str, str]) -> Path:
    """Return the folder of an array task's study."""
    script = (out / "submit.sbatch").read_text()
    found = re.search(rf"^    {task['ArrayTaskId']}\) cell=\(--out (\S+) ", script, re.MULTILINE)
    assert found, script
    return out / Path(found[1]).name


def test_a_containerised_study_outlives_a_node(checkout: Checkout, cluster: Cluster) -> None:
    page = "first-cluster-study.md"
    assert "\ncontainers/build.sh " in (ROOT / "docs" / page).read_text(), "how the image was made"
    shorten(checkout.folder, "quickstart.toml", search__evaluations=EVALUATIONS, confirm__seeds=0, **TINY)
    doctor, inspect, describe, look, submit, watch, collect = commands_of(page)

    assert re.search(r"MPI +works +srun --mpi=pmi2", checkout.shell(doctor))
    assert "revision" in checkout.shell(inspect)
    checkout.shell(describe)
    assert "apptainer exec autode.sif" in checkout.shell(look)
    job, out = submitted(checkout.shell(submit)), checkout.folder / "results/first"

    cluster.wait(job, "RUNNING", seconds=120)
    dead = int(cluster.job(job)["BatchHost"].removeprefix("node"))
    until(lambda: told(out) >= 2, "finished trials", seconds=300)
    cluster.power_off(dead)
    before = told(out)
    try:
        stands = checkout.shell(watch)
        assert re.search(rf"trials +{before}/{EVALUATIONS} done", stands)
        assert "unavailable in trials; autode collect fetches what Slurm counted" in stands
        until(lambda: cluster.job(job)["Restarts"] == "1", "the job in the queue again", 300, every=ASK_SLURM_EVERY_S)
        (ended,) = cluster.wait(job, seconds=300)
    finally:
        cluster.power_on(dead)
    assert ended["JobState"] == "COMPLETED", (out / f"slurm-{job}.log").read_text()
    assert 2 <= before < EVALUATIONS, "it was in the middle"
    assert (told(out), runs(out)) == (EVALUATIONS, 2)

    said = checkout.shell(collect)
    assert "Energy Consumed" in said or "mean node power" in said
    first, second = autode.load(out).jobs.to_dict("records")
    assert (first["state"], second["state"]) == ("NODE_FAIL", "COMPLETED")
    assert "partial" in (first["flags"] or ""), "the joules of the dead node are gone, and that is said"
    assert second["energy_j"] == pytest.approx(2 * WATTS * second["elapsed_s"], rel=0.1)
    assert (out / "report.html").exists()
    until(lambda: cluster.node_state(dead) == "idle", "the node to be welcomed back", 120, ASK_SLURM_EVERY_S)


def test_a_sweep_is_compared_by_joules_though_a_node_dies(checkout: Checkout, cluster: Cluster) -> None:
    shorten(checkout.folder, "small-sweep.toml", search__evaluations=12, execution__workers=1, **TINY)
    submit, collect_and_report = commands_of("energy-comparison.md")
    job, out = submitted(checkout.shell(submit)), checkout.folder / "results/small-sweep"

    until(lambda: any(map(runs, out.glob("algorithm=*"))), "a study to begin", seconds=300)
    running = [task for task in cluster.jobs(job) if task["JobState"] == "RUNNING"]
    assert len(running) <= 2, "the throttle"
    dead, cell = int(running[0]["BatchHost"].removeprefix("node")), cell_of(out, running[0])
    until(lambda: told(cell) >= 1, "a finished trial", seconds=300)
    cluster.power_off(dead)
    try:
        tasks = cluster.wait(job, seconds=400)
    finally:
        cluster.power_on(dead)
    logs = "\n".join(path.read_text() for path in out.glob("slurm-*.log"))
    assert Counter(task["JobState"] for task in tasks) == {"COMPLETED": 4}, logs
    cells = sorted(out.glob("algorithm=*"))
    assert [cell.name for cell in cells] == [
        f"algorithm={algorithm}+batch_size={size}" for algorithm in ("lshade", "random") for size in (16, 64)
    ]
    assert [told(one) for one in cells] == [12] * 4
    assert [one for one in cells if runs(one) == 2] == [cell], "only the cell that lost its node was put back"

    said = checkout.shell(collect_and_report)
    assert "passed over, as no studies" in said
    for one in cells:
        last = autode.load(one).jobs.to_dict("records")[-1]
        assert last["state"] == "COMPLETED"
        assert last["energy_j"] == pytest.approx(WATTS * last["elapsed_s"], rel=0.15)
    for name in ("comparison.html", "by_setting.csv", "strategies.csv"):
        assert (out / "comparison" / name).stat().st_size > 0
    until(lambda: cluster.node_state(dead) == "idle", "the node to be welcomed back", 120, ASK_SLURM_EVERY_S)
