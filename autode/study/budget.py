"""Budgets of a study: joules and seconds, over all its runs."""

from __future__ import annotations

import time
from collections.abc import Mapping

from autode.study.history import History


class Budget:
    """What may still be spent.

    Parameters
    ----------
    table : mapping
        ``joules`` and ``seconds``; 0 means no limit.
    history : History
        What was spent; it grows while the run goes on.

    Notes
    -----
    ``joules`` counts measured joules. Only where a study has no measured ones does it count estimates.
    """

    def __init__(self, table: Mapping[str, float], history: History):
        self._joules, self._seconds = float(table["joules"]), float(table["seconds"])
        self._history = history
        self._before_s = history.seconds
        self._since = time.monotonic()

    @property
    def spent_s(self) -> float:
        """Wall time of all runs, this one included."""
        return self._before_s + time.monotonic() - self._since

    @property
    def spent_j(self) -> float:
        """Joules of all attempts that have ended."""
        spent = self._history.measured_j
        return (spent if spent is not None else self._history.estimated_j) or 0.0

    @property
    def exhausted(self) -> bool:
        """Whether no further trial may start."""
        return bool(
            (self._joules and self.spent_j >= self._joules) or (self._seconds and self.spent_s >= self._seconds)
        )
