"""SaDE: four strategies compete, each with a crossover rate learned from its own successes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from autode.de import mutation
from autode.de.arrays import FloatArray, IntArray
from autode.de.checks import whole
from autode.de.classic import random_donors
from autode.de.control import truncated_normal
from autode.de.optimizer import DifferentialEvolution
from autode.de.strategy import Columns, Common
from autode.de.table import Draws

#: rand/1/bin, rand-to-best/2/bin, rand/2/bin, current-to-rand/1
POOL = 4
CURRENT_TO_RAND = 3


class SaDE(DifferentialEvolution):
    """SaDE (Qin, Huang & Suganthan, IEEE TEC 13(2):398, 2009).

    A trial takes strategy k with probability ``p_k ~ successes / tries + 0.01`` of the last ``learning_period``
    generations (eqs. 14 and 15; equal shares before that), ``F ~ N(0.5, 0.3)``, and ``CR ~ N(CRm_k, 0.1)`` drawn again
    while outside [0, 1]; CRm_k is the median of the strategy's successful CR of that time, 0.5 before. A trial succeeds
    when it takes its slot. The population's default follows the budget; the paper's is 50.

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`. The default repair draws genes outside the bounds anew, as the authors' code does.
    learning_period : int
        LP, generations.
    """

    name = "sade"
    least = 6
    uniforms: ClassVar[tuple[str, ...]] = ("strategy", "CR", "K", "r1", "r2", "r3", "r4", "r5", "jrand")
    normals: ClassVar[tuple[str, ...]] = ("F",)
    parameters: ClassVar[tuple[str, ...]] = ("F", "CR", "K", "strategy")

    def __init__(self, bounds: Any, *, learning_period: int = 50, **common: Unpack[Common]):
        common.setdefault("repair", "redraw")
        options = {"learning_period": whole("learning_period", learning_period, 1)}
        super().__init__(bounds, options=options, **common)
        self._tries: FloatArray = np.zeros((1, POOL))  # a row a generation, the present one last
        self._hits: FloatArray = np.zeros((1, POOL))
        self._good: FloatArray = np.zeros((3, 0))  # strategy, CR and generation of each success

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Return 50."""
        return 50

    def _prepare(self, table: Draws) -> Draws:
        shares, medians = self._learned_rates()
        strategy = np.minimum(shares.cumsum().searchsorted(table["strategy"], side="right"), POOL - 1)
        CR = truncated_normal(medians[strategy], 0.1, table["CR"])
        CR[strategy == CURRENT_TO_RAND] = 1.0  # never crossed
        return {**table, "F": 0.5 + 0.3 * table["F"], "CR": CR, "strategy": strategy}

    def _learned_rates(self) -> tuple[FloatArray, FloatArray]:
        """Probability and CRm of each strategy, shapes (4,)."""
        period = self.options["learning_period"]
        if len(self._tries) <= period:
            return np.full(POOL, 1 / POOL), np.full(POOL, 0.5)
        rate: FloatArray = self._hits[:-1].sum(axis=0) / np.maximum(self._tries[:-1].sum(axis=0), 1) + 0.01
        good = [self._good[1, self._good[0] == k] for k in range(POOL)]
        return rate / rate.sum(), np.array([np.median(some) if some.size else 0.5 for some in good])

    def _control(self, draws: Draws, slots: IntArray) -> Columns:
        self._tries[-1] += np.bincount(draws["strategy"], minlength=POOL)
        return super()._control(draws, slots)

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        best = np.full(slots.size, self._population.ranked()[0])
        return [best, *random_donors(draws, self._population.n, slots, 5)]

    def _mutate(self, parent: FloatArray, donors: Sequence[IntArray], control: Columns) -> FloatArray:
        x, v = self._population.donors, np.empty_like(parent)
        for k in range(POOL):
            rows = (control["strategy"] == k).nonzero()[0]
            base, F = parent[rows], control["F"][rows]
            best, *r = (index[rows] for index in donors)
            if k == 0:
                v[rows] = mutation.rand_1(x, base, r[:3], F)
            elif k == 1:
                v[rows] = mutation.current_to_best_2(x, base, (best, *r[:4]), F)
            elif k == 2:
                v[rows] = mutation.rand_2(x, base, r, F)
            else:
                v[rows] = mutation.current_to_rand_1(x, base, r[:3], F, control["K"][rows])
        return v

    def _survived(self, slots: IntArray, rows: IntArray) -> None:
        rows = rows[self._trials.generation[rows] > 0]
        strategy, CR = self._trials.parameter("strategy")[rows], self._trials.parameter("CR")[rows]
        self._hits[-1] += np.bincount(strategy.astype(np.int64), minlength=POOL)
        self._good = np.hstack((self._good, (strategy, CR, np.full(rows.size, float(self.generations)))))

    def _adapt(self) -> None:
        if self.generations == 0:
            return  # the initial population tried nothing
        period = self.options["learning_period"]
        self._good = self._good[:, self._good[2] > self.generations - period]
        self._tries = np.vstack((self._tries, np.zeros(POOL)))[-period - 1 :]
        self._hits = np.vstack((self._hits, np.zeros(POOL)))[-period - 1 :]

    def _learned(self) -> dict[str, Any]:
        return {"tries": self._tries.copy(), "hits": self._hits.copy(), "good": self._good.copy()}

    def _relearn(self, state: dict[str, Any]) -> None:
        self._tries, self._hits, self._good = (state[name].copy() for name in ("tries", "hits", "good"))
