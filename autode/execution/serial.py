"""Trials one after the other in this very process: for notebooks, debugging, and objectives that fork themselves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

from autode.energy import MeterSet
from autode.execution.evaluate import Objective, Place, evaluate
from autode.execution.events import Event, Finished
from autode.execution.output import add_to_log
from autode.trial import TrialTask


class SerialExecutor:
    """Runs a submitted trial inside `wait`.

    Parameters
    ----------
    objective : callable
        Called with a `Trial`.
    meters : MeterSet
        Open meters; closed with the executor.
    device : str
        Handed to the trials.

    Attributes
    ----------
    stop_requested : callable
        Asked by ``trial.should_stop()`` besides `interrupt`, which nobody can call while a trial has the thread.
    emit : callable or None
        Hears of starts and epochs while they happen; None: they come with the result.
    """

    kind = "serial"
    slots = 1
    ranks = 1

    def __init__(self, objective: Objective, meters: MeterSet, device: str = "cpu"):
        self._objective = objective
        self._meters = meters
        self._place = Place.here(device=device)
        self._queue: deque[TrialTask] = deque()
        self._stop = False
        self.emit: Callable[[Event], None] | None = None
        self.stop_requested: Callable[[], bool] = lambda: False

    def submit(self, task: TrialTask) -> None:
        """Queue a trial for the next `wait`."""
        self._queue.append(task)

    def wait(self, timeout: float) -> list[Event]:
        """Run the queued trial to its end and return its result, behind what nobody has heard of yet."""
        if not self._queue:
            return []
        events: list[Event] = []
        task = self._queue.popleft()
        emit = self.emit or events.append
        result = evaluate(task, self._objective, self._meters, self._place, emit, self._stopping)
        if result.traceback:
            add_to_log(Path(task.directory), result.traceback.encode())
        return [*events, Finished(result)]

    def _stopping(self) -> bool:
        return self._stop or self.stop_requested()

    def interrupt(self) -> None:
        """Make ``trial.should_stop()`` true."""
        self._stop = True

    def abandon(self) -> list[Event]:
        """Return nothing: a trial in this process has ended when anybody can call this."""
        return []

    def close(self, exit_code: int = 0) -> None:
        """Close the meters; there is no process to end."""
        self._meters.close()
