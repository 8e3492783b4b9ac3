"""The sweep script to edit by hand, as it stands: an array of studies, one seed a task."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from slurmbed import Cluster
from slurmbed.requirements import PATH

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
OBJECTIVE = """\
def objective(trial):
    return {"error": (trial.params["x"] - 0.3) ** 2}
"""


def test_every_seed_is_a_study_of_its_own(cluster: Cluster, project: Any) -> None:
    project.write(OBJECTIVE, search__evaluations=8, search__population=4)
    (project.folder / ".venv").symlink_to(sys.prefix)
    path = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), PATH])}
    small = ("--cpus-per-task=1", "--mem-per-cpu=200", "--time=10")  # the nodes here are small
    script = ROOT / "slurm/sweep.sbatch"
    job = cluster.submit(*small, script, "workflow.toml", "results", folder=project.folder, env=path)
    tasks = cluster.wait(job, seconds=300)
    logs = "\n".join(log.read_text() for log in project.folder.glob("autode-*.log"))
    assert Counter(task["JobState"] for task in tasks) == {"COMPLETED": 3}, logs
    for seed in (1, 2, 3):
        lines = (project.folder / f"results/seed={seed}/journal.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        assert sum(record["type"] == "told" for record in records) == 8
        (begin,) = [record for record in records if record["type"] == "study"]
        assert begin["workflow"]["seed"] == seed
        (run,) = [record for record in records if record["type"] == "run"]
        assert run["slurm"]["array_job_id"] == str(job)
