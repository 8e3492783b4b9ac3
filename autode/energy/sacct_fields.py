"""The fields of a block of rows, each read as a whole column: what is usual by `Cells`, what is odd by its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from autode.energy import sacct_values as values
from autode.energy.sacct_cells import BINARY, DECIMAL, Array, Cells, Floats, Mask
from autode.energy.sacct_strings import Texts

#: A column with a larger part of odd cells is read as a whole.
_MANY = 0.05


class Fields:
    """The fields of one block.

    Parameters
    ----------
    cells : Cells or Texts
        The block.
    lines : numpy.ndarray of int
        The number of each row's line.

    Attributes
    ----------
    problems : list of (int, str)
        Lines that cannot be read, and why.
    bad : numpy.ndarray of bool
        Their rows.
    """

    def __init__(self, cells: Cells | Texts, lines: Array):
        self._cells, self._lines = cells, lines
        self.problems: list[tuple[int, str]] = []
        self.bad = np.zeros(len(cells), dtype=bool)

    def __len__(self) -> int:
        return len(self._cells)

    def __contains__(self, name: str) -> bool:
        return name in self._cells

    def report(self, rows: Array | Mask, problem: str) -> None:
        """Mark rows bad, once each."""
        for row in np.arange(len(self))[rows]:
            if not self.bad[row]:
                self.problems.append((int(self._lines[row]), problem))
        self.bad[rows] = True

    def _distinct(self, name: str, rows: Array) -> tuple[npt.NDArray[np.intp], list[str]]:
        """Return the different texts of some rows of a column, and which of them each row has."""
        if len(rows) > _MANY * len(self):
            column = self._cells.texts([name])[name]
            return column.codes[rows], column.distinct
        codes, distinct = pd.factorize(np.array(self._cells.some(name, rows), dtype=object))
        return codes, distinct.tolist()

    def _read_odd(self, result: npt.NDArray[Any], name: str, odd: Mask, reader: Callable[[str], Any]) -> None:
        """Put in what the reader makes of the odd cells; what it cannot read is reported."""
        rows = np.flatnonzero(odd)
        if not len(rows):
            return
        codes, distinct = self._distinct(name, rows)
        found = np.full(len(distinct), result[rows[0]], dtype=result.dtype)  # odd cells have the missing value yet
        used = np.bincount(codes, minlength=len(distinct)) > 0
        for index, text in enumerate(distinct):
            if used[index]:
                try:
                    found[index] = reader(text)
                except ValueError as error:
                    self.report(rows[codes == index], str(error))
        result[rows] = found[codes]

    def number(self, name: str, reader: Callable[[str], float]) -> Floats:
        """Return a column of numbers; NaN where there is none."""
        if name not in self._cells:
            return np.full(len(self), np.nan)
        result, odd = self._quick(name, reader)
        self._read_odd(result, name, odd, reader)
        return result

    def _quick(self, name: str, reader: Callable[[str], float]) -> tuple[Floats, Mask]:
        """Return what the cells can make of a column that is meant for a reader."""
        if reader is values.seconds:
            return self._cells.seconds(name)
        if reader is values.size_bytes:
            return self._cells.scaled(name, BINARY)
        return self._cells.scaled(name, DECIMAL) if reader in (values.joules, values.count) else self._cells.whole(name)

    def item(self, name: str, item: str) -> Floats:
        """Return an item of a column of TRES lists; NaN where it is not in the list."""
        if name not in self._cells:
            return np.full(len(self), np.nan)
        result, odd = self._cells.item(name, item)
        self._read_odd(result, name, odd, lambda text: values.tres(text, item))
        return result

    def rounded(self, name: str) -> Mask:
        """Return whether a column's numbers were printed with a unit prefix."""
        return self._cells.ends_with_unit(name) if name in self._cells else np.zeros(len(self), dtype=bool)

    def times(self, name: str) -> npt.NDArray[np.datetime64]:
        """Return a column of times; NaT where it is unknown."""
        if name not in self._cells:
            return np.full(len(self), np.datetime64("NaT", "s"))
        result, odd = self._cells.times(name)
        self._read_odd(result, name, odd, values.instant)
        return result

    def texts(self, readers: Mapping[str, Callable[[str], str]]) -> dict[str, npt.NDArray[np.object_]]:
        """Return columns of texts; empty where there is none."""
        nothing = np.full(len(self), "", dtype=object)
        columns = self._cells.texts([name for name in readers if name in self._cells])
        found = dict.fromkeys(readers, nothing)
        for name, column in columns.items():
            found[name] = np.array([readers[name](text) for text in column.distinct], dtype=object)[column.codes]
        return found

    def job_ids(self) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
        """Return job and step of each row."""
        name = "jobid" if "jobid" in self._cells else "jobidraw"
        jobs, steps, odd = self._cells.job_ids(name)
        for row, text in zip(odd.tolist(), self._cells.some(name, odd), strict=True):
            try:
                jobs[row], steps[row] = values.job_step(text)
            except ValueError as error:
                self.report(np.array([row]), str(error))
        return jobs, steps

    def raw_ids(self, jobs: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
        """Return the number of each row's job; a step without one has its job's, a plain job id is one itself."""
        if "".join(jobs).isdigit():
            return jobs
        raw = np.full(len(self), "", dtype=object)
        if "jobidraw" in self._cells:
            raw, _, odd = self._cells.job_ids("jobidraw")
            raw[odd] = [text.partition(".")[0] for text in self._cells.some("jobidraw", odd)]
        known = {job: number for job, number in zip(jobs, raw, strict=True) if number}
        missing = raw == ""
        raw[missing] = [known.get(job) or (job if job.isdigit() else "") for job in jobs[missing]]
        return raw

    def first(self, *reads: Callable[[], Floats]) -> Floats:
        """Return the first known number a row among several ways to read one."""
        result = np.full(len(self), np.nan)
        for read in reads:
            if np.isnan(result).any():
                result = np.where(np.isnan(result), read(), result)
        return result
