"""How long processes live: children die with their parent, and only the parent decides when a trial ends."""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import select
import signal
import stat
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

#: what a terminal, ``kill`` and Slurm send to end a program or to warn it
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, so that no orphan writes into a study that was restarted."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def as_child() -> Callable[[], None]:
    """Return a function that a child process calls before it becomes another program, so that it dies with this one."""
    library, parent = ctypes.CDLL(None), os.getpid()  # loaded here: between fork and exec a child should do little

    def prepare() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def end_with_parent(every_s: float = 1.0) -> None:
    """Let this process end soon after its parent, such as a launcher that was killed before it could end its ranks.

    Not by `die_with_parent`, which looks at the parent's thread: a launcher may start ranks from one that ends early.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(every_s)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def end_if_longer_than(seconds: float, complaint: str) -> Iterator[None]:
    """End this process by SIGUSR2, with a sentence, if the block lasts longer.

    A child watches: a library that does not come back from its own code lets no handler and no thread of Python run.
    """
    waiting, done = os.pipe()
    process, watcher = os.getpid(), os.fork()
    if watcher == 0:
        os.close(done)
        if not select.select([waiting], [], [], seconds)[0] and os.getppid() == process:
            os.write(2, f"autode: {complaint}\n".encode())
            os.kill(process, signal.SIGUSR2)
        os._exit(0)
    os.close(waiting)
    try:
        yield
    finally:
        os.close(done)
        os.waitpid(watcher, 0)


def leave_signals_to_parent() -> None:
    """Do nothing on the signals that end programs, in this process only: its own children obey them as usual."""
    for number in ENDING_SIGNALS:
        signal.signal(number, lambda number, frame: None)  # SIG_IGN would be inherited by every program started here
    os.register_at_fork(after_in_child=_obey_signals)


def _obey_signals() -> None:
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def kill_group(leader: int) -> None:
    """Kill a process that leads its group, with whatever it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def hand_over_output(patience_s: float = 5.0) -> None:
    """Wait until what was printed has been read: a launcher that ends a job throws away what its pipes still hold."""
    end = time.monotonic() + patience_s
    for stream in filter(None, (sys.stdout, sys.stderr)):  # there is none where it was closed before the start
        stream.flush()
        while _unread(stream) and time.monotonic() < end:
            time.sleep(0.005)


def _unread(stream: TextIO) -> int:
    """Return how many bytes the reader of a pipe has not taken yet; 0 for anything else."""
    count = array.array("i", [0])
    with suppress(OSError):  # no file at all, or one without an end
        if stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode):
            fcntl.ioctl(stream.fileno(), termios.FIONREAD, count)
    return count[0]
