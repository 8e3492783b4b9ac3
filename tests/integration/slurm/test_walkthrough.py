"""The pages that lead a new user over a cluster: their commands, run in order, while nodes lose power."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from checkout import Checkout, submitted
from pages import ROOT, commands_of, shorten
from slurmbed import Cluster
from slurmbed.waiting import until

import autode

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

WATTS = 200.0


def told(folder: Path) -> int:
    """Return how many trials of a study have their result."""
    journal = folder / "journal.jsonl"
    return journal.read_text().count('"type":"told"') if journal.exists() else 0


def runs(folder: Path) -> int:
    return (folder / "journal.jsonl").read_text().count('"type":"run"')


def test_a_containerised_study_outlives_a_node(checkout: Checkout, cluster: Cluster) -> None:
    page = "first-cluster-study.md"
    assert "\ncontainers/build.sh " in (ROOT / "docs" / page).read_text(), "how the image was made"
    shorten(checkout.folder, "quickstart.toml", evaluations=16, population=8, epochs=1, seeds=0)
    doctor, inspect, describe, look, submit, watch, collect = commands_of(page)

    assert re.search(r"MPI +works +srun --mpi=pmi2", checkout.shell(doctor))
    assert "revision" in checkout.shell(inspect)
    checkout.shell(describe)
    assert "apptainer exec autode.sif" in checkout.shell(look)
    job, out = submitted(checkout.shell(submit)), checkout.folder / "results/first"

    until(lambda: told(out) >= 2, "finished trials", seconds=300)
    dead = int(cluster.job(job)["BatchHost"].removeprefix("node"))
    cluster.power_off(dead)
    try:
        assert "evaluations" in checkout.shell(watch) or "trials" in checkout.shell(watch)
        until(lambda: cluster.job(job)["Restarts"] == "1", "Slurm to put the job back into the queue", seconds=150)
        (ended,) = cluster.wait(job, seconds=300)
    finally:
        cluster.power_on(dead)
    assert ended["JobState"] == "COMPLETED", (out / f"slurm-{job}.log").read_text()
    assert (told(out), runs(out)) == (16, 2)

    said = checkout.shell(collect)
    assert "Energy Consumed" in said or "mean node power" in said
    first, second = autode.load(out).jobs.to_dict("records")
    assert (first["state"], second["state"]) == ("NODE_FAIL", "COMPLETED")
    assert "partial" in (first["flags"] or ""), "the joules of the dead node are gone, and that is said"
    assert second["energy_j"] == pytest.approx(2 * WATTS * second["elapsed_s"], rel=0.1)
    assert (out / "report.html").exists()
    until(lambda: cluster.node_state(dead) == "idle", "the node to be welcomed back", seconds=120)


def test_a_sweep_is_compared_by_joules_though_a_node_dies(checkout: Checkout, cluster: Cluster) -> None:
    shorten(checkout.folder, "small-sweep.toml", evaluations=8, population=4)
    submit, collect_and_report = commands_of("energy-comparison.md")
    job, out = submitted(checkout.shell(submit)), checkout.folder / "results/small-sweep"

    until(lambda: sum(map(told, out.glob("algorithm=*"))) >= 1, "a finished trial", seconds=300)
    running = [task for task in cluster.jobs(job) if task["JobState"] == "RUNNING"]
    assert len(running) <= 2, "the throttle"
    dead = int(running[0]["BatchHost"].removeprefix("node"))
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
    assert [told(cell) for cell in cells] == [8] * 4
    restarted = [cell for cell in cells if runs(cell) == 2]
    assert len(restarted) == sum(task["Restarts"] == "1" for task in tasks) <= 1, "cells restart one by one"

    said = checkout.shell(collect_and_report)
    assert "passed over, as no studies" in said
    for cell in cells:
        last = autode.load(cell).jobs.to_dict("records")[-1]
        assert last["state"] == "COMPLETED"
        assert last["energy_j"] == pytest.approx(WATTS * last["elapsed_s"], rel=0.15)
    for name in ("comparison.html", "by_setting.csv", "strategies.csv"):
        assert (out / "comparison" / name).stat().st_size > 0
    until(lambda: cluster.node_state(dead) == "idle", "the node to be welcomed back", seconds=120)
