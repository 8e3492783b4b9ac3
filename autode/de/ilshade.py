"""iL-SHADE: L-SHADE with steered limits of F and CR and an averaged memory."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from autode.de.start import MINIMUM
from autode.de.steered import SteeredLSHADE, Steps
from autode.de.strategy import Common


class ILSHADE(SteeredLSHADE):
    """iL-SHADE (Brest, Maucec & Boskovic, IEEE CEC 2016, pp. 1188-1195).

    M_F starts at 0.5, M_CR at 0.8; the share p of best individuals grows from 0.1 to 0.2; the first 25, 50 and 75 % of
    the budget limit F to 0.7, 0.8 and 0.9, the first 25 and 50 % hold CR above 0.5 and 0.25.

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`.
    memory_size : int
        H = 6 slots, the last of them fixed at 0.9.
    archive_rate : float
        Archive capacity per individual.
    p_start, p_end : float
        Share of best individuals to be attracted to, at the start and the end of the budget.
    lock_terminal, minimum_population
        See `LSHADE`.
    """

    name = "ilshade"
    F_limits: ClassVar[Steps] = ((0.25, 0.7), (0.5, 0.8), (0.75, 0.9))
    CR_limits: ClassVar[Steps] = ((0.25, 0.5), (0.5, 0.25))

    def __init__(
        self,
        bounds: Any,
        *,
        memory_size: int = 6,
        archive_rate: float = 2.6,
        p_start: float = 0.1,
        p_end: float = 0.2,
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
        super().__init__(bounds, 0.5, 0.8, options, **common)

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Return 12 D."""
        return 12 * dimension
