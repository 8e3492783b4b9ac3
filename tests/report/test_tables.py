"""Files: exact numbers, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autode.report.frames import frame
from autode.report.tables import write_bytes, write_csv


def test_numbers_come_back_exactly(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).lognormal(0, 30, 500)
    table = pd.read_csv(write_csv(pd.DataFrame({"x": numbers}), tmp_path / "t.csv"))
    assert (table["x"].to_numpy() == numbers).all()


def test_missing_cells_are_empty_and_text_may_hold_anything(tmp_path: Path) -> None:
    rows = [{"trial": 0, "error": 'exception: "a", b\nc', "rank": None}, {"trial": 1, "rank": 2}]
    path = write_csv(frame(rows, ("trial", "rank", "error")), tmp_path / "t.csv")
    table = pd.read_csv(path, dtype={"rank": "Int64"})
    assert table["error"].iloc[0] == rows[0]["error"]
    assert path.read_text().splitlines()[-1] == "1,2,"


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    write_bytes(path, b"old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_can_be_read_by_others(tmp_path: Path) -> None:
    write_bytes(tmp_path / "deep" / "file", b"x")
    assert (tmp_path / "deep" / "file").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("name", "values", "dtype"),
    [
        ("trial", [0, 1], "int64"),
        ("rank", [0, None], "Int64"),
        ("param.batch_size", [16, None], "Int64"),
        ("param.lr", [0.1, 1], "float64"),
        ("param.lr", [0.1, None], "float64"),
        ("param.optimizer", ["sgd", None], "object"),
        ("param.nesterov", [True, None], "object"),
        ("value", [None, None], "float64"),
        ("energy_j", [], "float64"),
        ("energy_method", [None], "object"),
    ],
)
def test_columns_keep_their_kind_beside_gaps(name: str, values: list[object], dtype: str) -> None:
    assert str(frame([{name: value} for value in values], [name])[name].dtype) == dtype
