"""The trials that are out: asked for, or bred and waiting to be asked for, with what selection will need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autode.de.arrays import BoolArray, FloatArray, IntArray


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
    """Table of bred trials, one row each, in order of their ids; rows leave once told.

    Parameters
    ----------
    dimension : int
        Number of coordinates D.
    parameters : sequence of str
        Names of further numbers kept for each trial (F, CR, ...).

    Attributes
    ----------
    ids, slots, generation : ndarray of int, shape (m,)
        Name; the place in the population it competes for (-1: that place is gone); generation.
    x : ndarray, shape (m, D)
    values : ndarray, shape (m,)
        Objective values, valid where ``told``.
    told : ndarray of bool, shape (m,)
    parameters : dict of str to ndarray, shape (m,)
    """

    def __init__(self, dimension: int, parameters: Sequence[str]):
        self._dimension = dimension
        self._names = tuple(parameters)
        self.clear()

    def clear(self) -> None:
        """Forget every row."""
        self.ids: IntArray = np.empty(0, dtype=np.int64)
        self.slots: IntArray = np.empty(0, dtype=np.int64)
        self.generation: IntArray = np.empty(0, dtype=np.int64)
        self.x: FloatArray = np.empty((0, self._dimension))
        self.values: FloatArray = np.empty(0)
        self.told: BoolArray = np.empty(0, dtype=np.bool_)
        self.parameters: dict[str, FloatArray] = {name: np.empty(0) for name in self._names}
        self.untold = 0

    def append(
        self, first_id: int, x: FloatArray, slots: IntArray, generation: int, parameters: dict[str, FloatArray]
    ) -> None:
        """Add rows with ids from ``first_id`` on."""
        n = len(slots)
        ids = np.arange(first_id, first_id + n)
        generations = np.full(n, generation, dtype=np.int64)
        self.untold += n
        if not self.ids.size:  # the usual case of a whole generation: nothing to copy
            self.ids, self.x, self.slots, self.generation = ids, x, slots, generations
            self.values, self.told = np.full(n, np.nan), np.zeros(n, dtype=np.bool_)
            self.parameters = {name: parameters[name] for name in self._names}
            return
        self.ids = np.concatenate((self.ids, ids))
        self.x = np.concatenate((self.x, x))
        self.slots = np.concatenate((self.slots, slots))
        self.generation = np.concatenate((self.generation, generations))
        self.values = np.concatenate((self.values, np.full(n, np.nan)))
        self.told = np.concatenate((self.told, np.zeros(n, dtype=np.bool_)))
        self.parameters = {name: np.concatenate((old, parameters[name])) for name, old in self.parameters.items()}

    def batch(self, part: slice) -> Batch:
        """Copy some rows for the caller."""
        return Batch(self.x[part].copy(), self.ids[part].copy(), self.generation[part].copy())

    def rows_of(self, ids: IntArray, asked: int) -> IntArray:
        """Find the rows of trials that wait for their value; ids from ``asked`` on have not been handed out.

        Raises
        ------
        ValueError
            If an id is not among them, or is named twice.
        """
        if ids.max() >= asked or ids.min() < 0:
            raise ValueError(f"trial {ids[(ids >= asked) | (ids < 0)][0]} has not been asked for")
        rows = np.searchsorted(self.ids, ids)
        known = rows < self.ids.size
        known[known] = (self.ids[rows[known]] == ids[known]) & ~self.told[rows[known]]
        if not known.all():
            raise ValueError(f"trial {ids[~known][0]} has been told already")
        if ids.size > 1 and np.unique(ids).size < ids.size:
            raise ValueError("the same trial id is given twice in one tell")
        return rows.astype(np.int64)

    def record(self, rows: IntArray, values: FloatArray) -> None:
        """Write down the values of some rows."""
        self.values[rows] = values
        self.told[rows] = True
        self.untold -= rows.size

    def discard_told(self) -> None:
        """Drop told rows, in large lots so that the cost per trial stays small."""
        if not self.untold:
            self.clear()
        elif self.ids.size > 2 * self.untold + 32:
            self._keep(~self.told)

    def _keep(self, rows: BoolArray) -> None:
        self.ids, self.x, self.slots = self.ids[rows], self.x[rows], self.slots[rows]
        self.generation, self.values, self.told = self.generation[rows], self.values[rows], self.told[rows]
        self.parameters = {name: column[rows] for name, column in self.parameters.items()}

    def state(self) -> dict[str, Any]:
        """Return all rows as arrays."""
        columns = ("ids", "x", "slots", "generation", "values", "told")
        table: dict[str, Any] = {name: getattr(self, name).copy() for name in columns}
        table["parameters"] = {name: column.copy() for name, column in self.parameters.items()}
        return table

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        for name in ("ids", "x", "slots", "generation", "values", "told"):
            setattr(self, name, state[name].copy())
        self.parameters = {name: state["parameters"][name].copy() for name in self._names}
        self.untold = int(self.told.size - np.count_nonzero(self.told))
