"""Which surrogate has the next trial, and how far the local one is trusted."""

from __future__ import annotations

from typing import Any

import numpy as np

WIDE, LOCAL = 0, 1
_FORGET, _LEAST_SHARE = 0.95, 0.2
_GROW, _SHRINK = 1.6, 0.7
_RADIUS, _SMALLEST, _LARGEST = 0.15, 1e-9, 0.5


class Allotment:
    """Turns of two surrogates by their success, and the trust region of the local one.

    A surrogate's success rate counts its latest trials (older ones fade by 0.95 a trial); its share of the turns is its
    part of both rates, at least a fifth.

    Attributes
    ----------
    radius : float
        Half-width of the trust region in the unit cube: 1.6 times as wide after a success, 0.7 times after a failure.
    """

    def __init__(self) -> None:
        self.radius = _RADIUS
        self._turn = 0.0
        self._wins, self._tries = np.zeros(2), np.zeros(2)

    def next(self) -> int:
        """Return whose turn it is, `WIDE` or `LOCAL`."""
        rate = (self._wins + 1.0) / (self._tries + 2.0)
        self._turn += min(max(float(rate[LOCAL] / rate.sum()), _LEAST_SHARE), 1.0 - _LEAST_SHARE)
        if self._turn < 1.0:
            return WIDE
        self._turn -= 1.0
        return LOCAL

    def learn(self, model: int, improved: bool) -> None:
        """Learn whether a surrogate's trial was better than all before it."""
        self._wins *= _FORGET
        self._tries *= _FORGET
        self._wins[model] += improved
        self._tries[model] += 1
        if model == LOCAL:
            self.radius = min(max(self.radius * (_GROW if improved else _SHRINK), _SMALLEST), _LARGEST)

    def state(self) -> dict[str, Any]:
        """Return everything as arrays and numbers."""
        return {"radius": self.radius, "turn": self._turn, "wins": self._wins.copy(), "tries": self._tries.copy()}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.radius, self._turn = float(state["radius"]), float(state["turn"])
        self._wins, self._tries = state["wins"].copy(), state["tries"].copy()
