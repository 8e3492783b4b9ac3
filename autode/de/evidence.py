"""What the told trials say: their points, what the objective saw of them, and their values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autode.de.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Phenotype:
    """What an objective sees of a point of the unit cube: rounded numbers, chosen categories, no inactive genes.

    Attributes
    ----------
    features : callable
        Takes points (m, D), returns features (m, K) of about unit range; equal rows are one configuration.
    group : ndarray of int, shape (K,)
        Number of the hyperparameter that each feature tells of, from 0 without gaps.
    continuous : bool
        Whether every point is seen as it is.
    active : callable
        Takes points (m, D), tells which hyperparameters they have, shape (m, D).
    """

    features: Callable[[FloatArray], FloatArray]
    group: IntArray
    continuous: bool
    active: Callable[[FloatArray], npt.NDArray[np.bool_]] = lambda points: np.ones(points.shape, dtype=np.bool_)

    @classmethod
    def plain(cls, dimension: int) -> Phenotype:
        """Return the phenotype of a box of real numbers: the point itself."""
        return cls(lambda points: points, np.arange(dimension), True)


class Evidence:
    """Told points in the order of telling; failed ones count as bad as the worst.

    Parameters
    ----------
    phenotype : Phenotype
    dimension : int
        Number of coordinates D.
    """

    def __init__(self, phenotype: Phenotype, dimension: int):
        self.phenotype = phenotype
        self.size = 0
        self._x: FloatArray = np.empty((0, dimension))
        self._y: FloatArray = np.empty(0)
        self._z: FloatArray = np.empty((0, phenotype.group.size))
        self._crowd: npt.NDArray[np.bool_] = np.empty(0, dtype=np.bool_)

    @property
    def x(self) -> FloatArray:
        """Points of the unit cube, shape (n, D)."""
        return self._x[: self.size]

    @property
    def z(self) -> FloatArray:
        """Their features, shape (n, K)."""
        return self._z[: self.size]

    @property
    def y(self) -> FloatArray:
        """Their values, shape (n,); finite if any is."""
        y = self._y[: self.size]
        finite = np.isfinite(y)
        return y if finite.all() or not finite.any() else np.where(finite, y, y[finite].max())

    @property
    def best(self) -> float:
        """The lowest value; inf if there is none."""
        return float(self._y[: self.size].min(initial=np.inf))

    def add(self, x: FloatArray, y: float, crowd: bool = False) -> None:
        """Add a point of shape (D,) with its value; inf means failed. A local search's points are a crowd."""
        if self.size == len(self._y):
            room = max(32, self.size)
            self._x, self._z = np.pad(self._x, ((0, room), (0, 0))), np.pad(self._z, ((0, room), (0, 0)))
            self._y, self._crowd = np.pad(self._y, (0, room)), np.pad(self._crowd, (0, room))
        self._x[self.size], self._y[self.size], self._crowd[self.size] = x, y, crowd
        self._z[self.size] = self.phenotype.features(x[None])[0]
        self.size += 1

    def reassess(self, x: FloatArray, y: float) -> None:
        """Let a told point, shape (D,), have another value."""
        self._y[: self.size][(self.x == x).all(axis=1)] = y

    def selected(self, first: int, most: int, cell: float = 0.0) -> IntArray:
        """Choose at most so many of the first told points, in order: two thirds are the best, the others the latest.

        With a cell width, only those points of the crowd count that are the best of their cell of that width, so that
        a local search does not stand for the whole.
        """
        rows = self.y[:first].argsort(kind="stable")
        if cell > 0:
            _, found = np.unique(np.round(self.z[rows] / cell), axis=0, return_index=True)
            counts = ~self._crowd[rows]
            counts[found] = True
            rows = rows[counts]
        if rows.size > most:
            best, others = np.split(rows, [most * 2 // 3])
            rows = np.concatenate([best, np.sort(others)[best.size - most :]])
        return np.sort(rows)

    def state(self) -> dict[str, Any]:
        """Return points and values as arrays."""
        return {name: a[: self.size].copy() for name, a in (("x", self._x), ("y", self._y), ("crowd", self._crowd))}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.size = len(state["y"])
        self._x, self._y, self._crowd = state["x"].copy(), state["y"].copy(), state["crowd"].copy()
        self._z = self.phenotype.features(self._x).reshape(self.size, self.phenotype.group.size).copy()
