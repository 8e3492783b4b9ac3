"""Worker processes: a trial that crashes, hangs or is killed takes nothing with it but itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudpickle
import pytest

from autode.execution import EpochDone, Event, Finished, Started, local
from autode.execution.evaluate import Place
from autode.execution.local import ProcessExecutor, describe_death, worker_environment
from autode.execution.output import scratch_log
from autode.execution.worker import Setup
from autode.trial import Trial, TrialResult, TrialTask

# workers need not find this file: installed packages may bring a "tests" of their own
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Bench:
    """Executors that are closed after the test, and the tasks to put on them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.open: list[ProcessExecutor] = []
        self.waiting: deque[Event] = deque()

    def executor(self, objective: Callable[[Trial], Any], workers: int = 1) -> ProcessExecutor:
        setups = [Setup(lambda: objective, Place.here(rank), meters=["estimate"]) for rank in range(workers)]
        self.open.append(ProcessExecutor(setups))
        return self.open[-1]

    def task(self, number: int, timeout_s: float = 0.0, **params: Any) -> TrialTask:
        return TrialTask(number, params, number, str(self.folder / f"{number:05d}"), timeout_s=timeout_s)

    def log(self, number: int) -> Path:
        return self.folder / f"{number:05d}" / "log.txt"

    def result(self, executor: ProcessExecutor, seconds: float = 60.0) -> TrialResult:
        """Return the next result."""
        return self.until(executor, Finished, seconds)[-1].result  # type: ignore[union-attr]

    def until(self, executor: ProcessExecutor, kind: type, seconds: float = 60.0) -> list[Event]:
        """Return all events up to the first of a kind; what came with it is kept for the next call."""
        events: list[Event] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.waiting.extend(executor.wait(1.0) if not self.waiting else [])
            while self.waiting:
                events.append(self.waiting.popleft())
                if isinstance(events[-1], kind):
                    return events
        raise AssertionError(f"no {kind.__name__} within {seconds} s, only {events}")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for executor in bench.open:
        executor.close()


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie that nobody has waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# --- what comes out


def test_trials_of_one_process_have_their_own_output(bench: Bench) -> None:
    def speak(trial: Trial) -> float:
        if trial.number != 1:
            print(f"this is trial {trial.number}")
        return 0.0

    executor = bench.executor(speak)
    for number in range(3):
        executor.submit(bench.task(number))
        bench.result(executor)
    assert [bench.log(number).exists() for number in range(3)] == [True, False, True]
    assert [bench.log(number).read_text() for number in (0, 2)] == ["this is trial 0\n", "this is trial 2\n"]


def test_nothing_is_left_of_what_the_processes_print_into(bench: Bench) -> None:
    executor = bench.executor(lambda trial: print("words") or 0.0, workers=2)
    for number in range(2):
        executor.submit(bench.task(number))
    for _ in range(2):
        bench.result(executor)
    files = [scratch_log(worker.process.pid) for worker in executor._workers]
    assert all(file.exists() for file in files)
    executor._workers[0].kill()  # while it is idle; the other is asked to end
    executor.close()
    assert not any(file.exists() for file in files)


def test_the_start_of_every_trial_is_told_while_it_runs(bench: Bench) -> None:
    def wait_for_word(trial: Trial) -> float:
        while trial.number and not (trial.folder / "end").exists():
            time.sleep(0.01)
        return 0.0

    executor = bench.executor(wait_for_word)
    for number in range(2):  # the process tells of its first trial, its parent of the others
        executor.submit(bench.task(number))
        (begin,) = bench.until(executor, Started)
        (bench.folder / f"{number:05d}").mkdir(exist_ok=True)
        (bench.folder / f"{number:05d}/end").touch()
        result = bench.result(executor)
        assert isinstance(begin, Started)
        assert (begin.trial, begin.time) == (number, result.started)
        assert (begin.host, begin.rank, begin.device) == (result.host, result.rank, "cpu")


