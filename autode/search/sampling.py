"""Baselines without memory: random search and a grid."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autode.search.proposal import Fitness, Proposal
from autode.space import Space


class _Sampling:
    """Hands out a fixed sequence of configurations; what it is told changes nothing."""

    def __init__(self, space: Space, evaluations: int):
        self.space = space
        self.evaluations = evaluations
        self._asked = 0
        self._out: set[int] = set()

    @property
    def finished(self) -> bool:
        """Whether all proposals were asked and told."""
        return self._asked >= self.evaluations and not self._out

    def ask(self, n: int | None = None) -> list[Proposal]:
        """Return up to ``n`` further proposals."""
        left = self.evaluations - self._asked
        batch = [self._proposal(self._asked + i) for i in range(left if n is None else min(n, left))]
        self._asked += len(batch)
        self._out.update(proposal.id for proposal in batch)
        return batch

    def repeat(self, point: Sequence[float]) -> list[Proposal]:
        """Return the next proposal again."""
        return self.ask(1)

    def tell(self, ids: Sequence[int], fitness: Sequence[Fitness]) -> None:
        """Note that proposals were evaluated."""
        self._out.difference_update(ids)

    def state_dict(self) -> dict[str, Any]:
        """Return how far it has come."""
        return {"asked": self._asked, "out": sorted(self._out)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._asked, self._out = int(state["asked"]), set(state["out"])

    def _proposal(self, number: int) -> Proposal:
        raise NotImplementedError


class RandomSearch(_Sampling):
    """Points drawn uniformly from the unit cube (Bergstra and Bengio, JMLR 13:281, 2012).

    Parameters
    ----------
    space : Space
    evaluations : int
    seed : int
        Proposal ``i`` depends on the seed and ``i`` alone, so a longer search begins like a shorter one.
    """

    def __init__(self, space: Space, evaluations: int, seed: int):
        super().__init__(space, evaluations)
        self._seed = seed

    def _proposal(self, number: int) -> Proposal:
        point = np.random.default_rng([self._seed, number]).random(self.space.dimension)
        return Proposal(number, 0, self.space.decode(point), tuple(point.tolist()))


class GridSearch(_Sampling):
    """All combinations of a lattice, the last hyperparameter changing fastest.

    Parameters
    ----------
    space : Space
    evaluations : int or None
        Stop after so many; None takes the whole grid.
    points : int or mapping of str to int
        Values for each number on its own scale, for all or by name; choices are always all taken.

    Raises
    ------
    ValueError
        If ``points`` names an unknown hyperparameter or is below 1.
    """

    def __init__(self, space: Space, evaluations: int | None = None, points: int | Mapping[str, int] = 5):
        self._lattice = list(itertools.islice(_combinations(space, _points_by_name(space, points)), evaluations))
        super().__init__(space, len(self._lattice))

    def _proposal(self, number: int) -> Proposal:
        params = self._lattice[number]
        return Proposal(number, 0, params, tuple(self.space.encode(params).tolist()))


def _points_by_name(space: Space, points: int | Mapping[str, int]) -> dict[str, int]:
    if not isinstance(points, int | Mapping):
        raise ValueError(f"points must be a whole number or a table of them by hyperparameter, not {points!r}")
    table = (
        dict.fromkeys(space.names, points) if isinstance(points, int) else {**dict.fromkeys(space.names, 5), **points}
    )
    for name, n in table.items():
        if name not in space.names:
            raise ValueError(f"points names {name!r}, which is not in the space ({', '.join(space.names)})")
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"points must be a whole number of at least 1, not {n!r}")
    return table


def _combinations(space: Space, points: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Yield the distinct active configurations of the lattice."""
    axes = [space.hyperparameters[name].lattice(points[name]) for name in space.names]
    seen: set[tuple[Any, ...]] = set()
    for values in itertools.product(*axes):
        params = space.active(dict(zip(space.names, values, strict=True)))
        key = space.key(params)
        if key not in seen:
            seen.add(key)
            yield params
