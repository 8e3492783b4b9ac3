"""The search space: named hyperparameters and their map to points of the unit cube."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from autode.space.conditions import allowed_at, allowed_by, check_condition, parents_first
from autode.space.configspace import hyperparameters_of
from autode.space.hyperparameters import Categorical, Float, Hyperparameter, describe, to_table

Point = npt.NDArray[np.float64]


class Space:
    """Named hyperparameters, in order, and their map to the unit cube.

    Parameters
    ----------
    hyperparameters : mapping of str to Float, Int, Ordinal or Categorical
        ``when={"optimizer": "sgd"}`` (a value or a list of values) makes one active only beside these values of others.

    Raises
    ------
    ValueError
        If the space is empty, a condition names an unknown hyperparameter or an impossible value, or conditions form a
        circle.
    """

    def __init__(self, hyperparameters: Mapping[str, Hyperparameter]):
        if not hyperparameters:
            raise ValueError("the space is empty; expected at least one hyperparameter")
        self.hyperparameters = dict(hyperparameters)
        self.names = tuple(hyperparameters)
        for name, hyperparameter in self.hyperparameters.items():
            check_condition(name, {} if hyperparameter.when is None else hyperparameter.when, self.hyperparameters)
        self._order = parents_first(self.hyperparameters)
        self._conditional = any(h.when for h in self.hyperparameters.values())

    @classmethod
    def from_configspace(cls, configspace: Any) -> Space:
        """Return the space that a ``ConfigSpace.ConfigurationSpace`` describes; see `hyperparameters_of`."""
        return cls(hyperparameters_of(configspace))

    @property
    def dimension(self) -> int:
        """How many coordinates a point has."""
        return len(self.names)

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """The unit cube as a list of (low, high)."""
        return [(0.0, 1.0)] * self.dimension

    def decode(self, point: npt.ArrayLike) -> dict[str, Any]:
        """Return the active hyperparameters at a point of shape (D,), in the order of declaration."""
        coordinates = np.asarray(point, dtype=float).tolist()
        values = {name: h.from_unit(u) for (name, h), u in zip(self.hyperparameters.items(), coordinates, strict=True)}
        return self.active(values) if self._conditional else values

    def decode_many(self, points: npt.ArrayLike) -> list[dict[str, Any]]:
        """Decode points of shape (n, D)."""
        return [self.decode(point) for point in np.asarray(points, dtype=float)]

    def encode(self, params: Mapping[str, Any]) -> Point:
        """Return a point of shape (D,) that decodes to the given hyperparameters; absent ones sit in the middle.

        Raises
        ------
        ValueError
            If a name is unknown, a value lies outside, an active hyperparameter is missing or an inactive one given.
        """
        self.check(params)
        return np.array([h.to_unit(params[n]) if n in params else 0.5 for n, h in self.hyperparameters.items()])

    def check(self, params: Mapping[str, Any]) -> None:
        """Raise ValueError unless ``params`` is exactly one value for each active hyperparameter."""
        for name, value in params.items():
            if name not in self.hyperparameters:
                raise ValueError(f"{name} is not in the space, which has {', '.join(self.names)}")
            if not self.hyperparameters[name].contains(value):
                raise ValueError(f"{name} = {value!r} lies outside {describe(self.hyperparameters[name])}")
        needed = self.active({n: params.get(n) for n in self.names})
        missing = [name for name in needed if name not in params]
        if missing:
            raise ValueError(f"no value for {', '.join(missing)}")
        idle = [name for name in params if name not in needed]
        if idle:
            raise ValueError(f"{', '.join(idle)} is not active beside these values, by its condition (when)")

    def key(self, params: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return a hashable key that is equal for equal configurations."""
        return tuple((name, repr(params[name])) for name in self.names if name in params)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the space as the tables of a workflow file."""
        return {name: to_table(h) for name, h in self.hyperparameters.items()}

    def active(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Keep those of the values whose conditions hold; a hyperparameter needs its parents to be active too."""
        active: set[str] = set()
        for name in self._order:
            when = self.hyperparameters[name].when or {}
            if all(parent in active and allowed_by(values[parent], allowed) for parent, allowed in when.items()):
                active.add(name)
        return {name: values[name] for name in self.names if name in active}

    def active_genes(self, points: Point) -> npt.NDArray[np.bool_]:
        """Tell which coordinates of points, shape (n, D), matter: those of active hyperparameters; shape (n, D)."""
        mask = np.ones(points.shape, dtype=np.bool_)
        column = {name: j for j, name in enumerate(self.names)}
        for name in self._order if self._conditional else ():
            for parent, allowed in (self.hyperparameters[name].when or {}).items():
                j = column[parent]
                mask[:, column[name]] &= mask[:, j] & allowed_at(self.hyperparameters[parent], points[:, j], allowed)
        return mask

    @property
    def conditional(self) -> bool:
        """Whether any hyperparameter has a condition."""
        return self._conditional

    @property
    def continuous(self) -> bool:
        """Whether every point decodes to a configuration of its own: all are real numbers without conditions."""
        return not self._conditional and all(isinstance(h, Float) for h in self.hyperparameters.values())

    @property
    def feature_groups(self) -> npt.NDArray[np.int64]:
        """Number of the hyperparameter that each column of `features` tells of, shape (K,)."""
        width = [len(h.choices) if isinstance(h, Categorical) else 1 for h in self.hyperparameters.values()]
        return np.repeat(np.arange(self.dimension), width)

    def features(self, points: Point) -> Point:
        """Return what an objective sees of points, shape (n, D), as numbers, shape (n, K); equal rows decode equally.

        A number or ordinal becomes its coordinate after rounding, a category one column each, 0 or 1/sqrt(2), so that
        different ones are at distance 1. An inactive number is 0.5, an inactive categorical all 0.
        """
        active = self.active_genes(points)
        columns = []
        for j, h in enumerate(self.hyperparameters.values()):
            u, on = points[:, j], active[:, j]
            if isinstance(h, Categorical):
                columns.append(np.eye(len(h.choices))[h.bins(u)] * (on[:, None] * np.sqrt(0.5)))
            else:
                columns.append(np.where(on, h.snap(u), 0.5)[:, None])
        return np.concatenate(columns, axis=1)

    def __repr__(self) -> str:
        return f"Space({self.hyperparameters!r})"
