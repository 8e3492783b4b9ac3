"""L-SHADE-RSP: jSO with rank-based selective pressure on the donors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from autode.de.arrays import IntArray
from autode.de.jso import JSO
from autode.de.pbest import pressured_donors
from autode.de.start import MINIMUM
from autode.de.strategy import Common
from autode.de.table import Draws


class LSHADERSP(JSO):
    """L-SHADE-RSP (Stanovov, Akhmedova & Semenkin, IEEE CEC 2018): second of that competition.

    jSO whose donors r1 and r2 are drawn by rank, weights ``n - rank`` (the authors' code: 3 (n - rank), the same), five
    changing memory slots besides the fixed one, and a share p of best individuals that grows from 0.085 to 0.17. The
    population shrinks with rounding and the archive in proportion to it (authors: truncation, and a plan of its own).

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`.
    memory_size : int
        H = 6 slots, the last of them fixed at 0.9.
    archive_rate, p_start, p_end, lock_terminal, minimum_population
        See `JSO`.
    """

    name = "lshade-rsp"

    def __init__(
        self,
        bounds: Any,
        *,
        memory_size: int = 6,
        archive_rate: float = 1.0,
        p_start: float = 0.085,
        p_end: float = 0.17,
        lock_terminal: bool = True,
        minimum_population: int = MINIMUM,
        **common: Unpack[Common],
    ):
        super().__init__(
            bounds,
            memory_size=memory_size,
            archive_rate=archive_rate,
            p_start=p_start,
            p_end=p_end,
            lock_terminal=lock_terminal,
            minimum_population=minimum_population,
            **common,
        )

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Return ``75 D^(2/3)``, truncated."""
        return int(75 * dimension ** (2 / 3))

    def _prepare(self, table: Draws) -> Draws:
        return {**super()._prepare(table), "r1": table["r1"], "r2": table["r2"]}

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        if self._progress < self.others_until:
            pbest = self._attractors(draws, slots)
        else:
            pbest = self._population.ranked()[draws["pbest"]]
        weights = np.arange(self._population.n, 0, -1, dtype=np.float64)
        return pressured_donors(self._population, draws, pbest, weights)
