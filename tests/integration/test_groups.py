"""``ranks_per_trial = k`` under real MPI: groups of ranks share a trial, fail together, stop together."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from autode.study.lock import holder

pytestmark = pytest.mark.mpi

# The bowl on several ranks: the leader notes and saves, and all ranks stop at the same epoch.
BOWL = """\
import os, time
from pathlib import Path
from autode.trial import TrialInterrupted

DIARY = Path(__file__).with_name("diary.txt")
EPOCHS, SECONDS = 4, 0.02

def note(*words):
    fd = os.open(DIARY, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, (" ".join(map(str, words)) + "\\n").encode())
    os.close(fd)

def objective(trial):
    comm = trial.comm
    checkpoint = trial.directory / "checkpoint"
    done = int(checkpoint.read_text()) if comm.rank == 0 and checkpoint.exists() else 0
    done = comm.bcast(done)
    error = (trial.params["x"] - 0.3) ** 2 + (trial.params["k"] - 3) ** 2
    assert comm.allgather(error) == [error] * comm.size
    for epoch in range(done + 1, EPOCHS + 1):
        time.sleep(SECONDS)
        note("epoch", trial.number, epoch, comm.rank)
        assert comm.allreduce(1) == comm.size
        if comm.rank == 0:
            temporary = checkpoint.with_suffix(".new")
            temporary.write_text(str(epoch))
            temporary.replace(checkpoint)
        trial.report(epoch, error=error + 1.0 / epoch)
        if trial.should_stop():
            raise TrialInterrupted
    return {"error": error, "seed": trial.seed % 1000}
"""
PAIRS = {"execution__ranks_per_trial": 2}


def ranks(mpiexec: str, n: int) -> dict[str, tuple[str, ...]]:
    return {"before": (mpiexec, "-n", str(n))}


@pytest.fixture(autouse=True)
def _many_ranks_on_few_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Open MPI start more ranks than there are cores, also for root; other launchers ignore this."""
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe"):
        monkeypatch.setenv(name, "1")


@pytest.fixture(params=["mpich", "the one on PATH"])
def launcher(request: pytest.FixtureRequest, mpiexec: str) -> str:
    """Each launcher that is there, by turns."""
    if request.param == "mpich":
        return mpiexec
    other = shutil.which("mpiexec")
    if other is None or Path(other).resolve() == Path(mpiexec).resolve():
        pytest.skip("there is no second mpiexec on PATH")
    return other


def failures(project: Any) -> dict[int, str]:
    return {record["trial"]: record["error"] for record in project.records("told") if record["state"] == "failed"}


def log_of(project: Any, trial: int) -> str:
    return str((project.out / "trials" / f"{trial:05d}" / "log.txt").read_text())


# --- the way of a trial


def test_pairs_find_what_single_ranks_find(project: Any, launcher: str, undisturbed: Any) -> None:
    project.write(BOWL, **PAIRS)
    process = project.run(**ranks(launcher, 5))
    assert "5 MPI ranks make 2 groups of 2; 1 rank stays idle" in process.stderr
    assert process.stderr.count("idle") == 1
    assert "generational on 2 groups of 2 ranks" in process.stdout
    assert project.results() == undisturbed
    (run,) = project.records("run")
    assert (run["execution"], run["ranks"], run["slots"]) == ("mpi", 4, 2)
    assert {record["rank"] for record in project.records("told")} == {0, 2}  # the leaders'
    # every epoch was run by both ranks of a group and told once
    assert Counter(tuple(words[1:3]) for words in project.diary()) == {
        (str(trial), str(epoch)): 2 for trial in range(24) for epoch in range(1, 5)
    }
    assert len(project.records("epoch")) == 24 * 4


def test_an_asynchronous_study_of_an_objective_that_knows_nothing_of_ranks(project: Any, mpiexec: str) -> None:
    source = (
        "def objective(trial):\n"
        "    trial.report(1, error=trial.comm.rank)\n"
        "    return {'error': trial.params['x'], 'rank': trial.comm.rank, 'size': trial.comm.size}\n"
    )
    project.write(source, execution__schedule="asynchronous", execution__ranks_per_trial=3)
    project.run(**ranks(mpiexec, 3))
    told = project.records("told")
    assert sorted(record["trial"] for record in told) == list(range(24))
    assert {(record["metrics"]["rank"], record["metrics"]["size"]) for record in told} == {(0, 3)}
    assert {record["metrics"]["error"] for record in project.records("epoch")} == {0.0}
    assert not (project.out / "trials").exists() or not list((project.out / "trials").iterdir())


