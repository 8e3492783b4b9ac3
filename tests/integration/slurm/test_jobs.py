"""Studies as Slurm jobs: submitted, killed with their node, told about the time limit, cancelled, swept, watched."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from slurmbed import Cluster
from slurmbed.requirements import PATH
from slurmbed.waiting import until

import autode

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

#: trains in 20 epochs of as many seconds as the file says at that moment, and has a checkpoint
OBJECTIVE = """\
import time
from pathlib import Path
from autode.trial import TrialInterrupted

PAUSE = Path(__file__).with_name("pause")

def objective(trial):
    checkpoint = trial.directory / "checkpoint"
    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    for epoch in range(done + 1, 21):
        time.sleep(float(PAUSE.read_text()))
        checkpoint.write_text(str(epoch))
        trial.report(epoch, error=1.0 / epoch)
        if trial.should_stop():
            raise TrialInterrupted
    return {"error": (trial.params["x"] - 0.3) ** 2 + (trial.params["k"] - 3) ** 2}
"""
#: says on how many nodes the ranks of a trial are
SHARED = """\
import os

def objective(trial):
    part = (trial.params["x"] - 0.3) ** 2 / trial.comm.size
    nodes = set(trial.comm.allgather(os.uname().nodename))
    return {"error": trial.comm.allreduce(part), "nodes": len(nodes)}
"""
#: Debian's; where it is not installed, nothing takes --mpi=pmix
OPEN_MPI = any(Path("/usr/lib").glob("*/libmpi.so.40"))
EVALUATIONS = 16
SEARCH = {"search__evaluations": EVALUATIONS, "search__population": 8}
ON_PATH = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), PATH])}


class Study:
    """A study that is worked on by jobs."""

    def __init__(self, cluster: Cluster, project: Any):
        project.write(OBJECTIVE, **SEARCH)
        self.cluster, self.project, self.folder = cluster, project, project.folder
        self.pause(0.0)

    def pause(self, seconds: float) -> None:
        """Set how long an epoch takes from now on."""
        temporary = self.folder / "pause.new"
        temporary.write_text(str(seconds))
        temporary.replace(self.folder / "pause")

    def autode(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the program on the head."""
        program = [sys.executable, "-m", "autode.cli.main"]
        return self.cluster.run(*program, *arguments, folder=self.folder, env=ON_PATH)

    def submit(self, *options: str, **settings: object) -> int:
        """Submit the workflow as a user does; return the job's number. Settings are ``table__key=value``."""
        self.project.write(OBJECTIVE, **{**SEARCH, **settings})
        said = self.autode("submit", "workflow.toml", "--out", "out", *options).stdout
        found = re.match(r"submitted job (\d+); log: out/slurm-", said)
        assert found, said
        return int(found[1])

    def told(self, out: Path | None = None) -> list[int]:
        """Return the numbers of the trials that have their result, in order."""
        return sorted(record["trial"] for record in self.project.records("told", out))

    def wait_for_trials(self, number: int) -> None:
        until(lambda: len(self.told()) >= number, f"{number} finished trials", seconds=90)

    def runs(self) -> list[tuple[str, int]]:
        """Return Slurm's job number and restart count of every run in the journal."""
        slurm = [record["slurm"] for record in self.project.records("run")]
        return [(one["job_id"], int(one.get("restart_count", 0))) for one in slurm]

    def ends(self) -> list[tuple[str, int]]:
        """Return signal and exit code of every run that came to write its end."""
        return [(record["signal"], record["exit_code"]) for record in self.project.records("end")]

    def log(self, job: int) -> str:
        return (self.folder / f"out/slurm-{job}.log").read_text()


@pytest.fixture
def study(cluster: Cluster, project: Any) -> Study:
    return Study(cluster, project)


def every_trial_once(study: Study, out: Path | None = None) -> bool:
    return study.told(out) == list(range(EVALUATIONS))


def repeated_after_their_end(study: Study) -> list[int]:
    """Return the trials that were started again although they had their result."""
    done: set[int] = set()
    again = []
    for record in study.project.records():
        if record["type"] == "told":
            done.add(record["trial"])
        elif record["type"] == "started" and record["trial"] in done:
            again.append(record["trial"])
    return again


