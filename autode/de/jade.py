"""JADE: F and CR around two means that follow what succeeded."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from autode.de.arrays import FloatArray
from autode.de.checks import within
from autode.de.control import cauchy_factor, normal_rate
from autode.de.memory import SuccessHistory
from autode.de.pbest import best_count
from autode.de.strategy import Common
from autode.de.success import SuccessHistoryDE
from autode.de.table import Draws


class JADE(SuccessHistoryDE):
    """JADE with archive (Zhang & Sanderson, IEEE TEC 13(5):945, 2009): current-to-pbest/1/bin.

    ``F ~ Cauchy(mu_F, 0.1)``, ``CR ~ N(mu_CR, 0.1)``; after each generation ``mu_CR <- (1-c) mu_CR + c mean(S_CR)`` and
    ``mu_F <- (1-c) mu_F + c sum(S_F^2) / sum(S_F)``, unweighted (eqs. 8 to 12). Without a success the means stay; the
    paper's text leaves that open.

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`.
    p : float
        Share of best individuals to be attracted to, (0, 1]; at least two of them.
    c : float
        How fast the means move, [0, 1].
    archive_rate : float
        Archive capacity per individual; 0 turns the archive off.
    """

    name = "jade"

    def __init__(
        self, bounds: Any, *, p: float = 0.05, c: float = 0.1, archive_rate: float = 1.0, **common: Unpack[Common]
    ):
        options = {"p": within("p", p, 0, 1), "c": within("c", c, 0, 1)}
        super().__init__(bounds, SuccessHistory(1), archive_rate, options, **common)

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Return 30, 100 or 400 for D below 30, below 100, and from there on."""
        return 30 if dimension < 30 else 100 if dimension < 100 else 400

    def _best_count(self, table: Draws) -> int:
        return best_count(self.options["p"], self._population.n)

    def _sampled(self, table: Draws) -> tuple[FloatArray, FloatArray]:
        rows = len(table["F"])
        mu_F, mu_CR = np.full(rows, self._memory.F[0]), np.full(rows, self._memory.CR[0])
        return cauchy_factor(mu_F, table["F"]), normal_rate(mu_CR, table["CR"])

    def _adapt(self) -> None:
        F, CR, _ = self._collected()
        self._successes = []
        if F.size:
            c = self.options["c"]
            self._memory.F[0] += c * ((F @ F) / F.sum() - self._memory.F[0])
            self._memory.CR[0] += c * (CR.mean() - self._memory.CR[0])
