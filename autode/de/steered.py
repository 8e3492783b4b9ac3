"""The frame of iL-SHADE and its successors: L-SHADE whose F, CR and greed are steered over the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from autode.de import mutation
from autode.de.arrays import FloatArray, IntArray
from autode.de.checks import whole, within
from autode.de.lshade import LSHADE
from autode.de.memory import SuccessHistory
from autode.de.pbest import another_best, best_count, pbest_donors, prepared
from autode.de.start import MINIMUM
from autode.de.strategy import Columns, Common
from autode.de.success import SuccessHistoryDE
from autode.de.table import Draws

#: Pairs (share of the budget, value): the value holds before that share is spent.
Steps = tuple[tuple[float, float], ...]


class SteeredLSHADE(LSHADE):
    """L-SHADE with limits of F and CR early in the run, a share of best individuals that moves, and averaged memory.

    The memory's last slot always holds F = CR = 0.9 (it takes no turn in the updating); the others take the middle of
    the old value and the new weighted Lehmer mean. A slot of M_CR that became terminal stays so, as the papers say; in
    the authors' code the average of -1 and a mean can bring it back.

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`.
    mean_F, mean_CR : float
        M_F and M_CR at the start.
    options : mapping
        memory_size (H, the fixed slot included), archive_rate, p_start, p_end (share of best individuals at the start
        and the end), lock_terminal, minimum_population.
    """

    #: Largest F and smallest CR before a share of the budget is spent.
    F_limits: ClassVar[Steps] = ()
    CR_limits: ClassVar[Steps] = ()
    #: F_w / F of current-to-pbest-w/1 before a share of the budget is spent; (1, 1): plain current-to-pbest/1.
    F_weights: ClassVar[Steps] = ((1.0, 1.0),)
    #: The best are others than the target before this share of the budget (the authors' code).
    others_until: ClassVar[float] = 0.5

    def __init__(
        self, bounds: Any, mean_F: float, mean_CR: float, options: Mapping[str, Any], **common: Unpack[Common]
    ):
        size = whole("memory_size", options["memory_size"], 2)
        lock = options["lock_terminal"]
        memory = SuccessHistory(size - 1, mean_F, mean_CR, fixed=0.9, average=True, lehmer_CR=True, lock_terminal=lock)
        checked = {name: within(name, options[name], 0, 1) for name in ("p_start", "p_end")}
        least = whole("minimum_population", options["minimum_population"], MINIMUM)
        everything = {**options, **checked, "minimum_population": least}
        SuccessHistoryDE.__init__(self, bounds, memory, options["archive_rate"], everything, **common)

    def _best_count(self, table: Draws) -> int:
        start, end = self.options["p_start"], self.options["p_end"]
        return best_count(start + (end - start) * self._progress, self._population.n)

    def _prepare(self, table: Draws) -> Draws:
        F, CR = self._sampled(table)
        done = self._progress
        for until, largest in self.F_limits:
            if done < until:
                F = np.minimum(F, largest)
        for until, smallest in self.CR_limits:
            if done < until:
                CR = np.maximum(CR, smallest)
        donors = prepared(self._table, table, self._population.n, self._best_count(table))
        return {**table, "F": F, "CR": CR, **donors, "u_pbest": table["pbest"]}

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        pbest, r1, r2 = pbest_donors(self._population, draws, slots)
        return (self._attractors(draws, slots) if self._progress < self.others_until else pbest), r1, r2

    def _attractors(self, draws: Draws, slots: IntArray) -> IntArray:
        return another_best(self._population, draws["u_pbest"], self._best_count(draws), slots)

    def _mutate(self, parent: FloatArray, donors: Sequence[IntArray], control: Columns) -> FloatArray:
        weight = next((weight for until, weight in self.F_weights if self._progress < until), self.F_weights[-1][1])
        return mutation.current_to_pbest_1(self._population.donors, parent, donors, control["F"], weight)
