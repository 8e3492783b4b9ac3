"""Which surrogate has the next trial, and where and how far the local one is trusted."""

from __future__ import annotations

from typing import Any

import numpy as np

from autode.de.arrays import FloatArray
from autode.de.evidence import Evidence

WIDE, LOCAL, DENSITY = 0, 1, 2
_FORGET, _LEAST_SHARE = 0.95, 0.2
_GROW, _SHRINK = 1.6, 0.7
_RADIUS, _LARGEST = 0.15, 0.5
_FINEST, _COARSEST = 1e-6, 1e-3
#: A local search that ended leaves this distance (times sqrt(D)) around it to others.
_BASIN = 0.1
_PATIENCE = 4


def smallest_radius(max_evaluations: int) -> float:
    """Choose how fine a local search may become: ``(10 / B)^3``, between 1e-6 and 1e-3.

    A hundred evaluations have better uses than the fourth digit of a coordinate; a thousand can afford the sixth.
    """
    return min(max((10.0 / max_evaluations) ** 3, _FINEST), _COARSEST)


class Allotment:
    """Turns of the surrogates, and the trust region of the local one.

    The local and the wide one share the turns by their success: each one's rate counts its latest trials (older ones
    fade by 0.95 a trial); its share is its part of both rates, at least a fifth. When the densities are ready, every
    second turn of the wide one is theirs.

    Attributes
    ----------
    radius : float
        Half-width of the trust region in the unit cube: 1.6 times as wide after a success, 0.7 times after a failure.
        Below ``smallest`` and after four failures in a row the local search has ended; it begins anew elsewhere.

    Parameters
    ----------
    dimension : int
        Number of coordinates D.
    smallest : float
        See `smallest_radius`.
    """

    def __init__(self, dimension: int, smallest: float = _FINEST) -> None:
        self.radius, self._smallest = _RADIUS, smallest
        self._failures = 0
        self._ended: FloatArray = np.empty((0, dimension))
        self._turn = 0.0
        self._was_wide = False
        self._wins, self._tries = np.zeros(2), np.zeros(2)

    def next(self, is_local_ready: bool, is_density_ready: bool) -> int:
        """Return whose turn it is: `WIDE`, `LOCAL` or `DENSITY`."""
        if is_local_ready:
            rate = (self._wins + 1.0) / (self._tries + 2.0)
            self._turn += min(max(float(rate[LOCAL] / rate.sum()), _LEAST_SHARE), 1.0 - _LEAST_SHARE)
            if self._turn >= 1.0:
                self._turn -= 1.0
                return LOCAL
        self._was_wide = not (self._was_wide and is_density_ready)
        return WIDE if self._was_wide else DENSITY

    def centre(self, evidence: Evidence) -> int:
        """Return the number of the told point that the trust region is about: the best outside of ended searches."""
        y = evidence.y
        if len(self._ended):
            gaps = ((evidence.x[:, None] - self._ended[None]) ** 2).mean(axis=2).min(axis=1)
            free = gaps > _BASIN**2
            if free.any():
                return int(np.where(free, y, np.inf).argmin())
        return int(y.argmin())

    def end_search(self, centre: FloatArray) -> None:
        """Begin elsewhere if the local search about a point, shape (D,), finds nothing more."""
        if self.radius < self._smallest and self._failures >= _PATIENCE:
            self._ended = np.concatenate([self._ended, centre[None]])
            self.radius, self._failures = _RADIUS, 0

    def learn(self, model: int, improved: bool) -> None:
        """Learn whether a surrogate's trial was better than all before it; the densities' turns do not depend on it."""
        if model == DENSITY:
            return
        self._wins *= _FORGET
        self._tries *= _FORGET
        self._wins[model] += improved
        self._tries[model] += 1
        if model == LOCAL:
            self._failures = 0 if improved else self._failures + 1
            self.radius = min(max(self.radius * (_GROW if improved else _SHRINK), 1e-9), _LARGEST)

    def state(self) -> dict[str, Any]:
        """Return everything as arrays and numbers."""
        counted = {"radius": self.radius, "turn": self._turn, "failures": self._failures, "was_wide": self._was_wide}
        return {**counted, "wins": self._wins.copy(), "tries": self._tries.copy(), "ended": self._ended.copy()}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.radius, self._turn, self._failures = float(state["radius"]), float(state["turn"]), int(state["failures"])
        self._was_wide = bool(state["was_wide"])
        self._ended = state["ended"].copy()
        self._wins, self._tries = state["wins"].copy(), state["tries"].copy()