def test_a_job_whose_first_node_loses_power_goes_on_without_loss(cluster: Cluster, study: Study) -> None:
    study.pause(0.05)
    job = study.submit("--no-report", slurm__nodes=2, slurm__ntasks_per_node=2)
    study.wait_for_trials(5)
    dead = int(cluster.job(job)["BatchHost"].removeprefix("node"))
    cluster.power_off(dead)
    try:
        until(lambda: cluster.job(job)["Restarts"] == "1", "Slurm to put the job back into the queue", seconds=90)
        before = study.told()
        study.pause(0.0)
        (ended,) = cluster.wait(job, seconds=120)
    finally:
        cluster.power_on(dead)
    assert ended["JobState"] == "COMPLETED", study.log(job)
    assert 5 <= len(before) < EVALUATIONS, "it was in the middle"
    assert every_trial_once(study)
    assert repeated_after_their_end(study) == []
    assert study.runs() == [(str(job), 0), (str(job), 1)]
    first, second = study.project.records("run")
    assert first["host"] == f"node{dead}" != second["host"]
    assert first["ranks"] == second["ranks"] == 4
    assert "going on after 1 earlier run" in study.log(job)
    jobs = autode.load(study.folder / "out").jobs
    assert list(zip(jobs["job"], jobs["restart"], strict=True)) == [(str(job), 0), (str(job), 1)], "so the report says"
    until(lambda: cluster.node_state(dead) == "idle", "the node to be welcomed back", seconds=60)


def test_a_job_near_its_time_limit_saves_and_requeues_itself(cluster: Cluster, study: Study) -> None:
    study.pause(3.0)
    # Slurm looks every 30 s, and up to 30 s ahead: the signal comes 10 to 40 s after the start, before the run ends by
    # itself as no further trial fits
    slurm = {"time": 1, "signal_s": 20, "ntasks_per_node": 2}
    job = study.submit("--no-report", slurm=slurm, execution__grace_s=12)
    until(lambda: cluster.job(job)["Restarts"] == "1", "the job to requeue itself", seconds=90)
    # with a minute again, the signal could come while the second run finishes
    cluster.run("scontrol", "update", f"JobId={job}", "TimeLimit=60")
    study.pause(0.0)
    (ended,) = cluster.wait(job, seconds=120)
    assert ended["JobState"] == "COMPLETED", study.log(job)
    assert every_trial_once(study)
    assert study.runs() == [(str(job), 0), (str(job), 1)]
    assert study.ends() == [("SIGUSR1", 3), ("", 0)]
    assert "not done yet: back into the queue" in study.log(job)
    continued = [r for r in study.project.records("attempt") if r["state"] == "interrupted" and r["epochs"] > 0]
    assert continued, "trials under way were saved at the end of an epoch"
    states = [row["State"] for row in cluster.accounting(job) if row["JobID"] == str(job)]
    assert states == ["REQUEUED", "COMPLETED"]


def test_a_live_job_can_be_watched_cancelled_and_submitted_again(cluster: Cluster, study: Study) -> None:
    study.pause(0.05)
    job = study.submit("--no-report", slurm__ntasks_per_node=2)
    study.wait_for_trials(3)

    answer = study.autode("status", "out").stdout
    assert re.search(rf"state +running \(process \d+ on node\d, Slurm job {job}\)", answer), answer
    assert re.search(rf"trials +\d+/{EVALUATIONS} done, 0 failed", answer), answer

    cluster.run("scancel", str(job))
    (ended,) = cluster.wait(job, seconds=30)
    assert ended["JobState"] == "CANCELLED"
    until(lambda: study.ends() == [("SIGTERM", 3)], "the run to write its end", seconds=20)
    answer = study.autode("status", "out").stdout
    assert "stopped by SIGTERM; run the same command to go on" in answer

    study.pause(0.0)
    again = study.submit("--no-report", slurm__ntasks_per_node=2)
    (ended,) = cluster.wait(again, seconds=90)
    assert ended["JobState"] == "COMPLETED", study.log(again)
    assert cluster.job(job)["Restarts"] == "0", "a cancelled job does not come back by itself"
    assert every_trial_once(study)
    assert repeated_after_their_end(study) == []
    assert study.runs() == [(str(job), 0), (str(again), 0)]


