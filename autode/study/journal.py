"""The journal: one append-only file of checksummed JSON lines, which is the study's only truth.

A line is ``{"crc":"<8 hex digits>",...}``; the checksum (CRC-32) covers the text of the record without the ``crc``
entry, so a line that a kill cut short is told from a whole one. Every record of a run carries its number, so a writer
that another run has replaced (`autode.study.lock`) can no longer change anything. Records and their fields:

========= =====================================================================================================
study     schema, autode, name, created, identity (what must not change between runs), workflow (as resolved)
run       run (0, 1, ... one per start of the program), time, host, pid, execution, slots, ranks, slurm, versions,
          git, meters, command
claim     run; written by a run that takes a study over from one that was given up, before it reads the journal
asked     trial, proposal, generation, params, point, seed, epochs, role (search or confirm), label, of, time
started   trial, attempt, run, host, rank, device, time
epoch     trial, attempt, epoch, metrics, seconds (since the attempt's start), energy_j, time
told      trial, attempt, state (completed, stopped, failed), value, fitness, metrics, epochs, seconds, cpu_seconds,
          energy (readings), host, rank, started, finished, error
attempt   as told, for an attempt that brought no result: state interrupted or lost
energy    run, scope, host, readings
end       run, reason, exit_code, time
========= =====================================================================================================
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

Record = dict[str, Any]

SCHEMA = 1
_PREFIX = b'{"crc":"'
_BODY = len(_PREFIX) + 8 + 2  # the body starts after the prefix, eight hex digits, a quote and a comma


class JournalError(ValueError):
    """The journal cannot be read: a record in the middle is damaged."""


def encode(record: Record) -> bytes:
    """Return the record's line, newline included. NaN and infinities become null, as JSON has none."""
    body = orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY)
    return _PREFIX + f"{zlib.crc32(body[1:]):08x}".encode() + b'",' + body[1:] + b"\n"


def decode(line: bytes) -> Record | None:
    """Return the record of a line without its newline; None if the line is not whole."""
    body = line[_BODY:]
    if not line.startswith(_PREFIX) or line[len(_PREFIX) : len(_PREFIX) + 8] != b"%08x" % zlib.crc32(body):
        return None
    record: Record = orjson.loads(b"{" + body)
    return record


def read_journal(path: str | os.PathLike[str]) -> tuple[list[Record], int]:
    """Read all whole records.

    Returns
    -------
    records : list of dict
    size : int
        Bytes up to the end of the last whole record; what follows is a torn write.

    Raises
    ------
    JournalError
        If a damaged record is followed by whole ones: that is not a torn write, and dropping it would lose results. Or
        if the file is something else altogether.
    """
    return _whole_records(path, Path(path).read_bytes())


@dataclass(frozen=True)
class Content:
    """What a journal holds.

    Attributes
    ----------
    records : list of dict
        From the end of the snapshot on; without those of writers that had been given up.
    snapshot : dict or None
        What stands for the records before.
    size, checksum : int
        Bytes up to the end of the last whole record, and their CRC-32.
    """

    records: list[Record]
    snapshot: Record | None
    size: int
    checksum: int


def read_on(path: str | os.PathLike[str], snapshot: Record | None) -> Content:
    """Read what a snapshot does not cover; everything, if it does not stand for this journal's very beginning.

    Raises
    ------
    JournalError
        As `read_journal`.
    """
    data = Path(path).read_bytes()
    if snapshot is not None and snapshot["checksum"] != zlib.crc32(memoryview(data)[: snapshot["size"]]):
        snapshot = None
    known, checksum, run = (0, 0, -1) if snapshot is None else (snapshot[key] for key in ("size", "checksum", "run"))
    rest = data[known:]
    records, size = _whole_records(path, rest) if rest or not snapshot else ([], 0)
    return Content(unfenced(records, run), snapshot, known + size, zlib.crc32(memoryview(rest)[:size], checksum))


def _whole_records(path: str | os.PathLike[str], data: bytes) -> tuple[list[Record], int]:
    """Return the whole records of (the end of) a journal, and how many bytes they take."""
    records: list[Record] = []
    size = 0
    for number, line in enumerate(data.split(b"\n"), start=1):
        record = decode(line) if line and size + len(line) < len(data) else None
        if record is None:
            _refuse_damage_inside(path, number, data[size + len(line) + 1 :])
            break
        records.append(record)
        size += len(line) + 1
    if not records and not data.startswith(_PREFIX[: len(data)]):  # not even a torn first record
        raise JournalError(f"{path}: is not a journal of autode")
    return records, size


