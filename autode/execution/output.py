"""What a trial prints: caught in one file a worker, kept in the trial's folder only if there is something to keep."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOG_NAME = "log.txt"


def scratch_log(worker: int) -> Path:
    """Return the file, local to the node, that the trials of a worker process print into while they run."""
    return Path(tempfile.gettempdir()) / f"autode-worker-{worker}.log"


@contextmanager
def captured_output(scratch: Path, folder: Path) -> Iterator[None]:
    """Send everything printed, also by C code and subprocesses, to a scratch file, and keep it as the trial's log."""
    saved = os.dup(1), os.dup(2)
    fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        _redirect(fd, fd)
        yield
    finally:
        _redirect(*saved)
        for one in (*saved, fd):
            os.close(one)
        keep_output(scratch, folder)


def keep_output(scratch: Path, folder: Path) -> None:
    """Move what was printed into a trial's log; a trial that printed nothing gets none, as clusters count files."""
    with suppress(FileNotFoundError):
        if scratch.stat().st_size:
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
