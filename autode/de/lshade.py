"""L-SHADE: SHADE with linear population size reduction."""

from __future__ import annotations

from typing import Any, Unpack

from autode.de.checks import whole, within
from autode.de.memory import SuccessHistory
from autode.de.pbest import best_count
from autode.de.reduction import linear_size
from autode.de.start import MINIMUM
from autode.de.strategy import Common
from autode.de.success import SuccessHistoryDE
from autode.de.table import Draws


class LSHADE(SuccessHistoryDE):
    """L-SHADE (Tanabe & Fukunaga, IEEE CEC 2014, pp. 1658-1665): SHADE whose population shrinks linearly.

    Both memories take weighted Lehmer means; a slot of M_CR becomes terminal (CR = 0) when all successful CR were 0.
    The paper's population is 18 D for a budget of 10000 D; here the default follows the budget (`default_size`).

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`.
    memory_size : int
        H = 6 as in the paper; the authors' later releases use 5.
    archive_rate : float
        r_arc = 2.6 as in the paper; the later releases use 1.4.
    p : float
        Share of best individuals to be attracted to, (0, 1]; at least two of them.
    lock_terminal : bool
        Whether a terminal slot stays so (the paper); in the authors' C++ it can come back.
    minimum_population : int
        N_min at the end of the budget.
    """

    name = "lshade"

    def __init__(
        self,
        bounds: Any,
        *,
        memory_size: int = 6,
        archive_rate: float = 2.6,
        p: float = 0.11,
        lock_terminal: bool = True,
        minimum_population: int = MINIMUM,
        **common: Unpack[Common],
    ):
        memory = SuccessHistory(whole("memory_size", memory_size, 1), lehmer_CR=True, lock_terminal=lock_terminal)
        options = {
            "memory_size": memory_size,
            "p": within("p", p, 0, 1),
            "lock_terminal": lock_terminal,
            "minimum_population": whole("minimum_population", minimum_population, MINIMUM),
        }
        super().__init__(bounds, memory, archive_rate, options, **common)

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Return 18 D."""
        return 18 * dimension

    def _best_count(self, table: Draws) -> int:
        return best_count(self.options["p"], self._population.n)

    def _planned_size(self) -> int:
        first = self._population.initial_size
        last = min(first, self.options["minimum_population"])
        return linear_size(first, last, self.nfev, self.max_evaluations)