def test_output_of_python_c_code_and_subprocesses_is_in_the_trials_log(bench: Bench) -> None:
    def objective(trial: Trial) -> float:
        import ctypes
        import subprocess
        import sys

        print("from print", trial.number)
        print("from stderr", file=sys.stderr)
        ctypes.CDLL(None).puts(b"from C")
        ctypes.CDLL(None).fflush(None)
        subprocess.run(["echo", "from a subprocess"], check=True)
        return trial.params["x"]

    executor = bench.executor(objective)
    for number in (0, 1):
        executor.submit(bench.task(number, x=0.5))
        assert bench.result(executor).metrics == {"value": 0.5}
    for number in (0, 1):
        lines = bench.log(number).read_text().splitlines()
        assert sorted(lines) == ["from C", "from a subprocess", f"from print {number}", "from stderr"]


def test_a_silent_trial_leaves_no_files(bench: Bench) -> None:
    executor = bench.executor(lambda trial: 1.0)
    executor.submit(bench.task(0))
    bench.result(executor)
    assert list(bench.folder.iterdir()) == []


def test_a_silent_trial_keeps_its_checkpoint(bench: Bench) -> None:
    executor = bench.executor(lambda trial: float((trial.directory / "checkpoint").write_text("epoch 3")))
    executor.submit(bench.task(0))
    bench.result(executor)
    assert [path.name for path in (bench.folder / "00000").iterdir()] == ["checkpoint"]


def test_the_traceback_of_an_exception_is_in_the_log(bench: Bench) -> None:
    def objective(trial: Trial) -> float:
        raise ArithmeticError("the loss exploded")

    executor = bench.executor(objective)
    executor.submit(bench.task(0))
    result = bench.result(executor)
    assert (result.state, result.error) == ("failed", "exception: ArithmeticError: the loss exploded")
    log = bench.log(0).read_text()
    assert log.startswith("Traceback (most recent call last)")
    assert "ArithmeticError: the loss exploded" in log


def test_epochs_arrive_while_the_trial_runs(bench: Bench) -> None:
    def objective(trial: Trial) -> float:
        trial.report(1, val_error=0.5)
        while not trial.should_stop():
            time.sleep(0.01)
        return 0.0

    executor = bench.executor(objective)
    executor.submit(bench.task(0))
    started, epoch = bench.until(executor, EpochDone)
    assert isinstance(started, Started)
    assert isinstance(epoch, EpochDone)
    assert epoch.metrics == {"val_error": 0.5}
    executor.interrupt()
    assert bench.result(executor).state == "completed"


def test_all_workers_are_busy_at_once(bench: Bench) -> None:
    def objective(trial: Trial) -> float:
        others = trial.directory.parent
        (trial.directory / "here").touch()
        while len(list(others.glob("*/here"))) < 2:  # ends only if both trials run at the same time
            time.sleep(0.01)
        return 0.0

    executor = bench.executor(objective, workers=2)
    assert (executor.slots, executor.ranks, executor.kind) == (2, 2, "processes")
    for number in (0, 1):
        executor.submit(bench.task(number))
    assert {bench.result(executor).rank, bench.result(executor).rank} == {0, 1}


# --- death


def segfault(trial: Trial) -> float:
    import ctypes

    return float(ctypes.string_at(0)[0])


