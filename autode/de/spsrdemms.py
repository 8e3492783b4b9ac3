"""SPSRDEMMS: jDE in two parts, one around the best vector, in a population that is halved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from autode.de.arrays import FloatArray, IntArray
from autode.de.checks import whole
from autode.de.jde import JDE
from autode.de.strategy import Columns, Common


class SPSRDEMMS(JDE):
    """SPSRDEMMS (Zamuda, Brest & Mezura-Montes, IEEE CEC 2013, pp. 1925-1931).

    * jDE control; F and CR start at random. Binomial crossover without a forced gene, bounds clipped, and a trial must
      be strictly better, as in the authors' C++.
    * The last ``best_part`` slots (at most half of the population) breed by best/1 around x_bb, a best vector kept
      apart; the others by rand/1. x_bb takes the best of the rand part when that is better; x_bb replaces the rand
      part's best member when it is better itself and the mean ratio of its coordinates (in the unit cube) to those at
      the last exchange left [0.5, 1.5].
    * After each quarter of the budget (``stages``) the population is halved: slot i keeps the better of x_i and
      x_{n/2+i}; never below ``minimum_population``.

    In the authors' code x_bb moves after every single trial of the best part. The generational schedule breeds that
    part at once and moves x_bb after the generation; the asynchronous schedule moves it with every trial told.

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`.
    best_part : int
        Slots that breed around x_bb.
    stages : int
        p_max: how many population sizes share the budget.
    minimum_population : int
        No halving below it.
    """

    name = "spsrdemms"
    forced = False
    strict = True
    parameters: ClassVar[tuple[str, ...]] = ("F", "CR", "around_best")

    def __init__(
        self,
        bounds: Any,
        *,
        best_part: int = 6,
        stages: int = 4,
        minimum_population: int = 10,
        **common: Unpack[Common],
    ):
        common.setdefault("repair", "clip")
        super().__init__(bounds, **common)
        self.options["best_part"] = whole("best_part", best_part, 0)
        self.options["stages"] = whole("stages", stages, 1)
        self.options["minimum_population"] = whole("minimum_population", minimum_population, self.least)
        D = self.box.dimension
        self._bb: FloatArray = np.full(D + 1, np.nan)  # x_bb and its value
        self._exchanged: FloatArray = np.full(D, np.nan)  # x_bb at its last exchange with the rand part
        self._stage_began = 0

    def _individual(self, rng: np.random.Generator, n: int) -> Columns:
        return {"F": rng.uniform(0.1, 1.0, n), "CR": rng.random(n)}

    def _rand_part(self) -> int:
        """Count the slots that breed by rand/1."""
        n = self._population.n
        return n - min(int(self.options["best_part"]), n // 2)

    def _control(self, draws: dict[str, Any], slots: IntArray) -> Columns:
        around = (slots >= self._rand_part()) & np.isfinite(self._bb[-1])
        return {**super()._control(draws, slots), "around_best": around.astype(np.float64)}

    def _mutate(self, parent: FloatArray, donors: Sequence[IntArray], control: Columns) -> FloatArray:
        x = self._population.donors
        r1, r2, r3 = donors
        v = x.take(r2, axis=0)
        v -= x.take(r3, axis=0)
        v *= control["F"][:, None]
        base = x.take(r1, axis=0)
        base[control["around_best"] > 0] = self._bb[:-1]
        v += base
        return v

    def _survived(self, slots: IntArray, rows: IntArray) -> None:
        super()._survived(slots, rows)
        values = self._trials.values[rows]
        mine = (slots >= self._rand_part()).nonzero()[0]
        if mine.size:
            k = mine[values[mine].argmin()]
            if not values[k] >= self._bb[-1] and np.isfinite(values[k]):
                self._bb = np.append(self._trials.x[rows[k]], values[k])
                if np.isnan(self._exchanged[0]):
                    self._exchanged = self._bb[:-1].copy()

    def _adapt(self) -> None:
        """Exchange the best between the parts."""
        population, part = self._population, self._rand_part()
        f = population.f[:part]
        k = int(np.where(np.isnan(f), np.inf, f).argmin())
        if self._bb[-1] < f[k] and self._wandered():
            population.replace(np.array([k]), self._bb[None, :-1], self._bb[-1:])
            self._exchanged = self._bb[:-1].copy()
        elif not f[k] >= self._bb[-1] and np.isfinite(f[k]):
            self._bb = np.append(population.x[k], f[k])
            self._exchanged = self._bb[:-1].copy()

    def _wandered(self) -> bool:
        """Whether x_bb is far, by the mean ratio of unit coordinates, from where it was at the last exchange."""
        width = np.where(self.box.high > self.box.low, self.box.high - self.box.low, 1.0)
        now, then = (self._bb[:-1] - self.box.low) / width, (self._exchanged - self.box.low) / width
        known = then > 0
        ratio = float((now[known] / then[known]).sum()) / then.size
        return not 0.5 <= ratio <= 1.5

    def _planned_size(self) -> int:
        n = self._population.n
        half = (n + 1) // 2
        spent = self.nfev - self._stage_began
        if spent < self.max_evaluations / self.options["stages"] or half < self.options["minimum_population"]:
            return n
        self._stage_began = self.nfev
        return half

    def _survivors(self, size: int) -> IntArray:
        f = np.where(np.isnan(self._population.f), np.inf, self._population.f)
        survivors = np.arange(size)
        pairs = f.size - size  # an odd population leaves one without a partner
        survivors[:pairs] += size * (f[size:] < f[:pairs])
        return survivors

    def _learned(self) -> dict[str, Any]:
        return {"bb": self._bb.copy(), "exchanged": self._exchanged.copy(), "stage_began": self._stage_began}

    def _relearn(self, state: dict[str, Any]) -> None:
        self._bb, self._exchanged = state["bb"].copy(), state["exchanged"].copy()
        self._stage_began = int(state["stage_began"])