def unfenced(records: Iterable[Record], run: int = -1) -> list[Record]:
    """Leave out what a run wrote after a later run had begun: its writer had been given up by then.

    ``run`` is the latest run before these records.
    """
    kept: list[Record] = []
    for record in records:
        if record["type"] in ("run", "claim"):
            run = max(run, int(record["run"]))
        if int(record.get("run", run)) >= run:
            kept.append(record)
    return kept


def next_run(records: Iterable[Record], run: int = -1) -> int:
    """Return the number that the next run gets; ``run`` is the latest run before these records."""
    return 1 + max((int(record["run"]) for record in records if record["type"] in ("run", "claim")), default=run)


def _refuse_damage_inside(path: str | os.PathLike[str], number: int, rest: bytes) -> None:
    """Raise if whole records follow the damaged line ``number``."""
    if any(decode(line) is not None for line in rest.split(b"\n") if line):
        raise JournalError(
            f"{path}: line {number} is damaged but whole records follow it; restore the file from a backup "
            "(or delete that line, which drops its record)"
        )


class Journal:
    """The one writer's handle.

    Parameters
    ----------
    path : path-like
        The file; created if missing. A torn last record is cut off when the journal is opened.
    check : callable, optional
        Called before every write; raises if this writer must not write any more.
    snapshot : dict, optional
        What stands for the journal's beginning (`autode.study.snapshot`); records that it covers are not decoded.

    Attributes
    ----------
    records : list of dict
        What the journal held when it was opened, from the end of the snapshot on.
    snapshot : dict or None
        The given one if it fits this journal.
    size, checksum : int
        Bytes written so far, and their CRC-32.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        check: Callable[[], None] = lambda: None,
        snapshot: Record | None = None,
    ):
        self.path = Path(path)
        self._check = check
        self.records: list[Record] = []
        self.snapshot: Record | None = None
        self.size = self.checksum = 0
        self._background: BackgroundSync | None = None
        created = not self.path.exists()
        if not created:
            self._read(snapshot)
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        if created:
            _sync_folder(self.path.parent)
        elif self.size < os.fstat(self._fd).st_size:
            os.ftruncate(self._fd, self.size)
            os.fsync(self._fd)

    def _read(self, snapshot: Record | None) -> None:
        """Read what the snapshot does not cover; everything, if it does not stand for this very beginning."""
        beginning = read_on(self.path, snapshot)
        self.records, self.snapshot = beginning.records, beginning.snapshot
        self.size, self.checksum = beginning.size, beginning.checksum

    def append(self, records: Record | Iterable[Record], *, durable: bool = True) -> None:
        """Write records; on return with ``durable`` they survive a power cut."""
        batch = [records] if isinstance(records, dict) else list(records)
        if not batch:
            return
        self._check()
        data = b"".join(encode(record) for record in batch)
        self.size, self.checksum = self.size + len(data), zlib.crc32(data, self.checksum)
        while data:
            data = data[os.write(self._fd, data) :]
        if durable:
            self.sync()

    def sync(self) -> None:
        """Make everything that was appended survive a power cut."""
        os.fsync(self._fd)

    def sync_soon(self) -> None:
        """Have it synced in the background: neither a trial nor a message waits for a slow disk."""
        if self._background is None:
            self._background = BackgroundSync(self._fd)
        self._background.ask()

    def close(self) -> None:
        """Sync and close the file; further appends fail."""
        if self._background is not None:
            self._background.close()
            self._background = None
        if self._fd >= 0:
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = -1


class BackgroundSync:
    """Syncs a file in a thread; whatever is asked for during one sync, the next one serves together."""

    def __init__(self, fd: int):
        self._fd = fd
        self._asked = threading.Event()
        self._ending = False
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._serve, name="journal-sync", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Sync soon; OSError if an earlier sync has failed."""
        if self._error is not None:
            raise self._error
        self._asked.set()

    def close(self) -> None:
        """End the thread."""
        self._ending = True
        self._asked.set()
        self._thread.join()

    def _serve(self) -> None:
        while self._asked.wait() and not self._ending:
            self._asked.clear()
            try:
                os.fsync(self._fd)
            except OSError as error:
                self._error = error
                return


def _sync_folder(folder: Path) -> None:
    """Make a new directory entry durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
