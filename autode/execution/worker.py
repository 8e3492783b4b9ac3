"""A worker process: runs trials that arrive on a pipe, one by one. Started as ``python -m autode.execution.worker FD``.

It is a program of its own rather than a forked copy, so it inherits neither MPI nor CUDA nor threads, and a trial that
leaks, crashes or is killed for memory takes nothing with it but itself.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autode.execution.evaluate import Objective, Place, evaluate
from autode.execution.events import Finished
from autode.execution.lifetime import die_with_parent, leave_signals_to_parent
from autode.execution.output import captured_output, scratch_log
from autode.execution.pipes import readable
from autode.trial import Trial

if TYPE_CHECKING:
    from autode.energy.node_series import NodeRecorder

#: messages of the parent: ("run", TrialTask, its start if the parent has told of it, else ""), ("stop",), ("close",)
Message = tuple[Any, ...]


@dataclass(frozen=True)
class Setup:
    """What a worker is told once, before its first trial.

    Attributes
    ----------
    make_objective : callable
        Called in the worker; returns the objective. Must be picklable (by cloudpickle).
    place : Place
        Rank and device of this worker.
    meters : "auto" or sequence of str
        Names of the meters to open.
    slots : int
        How many trials run at once on this node: node-wide counters are shared out among them.
    estimate_watts : tuple of float or None
        Watts of a busy core, [low, high], for the estimating meter.
    series : str
        Folder for the series of the node's counters; empty: none is kept.
    """

    make_objective: Callable[[], Objective]
    place: Place
    meters: str | Sequence[str] = "auto"
    slots: int = 1
    estimate_watts: tuple[float, float] | None = None
    series: str = ""

    def record_node(self) -> NodeRecorder | None:
        """Keep the series of this node from here on, unless another process does."""
        from autode.energy.node_series import NodeRecorder

        return NodeRecorder(Path(self.series), self.meters) if self.series else None


def main(argv: Sequence[str]) -> None:
    """Serve the pipe whose file descriptor is the only argument until it closes."""
    die_with_parent()
    leave_signals_to_parent()
    faulthandler.enable()  # a crash in C code leaves its traceback in the trial's log
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what was printed survives a crash
    pipe = Connection(int(argv[0]))
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(pipe)


def serve(pipe: Connection) -> None:
    """Receive the import path and the setup, then run trials until told to close."""
    import cloudpickle

    from autode.energy import open_meters

    sys.path[:] = pipe.recv()
    setup: Setup = cloudpickle.loads(pipe.recv_bytes())
    place = replace(setup.place, host=setup.place.host or Place.here().host)
    devices = [place.device] if place.device != "cpu" else []
    meters = open_meters(setup.meters, devices=devices, slots=setup.slots, estimate_watts=setup.estimate_watts)
    recorder = setup.record_node()
    objective: Prepared | None = None
    stop = _StopFlag(pipe)
    with captured_output(scratch_log(os.getpid())) as output:
        while not stop.closed and (message := pipe.recv())[0] != "close":
            if message[0] != "run":
                continue
            task, started = message[1:]
            objective = objective or Prepared(setup.make_objective, place.device)
            result = evaluate(task, objective, meters, place, pipe.send, stop, started=started)
            if result.traceback:
                print(result.traceback, file=sys.stderr)
            output.keep(task.directory)
            pipe.send(Finished(result))
    meters.close()
    if recorder is not None:
        recorder.close()


class Prepared:
    """The objective, built before the first trial's meter starts: importing a framework is no part of that trial.

    An error while building it fails the trials that call it, each with the traceback. An objective may have a method
    ``prepare(device)`` to load what all its trials share.
    """

    def __init__(self, make: Callable[[], Objective], device: str):
        self._error: BaseException | None = None
        try:
            self._objective = make()
            getattr(self._objective, "prepare", lambda device: None)(device)
        except (Exception, SystemExit) as error:
            self._error = error

    def __call__(self, trial: Trial) -> Any:
        """Run a trial."""
        if self._error is not None:
            raise self._error
        return self._objective(trial)


class _StopFlag:
    """True once the parent has asked to stop; looks at the pipe while a trial runs."""

    def __init__(self, pipe: Connection):
        self._pipe = pipe
        self._stop = False
        self.closed = False

    def __call__(self) -> bool:
        while not self.closed and readable(self._pipe):
            message: Message = self._pipe.recv()
            self.closed = message[0] == "close"
            self._stop = self._stop or message[0] in ("stop", "close")
        return self._stop


if __name__ == "__main__":
    main(sys.argv[1:])
