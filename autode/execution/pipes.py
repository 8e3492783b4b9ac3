"""Looking into a pipe, cheaply: ``Connection.poll`` makes a selector each time, which costs five times as much."""

from __future__ import annotations

import select
from multiprocessing.connection import Connection


def readable(pipe: Connection, seconds: float = 0.0) -> bool:
    """Whether there is something to read, or the end of the pipe; waits for it in whole milliseconds, rounded up.

    Raises
    ------
    OSError
        If this end is closed.
    """
    poll = select.poll()
    poll.register(pipe.fileno(), select.POLLIN)
    return bool(poll.poll(seconds * 1e3))