def test_a_sweep_is_an_array_with_a_study_in_every_task(cluster: Cluster, study: Study) -> None:
    sweep = {"search.algorithm": ["lshade", "jde", "random"]}
    job = study.submit("--no-report", sweep=sweep, slurm__array_throttle=2)
    tasks = cluster.wait(job, seconds=150)
    logs = "\n".join(path.read_text() for path in study.folder.glob("out/slurm-*.log"))
    assert Counter(task["JobState"] for task in tasks) == {"COMPLETED": 3}, logs
    assert {task["ArrayTaskId"] for task in tasks} == {"0", "1", "2"}
    for algorithm in ("lshade", "jde", "random"):
        cell = study.folder / f"out/algorithm={algorithm}"
        assert every_trial_once(study, cell)
        (begin,) = study.project.records("study", cell)
        assert begin["workflow"]["search"]["algorithm"] == algorithm
        (run,) = study.project.records("run", cell)
        assert run["slurm"]["array_job_id"] == str(job)


@pytest.mark.parametrize(("mpi", "tasks", "groups"), [("pmi2", 2, 2), *([("pmix", 1, 1)] if OPEN_MPI else [])])
def test_the_ranks_of_a_trial_may_sit_on_several_nodes(
    cluster: Cluster, study: Study, mpi: str, tasks: int, groups: int
) -> None:
    slurm = {"nodes": 3, "ntasks_per_node": tasks, "mpi": mpi}
    project = study.project
    project.write(SHARED, **SEARCH, slurm=slurm, execution={"schedule": "asynchronous", "ranks_per_trial": 3})
    job = int(study.autode("submit", "workflow.toml", "--out", "out", "--no-report").stdout.split()[2].rstrip(";"))
    (ended,) = cluster.wait(job, seconds=150)
    assert ended["JobState"] == "COMPLETED", study.log(job)
    assert every_trial_once(study)
    (run,) = project.records("run")
    assert (run["slots"], run["ranks"], run["slurm"]["ntasks"]) == (groups, 3 * groups, str(3 * tasks))
    told = project.records("told")
    assert [record["state"] for record in told] == ["completed"] * EVALUATIONS, [record["error"] for record in told]
    # two ranks a node: the first two of three share one
    assert {record["metrics"]["nodes"] for record in told} == {3 if tasks == 1 else 2}
    assert len({record["host"] for record in told}) == groups, "each group has its leader's node"


def test_ranks_that_do_not_find_each_other_are_refused(cluster: Cluster, study: Study) -> None:
    command = f"srun --mpi=none {sys.executable} -m autode.cli.main run workflow.toml --out out"
    options = ("--nodes=2", "--ntasks-per-node=1", "--output=slurm.log", f"--wrap={command}")
    job = cluster.submit(*options, folder=study.folder)
    (ended,) = cluster.wait(job, seconds=60)
    assert (ended["JobState"], ended["ExitCode"]) == ("FAILED", "2:0")
    said = (study.folder / "slurm.log").read_text()
    sentence = "srun started 2 ranks but MPI sees a world of 1; start it with srun --mpi=pmi2"
    assert said.count(sentence) == 2, f"what every rank says is in the log:\n{said}"
    assert study.told() == []


@pytest.mark.parametrize(("script", "ranks"), [("single-node", 1), ("many-nodes", 4)])
def test_scripts_to_edit_by_hand_run_as_they_are(cluster: Cluster, study: Study, script: str, ranks: int) -> None:
    (study.folder / ".venv").symlink_to(sys.prefix)
    path = Path(__file__).parents[3] / f"slurm/{script}.sbatch"
    small = ("--cpus-per-task=2", "--mem-per-cpu=200", "--time=10")  # the nodes here are small
    job = cluster.submit(*small, path, "workflow.toml", "--out", "out", folder=study.folder)
    (ended,) = cluster.wait(job, seconds=120)
    assert ended["JobState"] == "COMPLETED", (study.folder / f"autode-{job}.log").read_text()
    assert every_trial_once(study)
    assert (study.folder / "out/report.html").exists(), "ranks that are done wait for the one that draws"
    (run,) = study.project.records("run")
    assert (int(run["slurm"]["ntasks"]), run["ranks"]) == (ranks, max(ranks, 2)), "one task has two worker processes"


def test_a_refused_submission_says_what_slurm_said(cluster: Cluster, study: Study) -> None:
    program = [sys.executable, "-m", "autode.cli.main", "submit", "workflow.toml", "--set", "slurm.partition=gpu"]
    answer = cluster.run(*program, folder=study.folder, env=ON_PATH, check=False)
    assert answer.returncode == 2
    assert "sbatch refused" in answer.stderr
    assert "invalid partition" in answer.stderr
