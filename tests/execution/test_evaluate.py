"""One attempt at one trial: whatever the objective does becomes a result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autode.energy import EnergyReading, MeterSet, open_meters
from autode.execution import EpochDone, Event, Finished, Started
from autode.execution.evaluate import Place, evaluate
from autode.execution.serial import SerialExecutor
from autode.trial import Trial, TrialInterrupted, TrialResult, TrialStopped, TrialTask


@pytest.fixture(scope="module")
def meters() -> Iterator[MeterSet]:
    with open_meters(["estimate"]) as opened:
        yield opened


@pytest.fixture
def attempt(tmp_path: Path, meters: MeterSet) -> Callable[..., tuple[TrialResult, list[Event]]]:
    def call(objective: Any, stop: bool = False) -> tuple[TrialResult, list[Event]]:
        events: list[Event] = []
        task = TrialTask(7, {"x": 0.5}, seed=11, directory=str(tmp_path / "trials/00007"), epochs=3, attempt=2)
        return evaluate(task, objective, meters, Place(4, "cpu", "node01"), events.append, lambda: stop), events

    return call


def raises(error: BaseException) -> Callable[[Trial], float]:
    def objective(trial: Trial) -> float:
        raise error

    return objective


class OutOfMemoryError(RuntimeError):
    """Stands for ``torch.cuda.OutOfMemoryError``, which is told by its name and module."""


OutOfMemoryError.__module__ = "torch"


@pytest.mark.parametrize(
    ("objective", "state", "metrics"),
    [
        (lambda trial: 0.25, "completed", {"value": 0.25}),
        (lambda trial: 3, "completed", {"value": 3.0}),
        (lambda trial: {"val_error": 0.25, "seconds": 2}, "completed", {"val_error": 0.25, "seconds": 2.0}),
        (lambda trial: {}, "completed", {}),
        (raises(TrialStopped({"val_error": 1})), "stopped", {"val_error": 1.0}),
    ],
)
def test_what_an_objective_may_return(attempt: Any, objective: Any, state: str, metrics: dict[str, float]) -> None:
    result, _ = attempt(objective)
    assert (result.state, result.metrics, result.error) == (state, metrics, "")


def test_nan_is_a_number_that_the_study_judges(attempt: Any) -> None:
    result, _ = attempt(lambda trial: math.nan)
    assert result.state == "completed"
    assert math.isnan(result.metrics["value"])


@pytest.mark.parametrize(
    ("objective", "error"),
    [
        (raises(ZeroDivisionError("division by zero")), "exception: ZeroDivisionError: division by zero"),
        (raises(ValueError("first line\nsecond line")), "exception: ValueError: first line"),
        (raises(ValueError()), "exception: ValueError"),
        (raises(FloatingPointError("loss is nan")), "nan: FloatingPointError: loss is nan"),
        (raises(MemoryError("16 GiB")), "host_oom: MemoryError: 16 GiB"),
        (raises(OutOfMemoryError("CUDA out of memory")), "cuda_oom: OutOfMemoryError: CUDA out of memory"),
        (raises(TimeoutError("slow disk")), "timeout: TimeoutError: slow disk"),
        (raises(SystemExit(3)), "exception: SystemExit: 3"),
        (
            raises(TrialStopped({"val_error": "low"})),
            "exception: TypeError: the objective returned val_error = 'low' (str); expected a number",
        ),
        (
            lambda trial: None,
            "exception: TypeError: the objective returned None (NoneType); expected a number or",
        ),
        (lambda trial: [1, 2], "exception: TypeError: the objective returned [1, 2] (list)"),
        (
            lambda trial: {"val_error": "low"},
            "exception: TypeError: the objective returned val_error = 'low' (str); expected a number",
        ),
        (raises(TrialInterrupted()), "exception: RuntimeError: the objective raised TrialInterrupted, but nothing"),
    ],
)
def test_every_error_becomes_a_failed_trial_with_its_class(attempt: Any, objective: Any, error: str) -> None:
    result, _ = attempt(objective)
    assert (result.state, result.metrics) == ("failed", {})
    assert result.error.startswith(error)
    assert result.traceback.startswith("Traceback")


def test_an_interrupted_trial_is_to_be_continued(attempt: Any) -> None:
    def objective(trial: Trial) -> float:
        trial.report(1, val_error=0.5)
        if trial.should_stop():
            raise TrialInterrupted
        return 0.0

    result, _ = attempt(objective, stop=True)
    assert (result.state, result.epochs, result.error) == ("interrupted", 1, "")
    result, _ = attempt(objective)
    assert result.state == "completed"


def test_only_the_keyboard_gets_through(attempt: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        attempt(raises(KeyboardInterrupt()))


def test_the_objective_gets_its_trial_and_its_folder(attempt: Any, tmp_path: Path) -> None:
    seen: list[Trial] = []

    def objective(trial: Trial) -> float:
        seen.append(trial)
        (trial.directory / "checkpoint").write_text("1")
        return 0.0

    attempt(objective)
    trial = seen[0]
    assert (trial.number, trial.params, trial.seed, trial.epochs, trial.attempt) == (7, {"x": 0.5}, 11, 3, 2)
    assert (trial.device, trial.role, trial.directory) == ("cpu", "search", tmp_path / "trials/00007")


def test_the_result_says_where_when_and_how_long(attempt: Any) -> None:
    def objective(trial: Trial) -> float:
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass
        return 0.0

    result, _ = attempt(objective)
    assert (result.number, result.attempt, result.host, result.rank) == (7, 2, "node01", 4)
    assert result.seconds >= 0.1
    assert result.cpu_seconds == pytest.approx(0.1, abs=0.05)
    assert result.started < result.finished
    assert result.started.endswith("Z")


def test_every_attempt_is_metered_also_a_failed_one(attempt: Any) -> None:
    for objective in (lambda trial: 1.0, raises(ValueError("no"))):
        (reading,) = attempt(objective)[0].energy
        assert reading["method"] == "modelled"
        assert EnergyReading.from_dict(reading).scope == "trial"


def test_events_come_in_order_while_the_trial_runs(attempt: Any) -> None:
    def objective(trial: Trial) -> float:
        for epoch in (1, 2):
            trial.report(epoch, val_error=1 / epoch)
        return 0.0

    result, (started, first, second) = attempt(objective)
    assert isinstance(started, Started)
    assert (started.trial, started.attempt, started.host, started.rank, started.device) == (7, 2, "node01", 4, "cpu")
    assert isinstance(first, EpochDone)
    assert isinstance(second, EpochDone)
    assert [(one.epoch, one.metrics) for one in (first, second)] == [(1, {"val_error": 1.0}), (2, {"val_error": 0.5})]
    assert 0 <= first.seconds <= second.seconds <= result.seconds
    assert result.epochs == 2


# --- the same in this very process


def test_serial_execution_runs_a_trial_inside_wait(tmp_path: Path, meters: MeterSet) -> None:
    executor = SerialExecutor(lambda trial: trial.params["x"] * 2, meters)
    assert executor.wait(1.0) == []
    executor.submit(TrialTask(0, {"x": 4}, 1, str(tmp_path / "0")))
    started, finished = executor.wait(1.0)
    assert isinstance(started, Started)
    assert isinstance(finished, Finished)
    assert finished.result.metrics == {"value": 8.0}
    assert not (tmp_path / "0").exists()  # empty folders are removed: clusters count files


def test_serial_execution_keeps_the_traceback_in_the_log(tmp_path: Path, meters: MeterSet) -> None:
    executor = SerialExecutor(raises(ValueError("no")), meters)
    executor.submit(TrialTask(0, {}, 1, str(tmp_path / "0")))
    executor.wait(1.0)
    assert "ValueError: no" in (tmp_path / "0/log.txt").read_text()


def test_serial_trials_see_a_stop_request_while_they_run(tmp_path: Path, meters: MeterSet) -> None:
    request: list[int] = []

    def objective(trial: Trial) -> float:
        request.append(1)  # as a signal handler would
        if trial.should_stop():
            raise TrialInterrupted
        return 0.0

    executor = SerialExecutor(objective, meters)
    executor.stop_requested = lambda: bool(request)
    executor.submit(TrialTask(0, {}, 1, str(tmp_path / "0")))
    finished = executor.wait(1.0)[-1]
    assert isinstance(finished, Finished)
    assert finished.result.state == "interrupted"
