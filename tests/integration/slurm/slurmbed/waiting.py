"""Waiting for something to become true, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_LOOK_EVERY_S = 0.05
#: Asking Slurm takes a process or two each time: seldom enough that waiting is no work.
ASK_SLURM_EVERY_S = 0.5


def until(question: Callable[[], T], what: str, seconds: float, every: float = _LOOK_EVERY_S) -> T:
    """Return the first true answer; ask every so many seconds.

    Raises
    ------
    TimeoutError
        If there is none within ``seconds``; the message says what was waited for.
    """
    end = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(every)
    return answer
