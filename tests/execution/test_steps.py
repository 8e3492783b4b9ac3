"""Trials as job steps. The srun here is a stand-in that runs its command; tests/integration/slurm has the real one."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from autode.execution import EpochDone, Event, Finished
from autode.execution.allocation import Allocation, batch_job
from autode.execution.evaluate import Place
from autode.execution.srun import StepStarted
from autode.execution.steps import STARTS_TRIED, StepExecutor, StepsError
from autode.execution.worker import Setup
from autode.space import Float, Space
from autode.study import Study, UserError
from autode.study.launch import check_executor
from autode.trial import Trial, TrialInterrupted, TrialResult, TrialTask

# workers need not find this file: installed packages may bring a "tests" of their own
cloudpickle.register_pickle_by_value(sys.modules[__name__])

# Numbers its steps, and ends them on SIGTERM, as Slurm's does.
SRUN = """\
#!/bin/bash
exec 9>> calls
flock 9
echo "$*" >&9
export SLURM_STEP_ID=$(($(wc -l < calls) - 1))
exec 9>&-
while [[ $1 == --* ]]; do shift; done
"$@" & child=$!
trap 'kill -9 $child' TERM
wait $child || exit
"""
JOB = {"SLURM_JOB_ID": "12", "SLURM_NTASKS": "2", "SLURM_JOB_CPUS_PER_NODE": "4"}


class Bench:
    """A folder that the executors work in, with the programs of a Slurm that is not there."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.open: list[StepExecutor] = []
        self.waiting: deque[Event] = deque()
        self.program("srun", SRUN)
        self.program("squeue", "#!/bin/bash\nexit 1\n")

    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def calls(self) -> list[str]:
        """Return the arguments of every call of srun."""
        return (self.folder / "calls").read_text().splitlines()

    def executor(self, objective: Callable[[Trial], Any], **job: str) -> StepExecutor:
        allocation = Allocation.here(environment={**JOB, **job})
        setup = Setup(lambda: objective, Place(), meters=["estimate"])
        self.open.append(StepExecutor(setup, allocation))
        return self.open[-1]

    def task(self, number: int, attempt: int = 0, timeout_s: float = 0.0, **params: Any) -> TrialTask:
        directory = str(self.folder / f"{number:05d}")
        return TrialTask(number, params, number, directory, attempt=attempt, timeout_s=timeout_s)

    def until(self, executor: StepExecutor, kind: type, seconds: float = 60.0) -> list[Any]:
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

    def result(self, executor: StepExecutor) -> TrialResult:
        result: TrialResult = self.until(executor, Finished)[-1].result
        return result


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    yield bench
    for executor in bench.open:
        executor.close()


def square(trial: Trial) -> float:
    return float(trial.params["x"]) ** 2


def endless(trial: Trial) -> float:
    """Train for ever; save when asked to stop. Says which process watches over it."""
    (trial.directory / "step").write_text(str(os.getppid()))
    trial.report(1, error=1.0)
    while not trial.should_stop():
        time.sleep(0.01)
    raise TrialInterrupted


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie that nobody has waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# --- one step a trial


def test_every_trial_is_a_step_of_its_own(bench: Bench) -> None:
    executor = bench.executor(square)
    results, steps = {}, set()
    for number in range(3):
        executor.submit(bench.task(number, x=number))
        events = bench.until(executor, Finished)
        steps.update((event.trial, event.step) for event in events if isinstance(event, StepStarted))
        results[number] = events[-1].result.metrics["value"]
    assert results == {0: 0.0, 1: 1.0, 2: 4.0}
    assert steps == {(0, "12.0"), (1, "12.1"), (2, "12.2")}
    names = [call.split("--job-name=")[1].split()[0] for call in bench.calls()]
    assert names == ["trial00000", "trial00001", "trial00002"]


def test_as_many_steps_run_at_once_as_there_are_slots(bench: Bench) -> None:
    executor = bench.executor(endless)
    for number in range(2):
        executor.submit(bench.task(number))
    for _ in range(2):
        bench.until(executor, EpochDone)
    assert executor.slots == 2
    assert len({(bench.folder / f"{number:05d}/step").read_text() for number in range(2)}) == 2


