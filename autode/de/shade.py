"""SHADE: success-history based parameter adaptation for differential evolution."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from autode.de.arrays import FloatArray, IntArray
from autode.de.checks import whole, within
from autode.de.memory import SuccessHistory
from autode.de.strategy import Common
from autode.de.success import SuccessHistoryDE
from autode.de.table import Draws


class SHADE(SuccessHistoryDE):
    """SHADE (Tanabe & Fukunaga, IEEE CEC 2013, pp. 71-78): current-to-pbest/1/bin with archive and memory.

    M_F takes the weighted Lehmer mean of the successful F, M_CR the weighted arithmetic mean of the successful CR,
    weights by improvement. Each trial draws its own ``p_i ~ U(2/N, p_max)``. The authors' released code archives the
    children instead of the beaten parents; this one archives the parents, as the paper says.

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`.
    memory_size : int
        H; the paper uses N = H = 100. With a small budget a short memory (5 to 10) adapts sooner.
    archive_rate : float
        Archive capacity per individual.
    p_max : float
        Largest share of best individuals to be attracted to, (0, 1].
    """

    name = "shade"
    uniforms = (*SuccessHistoryDE.uniforms, "p")

    def __init__(
        self,
        bounds: Any,
        *,
        memory_size: int = 100,
        archive_rate: float = 1.0,
        p_max: float = 0.2,
        **common: Unpack[Common],
    ):
        memory = SuccessHistory(whole("memory_size", memory_size, 1))
        options = {"memory_size": memory_size, "p_max": within("p_max", p_max, 0, 1)}
        super().__init__(bounds, memory, archive_rate, options, **common)

    def _best_count(self, table: Draws) -> IntArray:
        n = self._population.n
        least = 2 / n
        share: FloatArray = least + table["p"] * max(0.0, self.options["p_max"] - least)
        return np.minimum((n * share + 0.5).astype(np.int64), n)
