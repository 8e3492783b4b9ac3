"""One attempt at one trial, from task to result: calls the objective, meters it, and records whatever happens."""

from __future__ import annotations

import os
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from autode.energy import EnergyReading, MeterSet, is_available
from autode.execution.events import EpochDone, Event, Started
from autode.trial import (
    COMPLETED,
    FAILED,
    INTERRUPTED,
    STOPPED,
    Trial,
    TrialInterrupted,
    TrialResult,
    TrialStopped,
    TrialTask,
)

Objective = Callable[[Trial], "float | Mapping[str, float]"]


@dataclass(frozen=True)
class Place:
    """Where a worker runs: recorded with every result."""

    rank: int = 0
    device: str = "cpu"
    host: str = ""

    @classmethod
    def here(cls, rank: int = 0, device: str = "cpu") -> Place:
        """Return the place of this process."""
        return cls(rank, device, socket.gethostname())


def utc_now() -> str:
    """Return the time as ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def begun(task: TrialTask, place: Place) -> Started:
    """Return the word that an attempt begins there, now."""
    return Started(task.number, task.attempt, place.host, place.rank, place.device, utc_now())


def evaluate(
    task: TrialTask,
    objective: Objective,
    meters: MeterSet,
    place: Place,
    emit: Callable[[Event], None],
    stop_requested: Callable[[], bool],
    *,
    keep_folder: bool = False,
    started: str = "",
) -> TrialResult:
    """Run the objective once.

    Parameters
    ----------
    task : TrialTask
        What to run.
    objective : callable
        Called with a `Trial`; returns a number or a mapping of metrics.
    meters : MeterSet
        Open meters; a window is laid around the attempt.
    place : Place
        Recorded with the result.
    emit : callable
        Receives `Started` and `EpochDone`.
    stop_requested : callable
        Becomes True when the run must end.
    keep_folder : bool
        Leave the trial's folder even if it is empty: other ranks of the trial may be about to write into it.
    started : str
        When it began, if the caller has said so already; else `Started` is emitted.

    Returns
    -------
    TrialResult
        Never raises for what the objective does, ``sys.exit()`` included; only KeyboardInterrupt passes.
    """
    clock, cpu = time.perf_counter(), _cpu_seconds()
    if not started:
        begin = begun(task, place)
        started = begin.time
        emit(begin)
    epochs = 0

    def on_report(epoch: int, metrics: dict[str, float]) -> None:
        nonlocal epochs
        epochs = max(epochs, epoch)
        emit(EpochDone(task.number, task.attempt, epoch, metrics, time.perf_counter() - clock, utc_now()))

    trial = _trial(task, place, on_report, stop_requested)
    stop_window = _open_window(meters)
    outcome = _call(objective, trial, stop_requested)
    energy = stop_window()
    if not keep_folder:
        trial.leave()
    return TrialResult(
        number=task.number,
        attempt=task.attempt,
        epochs=epochs,
        seconds=time.perf_counter() - clock,
        cpu_seconds=_cpu_seconds() - cpu,
        started=started,
        finished=utc_now(),
        host=place.host,
        rank=place.rank,
        energy=energy,
        **outcome,
    )


def _open_window(meters: MeterSet) -> Callable[[], tuple[dict[str, Any], ...]]:
    """Start to measure; the function that ends it returns the readings.

    Where nothing measures, all windows but for their length are alike, and the first is copied.
    """
    if meters.meters or meters.model is not None:
        window = meters.window(scope="trial")
        return lambda: tuple(_stored(reading) for reading in window.stop())
    begun = time.monotonic()
    return lambda: tuple({**reading, "seconds": time.monotonic() - begun} for reading in _without_meters(meters))


@lru_cache(maxsize=1)
def _without_meters(meters: MeterSet) -> tuple[dict[str, Any], ...]:
    return tuple(_stored(reading) for reading in meters.window(scope="trial").stop())


def _stored(reading: EnergyReading) -> dict[str, Any]:
    """Return a reading for the result, without what the result or the run says already."""
    reason = "" if is_available(reading) else (reading.source != "none" and reading.reason) or "no meter works here"
    return replace(reading, host="", t_start="", t_end="", reason=reason).to_dict()


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of its children that have ended."""
    return sum(os.times()[:4])


def _trial(
    task: TrialTask,
    place: Place,
    on_report: Callable[[int, dict[str, float]], None],
    stop_requested: Callable[[], bool],
) -> Trial:
    """Make the handle that the objective gets."""
    return Trial(
        number=task.number,
        params=dict(task.params),
        seed=task.seed,
        folder=Path(task.directory),
        device=place.device,
        epochs=task.epochs,
        attempt=task.attempt,
        role=task.role,
        on_report=on_report,
        stop_requested=stop_requested,
    )


def _call(objective: Objective, trial: Trial, stop_requested: Callable[[], bool]) -> dict[str, Any]:
    """Return state, metrics, error and traceback of one call."""
    try:
        return _outcome(objective, trial, stop_requested)
    except (Exception, SystemExit) as error:
        return {
            "state": FAILED,
            "metrics": {},
            "error": f"{classify(error)}: {_message(error)}",
            "traceback": traceback.format_exc(),
        }


def _outcome(objective: Objective, trial: Trial, stop_requested: Callable[[], bool]) -> dict[str, Any]:
    """Return state and metrics of a call that ended in one of the three ways an objective may choose."""
    try:
        return {"state": COMPLETED, "metrics": _as_metrics(objective(trial))}
    except TrialStopped as stop:
        return {"state": STOPPED, "metrics": _as_metrics(stop.metrics)}
    except TrialInterrupted:
        if not stop_requested():  # it would be started again and again
            raise RuntimeError("the objective raised TrialInterrupted, but nothing had asked it to stop") from None
        return {"state": INTERRUPTED, "metrics": {}}


def _as_metrics(value: Any) -> dict[str, float]:
    """Accept a number or a mapping of numbers; a plain number becomes the metric ``value``."""
    if isinstance(value, Mapping):
        return {str(name): _as_number(number, f"{name} = ", "a number") for name, number in value.items()}
    return {"value": _as_number(value, "", "a number or a dict of numbers")}


def _as_number(value: Any, name: str, expected: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"the objective returned {name}{value!r} ({type(value).__name__}); expected {expected}"
        ) from None


def classify(error: BaseException) -> str:
    """Return the class of an error: nan, cuda_oom, host_oom, timeout or exception."""
    if isinstance(error, FloatingPointError):
        return "nan"
    if type(error).__name__ == "OutOfMemoryError" and type(error).__module__.startswith("torch"):
        return "cuda_oom"
    if isinstance(error, MemoryError):
        return "host_oom"
    if isinstance(error, TimeoutError):
        return "timeout"
    return "exception"


def failure(task: TrialTask, place: Place, started: str, seconds: float, error: str, *, epochs: int = 0) -> TrialResult:
    """Return the result of an attempt whose process is gone, so that nobody in it could write one."""
    return TrialResult(
        number=task.number,
        attempt=task.attempt,
        state=FAILED,
        metrics={},
        epochs=epochs,
        seconds=seconds,
        started=started,
        finished=utc_now(),
        host=place.host,
        rank=place.rank,
        error=error,
    )


def _message(error: BaseException) -> str:
    """Return the error's type and first line."""
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