def test_each_trial_has_a_communicator_of_its_own(project: Any, mpiexec: str) -> None:
    """A message that one trial leaves behind does not reach the next."""
    source = (
        "def objective(trial):\n"
        "    comm = trial.comm\n"
        "    if comm.rank == 1:\n"
        "        comm.isend(trial.number, 0)\n"
        "        comm.isend(trial.number, 0)\n"
        "        return 0.0\n"
        "    return {'error': 0.0, 'heard': comm.recv(source=1)}\n"
    )
    project.write(source, search__evaluations=12, **PAIRS)
    project.run(**ranks(mpiexec, 2))
    assert {record["trial"]: record["metrics"]["heard"] for record in project.records("told")} == {
        trial: trial for trial in range(12)
    }


def test_the_energy_of_a_trial_is_measured_once_a_node(project: Any, mpiexec: str) -> None:
    project.write(BOWL, energy__meters=["estimate"], search__evaluations=6, **PAIRS)
    project.run(**ranks(mpiexec, 2))
    for record in project.records("told"):
        (reading,) = record["energy"]
        assert reading["method"] == "modelled"
        assert "partial" in reading["flags"]  # the model knows the first rank's CPU time only


# --- user errors


def test_groups_need_a_world_that_is_large_enough(project: Any, mpiexec: str) -> None:
    project.write(BOWL, execution__ranks_per_trial=4)
    err = project.run(**ranks(mpiexec, 3), code=2).stderr
    assert err.count("autode: ") == 1
    assert "[execution] ranks_per_trial: a trial needs 4 ranks, but the MPI world has 3" in err
    assert not project.out.exists()


def test_groups_need_mpi(project: Any) -> None:
    project.write(BOWL, execution__ranks_per_trial=2)
    err = project.run(code=2).stderr
    assert "[execution] ranks_per_trial: 2 ranks a trial need MPI; start it with mpiexec -n N or srun -n N" in err
    assert not project.out.exists()


def test_a_command_runs_on_one_rank(project: Any, mpiexec: str) -> None:
    project.write(objective__command=["true"], **PAIRS)
    err = project.run(**ranks(mpiexec, 2), code=2).stderr
    assert 'ranks_per_trial: an objective of kind "command" runs on 1 rank, not on 2' in err


# --- failures


def test_a_rank_that_raises_fails_its_trial_only(project: Any, launcher: str) -> None:
    """The other rank waits for the next epoch's decision, is called back, and works on the next trial."""
    source = (
        "def inner(trial):\n"
        "    raise ValueError(f'no luck with {trial.number}')\n"
        "def objective(trial):\n"
        "    for epoch in range(1, 4):\n"
        "        if epoch == 2 and trial.number % 5 == 1 and trial.comm.rank == 1:\n"
        "            inner(trial)\n"
        "        if trial.should_stop():\n"
        "            raise RuntimeError\n"
        "    if trial.number % 5 == 1:\n"
        "        trial.comm.irecv(source=1)\n"  # left open: poison for the next, were it the same communicator
        "        while not trial.should_stop():\n"
        "            pass\n"
        "    return float(trial.comm.allreduce(1))\n"
    )
    project.write(source, search__evaluations=12, **PAIRS)
    project.run(**ranks(launcher, 4))
    assert set(failures(project)) == {1, 6, 11}
    for trial, error in failures(project).items():
        rank = error.split("rank ")[1][0]
        assert error == f"exception: rank {rank}: ValueError: no luck with {trial}"
        assert rank in "13"
        log = log_of(project, trial)
        assert f"rank {rank} on {os.uname().nodename}:\nTraceback (most recent call last):" in log
        assert "in inner" in log  # the whole traceback
    assert {record["value"] for record in project.records("told") if record["state"] == "completed"} == {2.0}


def test_an_objective_that_cannot_be_built_on_one_rank_fails_its_trials(project: Any, mpiexec: str) -> None:
    source = (
        "class Objective:\n"
        "    def prepare(self, device):\n"
        "        from mpi4py import MPI\n"
        "        if MPI.COMM_WORLD.rank == 1:\n"
        "            raise OSError('no scratch disk')\n"
        "    def __call__(self, trial):\n"
        "        return 1.0 - trial.should_stop()\n"
        "objective = Objective()\n"
    )
    project.write(source, search__evaluations=6, search__population=6, **PAIRS)
    project.run(**ranks(mpiexec, 2), code=2)  # as nothing came of it
    assert set(failures(project).values()) == {"exception: rank 1: OSError: no scratch disk"}
    assert len(failures(project)) == 6


