"""Signals: the first asks the run to end well, the second to end now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from autode.execution.lifetime import ENDING_SIGNALS


class StopRequest:
    """What the signals, and whatever else must end the run, have asked for so far.

    Attributes
    ----------
    count : int
        How many requests came.
    name : str
        Name of the first one, such as ``"SIGTERM"``.
    """

    def __init__(self) -> None:
        self.count = 0
        self.name = ""

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        self.count += 1
        self.name = self.name or signal.Signals(number).name

    def ask(self, name: str) -> None:
        """Ask for the end of the run for another reason than a signal; asking again hastens nothing."""
        if not self.count:
            self.count, self.name = 1, name

    def __bool__(self) -> bool:
        return self.count > 0


@contextmanager
def stop_on_signals(request: StopRequest) -> Iterator[StopRequest]:
    """Count SIGINT, SIGTERM and SIGUSR1 instead of dying of them; leaves them alone outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request) for number in ENDING_SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_signals() -> None:
    """Let no signal that asks to stop end a process whose work is done already, such as one in MPI's finalization."""
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