def test_the_key_is_on_no_command_line_and_no_trials_business(bench: Bench) -> None:
    def spy(trial: Trial) -> dict[str, float]:
        return {name: 1.0 for name in os.environ if name.startswith("AUTODE_STEP")}

    executor = bench.executor(spy)
    executor.submit(bench.task(0))
    assert bench.result(executor).metrics == {}
    assert bench.calls()[0].endswith("-m autode.execution.jobstep")


def test_strangers_are_not_listened_to(bench: Bench) -> None:
    executor = bench.executor(square)
    port = executor._server.getsockname()[1]
    with socket.create_connection(("localhost", port)) as silent:
        silent.shutdown(socket.SHUT_WR)
        executor.submit(bench.task(3, x=3))
        assert bench.result(executor).metrics == {"value": 9.0}
    errors: list[type] = []

    def guess() -> None:
        try:
            Client(("localhost", port), authkey=b"a guess")
        except (AuthenticationError, OSError, EOFError) as error:
            errors.append(type(error))

    thread = threading.Thread(target=guess)
    thread.start()
    while thread.is_alive():
        executor.wait(0.05)
    assert errors == [AuthenticationError]


# --- what a trial does to itself is its failure


def test_a_trial_that_ends_its_process_has_failed(bench: Bench) -> None:
    executor = bench.executor(lambda trial: os._exit(7))
    executor.submit(bench.task(0))
    result = bench.result(executor)
    assert (result.state, result.error) == (
        "failed",
        "exception: the trial's process ended by itself with exit code 7",
    )


def test_a_trial_that_is_killed_for_memory_has_failed(bench: Bench) -> None:
    executor = bench.executor(lambda trial: os.kill(os.getpid(), signal.SIGKILL))
    executor.submit(bench.task(0))
    result = bench.result(executor)
    assert result.state == "failed"
    assert result.error.startswith("host_oom: ")


def test_a_trial_that_runs_too_long_has_failed(bench: Bench) -> None:
    executor = bench.executor(lambda trial: time.sleep(100))
    executor.submit(bench.task(0, timeout_s=0.2))
    assert bench.result(executor).error == "timeout: the trial ran longer than 0.2 s"


# --- what happens to its step is not


def test_a_trial_whose_step_dies_goes_on_in_another(bench: Bench) -> None:
    executor = bench.executor(endless)
    executor.submit(bench.task(0))
    bench.until(executor, EpochDone)
    os.kill(int((bench.folder / "00000/step").read_text()), signal.SIGKILL)
    lost = bench.result(executor)
    assert lost.state == "lost"
    assert lost.error == f"node_fail: the job step 12.0 on {socket.gethostname()} ended before the trial did"
    assert lost.epochs == 1
    executor.submit(bench.task(0, attempt=1))
    assert bench.until(executor, StepStarted)[-1].step == "12.1"


def test_the_slots_of_a_dead_node_are_gone(bench: Bench) -> None:
    bench.program("squeue", '#!/bin/bash\n[ "$2" = --jobs=12 ] && echo "node[2-3]"\n')
    bench.program("scontrol", '#!/bin/bash\n[ "$3" = "node[2-3]" ] && echo node2 node3\n')
    executor = bench.executor(endless, SLURM_JOB_NUM_NODES="3", SLURM_NTASKS="6")
    assert executor.slots == 6
    executor.submit(bench.task(0))
    bench.until(executor, EpochDone)
    os.kill(int((bench.folder / "00000/step").read_text()), signal.SIGKILL)
    bench.until(executor, Finished)
    assert executor.slots == 4
    assert "--exact" in bench.calls()[0]
    for number in range(1, 4):
        executor.submit(bench.task(number))
    for _ in range(3):
        bench.until(executor, EpochDone)
    placed = [call.split("--nodelist=")[1].split()[0] for call in bench.calls()[1:]]
    assert sorted(placed) in (["node2", "node2", "node3"], ["node2", "node3", "node3"]), "side by side"
    assert not any("--exact" in call for call in bench.calls()[1:]), "Slurm does not know any more what is free"


def test_a_step_that_does_not_start_is_tried_again(bench: Bench) -> None:
    executor = bench.executor(square)
    executor.submit(bench.task(0, x=1))
    bench.result(executor)
    bench.program("srun", SRUN.replace('"$@" &', '[ $SLURM_STEP_ID = 1 ] && exit 1\n"$@" &'))
    executor.submit(bench.task(1, x=2))
    events = bench.until(executor, Finished)
    assert events[-1].result.metrics == {"value": 4.0}
    assert [event.step for event in events if isinstance(event, StepStarted)] == ["12.2"], "one attempt, as one began"