def test_trials_that_fail_alike_on_all_ranks_cost_nothing_and_others_end_the_run_in_time(
    project: Any, mpiexec: str
) -> None:
    """What a half-failed trial leaves behind costs a communicator, of which MPI has some thousand."""
    source = (
        "from autode.execution import groups\n"
        "groups.SPOILT_LIMIT = 3\n"
        "def objective(trial):\n"
        "    if trial.number < 6 or trial.number % 2 and trial.comm.rank:\n"
        "        raise ValueError\n"
        "    return 1.0\n"
    )
    project.write(source, search__evaluations=18, **PAIRS)
    out = project.run(**ranks(mpiexec, 2), code=3).stdout
    assert "stopped by many trials that failed on some of their ranks" in out
    assert len(project.records("told")) == 12
    project.run(**ranks(mpiexec, 2), code=3)  # the last trial is the third of this run
    project.run(**ranks(mpiexec, 2))
    assert set(failures(project)) == {0, 1, 2, 3, 4, 5, 7, 9, 11, 13, 15, 17}
    assert Counter(record["trial"] for record in project.records("told")) == dict.fromkeys(range(18), 1)


def test_a_hundred_trials_free_their_communicators(project: Any, mpiexec: str) -> None:
    source = (
        "from mpi4py import MPI\n"
        "handles = set()\n"
        "def objective(trial):\n"
        "    handles.add(trial.comm.handle)\n"
        "    return {'error': trial.params['x'], 'handles': len(handles)}\n"
    )
    project.write(source, search__evaluations=120, **PAIRS)
    project.run(**ranks(mpiexec, 2))
    assert max(record["metrics"]["handles"] for record in project.records("told")) < 60


@pytest.mark.slow
def test_ranks_that_hang_end_the_job_and_the_next_run_finishes(project: Any, launcher: str) -> None:
    """A failed rank leaves its partner in a collective call: nothing but the end of the job gets it out."""
    source = (
        "import time\n"
        "def objective(trial):\n"
        "    if trial.number == 3 and trial.comm.rank == 1:\n"
        "        raise ValueError('first')\n"
        "    trial.comm.barrier()\n"
        "    return trial.params['x']\n"
    )
    project.write(source, search__evaluations=12, **PAIRS)
    process = project.run(**ranks(launcher, 4), code=3)
    assert "stopped by a trial that hangs in MPI" in process.stdout
    assert "the same command goes on from here" in process.stderr
    (error,) = failures(project).values()
    assert error.startswith("exception: rank ")
    assert "ValueError: first; rank " in error
    assert error.endswith("did not come back within 10 s, so the run had to end")
    assert "ValueError: first" in log_of(project, 3)
    assert not holder(project.out)
    project.run(**ranks(launcher, 2))
    assert Counter(record["trial"] for record in project.records("told")) == dict.fromkeys(range(12), 1)
    assert set(failures(project)) == {3}


@pytest.mark.slow
def test_a_trial_that_hangs_past_its_time_limit_is_told_before_the_job_ends(project: Any, mpiexec: str) -> None:
    source = (
        "import time\n"
        "from autode.execution import groups\n"
        "groups.GRACE_S = 1.0\n"
        "def objective(trial):\n"
        "    trial.report(1, error=1.0)\n"
        "    if trial.number == 2 and trial.comm.rank == 0:\n"
        "        time.sleep(300)\n"
        "    return trial.params['x'] + 0 * trial.comm.allreduce(1)\n"
    )
    project.write(source, search__evaluations=12, execution__trial_timeout_s=1, **PAIRS)
    project.run(**ranks(mpiexec, 2), code=3)
    (told,) = (record for record in project.records("told") if record["state"] == "failed")
    assert told["error"].startswith("timeout: the trial ran longer than 1 s; ranks 0, 1 did not come back within 1 s")
    assert (told["trial"], told["epochs"], told["rank"]) == (2, 1, 0)
    project.run(**ranks(mpiexec, 3))
    assert set(failures(project)) == {2}
    assert len(project.records("told")) == 12


def test_a_trial_past_its_time_limit_that_asks_whether_to_stop_fails_alone(project: Any, mpiexec: str) -> None:
    source = (
        "import time\n"
        "def objective(trial):\n"
        "    while trial.number == 2 and not trial.should_stop():\n"
        "        time.sleep(0.01)\n"
        "    return trial.params['x']\n"
    )
    project.write(source, search__evaluations=12, execution__trial_timeout_s=1, **PAIRS)
    project.run(**ranks(mpiexec, 2))
    assert failures(project) == {2: "timeout: the trial ran longer than 1 s"}


# --- the end, and after


