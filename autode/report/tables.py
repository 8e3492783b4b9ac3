"""Tables as CSV files: the same journal gives the same bytes, and a reader never sees half a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from autode.report.study_data import StudyData

if TYPE_CHECKING:
    import pandas as pd

TABLES = ("trials", "energy", "jobs", "epochs", "confirmations")


def write_tables(data: StudyData, folder: Path) -> list[Path]:
    """Write trials.csv, energy.csv, jobs.csv, epochs.csv and confirmations.csv; return their paths."""
    return [write_csv(getattr(data, name), folder / f"{name}.csv") for name in TABLES]


def write_csv(table: pd.DataFrame, path: Path) -> Path:
    """Write a table as UTF-8 CSV with shortest exact numbers; missing cells are empty."""
    write_bytes(path, table.to_csv(index=False, lineterminator="\n").encode())
    return path


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: temporary file in the same folder, sync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
