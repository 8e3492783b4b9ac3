"""jSO: iL-SHADE with a weighted pull towards the best."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Unpack

from autode.de.start import MINIMUM
from autode.de.steered import SteeredLSHADE, Steps
from autode.de.strategy import Common


class JSO(SteeredLSHADE):
    """jSO (Brest, Maucec & Boskovic, IEEE CEC 2017, pp. 1311-1318): current-to-pbest-w/1, second of that competition.

    F_w = 0.7 F, 0.8 F and 1.2 F in the first 20 %, up to 40 % and after that; F at most 0.7 before 60 % of the budget,
    CR at least 0.7 and 0.6 before 25 and 50 %. The share p of best individuals *shrinks* from 0.25 to 0.125, as in the
    authors' code; the formula printed in the paper grows: ``p_start=0.125, p_end=0.25``.

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`.
    memory_size : int
        H = 5 slots, the last of them fixed at 0.9.
    archive_rate : float
        Archive capacity per individual, 1; some later texts state 2.6.
    p_start, p_end : float
        Share of best individuals to be attracted to, at the start and the end of the budget.
    lock_terminal, minimum_population
        See `LSHADE`.
    """

    name = "jso"
    F_limits: ClassVar[Steps] = ((0.6, 0.7),)
    CR_limits: ClassVar[Steps] = ((0.25, 0.7), (0.5, 0.6))
    F_weights: ClassVar[Steps] = ((0.2, 0.7), (0.4, 0.8), (1.0, 1.2))
    #: M_F at the start.
    initial_mean: ClassVar[float] = 0.3

    def __init__(
        self,
        bounds: Any,
        *,
        memory_size: int = 5,
        archive_rate: float = 1.0,
        p_start: float = 0.25,
        p_end: float = 0.125,
        lock_terminal: bool = True,
        minimum_population: int = MINIMUM,
        **common: Unpack[Common],
    ):
        options = {
            "memory_size": memory_size,
            "archive_rate": archive_rate,
            "p_start": p_start,
            "p_end": p_end,
            "lock_terminal": lock_terminal,
            "minimum_population": minimum_population,
        }
        super().__init__(bounds, self.initial_mean, 0.8, options, **common)

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Return ``25 ln(D) sqrt(D)``, rounded: 182 for D = 10, 466 for D = 30."""
        return max(cls.least, round(25 * math.log(dimension) * math.sqrt(dimension)))
