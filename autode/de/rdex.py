"""RDEx: L-SRTDE with an ordered mutation late in the run and a local perturbation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from autode.de.arrays import FloatArray, IntArray
from autode.de.checks import within
from autode.de.control import cauchy_factor, normal_rate
from autode.de.indices import rank_weighted, scaled
from autode.de.lsrtde import LSRTDE
from autode.de.memory import SuccessHistory
from autode.de.start import MINIMUM
from autode.de.strategy import Columns, Common
from autode.de.table import Draws


class RDEx(LSRTDE):
    """RDEx (Tao et al., IEEE CEC 2025): winner of that competition; after the released code, not the report's text.

    L-SRTDE with two additions:

    * After 70 % of the budget a trial breeds by "EB" with probability h: three members (one of the best of the top, one
      of the front, one of the top, all by rank with linear weights) are ordered by value, and the mutant is ``x_i + F
      (best - x_i) + F (middle - worst)`` with F and CR of the jSO kind (Cauchy and normal with spread 0.1 around a
      memory slot, or around 0.9). h is EB's share of the improvement of the last generation, 0.7 when either earned
      nothing.
    * With probability ``perturbation`` every gene of a trial that does not cross is drawn from a Cauchy distribution
      around the target's gene. Its scale is 0.1 in the authors' code, on a box from -100 to 100, without repair; here
      it is that share of each coordinate's range, and what leaves the box is drawn anew.

    Parameters
    ----------
    bounds, memory_size, minimum_population, **common
        See `LSRTDE`.
    ordered_after : float
        Share of the budget after which EB begins.
    perturbation : float
        Probability of the local perturbation.
    """

    name = "rdex"
    uniforms: ClassVar[tuple[str, ...]] = (*LSRTDE.uniforms, "ordered", "memory_2", "F_2", "perturb")
    normals: ClassVar[tuple[str, ...]] = ("CR", "CR_2")
    planes: ClassVar[tuple[str, ...]] = ("crossing", "local")
    parameters: ClassVar[tuple[str, ...]] = ("F", "CR", "ordered", "perturbed")

    def __init__(
        self,
        bounds: Any,
        *,
        memory_size: int = 5,
        minimum_population: int = MINIMUM,
        ordered_after: float = 0.7,
        perturbation: float = 0.4,
        **common: Unpack[Common],
    ):
        super().__init__(bounds, memory_size=memory_size, minimum_population=minimum_population, **common)
        self.options["ordered_after"] = within("ordered_after", ordered_after, 0, 1)
        self.options["perturbation"] = within("perturbation", perturbation, 0, 1)
        self._memory = SuccessHistory(
            memory_size, 1.0, 1.0, fixed=0.9, average=True, average_F=False, lehmer_CR=True, undefined=1.0
        )
        self._hybrid_rate = 0.7
        self._earned: FloatArray = np.zeros(2)  # improvement of this generation: plain, ordered

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Return 18 D."""
        return 18 * dimension

    def _prepare(self, table: Draws) -> Draws:
        plain = super()._prepare(table)
        H = self.options["memory_size"]
        CR = normal_rate(self._memory.CR[scaled(table["memory"], H)], table["CR"], 0.05)
        at = scaled(table["memory_2"], H + 1)  # the last one is fixed
        F_2 = cauchy_factor(self._memory.F[at], table["F_2"])
        CR_2 = normal_rate(self._memory.CR[at], table["CR_2"])
        rate = self._hybrid_rate if self._progress >= self.options["ordered_after"] else 0.0
        ordered = table["ordered"] < rate
        chosen = {"F": np.where(ordered, F_2, plain["F"]), "CR": np.where(ordered, CR_2, CR)}
        return {**table, **chosen, "ordered": ordered, "perturbed": table["perturb"] < self.options["perturbation"]}

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        plain = super()._donors(draws, slots)
        if not draws["ordered"].any():
            return plain
        return [np.where(draws["ordered"], a, b) for a, b in zip(self._ordered_donors(draws), plain, strict=True)]

    def _ordered_donors(self, draws: Draws) -> Sequence[IntArray]:
        """Choose three members by rank and order them by value: best, middle, worst."""
        population, n, top = self._population, self._population.n, self._top()
        weights = np.arange(n, 0, -1, dtype=np.float64)
        best = min(n, max(2, int(0.17 * n * (1 - 0.5 * self._progress))))
        pbest = rank_weighted(draws["pbest"], weights[:best])
        r1 = population.ranked()[rank_weighted(draws["r1"], weights)]
        r2 = rank_weighted(draws["r2"], weights, pbest)
        top_f = self._top_f if self._top_f.size >= n else population.f[top]
        three = np.array((top[pbest], r1, top[r2]))
        order = np.array((top_f[pbest], population.f[r1], top_f[r2])).argsort(axis=0, kind="stable")
        return tuple(np.take_along_axis(three, order, axis=0))

    def _cross(self, mutant: FloatArray, parent: FloatArray, control: Columns, draws: Draws) -> None:
        super()._cross(mutant, parent, control, draws)
        rows = control["perturbed"].nonzero()[0]
        if rows.size:
            step = np.tan(math.pi * (draws["local"][rows] - 0.5)) * (0.1 / 200) * (self.box.high - self.box.low)
            kept = draws["crossing"][rows] >= draws["rate"][rows].astype(np.float32)[:, None]
            mutant[rows] += np.where(kept, step, 0.0)

    def _control(self, draws: Draws, slots: IntArray) -> Columns:
        draws["rate"] = draws["CR"].copy()  # crossing replaces the control's CR by the share that did cross
        return {name: np.array(draws[name], dtype=np.float64) for name in self.parameters}

    def _replace_in_turn(self, rows: IntArray, into: IntArray, old: FloatArray) -> None:
        super()._replace_in_turn(rows, into, old)
        delta = self._new[-1][1][2]
        ordered = self._trials.parameter("ordered")[rows] > 0
        self._earned += np.bincount(ordered, np.where(np.isfinite(delta), delta, 0.0), minlength=2)

    def _adapt(self) -> None:
        super()._adapt()
        self._hybrid_rate = float(self._earned[1] / self._earned.sum()) if self._earned.all() else 0.7
        self._earned = np.zeros(2)

    def _learned(self) -> dict[str, Any]:
        return {**super()._learned(), "hybrid_rate": self._hybrid_rate, "earned": self._earned.copy()}

    def _relearn(self, state: dict[str, Any]) -> None:
        super()._relearn(state)
        self._hybrid_rate, self._earned = float(state["hybrid_rate"]), state["earned"].copy()
