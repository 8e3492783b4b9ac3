"""The output folder of a study: opened by one run at a time, and only by the study it belongs to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from autode._version import __version__
from autode.execution.evaluate import utc_now
from autode.study.errors import UserError
from autode.study.journal import SCHEMA, Journal, JournalError, Record, next_run, read_journal, unfenced
from autode.study.lock import FolderLock
from autode.study.workflow import Workflow

JOURNAL_NAME = "journal.jsonl"
WORKFLOW_NAME = "workflow.toml"


@dataclass(frozen=True)
class OpenFolder:
    """A folder held by this run.

    Attributes
    ----------
    path : pathlib.Path
    journal : Journal
    records : list of dict
        What the journal had when it was opened, from the end of the snapshot on.
    run : int
        Number of this run.
    snapshot : dict or None
        What stands for the journal's beginning.
    """

    path: Path
    journal: Journal
    records: list[Record]
    run: int
    snapshot: Record | None = None

    def all_records(self) -> list[Record]:
        """Return what a folder that was opened without its snapshot would have as records."""
        return self.records if self.snapshot is None else unfenced(read_journal(self.journal.path)[0])


@contextmanager
def open_folder(path: Path, workflow: Workflow, snapshot: Record | None = None) -> Iterator[OpenFolder]:
    """Open or create a study's folder for writing; a snapshot that fits its journal spares reading the beginning.

    Raises
    ------
    UserError
        If the folder cannot be written, another run works on it, or it holds another study.
    """
    lock = _claim(path)
    try:
        journal, run = _open_journal(path, lock, snapshot)
        try:
            records = journal.records
            if journal.snapshot is not None:
                refuse_other_study(path, journal.snapshot["study"], workflow)
            elif records:
                refuse_other_study(path, records[0], workflow)
            else:
                records = [_study_record(workflow)]
                journal.append(records)
            write_atomically(path / WORKFLOW_NAME, tomli_w.dumps(plain(workflow.to_dict())).encode())
            yield OpenFolder(path, journal, records, run, journal.snapshot)
        finally:
            journal.close()
    finally:
        lock.release()


def _open_journal(path: Path, lock: FolderLock, snapshot: Record | None) -> tuple[Journal, int]:
    """Open the journal and number this run; a run that may still be writing is shut out before its records are read."""
    try:
        journal = Journal(path / JOURNAL_NAME, lock.check, snapshot)
        run = next_run(journal.records, journal.snapshot["run"] if journal.snapshot else -1)
        if lock.took_over:
            journal.append({"type": "claim", "run": run})
            journal.close()
            journal = Journal(path / JOURNAL_NAME, lock.check, snapshot)
    except JournalError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"{path}: cannot write {JOURNAL_NAME} ({error.strerror})") from None
    return journal, run


def _claim(path: Path) -> FolderLock:
    """Create the folder and lock it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        return FolderLock(path)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{path}: cannot write into the output folder ({error.strerror})") from None


def _study_record(workflow: Workflow) -> Record:
    return {
        "type": "study",
        "schema": SCHEMA,
        "autode": __version__,
        "name": workflow.name,
        "created": utc_now(),
        "identity": plain(workflow.identity()),
        "workflow": plain(workflow.to_dict()),
    }


def refuse_other_study(path: Path, study: Record, workflow: Workflow) -> None:
    """Raise UserError, with the differences, unless the journal's study is the workflow's."""
    if study.get("type") != "study" or study.get("schema") != SCHEMA:
        raise UserError(f"{path}: {JOURNAL_NAME} was not written by this version of autode (schema {SCHEMA})")
    changes = list(differences(study["identity"], plain(workflow.identity())))
    if changes:
        raise UserError(
            f"{path}: the folder holds another study; choose another --out or undo the change of " + ", ".join(changes)
        )


def differences(before: Any, now: Any, name: str = "") -> Iterator[str]:
    """Yield ``key (was x, is y)`` for everything that differs between two trees of tables."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            yield from differences(before.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif before != now:
        yield f"{name} (was {before!r}, is {now!r})"


def load_records(path: Path) -> list[Record]:
    """Read the journal of a study, which may be running.

    Raises
    ------
    UserError
        If there is none, or it is damaged.
    """
    try:
        records, _ = read_journal(path / JOURNAL_NAME)
        records = unfenced(records)
    except FileNotFoundError:
        raise UserError(f"{path}: no study in this folder ({JOURNAL_NAME} is missing)") from None
    except (OSError, JournalError) as error:
        raise UserError(f"{path}: the journal cannot be read ({error})") from None
    if not records:
        raise UserError(f"{path}: the journal is still empty")
    return records


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file so that a reader, or a kill, finds the old or the new content and nothing between."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def plain(value: Any) -> Any:
    """Return the value as JSON and TOML hold it: lists for tuples, dicts for mappings, nothing that is None."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value
