"""One writer: a study's folder is locked while a run works on it.

The lock is the kernel's (a record lock of the open file, which NFS and Lustre know too), so it ends with its process,
however that ends. Slurm, though, can start a job a second time while the first still runs on a node that it has lost
sight of. The second start then takes the study over: it writes its own name into the lock file, and the first, which
looks at the name before every write, stops. What it still wrote is recognised by its run number and left out
(`autode.study.journal.unfenced`).
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from autode.study.errors import UserError

LOCK_NAME = "lock"
_LOOK_EVERY_S = 1.0
#: struct flock of 64-bit Linux: type, whence, start, length, process
_FLOCK = "hhqqi4x"


class TakenOverError(RuntimeError):
    """A later start of the same job has taken the study over."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes
    ----------
    host, pid
        The process.
    job : str
        Slurm job, empty outside of one.
    restart : int
        How often Slurm has restarted that job.
    token : str
        Tells two runs apart that agree in everything else.
    """

    host: str
    pid: int
    job: str = ""
    restart: int = 0
    token: str = ""

    @classmethod
    def this_process(cls, environment: Mapping[str, str] | None = None) -> Holder:
        """Return the holder that this process would be."""
        env = os.environ if environment is None else environment
        restart = int(env.get("SLURM_RESTART_COUNT") or 0)
        return cls(socket.gethostname(), os.getpid(), env.get("SLURM_JOB_ID", ""), restart, secrets.token_hex(8))

    @classmethod
    def parse(cls, text: bytes) -> Holder | None:
        """Read what a holder wrote; None if it is not whole."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None

    def replaces(self, other: Holder) -> bool:
        """Whether Slurm started this one because it had given the other one up."""
        return bool(self.job) and self.job == other.job and self.restart > other.restart

    def __str__(self) -> str:
        job = f", Slurm job {self.job}" + (f" restart {self.restart}" if self.restart else "") if self.job else ""
        return f"process {self.pid} on {self.host}{job}"


class FolderLock:
    """The right to write into a study's folder.

    Parameters
    ----------
    folder : pathlib.Path
        The study's output folder.
    me : Holder, optional
        Instead of this process.

    Attributes
    ----------
    took_over : bool
        Whether an earlier start of this job still held the kernel's lock.

    Raises
    ------
    UserError
        If another run holds the lock; the message names host and process.
    """

    def __init__(self, folder: Path, me: Holder | None = None):
        self._me = me or Holder.this_process()
        self.took_over = False
        self._next_look = 0.0
        self._fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
        self._held = self._try_lock()
        if not self._held:
            self._refuse_unless_given_up(folder)
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps(asdict(self._me)).encode(), 0)
        os.fsync(self._fd)

    def _try_lock(self) -> bool:
        """Ask the kernel for the lock."""
        try:
            fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _flock(fcntl.F_WRLCK))
        except OSError:
            return False
        return True

    def _refuse_unless_given_up(self, folder: Path) -> None:
        """Raise unless the other run is an earlier start of this very job."""
        other = Holder.parse(self._content())
        if other is None or not self._me.replaces(other):
            os.close(self._fd)
            raise UserError(f"{folder}: another run is working on this study ({other or 'unknown process'})")
        self.took_over = True

    def _content(self) -> bytes:
        return os.pread(self._fd, 4096, 0)

    def check(self) -> None:
        """Raise `TakenOverError` if another run has taken the study over; looks once a second at most."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_EVERY_S
        with suppress(OSError):
            os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)  # ask a network file system again
        other = Holder.parse(self._content())
        if other is not None and other.token != self._me.token:
            raise TakenOverError(f"the study was taken over by {other}")
        self._held = self._held or self._try_lock()  # once the run that was given up has really ended

    def release(self) -> None:
        """Let the next run begin."""
        os.close(self._fd)


def _flock(kind: int) -> bytes:
    """Return a request for the whole file."""
    return struct.pack(_FLOCK, kind, os.SEEK_SET, 0, 0, 0)


def holder(folder: Path) -> str:
    """Say which process works on a study; empty if none does. Only asks, so it never stands in a run's way."""
    try:
        with (folder / LOCK_NAME).open("rb") as file:
            answer = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_OFD_GETLK, _flock(fcntl.F_RDLCK)))
            if answer[0] == fcntl.F_UNLCK:
                return ""
            return str(Holder.parse(file.read()) or "unknown process")
    except OSError:
        return ""