def test_an_srun_that_starts_nothing_ends_the_run_with_its_own_words(bench: Bench) -> None:
    bench.program("srun", "#!/bin/bash\necho $* >> calls\necho >&2 srun: error: Invalid account\nexit 1\n")
    executor = bench.executor(square)
    for number in range(executor.slots):
        executor.submit(bench.task(number, x=1))
    expected = rf"srun could not start any job step, {STARTS_TRIED} times in a row: srun: error: Invalid account"
    with pytest.raises(StepsError, match=expected):
        bench.until(executor, Finished)
    # those that fail together count once; the first failure of the last round ends all: the other may not have called
    assert (STARTS_TRIED - 1) * executor.slots < len(bench.calls()) <= STARTS_TRIED * executor.slots


# --- ends


def test_running_trials_save_and_waiting_ones_come_back_when_asked_to_stop(bench: Bench) -> None:
    executor = bench.executor(endless, SLURM_NTASKS="1")
    executor.submit(bench.task(0))
    bench.until(executor, EpochDone)
    executor.submit(bench.task(1))
    executor.interrupt()
    results = sorted((bench.result(executor) for _ in range(2)), key=lambda result: result.number)
    assert [(result.number, result.state, result.epochs) for result in results] == [
        (0, "interrupted", 1),
        (1, "interrupted", 0),
    ]
    assert len(bench.calls()) == 1


@pytest.mark.parametrize("end", ["abandon", "close"])
def test_nothing_is_left_of_a_step_that_is_given_up(bench: Bench, end: str, wait_until: Callable[..., None]) -> None:
    def stubborn(trial: Trial) -> None:
        (trial.directory / "pids").write_text(f"{os.getpid()} {os.getppid()}")
        trial.report(1, error=1.0)
        time.sleep(100)

    executor = bench.executor(stubborn)
    executor.submit(bench.task(0))
    bench.until(executor, EpochDone)
    pids = [int(pid) for pid in (bench.folder / "00000/pids").read_text().split()]
    assert all(map(alive, pids))
    if end == "abandon":
        (event,) = executor.abandon()
        assert isinstance(event, Finished)
        assert (event.result.state, event.result.epochs) == ("interrupted", 1)
    else:
        executor.close()
    wait_until(lambda: not any(map(alive, pids)), "no process is left", 20)


# --- what a job has room for


@pytest.mark.parametrize(
    ("environment", "workers", "allocation"),
    [
        ({}, None, Allocation("7", 1, 1, memory="0")),
        ({"SLURM_NTASKS": "4", "SLURM_JOB_NUM_NODES": "2"}, None, Allocation("7", 2, 4, memory="0")),
        ({"SLURM_NTASKS_PER_NODE": "3", "SLURM_JOB_NUM_NODES": "2"}, None, Allocation("7", 2, 6, memory="0")),
        ({"SLURM_CPUS_PER_TASK": "8", "SLURM_MEM_PER_CPU": "100"}, None, Allocation("7", 1, 1, 8)),
        ({"SLURM_NTASKS": "4", "SLURM_MEM_PER_NODE": "1000"}, None, Allocation("7", 1, 4, memory="250M")),
        ({"SLURM_JOB_CPUS_PER_NODE": "16(x2),12", "SLURM_NNODES": "3"}, 6, Allocation("7", 3, 6, 6, "0")),
        ({"SLURM_NTASKS": "2", "SLURM_GPUS_ON_NODE": "2"}, None, Allocation("7", 1, 2, memory="0", gpus=1)),
        ({"SLURM_STEP_ID": "4294967290"}, None, Allocation("7", 1, 1, memory="0")),  # the shell of salloc
    ],
)
def test_a_job_is_cut_into_equal_steps(environment: dict[str, str], workers: int | None, allocation: Any) -> None:
    assert Allocation.here(workers, {"SLURM_JOB_ID": "7", **environment}) == allocation