def test_sigterm_stops_all_ranks_of_a_group_at_the_same_epoch(
    project: Any, launcher: str, undisturbed: Any, wait_until: Any
) -> None:
    project.write(BOWL, **PAIRS)
    process = project.start(**ranks(launcher, 4))
    wait_until(lambda: project.records("told"), "the first trial has ended", process=process)
    os.kill(project.records("run")[0]["pid"], signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert "Traceback" not in err
    assert set(Counter(tuple(words[1:3]) for words in project.diary()).values()) == {2}
    interrupted = [record for record in project.records("attempt") if record["state"] == "interrupted"]
    assert interrupted
    project.run(**ranks(launcher, 3))  # goes on with another number of ranks
    assert project.results() == undisturbed
    assert set(Counter(tuple(words[1:3]) for words in project.diary()).values()) == {2}  # no epoch was run again


@pytest.mark.slow
def test_sigterm_ends_trials_that_do_not_listen_after_the_time_of_grace(
    project: Any, mpiexec: str, wait_until: Any
) -> None:
    source = (
        "import time\n"
        "from pathlib import Path\n"
        "def objective(trial):\n"
        "    trial.report(1, error=1.0)\n"
        "    if not Path(__file__).with_name('go').exists():\n"
        "        time.sleep(300)\n"
        "    return trial.params['x']\n"
    )
    project.write(source, search__evaluations=6, search__population=6, execution__grace_s=1, **PAIRS)
    process = project.start(**ranks(mpiexec, 2))
    wait_until(lambda: project.records("epoch"), "a trial runs", process=process)
    os.kill(project.records("run")[0]["pid"], signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert "stopped by SIGTERM" in out
    assert [(record["trial"], record["state"]) for record in project.records("attempt")] == [(0, "interrupted")]
    (project.folder / "go").touch()
    project.run(**ranks(mpiexec, 2))
    assert [record["attempt"] for record in project.records("told") if record["trial"] == 0] == [1]
    assert failures(project) == {}


@pytest.mark.slow
def test_killed_in_mid_run_it_goes_on_with_another_number_of_ranks(
    project: Any, mpiexec: str, undisturbed: Any, wait_until: Any
) -> None:
    project.write(BOWL, **PAIRS)
    for n in (4, 3):
        size = len(project.records("told"))
        process = project.start(**ranks(mpiexec, n))
        wait_until(lambda s=size: len(project.records("told")) > s + 2, "some trials have ended", process=process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        wait_until(lambda: not holder(project.out), "the ranks are gone")
    project.run(**ranks(mpiexec, 6))
    assert project.results() == undisturbed
    assert Counter(record["trial"] for record in project.records("told")) == dict.fromkeys(range(24), 1)
    assert [run["slots"] for run in project.records("run")] == [2, 1, 3]


def test_the_python_interface_on_every_rank(project: Any, mpiexec: str) -> None:
    import subprocess
    import sys

    (project.folder / "script.py").write_text(
        "import autode\n"
        "def objective(trial):\n"
        "    return trial.params['x'] + 0 * trial.comm.allreduce(1)\n"
        "study = autode.Study('out', space={'x': autode.Float(0, 1)}, seed=3, execution={'ranks_per_trial': 2},\n"
        "                     search={'algorithm': 'random', 'evaluations': 8})\n"
        "outcome = study.run(objective, workers='mpi')\n"
        "raise SystemExit(outcome.exit_code)\n"
    )
    subprocess.run([mpiexec, "-n", "4", sys.executable, "script.py"], cwd=project.folder, check=True, timeout=60)
    assert sorted(record["trial"] for record in project.records("told")) == list(range(8))
    assert failures(project) == {}


@pytest.mark.slow
def test_a_trial_that_hangs_leaves_the_other_groups_the_time_to_save(project: Any, mpiexec: str) -> None:
    source = (
        "import time\n"
        "from autode.execution import groups\n"
        "from autode.trial import TrialInterrupted\n"
        "groups.GRACE_S = 1.0\n"
        "def objective(trial):\n"
        "    if trial.number == 1 and trial.attempt == 0:\n"
        "        if trial.comm.rank:\n"
        "            raise ValueError\n"
        "        trial.comm.barrier()\n"
        "    stop = trial.attempt > 0\n"
        "    while trial.number in (0, 2) and not stop:\n"
        "        stop = trial.should_stop()\n"
        "        time.sleep(0.01)\n"
        "    if trial.number in (0, 2) and trial.attempt == 0:\n"
        "        (trial.directory / 'saved').touch()\n"
        "        raise TrialInterrupted\n"
        "    return 1.0\n"
    )
    project.write(source, search__evaluations=6, search__population=6, **PAIRS)
    project.run(**ranks(mpiexec, 6), code=3)
    attempts = {record["trial"]: record["state"] for record in project.records("attempt")}
    assert attempts == {0: "interrupted", 2: "interrupted"}
    assert len(list((project.out / "trials").glob("*/saved"))) == 2
    project.run(**ranks(mpiexec, 4))
    assert set(failures(project)) == {1}
    assert len(project.records("told")) == 6
