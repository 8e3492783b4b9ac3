"""L-SRTDE: two populations and an F that follows the success rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from autode.de import mutation
from autode.de.arrays import FloatArray, IntArray
from autode.de.checks import whole
from autode.de.control import normal_rate, truncated_normal
from autode.de.indices import excluding, rank_weighted, scaled
from autode.de.memory import SuccessHistory
from autode.de.optimizer import DifferentialEvolution
from autode.de.reduction import linear_size
from autode.de.start import MINIMUM
from autode.de.strategy import Columns, Common
from autode.de.table import Draws


class LSRTDE(DifferentialEvolution):
    """L-SRTDE (Stanovov & Semenkin, IEEE CEC 2024): winner of that competition.

    * The *front* is the population, the *top* the best of all that succeeded. The mutant of a random front member i is
      ``x_i + F (top_pbest - x_i) + F (front_r1 - top_r2)``, r1 by rank with weights exp(-3 rank/n), r2 other than
      pbest.
    * A trial that is better than or equal to front member i joins the top and is written over the front's members in
      turn, whoever that is. The front shrinks linearly to 4.
    * ``F ~ N(0.4 + 0.25 tanh(5 SR), 0.02)`` within [0, 1], SR the share of successes of the last generation (0.5 at the
      start); pbest is one of the ``max(2, 0.7 n exp(-7 SR))`` best; ``CR ~ N(M_CR, 0.05)``, and the memory learns the
      share of genes that did cross, weighted by improvement.

    The definition is steady-state: each trial meets the front that the one before it left. The asynchronous schedule,
    asked and told one by one, is that. The generational schedule breeds n trials from the front at the start of the
    generation and then settles them one after the other in this order; only the donors are older. Improvement is
    measured before anything is overwritten (the authors' code measures after). The archive's room holds the top.

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`. Genes outside the bounds are drawn anew by default, as in the authors' code.
    memory_size : int
        H slots of M_CR, 1.0 at the start.
    minimum_population : int
        Front size at the end of the budget.
    """

    name = "lsrtde"
    uniforms: ClassVar[tuple[str, ...]] = ("target", "memory", "F", "pbest", "r1", "r2", "jrand")
    normals: ClassVar[tuple[str, ...]] = ("CR",)

    def __init__(
        self, bounds: Any, *, memory_size: int = 5, minimum_population: int = MINIMUM, **common: Unpack[Common]
    ):
        common.setdefault("repair", "redraw")
        least = whole("minimum_population", minimum_population, MINIMUM)
        options = {"memory_size": whole("memory_size", memory_size, 1), "minimum_population": least}
        super().__init__(bounds, archive_rate=1.0, options=options, **common)
        self._memory = SuccessHistory(memory_size, 1.0, 1.0, lehmer_CR=True, average=True, undefined=1.0)
        self._top_f: FloatArray = np.empty(0)
        self._new: list[tuple[FloatArray, FloatArray]] = []  # successes: points (s, D), rows of CR, F, delta and value
        self._success_rate = 0.5
        self._turn = 0

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Return 20 D."""
        return 20 * dimension

    def _next_slots(self, n: int) -> IntArray:
        """Choose targets at random, with replacement; the initial points in order."""
        if self._generation == 0:
            return super()._next_slots(n)
        left = self._table.columns["target"][-self._table.left :]
        return scaled(left[:n], self._population.n)

    def _prepare(self, table: Draws) -> Draws:
        F = truncated_normal(0.4 + 0.25 * math.tanh(5 * self._success_rate), 0.02, table["F"])
        CR = normal_rate(self._memory.CR[scaled(table["memory"], self._memory.size)], table["CR"], 0.05)
        return {**table, "F": F, "CR": CR}

    def _control(self, draws: Draws, slots: IntArray) -> Columns:
        return {"F": draws["F"], "CR": draws["CR"].copy()}  # crossing replaces CR by the share of genes that did cross

    def _top(self) -> IntArray:
        """Rows of the top in ``donors``, best first; the front while there is no top yet."""
        population = self._population
        if self._top_f.size < population.n:
            return population.ranked()
        return population.initial_size + np.arange(population.n)

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        n, top = self._population.n, self._top()
        attractors = min(n, max(2, int(0.7 * n * math.exp(-7 * self._success_rate))))
        pbest = scaled(draws["pbest"], attractors)
        r1 = rank_weighted(draws["r1"], np.exp(-3 * np.arange(n) / n))
        return top[pbest], self._population.ranked()[r1], top[excluding(draws["r2"], n, pbest)]

    def _mutate(self, parent: FloatArray, donors: Sequence[IntArray], control: Columns) -> FloatArray:
        return mutation.current_to_pbest_1(self._population.donors, parent, donors, control["F"])

    def _cross(self, mutant: FloatArray, parent: FloatArray, control: Columns, draws: Draws) -> None:
        crosses = draws["crossing"] < control["CR"].astype(np.float32)[:, None]
        np.copyto(mutant, parent, where=~crosses)
        control["CR"][:] = crosses.mean(axis=1)  # what the memory learns

    def _select(self, rows: IntArray) -> None:
        """Settle trials one after the other, as defined; initial points compete for their own slots."""
        trials, population = self._trials, self._population
        initial = trials.generation[rows] == 0
        if initial.all():
            super()._select(rows)
            return
        if initial.any():
            for some in rows[:, None]:
                self._select(some)
            return
        f, n = population.f, population.n
        won, into, beaten = [], [], []
        numbers = rows.tolist(), trials.slots[rows].tolist(), trials.values[rows].tolist()
        for row, slot, value in zip(*numbers, strict=True):
            old = float(f[slot if slot >= 0 else population.worst()])
            if not value > old:
                won.append(row)
                into.append(self._turn)
                beaten.append(old)
                f[self._turn] = value
                self._turn = (self._turn + 1) % n
        if won:
            self._replace_in_turn(np.array(won), np.array(into), np.array(beaten))

    def _replace_in_turn(self, rows: IntArray, into: IntArray, old: FloatArray) -> None:
        trials = self._trials
        points, values = trials.x[rows], trials.values[rows]
        with np.errstate(over="ignore", invalid="ignore"):
            delta = np.where(old > values, old - values, 0.0)  # also against an occupant without a value
        numbers = np.array((trials.parameter("CR")[rows], trials.parameter("F")[rows], delta, values))
        self._new.append((points, numbers))
        self._population.replace(into, points, values)

    def _collected(self) -> tuple[FloatArray, FloatArray]:
        points, numbers = zip(*self._new, strict=True) if self._new else ([], [])
        return np.concatenate([np.empty((0, self.box.dimension)), *points]), np.hstack([np.empty((4, 0)), *numbers])

    def _adapt(self) -> None:
        population, (points, numbers) = self._population, self._collected()
        self._new = []
        if self.generations == 0:
            points, values = population.x, population.f
        else:
            CR, F, delta, values = numbers
            self._success_rate = values.size / population.n
            self._memory.update(F, CR, delta)
        all_f = np.concatenate((self._top_f, values))
        best = all_f.argsort(kind="stable")[: population.n]
        self._top_f = all_f[best]
        population.archive.load(np.concatenate((population.archive.points, points))[best], population.n)

    def _planned_size(self) -> int:
        first = self._population.initial_size
        size = linear_size(first, min(first, self.options["minimum_population"]), self.nfev, self.max_evaluations)
        self._top_f = self._top_f[:size]
        self._turn %= size
        return size

    def _learned(self) -> dict[str, Any]:
        points, numbers = self._collected()
        rest = {"top_f": self._top_f.copy(), "success_rate": self._success_rate, "turn": self._turn}
        return {"memory": self._memory.state(), "points": points, "numbers": numbers, **rest}

    def _relearn(self, state: dict[str, Any]) -> None:
        self._memory.load(state["memory"])
        self._new = [(state["points"].copy(), state["numbers"].copy())]
        self._top_f, self._turn = state["top_f"].copy(), int(state["turn"])
        self._success_rate = float(state["success_rate"])
