"""RDEx: L-SRTDE with an ordered mutation late in the run and a local perturbation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import numpy as np
import numpy.typing as npt

from autode.de.arrays import FloatArray, IntArray
from autode.de.checks import within
from autode.de.control import cauchy_factor, normal_rate
from autode.de.indices import rank_weighted, scaled
from autode.de.lsrtde import LSRTDE
from autode.de.memory import SuccessHistory, improvement_weights
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
    parameters: ClassVar[tuple[str, ...]] = ("F", "CR", "ordered")

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

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Return 18 D."""
        return 18 * dimension

    def _prepare(self, table: Draws) -> Draws:
        plain = super()._prepare(table)
        return {**plain, "ordered": self._ordered(table), "jump": self._jump(table, plain["stays"])}

    def _ordered(self, table: Draws) -> npt.NDArray[np.bool_]:
        """Tell which trials breed by EB."""
        rate = self._hybrid_rate if self._progress >= self.options["ordered_after"] else 0.0
        return table["ordered"] < rate

    def _sampled(self, table: Draws) -> tuple[FloatArray, FloatArray]:
        at = scaled(table["memory_2"], self._memory.size)  # the last slot is fixed, and not for the others
        ordered = cauchy_factor(self._memory.F[at], table["F_2"]), normal_rate(self._memory.CR[at], table["CR_2"])
        F, CR = (np.where(self._ordered(table), *both) for both in zip(ordered, super()._sampled(table), strict=True))
        return F, CR

    def _ranks(self, table: Draws) -> Draws:
        n = self._population.n
        weights = np.arange(n, 0, -1, dtype=np.float64)
        best = min(n, max(2, int(0.17 * n * (1 - 0.5 * self._progress))))
        pbest = rank_weighted(table["pbest"], weights[:best])
        r1, r2 = rank_weighted(table["r1"], weights), rank_weighted(table["r2"], weights, pbest)
        others, ordered = {"pbest": pbest, "r1": r1, "r2": r2}, self._ordered(table)
        return {name: np.where(ordered, others[name], rank) for name, rank in super()._ranks(table).items()}

    def _jump(self, table: Draws, stays: npt.NDArray[np.bool_]) -> FloatArray:
        """Draw what the local perturbation adds to the genes that do not cross."""
        angle = math.pi * (table["local"].astype(np.float64) - 0.5)  # single precision differs between processors
        step = np.tan(angle) * (0.1 / 200) * (self.box.high - self.box.low)
        perturbed = table["perturb"] < self.options["perturbation"]
        return np.where(stays & perturbed[:, None], step, 0.0)

    def _members(self, ranks: Draws) -> Draws:
        f, members = self._population.f, super()._members(ranks)
        top_f = self._top_f if self._top_f.size >= f.size else f[self._ranking]
        return {**members, "pbest_f": top_f[ranks["pbest"]], "r2_f": top_f[ranks["r2"]]}

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        plain, rows = super()._donors(draws, slots), draws["ordered"].nonzero()[0]
        if not rows.size:
            return plain
        three = np.array(plain)
        f = np.array((draws["pbest_f"][rows], self._population.f[three[1, rows]], draws["r2_f"][rows]))
        three[:, rows] = np.take_along_axis(three[:, rows], f.argsort(axis=0, kind="stable"), axis=0)
        return tuple(three)

    def _cross(self, mutant: FloatArray, parent: FloatArray, control: Columns, draws: Draws) -> None:
        super()._cross(mutant, parent, control, draws)
        mutant += draws["jump"]

    def _adapt(self) -> None:
        _, (delta, _, _, _, ordered) = self._collected()
        super()._adapt()
        earned = np.bincount(ordered > 0, improvement_weights(delta), minlength=2) if delta.size else np.zeros(2)
        self._hybrid_rate = float(earned[1] / earned.sum()) if earned.all() else 0.7

    def _learned(self) -> dict[str, Any]:
        return {**super()._learned(), "hybrid_rate": self._hybrid_rate}

    def _relearn(self, state: dict[str, Any]) -> None:
        super()._relearn(state)
        self._hybrid_rate = float(state["hybrid_rate"])
