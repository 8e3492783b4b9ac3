"""One writer: a study's folder is locked while a run works on it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
from pathlib import Path

from autode.study.errors import UserError

LOCK_NAME = "lock"
#: struct flock of 64-bit Linux: type, whence, start, length, process
_FLOCK = "hhqqi4x"


class FolderLock:
    """An advisory lock that the kernel releases when its process ends, however it ends.

    Parameters
    ----------
    folder : pathlib.Path
        The study's output folder.

    Raises
    ------
    UserError
        If another run holds the lock; the message names host and process.
    """

    def __init__(self, folder: Path):
        self._fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._fd, 4096, 0).decode(errors="replace").strip()
            os.close(self._fd)
            raise UserError(f"{folder}: another run is working on this study ({_holder(holder)})") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode(), 0)

    def release(self) -> None:
        """Let the next run begin."""
        os.close(self._fd)


def holder(folder: Path) -> str:
    """Say which process works on a study; empty if none does. Only asks, so it never stands in a run's way."""
    try:
        with (folder / LOCK_NAME).open("rb") as file:
            question = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
            answer = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
            return "" if answer[0] == fcntl.F_UNLCK else _holder(file.read().decode(errors="replace"))
    except OSError:
        return ""


def _holder(text: str) -> str:
    """Say in words who holds a lock."""
    try:
        holder = json.loads(text)
        return f"process {holder['pid']} on {holder['host']}"
    except (ValueError, KeyError, TypeError):
        return "unknown process"
