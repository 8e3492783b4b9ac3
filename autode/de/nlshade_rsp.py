"""NL-SHADE-RSP: non-linear population reduction, an archive used as far as it pays, two crossovers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from autode.de import crossover
from autode.de.arrays import FloatArray, IntArray
from autode.de.checks import whole, within
from autode.de.indices import excluding, rank_weighted, scaled
from autode.de.memory import SuccessHistory
from autode.de.pbest import another_best, best_count
from autode.de.reduction import nonlinear_size
from autode.de.start import MINIMUM
from autode.de.strategy import Columns, Common
from autode.de.success import SuccessHistoryDE
from autode.de.table import Draws


class NLSHADERSP(SuccessHistoryDE):
    """NL-SHADE-RSP (Stanovov, Akhmedova & Semenkin, IEEE CEC 2021, pp. 809-816).

    * current-to-pbest/1; r2 comes from the archive with probability p_A, else by rank with weights exp(-rank/n). p_A
      follows the share of the improvement that each source earned per use, within 0.1 and 0.9 (0.5 before).
    * A coin decides for each generation between exponential crossover (not around the end) and binomial crossover with
      rate 0 in the first half of the budget, then ``2 (nfev/budget - 0.5)``. The sampled CR are sorted: the better the
      target, the smaller its CR; they are what the memory learns, as in the authors' code.
    * The population follows ``N = (N_min - N_max) r^(1-r) + N_max``, r the share of the budget; the share of best
      individuals grows from 0.2 to 0.4 as in the code (the text says it shrinks).

    Improvements are absolute as in the paper (the code divides them by the parent's value, which depends on an offset
    of the objective); a generation without success leaves the memory alone (code: its slot becomes 0.5).

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`. Genes outside the bounds are drawn anew by default, as in the paper.
    memory_size : int or None
        H; None: 20 D.
    archive_rate : float
        Archive capacity per individual, 2.1; the code has 2.6.
    p_start, p_end : float
        Share of best individuals at the start and the end.
    minimum_population : int
        N_min at the end of the budget.
    """

    name = "nlshade-rsp"
    uniforms: ClassVar[tuple[str, ...]] = (*SuccessHistoryDE.uniforms, "source", "length", "coin")
    parameters: ClassVar[tuple[str, ...]] = ("F", "CR", "archive", "archived")

    def __init__(
        self,
        bounds: Any,
        *,
        memory_size: int | None = None,
        archive_rate: float = 2.1,
        p_start: float = 0.2,
        p_end: float = 0.4,
        minimum_population: int = MINIMUM,
        **common: Unpack[Common],
    ):
        common.setdefault("repair", "redraw")
        options = {
            "memory_size": memory_size,
            "p_start": within("p_start", p_start, 0, 1),
            "p_end": within("p_end", p_end, 0, 1),
            "minimum_population": whole("minimum_population", minimum_population, MINIMUM),
        }
        super().__init__(bounds, SuccessHistory(1), archive_rate, options, **common)
        size = 20 * self.box.dimension if memory_size is None else whole("memory_size", memory_size, 1)
        self._memory = SuccessHistory(size, 0.2, 0.2, lehmer_CR=True, undefined=0.5)
        self._archive_share = 0.5
        self._earned: FloatArray = np.zeros((2, 2))  # uses and improvement; r2 from the population, from the archive

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Return 30 D."""
        return 30 * dimension

    def _best_count(self, table: Draws) -> int:
        start, end = self.options["p_start"], self.options["p_end"]
        return best_count(start + (end - start) * self._progress, self._population.n)

    def _prepare(self, table: Draws) -> Draws:
        F, CR = self._sampled(table)
        self._sorted_CR = np.sort(CR)
        self._by_run = bool(table["coin"][0] < 0.5)
        rate = max(0.0, 2 * (self._progress - 0.5))
        return {**table, "F": F, "CR": CR, "rate": np.full(CR.size, rate)}

    def _control(self, draws: Draws, slots: IntArray) -> Columns:
        CR = self._sorted_CR[np.minimum(self._population.ranks()[slots], self._sorted_CR.size - 1)]
        archived = (draws["source"] < self._archive_share) & (self._population.archive.size > 0)
        self._earned[0] += np.bincount(archived, minlength=2)
        return {"F": draws["F"], "CR": CR, "archive": draws["archive"], "archived": archived.astype(np.float64)}

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        population = self._population
        n, ranked, ranks = population.n, population.ranked(), population.ranks()
        pbest = another_best(population, draws["pbest"], self._best_count(draws), slots)
        r1 = excluding(draws["r1"], n, pbest)
        own = np.where((slots == pbest) | (slots == r1), -1, ranks[slots])
        r2 = ranked[rank_weighted(draws["r2"], np.exp(-np.arange(n) / n), ranks[pbest], ranks[r1], own)]
        archived = draws["source"] < self._archive_share
        if population.archive.size and archived.any():
            r2 = np.where(archived, population.initial_size + scaled(draws["r2"], population.archive.size), r2)
        return pbest, r1, r2

    def _cross(self, mutant: FloatArray, parent: FloatArray, control: Columns, draws: Draws) -> None:
        if not self._by_run:
            crossover.binomial(mutant, parent, draws["rate"], draws["crossing"])
            return
        dimension = self.box.dimension
        length = crossover.run_lengths(draws["length"], control["CR"], dimension)
        crossover.exponential(mutant, parent, scaled(draws["jrand"], dimension), length, wrap=False)

    def _succeeded(self, rows: IntArray, slots: IntArray, delta: FloatArray) -> None:
        super()._succeeded(rows, slots, delta)
        archived = self._trials.parameter("archived")[rows] > 0
        finite = np.where(np.isfinite(delta), delta, 0.0)
        self._earned[1] += finite[~archived].sum(), finite[archived].sum()

    def _adapt(self) -> None:
        super()._adapt()
        uses, gain = self._earned
        per_use = gain / np.maximum(uses, 1)
        both = per_use.sum()
        self._archive_share = min(0.9, max(0.1, per_use[1] / both)) if per_use[1] > 0 else 0.5
        self._earned = np.zeros((2, 2))

    def _planned_size(self) -> int:
        first = self._population.initial_size
        return nonlinear_size(first, min(first, self.options["minimum_population"]), self.nfev, self.max_evaluations)

    def _learned(self) -> dict[str, Any]:
        return {**super()._learned(), "archive_share": self._archive_share, "earned": self._earned.copy()}

    def _relearn(self, state: dict[str, Any]) -> None:
        super()._relearn(state)
        self._archive_share, self._earned = float(state["archive_share"]), state["earned"].copy()
