"""Real MPI: ``mpiexec -n N autode run`` takes all ranks by itself, and ends and goes on like any other run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from autode.study.lock import holder

pytestmark = pytest.mark.mpi


def ranks(mpiexec: str, n: int) -> dict[str, tuple[str, ...]]:
    return {"before": (mpiexec, "-n", str(n))}


@pytest.fixture(autouse=True)
def _many_ranks_on_few_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Open MPI start more ranks than there are cores, also for root; other launchers ignore this."""
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe"):
        monkeypatch.setenv(name, "1")


def test_generational_results_are_those_of_processes(project: Any, mpiexec: str, undisturbed: Any) -> None:
    out = project.run(**ranks(mpiexec, 3)).stdout
    assert "generational on 3 ranks" in out
    assert out.count("evaluations") == 1  # only one rank speaks
    assert project.results() == undisturbed
    (run,) = project.records("run")
    assert (run["execution"], run["ranks"], run["slots"]) == ("mpi", 3, 3)


def test_the_table_of_trials_is_the_same_but_for_times_and_places(project: Any, mpiexec: str) -> None:
    import autode

    tables = []
    for name, options in (("one", {}), ("two", {}), ("mpi", ranks(mpiexec, 3))):
        more = () if name == "mpi" else ("--workers", ("one", "two").index(name) + 1)
        project.run("--out", project.folder / name, *more, **options)
        trials = autode.load(project.folder / name).trials
        elsewhere = ["seconds", "host", "rank", "started", "finished", "cpu_seconds"]
        elsewhere += [column for column in trials.columns if column.startswith("energy")]
        tables.append(trials.drop(columns=elsewhere, errors="ignore"))
    assert {"trial", "generation", "state", "value", "param.x", "param.k"} <= set(tables[0].columns)
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_another_launcher_on_the_path_gives_the_same(project: Any, mpiexec: str, undisturbed: Any) -> None:
    other = shutil.which("mpiexec")
    if other is None or Path(other).resolve() == Path(mpiexec).resolve():
        pytest.skip("there is no second mpiexec on PATH")
    project.run(**ranks(other, 2))
    assert project.results() == undisturbed
    assert project.records("run")[0]["ranks"] == 2


def test_all_ranks_evaluate_and_each_in_a_process_without_mpi(project: Any, mpiexec: str) -> None:
    source = (
        "import os, sys\n"
        "def objective(trial):\n"
        "    assert 'mpi4py' not in sys.modules and 'PMI_RANK' not in os.environ\n"
        "    assert os.environ['OMP_NUM_THREADS'] == '1'\n"
        "    trial.report(1, pid=os.getpid())\n"
        "    return trial.params['x']\n"
    )
    project.write(source, execution__schedule="asynchronous")
    project.run(**ranks(mpiexec, 3))
    told = project.records("told")
    assert [record["error"] for record in told if record["error"]] == []
    assert sorted(record["trial"] for record in told) == list(range(24))
    assert {record["rank"] for record in told} == {0, 1, 2}
    assert len({record["metrics"]["pid"] for record in project.records("epoch")}) == 3


def test_one_rank_is_an_ordinary_run(project: Any, mpiexec: str) -> None:
    project.write(search__evaluations=4, search__population=4)
    project.run(**ranks(mpiexec, 1))
    assert project.records("run")[0]["execution"] == "processes"


# --- errors


def test_a_wrong_workflow_ends_all_ranks_with_one_sentence(project: Any, mpiexec: str) -> None:
    project.write(search__algorithm="lsahde")
    err = project.run(**ranks(mpiexec, 3), code=2).stderr
    assert err.count("autode: ") == 1
    assert "did you mean 'lshade'?" in err
    assert "Traceback" not in err


def test_a_folder_of_another_study_ends_all_ranks(project: Any, mpiexec: str) -> None:
    project.write(search__evaluations=4, search__population=4)
    project.run()
    project.write(search__evaluations=4, search__population=4, seed=2)
    err = project.run(**ranks(mpiexec, 3), code=2).stderr
    assert "another study" in err
    assert err.count("autode: ") == 1


def test_trials_that_die_take_no_rank_with_them(project: Any, mpiexec: str) -> None:
    project.write(
        "import os\n"
        "def objective(trial):\n"
        "    if trial.number % 4 == 1:\n"
        "        os.kill(os.getpid(), 9)\n"
        "    return 1.0\n",
        search__evaluations=12,
    )
    project.run(**ranks(mpiexec, 3))
    failed = {record["trial"] for record in project.records("told") if record["state"] == "failed"}
    assert failed == {1, 5, 9}


def test_ranks_do_not_wait_for_ever_for_one_that_ended_before_mpi_began(
    project: Any, mpiexec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTODE_MPI_START_S", "5")
    process = project.start(before=(mpiexec, "-n", "1", sys.executable, "-c", "raise SystemExit(1)", ":", "-n", "2"))
    _, err = process.communicate(timeout=120)
    assert process.returncode not in (0, 3), err
    assert "autode: MPI has not started within 5 s: another rank has probably ended before it began" in err
    assert project.records() == []


# --- the end, and after


def test_sigterm_to_rank_0_interrupts_the_trials_of_all_ranks(
    project: Any, mpiexec: str, undisturbed: Any, wait_until: Any
) -> None:
    project.write_slow()
    process = project.start(**ranks(mpiexec, 3))
    wait_until(lambda: project.records("told"), "the first trial has ended", process=process)
    os.kill(project.records("run")[0]["pid"], signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert "Traceback" not in err
    project.run()  # goes on without MPI
    assert project.results() == undisturbed


@pytest.mark.slow
def test_killed_in_mid_run_it_goes_on_with_another_number_of_ranks(
    project: Any, mpiexec: str, undisturbed: Any, wait_until: Any
) -> None:
    project.write_slow()
    for n in (3, 2):
        size = len(project.records("told"))
        process = project.start(**ranks(mpiexec, n))
        wait_until(lambda s=size: len(project.records("told")) > s + 2, "some trials have ended", process=process)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        wait_until(lambda: not holder(project.out), "the ranks are gone")
    project.run(**ranks(mpiexec, 4))
    assert project.results() == undisturbed
    assert Counter(record["trial"] for record in project.records("told")) == dict.fromkeys(range(24), 1)
    assert [run["ranks"] for run in project.records("run")] == [3, 2, 4]


def test_the_death_of_one_rank_ends_the_run(project: Any, mpiexec: str, wait_until: Any) -> None:
    source = "import os, time\ndef objective(trial):\n    trial.report(1, parent=os.getppid())\n    time.sleep(300)\n"
    project.write(source)
    process = project.start(**ranks(mpiexec, 2))
    wait_until(lambda: len(project.records("epoch")) == 2, "both ranks have a trial", process=process)
    other = {int(r["metrics"]["parent"]) for r in project.records("epoch")} - {project.records("run")[0]["pid"]}
    os.kill(other.pop(), signal.SIGKILL)
    try:
        process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode != 0
    wait_until(lambda: not holder(project.out), "rank 0 is gone, too")
