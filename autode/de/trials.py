"""The trials that are out: asked for, or bred and waiting to be asked for, with what selection will need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autode.de.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Batch:
    """Points to evaluate.

    Attributes
    ----------
    x : ndarray, shape (n, D)
        Points inside the bounds.
    ids : ndarray of int, shape (n,)
        Name of each trial, for `tell`; counts up from 0 over the whole run.
    generation : ndarray of int, shape (n,)
        Generation each trial belongs to; 0 is the initial population.
    """

    x: FloatArray
    ids: IntArray
    generation: IntArray

    def __len__(self) -> int:
        return int(self.ids.size)


class Trials:
    """Table of bred trials, one row each, in order of their ids; rows leave after they were told.

    The arrays have room to spare: adding and removing single trials is what asynchronous runs do.

    Parameters
    ----------
    dimension : int
        Number of coordinates D.
    parameters : sequence of str
        Names of further numbers kept for each trial (F, CR, ...).
    counted : bool
        Whether `occupied` will be asked for.

    Attributes
    ----------
    size : int
        Number of rows m.
    untold : int
        Rows without a value.
    """

    def __init__(self, dimension: int, parameters: Sequence[str], counted: bool = True):
        self._counted = counted
        self._row_of = {name: row for row, name in enumerate(parameters, start=1)}
        self._out: IntArray = np.zeros(0, dtype=np.int64)  # how many trials are out for each slot
        self._x: FloatArray = np.empty((0, dimension))
        self._whole: IntArray = np.empty((3, 0), dtype=np.int64)  # id, slot, generation
        self._real: FloatArray = np.empty((1 + len(self._row_of), 0))  # value (NaN: untold), parameters
        self._everything: IntArray = np.zeros(0, dtype=np.int64)
        self.clear()

    def clear(self) -> None:
        """Forget every row."""
        self.size = self.untold = 0
        self._out[:] = 0

    @property
    def x(self) -> FloatArray:
        """Points, shape (m, D)."""
        return self._x[: self.size]

    @property
    def ids(self) -> IntArray:
        """Name of each trial, rising, shape (m,)."""
        column: IntArray = self._whole[0, : self.size]
        return column

    @property
    def slots(self) -> IntArray:
        """Place in the population that each trial competes for; -1: that place is gone. Shape (m,)."""
        column: IntArray = self._whole[1, : self.size]
        return column

    @property
    def generation(self) -> IntArray:
        """Generation of each trial, shape (m,)."""
        column: IntArray = self._whole[2, : self.size]
        return column

    @property
    def values(self) -> FloatArray:
        """Objective values, shape (m,); NaN: not told yet (a told NaN is stored as inf)."""
        column: FloatArray = self._real[0, : self.size]
        return column

    def parameter(self, name: str) -> FloatArray:
        """One of the further numbers, shape (m,)."""
        column: FloatArray = self._real[self._row_of[name], : self.size]
        return column

    def everything(self) -> IntArray:
        """Return the numbers of all rows; the same array, not to be changed, while there are as many."""
        if self._everything.size != self.size:
            self._everything = np.arange(self.size)
        return self._everything

    def is_everything(self, rows: IntArray) -> bool:
        """Whether these are the row numbers that `everything` returned, which needs no look at them."""
        return rows is self._everything

    def append(
        self, first_id: int, x: FloatArray, slots: IntArray, generation: int, parameters: Mapping[str, FloatArray]
    ) -> None:
        """Add rows with ids from ``first_id`` on; parameters that are missing become NaN."""
        n = slots.size
        start, stop = self.size, self.size + n
        self._reserve(stop)
        self._x[start:stop] = x
        whole, real = self._whole[:, start:stop], self._real[:, start:stop]
        whole[0] = first_id if n == 1 else np.arange(first_id, first_id + n)
        whole[1] = slots
        whole[2] = generation
        if len(parameters) == len(self._row_of):
            real[0] = np.nan
        else:
            real[:] = np.nan
        for name, column in parameters.items():
            real[self._row_of[name]] = column
        if self._counted:
            self._count(slots, 1)
        self.size, self.untold = stop, self.untold + n

    def _count(self, slots: IntArray, change: int) -> None:
        """Note that so many more trials are out for each of some slots; -1 among them stands for no slot."""
        if slots.size == 1:
            if slots[0] >= 0:
                self._make_room(int(slots[0]) + 1)
                self._out[slots[0]] += change
            return
        slots = slots[slots >= 0]
        counts = np.bincount(slots)
        self._make_room(counts.size)
        self._out[: counts.size] += change * counts

    def _make_room(self, slots: int) -> None:
        if slots > self._out.size:
            self._out = np.pad(self._out, (0, 2 * slots - self._out.size))

    def _reserve(self, rows: int) -> None:
        """Make room for so many rows, at least doubling it, so that single trials cost little."""
        if rows > len(self._x):
            free = max(rows, 2 * len(self._x)) - len(self._x)
            self._x = np.pad(self._x, ((0, free), (0, 0)))
            self._whole = np.pad(self._whole, ((0, 0), (0, free)))
            self._real = np.pad(self._real, ((0, 0), (0, free)))

    def batch(self, rows: slice | IntArray) -> Batch:
        """Copy some rows for the caller."""
        ids, _, generation = self._whole[:, rows].copy()
        return Batch(self._x[rows].copy(), ids, generation)

    def rows_of(self, ids: IntArray, asked: int) -> IntArray:
        """Find the rows of trials that wait for their value; ids from ``asked`` on have not been handed out.

        Raises
        ------
        ValueError
            If an id is not among them, or is named twice.
        """
        if not self.size:
            rows, waiting = ids, np.zeros(ids.size, dtype=np.bool_)
        elif ids.size == self.untold == self.size and ids[-1] < asked and ids.tobytes() == self.ids.tobytes():
            return self.everything()  # the usual case: everything at once and in order
        else:
            rows = self.ids.searchsorted(ids)
            if ids.size == 1 and self._waits(int(rows[0]), ids[0], asked):
                return rows
            waiting = (self.ids.take(rows, mode="clip") == ids) & (ids < asked)
            waiting &= np.isnan(self.values.take(rows, mode="clip"))
        if np.count_nonzero(waiting) < ids.size:
            wrong = int(ids[~waiting][0])
            what = "has been told already" if 0 <= wrong < asked else "has not been asked for"
            raise ValueError(f"trial {wrong} {what}")
        if ids.size > 1:
            named = np.zeros(self.size, dtype=np.bool_)
            named[rows] = True
            if np.count_nonzero(named) < ids.size:
                raise ValueError("the same trial id is given twice in one tell")
        return rows

    def _waits(self, row: int, id_: np.int64, asked: int) -> bool:
        """Whether a row is that of a trial without a value."""
        return row < self.size and self._whole[0, row] == id_ < asked and bool(np.isnan(self._real[0, row]))

    def record(self, rows: IntArray, values: FloatArray) -> None:
        """Write down the values of some rows, none of them NaN."""
        if self.is_everything(rows):
            self._real[0, : self.size] = values
        else:
            self._real[0, rows] = values
        if self._counted:
            self._count(self._whole[1].take(rows), -1)
        self.untold -= rows.size

    def occupied(self, slots: int) -> IntArray:
        """Count the trials that are out for each of the slots 0 .. slots-1; a view."""
        self._make_room(slots)
        return self._out[:slots]

    def distinct(self, rows: IntArray) -> bool:
        """Whether some rows compete for different slots, none of them gone."""
        slots = self.slots[rows]
        return bool(slots.min() >= 0 and np.unique(slots).size == rows.size)

    def move(self, moved: IntArray) -> None:
        """Follow the population when it shrinks: ``moved`` has the new slot of every old one, -1 for the deleted."""
        if not self.size:
            return
        slots = self.slots
        slots[:] = np.where(slots >= 0, moved[slots], -1)
        self._recount()

    def _recount(self) -> None:
        if not self._counted:
            return
        self._out[:] = 0
        self._count(self.slots[np.isnan(self.values)], 1)

    def discard_told(self) -> None:
        """Drop told rows, in large lots so that the cost per trial stays small."""
        if not self.untold:
            self.clear()
        elif self.size > 2 * self.untold + 32:
            kept = np.isnan(self.values).nonzero()[0]
            self.size = kept.size
            self._x[: self.size] = self._x[kept]
            self._whole[:, : self.size] = self._whole[:, kept]
            self._real[:, : self.size] = self._real[:, kept]

    def state(self) -> dict[str, Any]:
        """Return all rows as arrays."""
        whole, real = self._whole[:, : self.size], self._real[:, : self.size]
        return {"x": self.x.copy(), "whole": whole.copy(), "real": real.copy()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""
        self._x, self._whole, self._real = state["x"].copy(), state["whole"].copy(), state["real"].copy()
        self.size = len(self._x)
        self.untold = int(np.count_nonzero(np.isnan(self.values)))
        self._recount()