DEATHS: dict[str, tuple[str, str]] = {
    "kill": ("os.kill(os.getpid(), 9)", "host_oom: the trial's process was killed (signal 9)"),
    "exit": ("os._exit(7)", "exception: the trial's process ended by itself with exit code 7"),
    "segfault": ("ctypes.string_at(0)", "exception: the trial's process died of signal 11 (SIGSEGV)"),
    "abort": ("os.abort()", "exception: the trial's process died of signal 6 (SIGABRT)"),
    "closed pipe": (
        "os.closerange(3, 100), time.sleep(60)",
        "exception: the trial closed the connection of its process",
    ),
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_dead_process_fails_its_trial_and_is_replaced(bench: Bench, death: str) -> None:
    def objective(trial: Trial) -> float:
        import ctypes
        import os
        import time

        names = {"ctypes": ctypes, "os": os, "time": time}
        trial.report(2, val_error=0.5)
        if code := trial.params.get("code"):
            print("its last words")
            eval(code, names)
        return float(os.getpid())

    code, error = DEATHS[death]
    executor = bench.executor(objective)
    executor.submit(bench.task(0))
    first = bench.result(executor)
    executor.submit(bench.task(1, code=code))
    result = bench.result(executor)
    assert result.state == "failed"
    assert result.error.startswith(error)
    assert result.epochs == 2
    assert bench.log(1).read_text().startswith("its last words")
    executor.submit(bench.task(2))
    after = bench.result(executor)
    assert after.state == "completed"
    assert after.metrics["value"] != first.metrics["value"]  # another process


def test_a_crash_in_c_code_leaves_its_python_traceback_in_the_log(bench: Bench) -> None:
    executor = bench.executor(segfault)
    executor.submit(bench.task(0))
    bench.result(executor)
    assert "Fatal Python error: Segmentation fault" in bench.log(0).read_text()
    assert "in segfault" in bench.log(0).read_text()


def test_a_dead_process_is_noticed_though_its_children_hold_its_pipe(bench: Bench) -> None:
    def objective(trial: Trial) -> float:
        import os

        if child := os.fork():
            (trial.directory / "child").write_text(str(child))
            os._exit(1)
        time.sleep(300)
        return 0.0

    executor = bench.executor(objective)
    executor.submit(bench.task(0))
    assert bench.result(executor).state == "failed"
    child = int((bench.folder / "00000/child").read_text())
    end = time.monotonic() + 10
    while alive(child) and time.monotonic() < end:
        time.sleep(0.01)
    assert not alive(child)


def test_a_trial_beyond_its_time_limit_is_killed_with_all_it_has_started(bench: Bench) -> None:
    def objective(trial: Trial) -> float:
        import subprocess

        child = subprocess.Popen(["sleep", "300"])
        (trial.directory / "child").write_text(str(child.pid))
        child.wait()
        return 0.0

    executor = bench.executor(objective)
    executor.submit(bench.task(0, timeout_s=1.0))
    result = bench.result(executor)
    assert (result.state, result.error) == ("failed", "timeout: the trial ran longer than 1 s")
    assert 1.0 <= result.seconds < 5.0
    child = int((bench.folder / "00000/child").read_text())
    end = time.monotonic() + 10
    while alive(child) and time.monotonic() < end:
        time.sleep(0.01)
    assert not alive(child)
    executor.submit(bench.task(1, timeout_s=1.0))
    bench.until(executor, Started)  # the worker was replaced


def test_the_start_of_the_process_does_not_count_towards_the_time_limit(bench: Bench) -> None:
    def import_slowly() -> Callable[[Trial], float]:
        time.sleep(2.0)
        return lambda trial: 1.0

    bench.open.append(ProcessExecutor([Setup(import_slowly, Place.here(), meters=["estimate"])]))
    bench.open[0].submit(bench.task(0, timeout_s=1.5))
    assert bench.result(bench.open[0]).state == "completed"


def test_an_abandoned_trial_is_interrupted_and_its_process_gone(bench: Bench) -> None:
    def objective(trial: Trial) -> float:
        trial.report(1, pid=os.getpid())
        time.sleep(300)
        return 0.0

    executor = bench.executor(objective)
    executor.submit(bench.task(0))
    epoch = bench.until(executor, EpochDone)[-1]
    assert isinstance(epoch, EpochDone)
    executor.interrupt()
    (event,) = executor.abandon()
    assert isinstance(event, Finished)
    assert (event.result.state, event.result.epochs) == ("interrupted", 1)
    assert not alive(int(epoch.metrics["pid"]))


def test_an_import_error_fails_the_trial_not_the_worker(bench: Bench) -> None:
    def make() -> Any:
        raise ImportError("no module named model")

    executor = ProcessExecutor([Setup(make, Place.here(), meters=["estimate"])])
    bench.open.append(executor)
    for number in (0, 1):
        executor.submit(bench.task(number))
        assert bench.result(executor).error == "exception: ImportError: no module named model"


@pytest.mark.parametrize(("death", "waits"), [("os.kill(os.getpid(), 9)", [local.KILL_SPREAD_S]), ("os._exit(3)", [])])
def test_a_kill_of_the_whole_job_has_time_to_arrive_before_its_first_victim_is_called_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, death: str, waits: list[float]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(local, "time", SimpleNamespace(sleep=slept.append, monotonic=time.monotonic))
    executor = bench.executor(lambda trial: exec(f"import os; {death}"))
    executor.submit(bench.task(0))
    assert bench.result(executor).state == "failed"
    assert slept == waits


@pytest.mark.parametrize(
    ("code", "words"),
    [(-9, "host_oom: "), (-15, "died of signal 15 (SIGTERM)"), (0, "exit code 0"), (3, "exit code 3")],
)
def test_deaths_in_words(code: int, words: str) -> None:
    assert words in describe_death(code)


# --- what a worker is and is not


def test_a_worker_has_no_trace_of_mpi_and_as_many_threads_as_it_may_use(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PMI_RANK", "PMI_SIZE", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "HYDI_CONTROL_FD"):
        monkeypatch.setenv(name, "3")
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    environment = worker_environment(4)
    assert [name for name in environment if name.startswith(("PMI", "OMPI", "HYD"))] == []
    assert (environment["OMP_NUM_THREADS"], environment["SLURM_JOB_ID"]) == ("4", "77")


def test_signals_to_the_job_are_left_to_the_parent_but_obeyed_by_what_the_trial_starts(bench: Bench) -> None:
    def objective(trial: Trial) -> float:
        import multiprocessing
        import signal
        import subprocess

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            os.kill(os.getpid(), number)
        program = subprocess.Popen(["sleep", "300"])
        program.terminate()
        context = multiprocessing.get_context("fork")
        ready = context.Event()
        fork = context.Process(target=lambda: (ready.set(), time.sleep(300)))
        fork.start()
        ready.wait(30)
        fork.terminate()
        fork.join(30)
        return float(program.wait(30) == fork.exitcode == -signal.SIGTERM)

    executor = bench.executor(objective)
    executor.submit(bench.task(0))
    assert bench.result(executor).metrics == {"value": 1.0}


def test_modules_that_the_parent_can_import_are_found_by_its_workers(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"model_of_{os.getpid()}"
    (tmp_path / "somewhere").mkdir()
    (tmp_path / "somewhere" / f"{name}.py").write_text("def error(trial):\n    return 0.125\n")
    monkeypatch.syspath_prepend(str(tmp_path / "somewhere"))
    executor = bench.executor(__import__(name).error)
    executor.submit(bench.task(0))
    assert bench.result(executor).metrics == {"value": 0.125}


def test_workers_die_with_their_parent_however_it_dies(tmp_path: Path, wait_until: Callable[..., None]) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent("""
        import os, sys, time
        from pathlib import Path
        from autode.execution.command import CommandObjective
        from autode.execution.evaluate import Place
        from autode.execution.local import ProcessExecutor
        from autode.execution.worker import Setup
        from autode.trial import TrialTask

        folder = Path(sys.argv[1])
        def stubborn(trial):
            (folder / "python.pid").write_text(str(os.getpid()))
            time.sleep(300)
            return 0.0
        command = ["sh", "-c", f"echo $$ > {folder}/command.pid; exec sleep 300"]
        makes = [lambda: stubborn, lambda: CommandObjective(command)]
        executor = ProcessExecutor([Setup(make, Place.here(), meters=["estimate"]) for make in makes])
        for number in (0, 1):
            executor.submit(TrialTask(number, {}, 1, str(folder / str(number))))
        while True:
            executor.wait(1.0)
        """)
    )
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path)])
    files = [tmp_path / "python.pid", tmp_path / "command.pid"]
    try:
        wait_until(lambda: all(f.exists() and f.read_text().strip() for f in files), "both trials run")
        children = [int(f.read_text()) for f in files]
        assert all(map(alive, children))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_until(lambda: not any(map(alive, children)), "the trials' processes are gone", 20)
