"""The individuals: points, objective values, what belongs to each of them, and the archive of those they beat."""

from __future__ import annotations

from typing import Any

import numpy as np

from autode.de.archive import Archive
from autode.de.arrays import FloatArray, IntArray


class Population:
    """Individuals in slots 0 .. n-1, and the archive, in one array of donors.

    Parameters
    ----------
    points : ndarray, shape (N, D)
        Initial points.
    archive_rate : float
        Capacity of the archive per individual; 0: no archive.

    Attributes
    ----------
    donors : ndarray, shape (N + archive, D)
        Rows to draw from: slot i is row i; use `donor_rows` for numbers that go on into the archive.
    f : ndarray, shape (n,)
        Objective values; NaN: not evaluated yet, inf: failed.
    individual : dict of str to ndarray, shape (n,)
        Further numbers that belong to each individual; they shrink with the population.
    """

    def __init__(self, points: FloatArray, archive_rate: float = 0.0):
        size, dimension = points.shape
        self.initial_size: int = size
        self.n: int = size
        self.donors: FloatArray = np.empty((size + int(size * archive_rate + 0.5), dimension))
        self.donors[:size] = points
        self.archive = Archive(self.donors[size:])
        self.f: FloatArray = np.full(size, np.nan)
        self.individual: dict[str, FloatArray] = {}
        self._archive_rate = archive_rate
        self._everyone: IntArray = np.zeros(0, dtype=np.int64)
        self._gap_behind, self._gap = -1, (self._everyone, self._everyone)
        self._ranking: IntArray | None = None
        self._ranks: IntArray | None = None

    @property
    def x(self) -> FloatArray:
        """The points, a view of shape (n, D)."""
        return self.donors[: self.n]

    def everyone(self) -> IntArray:
        """Return all slots in order; the same array, not to be changed, while there are as many."""
        if self._everyone.size != self.n:
            self._everyone = np.arange(self.n)
        return self._everyone

    def points_in(self, slots: IntArray) -> FloatArray:
        """Return the points in some slots, shape (m, D), not to be changed; a view if it is `everyone`."""
        return self.x if slots is self._everyone else self.donors.take(slots, axis=0)

    def donor_rows(self, numbers: IntArray) -> IntArray:
        """Turn numbers of 0 .. n + archive size - 1 (population first, then archive) into rows of `donors`."""
        if self.n == self.initial_size or not self.archive.size:
            return numbers
        if self._gap_behind != self.n:  # as arrays: with plain numbers NumPy takes twice the time
            self._gap_behind = self.n
            self._gap = np.array(self.n), np.array(self.initial_size - self.n)
        end, gap = self._gap
        return numbers + gap * (numbers >= end)

    def ranked(self) -> IntArray:
        """Slots from best to worst (stable; those without a value last), shape (n,)."""
        if self._ranking is None:
            self._ranking = self.f.argsort(kind="stable")
        return self._ranking

    def ranks(self) -> IntArray:
        """Rank of each slot, 0 for the best, shape (n,)."""
        if self._ranks is None:
            self._ranks = np.empty(self.n, dtype=np.int64)
            self._ranks[self.ranked()] = np.arange(self.n)
        return self._ranks

    def worst(self) -> int:
        """Slot of the worst individual that has a value."""
        return int(np.where(np.isnan(self.f), -np.inf, self.f).argmax())

    def put_aside(self, slots: IntArray, u: FloatArray) -> None:
        """Copy individuals into the archive before they are overwritten; for the uniforms u see `Archive.insert`."""
        self.archive.insert(self.donors.take(slots, axis=0), u)

    def replace(self, slots: IntArray, points: FloatArray, f: FloatArray) -> None:
        """Put new individuals into slots."""
        self.donors[slots] = points
        self.f[slots] = f
        self._ranking = self._ranks = None

    def best_in_place(self, size: int) -> IntArray:
        """Choose the best individuals, shape (size,): each in its own slot where it can, else in a deleted one's."""
        ranked = self.ranked()
        survivors = np.arange(size)
        holes = np.sort(ranked[size:])
        holes = holes[: holes.searchsorted(size)]
        if holes.size:  # survivors beyond the new end fill them
            late = np.sort(ranked[:size])
            survivors[holes] = late[late.searchsorted(size) :]
        return survivors

    def moves(self, survivors: IntArray) -> IntArray:
        """Return the new slot of every individual when some are kept, -1 for the deleted, shape (n,)."""
        moved = np.full(self.n, -1)
        moved[survivors] = np.arange(survivors.size)
        return moved

    def keep(self, survivors: IntArray) -> None:
        """Shrink to the individuals in some slots, in that order, and cut the archive in proportion.

        Parameters
        ----------
        survivors : ndarray of int, shape (size,)
            Their old slots, all different.
        """
        size = survivors.size
        into = (survivors != np.arange(size)).nonzero()[0]
        if into.size:
            self.donors[into] = self.donors[survivors[into]]
        self.n, self.f = size, self.f[survivors]
        if self.individual:
            self.individual = {name: column[survivors] for name, column in self.individual.items()}
        self.archive.shrink(int(size * self._archive_rate))
        self._ranking = self._ranks = None

    def renew(self, points: FloatArray, f: FloatArray) -> None:
        """Replace all individuals by others, at most ``initial_size``, f being NaN where unknown; empty the archive."""
        self.n, self.f = len(points), f
        self.donors[: self.n] = points
        self.individual = {}
        self.archive.shrink(0)
        self.archive.capacity = int(self.n * self._archive_rate)
        self._ranking = self._ranks = None

    def state(self) -> dict[str, Any]:
        """Return everything as arrays and numbers."""
        return {
            "initial_size": self.initial_size,
            "x": self.x.copy(),
            "f": self.f.copy(),
            "individual": {name: column.copy() for name, column in self.individual.items()},
            "archive": self.archive.points.copy(),
            "archive_capacity": self.archive.capacity,
        }

    @classmethod
    def restored(cls, state: dict[str, Any], archive_rate: float) -> Population:
        """Build the population that `state` described."""
        size, n = int(state["initial_size"]), len(state["f"])
        self = cls(np.zeros((size, state["x"].shape[1])), archive_rate)
        self.n = n
        self.donors[:n], self.f = state["x"], state["f"].copy()
        self.individual = {name: column.copy() for name, column in state["individual"].items()}
        self.archive.load(state["archive"], int(state["archive_capacity"]))
        return self
