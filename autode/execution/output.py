"""What a trial prints: caught in one file a worker, kept in the trial's folder only if there is something to keep."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOG_NAME = "log.txt"


def scratch_log(worker: int) -> Path:
    """Return the file, local to the node, that the trials of a worker process print into while they run.

    Host and user are in its name: containers, and nodes without a disk, may share the folder.
    """
    return Path(tempfile.gettempdir()) / f"autode-worker-{os.getuid()}-{socket.gethostname()}-{worker}.log"


class CapturedOutput:
    """Everything that this process prints, also by C code and subprocesses, in a scratch file.

    The file stays open from trial to trial: files that are made and removed for each would cost more than short trials.

    Parameters
    ----------
    scratch : pathlib.Path
        What an earlier process may have left there is gone.
    """

    def __init__(self, scratch: Path):
        self._scratch = scratch
        self._fd = -1
        self._renew()

    def _renew(self) -> None:
        """Go on in a new file; what an earlier trial has left running prints into the old one."""
        with suppress(FileNotFoundError):
            self._scratch.unlink()
        fd = os.open(self._scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        _redirect(fd, fd)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd

    def keep(self, folder: str) -> None:
        """Move what was printed since the last call into the log in a trial's folder."""
        sys.stdout.flush()
        sys.stderr.flush()
        if os.fstat(self._fd).st_size:
            keep_output(self._scratch, Path(folder))
            self._renew()

    def close(self) -> None:
        """Remove the file."""
        os.close(self._fd)
        with suppress(FileNotFoundError):
            self._scratch.unlink()


@contextmanager
def captured_output(scratch: Path) -> Iterator[CapturedOutput]:
    """Capture what this process prints until the end of the block."""
    saved = os.dup(1), os.dup(2)
    output = CapturedOutput(scratch)
    try:
        yield output
    finally:
        _redirect(*saved)
        output.close()
        for one in saved:
            os.close(one)


def keep_output(scratch: Path, folder: Path | None) -> None:
    """Move what was printed into a trial's log, if it has one; nothing printed makes none, as clusters count files."""
    with suppress(FileNotFoundError):
        if folder is not None and scratch.stat().st_size:
            add_to_log(folder, scratch.read_bytes())
        scratch.unlink()


def add_to_log(folder: Path, text: bytes) -> None:
    """Append to the log in a trial's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG_NAME).open("ab") as log:
        log.write(text)


def _redirect(out: int, err: int) -> None:
    """Point the standard streams at file descriptors."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(out, 1)
    os.dup2(err, 2)
