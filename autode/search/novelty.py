"""No configuration twice: one that was proposed before gives way to a new one nearby, while there are any."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autode.space import Int, Ordinal, Space

#: Spaces with no more configurations than this are searched through for one that is new.
COUNTABLE = 20_000
_TRIES = 60


class Novelty:
    """The configurations that were proposed, and how to find others.

    Parameters
    ----------
    space : Space
        Not of real numbers alone: there, none ever comes twice. Beside others a real number does, when crossover takes
        it from the parent and what it changes is rounded to the same value.
    seed : int
        What is found for a proposal depends on the seed, the proposal's id and those before it.
    """

    def __init__(self, space: Space, seed: int):
        self._space, self._seed = space, seed
        self._seen: set[str] = set()
        self._exhausted = False

    def renewed(self, id_: int, params: Mapping[str, Any], point: Sequence[float]) -> tuple[float, ...] | None:
        """Return another point whose configuration is new; None if this one is new, or no new one is left."""
        found = None
        if self._digest(params) in self._seen and not self._exhausted:
            found = self._another(np.asarray(point), np.random.default_rng([self._seed, id_]))
            self._exhausted = found is None and _count(self._space) <= COUNTABLE
        self._seen.add(self._digest(params if found is None else self._space.decode(found)))
        return None if found is None else tuple(found.tolist())

    def note(self, params: Mapping[str, Any]) -> None:
        """Count a configuration among those that were proposed."""
        self._seen.add(self._digest(params))

    def _another(self, point: Any, rng: np.random.Generator) -> Any:
        """Move one more gene at every second try; then look through the whole space if it is small."""
        for attempt in range(_TRIES):
            moved = rng.permutation(point.size) < 1 + attempt // 2
            candidate = np.where(moved, rng.random(point.size), point)
            candidate = np.where(self._space.active_genes(candidate[None])[0], candidate, point)
            if self._is_new(self._space.decode(candidate)):
                return candidate
        if _count(self._space) > COUNTABLE:
            return None
        left = [params for params in _all(self._space) if self._is_new(params)]
        return self._space.encode(left[rng.integers(len(left))]) if left else None

    def _is_new(self, params: Mapping[str, Any]) -> bool:
        return self._digest(params) not in self._seen

    def _digest(self, params: Mapping[str, Any]) -> str:
        return hashlib.blake2b(repr(self._space.key(params)).encode(), digest_size=8).hexdigest()

    def state(self) -> list[str]:
        """Return digests of what was proposed."""
        return sorted(self._seen)

    def load(self, state: Sequence[str]) -> None:
        """Take over what `state` returned."""
        self._seen, self._exhausted = set(state), False


def _count(space: Space) -> float:
    """Return how many combinations of values there are; inf with a real number."""
    sizes = [
        len(h.choices) if isinstance(h, Ordinal) else h.size if isinstance(h, Int) else math.inf
        for h in space.hyperparameters.values()
    ]
    return math.prod(sizes)


def _all(space: Space) -> list[dict[str, Any]]:
    """Return all configurations of a space of countably many values, each once."""
    axes = [list(h.values) for h in space.hyperparameters.values() if isinstance(h, Int | Ordinal)]
    combinations = (dict(zip(space.names, values, strict=True)) for values in itertools.product(*axes))
    return list({space.key(params): params for params in map(space.active, combinations)}.values())