@pytest.mark.parametrize(
    ("environment", "workers", "message"),
    [
        ({}, None, "there is no Slurm allocation here; start it with autode submit, sbatch or salloc"),
        ({"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0"}, None, "this is a job step already; .* without srun"),
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_CPUS_PER_NODE": "4"}, 5, "5 steps a node need one CPU each, but .* 4;"),
        (
            {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_GPUS_ON_NODE": "2"},
            None,
            "need one GPU each, but .* 2;",
        ),
    ],
)
def test_what_does_not_fit_is_refused(environment: dict[str, str], workers: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Allocation.here(workers, environment)


def test_a_step_gets_its_share_and_no_more() -> None:
    options = Allocation("7", 2, 4, cpus=3, memory="500M", gpus=1).srun("trial00007")
    assert {"--exact", "--nodes=1", "--ntasks=1", "--cpus-per-task=3", "--mem=500M", "--gres=gpu:1"} <= set(options)
    assert options[-1] == "--job-name=trial00007"
    bare = Allocation("7", 1, 1).srun("trial00007")
    assert not [option for option in bare if option.startswith(("--mem", "--gres"))]


@pytest.mark.parametrize(
    ("environment", "job"),
    [
        ({"SLURM_JOB_ID": "9"}, ""),  # salloc's shell on a login node
        ({"SLURM_JOB_ID": "9", "SLURMD_NODENAME": "n1"}, "9"),
        ({"SLURM_JOB_ID": "9", "SLURMD_NODENAME": "n1", "SLURM_STEP_ID": "4294967290"}, ""),
        (
            {"SLURM_JOB_ID": "9", "SLURMD_NODENAME": "n1", "SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "2"},
            "5_2",
        ),
    ],
)
def test_only_a_batch_script_can_be_requeued(
    environment: dict[str, str], job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("SLURM")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert batch_job() == job


# --- as a study


@pytest.mark.slow
def test_a_study_by_steps_has_the_results_of_any_other(
    bench: Bench, project: Any, undisturbed: dict[int, tuple[Any, ...]]
) -> None:
    project.write(execution__executor="srun-steps", execution__workers=None)
    project.run()
    assert project.results() == undisturbed
    assert {record["step"] for record in project.records("started")} == {f"12.{step}" for step in range(24)}
    (run,) = project.records("run")
    assert (run["execution"], run["slots"]) == ("srun-steps", 2)


@pytest.mark.slow
def test_a_trial_that_loses_every_step_without_an_epoch_is_given_up(bench: Bench, project: Any) -> None:
    lethal = (
        "import os, time\n"
        "from pathlib import Path\n"
        "def objective(trial):\n"
        "    if trial.number == 1:\n"
        '        begun = f\'"type":"started","trial":1,"attempt":{trial.attempt},\'\n'
        "        while begun not in Path('out/journal.jsonl').read_text():\n"
        "            time.sleep(0.01)\n"
        "        os.kill(os.getppid(), 9)\n"
    )
    search = {"algorithm": "random", "evaluations": 2}
    execution = {"executor": "srun-steps", "max_losses": 2}
    project.write(f"{lethal}        time.sleep(60)\n    return 1.0\n", search=search, execution=execution)
    project.run()
    (attempt,) = project.records("attempt")
    assert (attempt["trial"], attempt["attempt"], attempt["state"]) == (1, 0, "lost")
    told = {record["trial"]: record for record in project.records("told")}
    assert (told[0]["state"], told[1]["state"], told[1]["attempt"]) == ("completed", "failed", 1)
    assert told[1]["error"].startswith("node_fail: the job step 12.")
    assert told[1]["error"].endswith("ended before the trial did, 2 times without one more epoch")


def test_ranks_of_mpi_are_refused() -> None:
    search = {"population": 4, "evaluations": 4}
    study = Study("unused", space=Space({"x": Float(0.0, 1.0)}), search=search, execution={"executor": "srun-steps"})
    with pytest.raises(UserError, match="start it from the batch script as one process, without srun or mpiexec"):
        check_executor(study.workflow, comm=object())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, 'workflow.toml: [execution] executor = "srun-steps": there is no Slurm allocation here; start it with'),
        ({"execution__ranks_per_trial": 2}, "set ranks_per_trial to 1"),
    ],
)
def test_outside_of_a_job_one_sentence_says_how_to_start(
    project: Any, settings: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    project.write(execution__executor="srun-steps", **settings)
    assert message in project.run(code=2).stderr
