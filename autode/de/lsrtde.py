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
from autode.de.crossover import crossing
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

    The definition is sequential (steady-state): each trial meets the front that the one before it left; the ranking of
    the front, the top and all parameters stay those of the generation's start. The generational schedule is that
    definition. A trial reads two members of the front, and the k-th trial from now cannot find more than the next k - 1
    places overwritten, whatever the values are: so `ask` gives the longest run of trials none of which reads a place
    that an earlier one may overwrite, about ``sqrt(n)`` of them, and what comes out is bit for bit what trials asked
    and told one by one give. The asynchronous schedule gives any number at once, bred from the front of that moment.
    Improvement is measured before anything is overwritten (the authors' code measures after). The archive's room holds
    the top.

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
        self._new: list[tuple[FloatArray, FloatArray]] = []  # successes: points (s, D); delta, value, control (c, s)
        self._success_rate = 0.5
        self._turn = 0
        self._reads: list[tuple[int, int]] = []  # places of the front that each trial of the generation reads
        self._ranking: IntArray = np.empty(0, dtype=np.int64)  # the front at the generation's start; empty: to be made

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Return 20 D."""
        return 20 * dimension

    def _next_slots(self, n: int) -> IntArray:
        """Choose targets at random, with replacement; the initial points in order."""
        if self._generation == 0:
            return super()._next_slots(n)
        if self._prepared is None:
            self._prepared = self._prepare(self._table.columns)
        start = self._table.rows - self._table.left
        targets: IntArray = self._prepared["target"][start : start + n]
        if self.schedule == "asynchronous":
            return targets
        return targets[: self._independent(start, targets.size)]

    def _independent(self, start: int, n: int) -> int:
        """Count the trials, at most n from a row on, that read no place an earlier one of them may overwrite."""
        size, turn, reads = self._population.n, self._turn, self._reads
        for k in range(n):
            target, r1 = reads[start + k]
            if (target - turn) % size < k or (r1 - turn) % size < k:
                return k
        return n

    def _prepare(self, table: Draws) -> Draws:
        if not self._ranking.size:
            self._ranking = self._population.ranked()
        F, CR = self._sampled(table)
        crosses = crossing(table["crossing"], CR)
        control = {"F": F, "CR": crosses.mean(axis=1), "stays": ~crosses}  # the memory learns the share that did cross
        fresh = {"redraw": table["redraw"]} if "redraw" in table else {}
        target, members = scaled(table["target"], self._population.n), self._members(self._ranks(table))
        self._reads = list(zip(target.tolist(), members["r1"].tolist(), strict=True))
        return {**control, "target": target, **members, **fresh}

    def _sampled(self, table: Draws) -> tuple[FloatArray, FloatArray]:
        """Draw F, and CR around a random slot of the memory."""
        F = truncated_normal(0.4 + 0.25 * math.tanh(5 * self._success_rate), 0.02, table["F"])
        CR = self._memory.CR[scaled(table["memory"], self.options["memory_size"])]
        return F, normal_rate(CR, table["CR"], 0.05)

    def _ranks(self, table: Draws) -> Draws:
        """Choose donors by rank: pbest and r2 in the top, r1 in the front."""
        n = self._population.n
        attractors = min(n, max(2, int(0.7 * n * math.exp(-7 * self._success_rate))))
        pbest = scaled(table["pbest"], attractors)
        r1 = rank_weighted(table["r1"], np.exp(-3 * np.arange(n) / n))
        return {"pbest": pbest, "r1": r1, "r2": excluding(table["r2"], n, pbest)}

    def _members(self, ranks: Draws) -> Draws:
        """Turn ranks into rows of ``donors``."""
        top = self._top()
        return {"pbest": top[ranks["pbest"]], "r1": self._ranking[ranks["r1"]], "r2": top[ranks["r2"]]}

    def _top(self) -> IntArray:
        """Rows of the top in ``donors``, best first; the front while there is no top yet."""
        population = self._population
        if self._top_f.size < population.n:
            return self._ranking
        return population.initial_size + np.arange(population.n)

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        return draws["pbest"], draws["r1"], draws["r2"]

    def _mutate(self, parent: FloatArray, donors: Sequence[IntArray], control: Columns) -> FloatArray:
        return mutation.current_to_pbest_1(self._population.donors, parent, donors, control["F"])

    def _cross(self, mutant: FloatArray, parent: FloatArray, control: Columns, draws: Draws) -> None:
        np.copyto(mutant, parent, where=draws["stays"])

    def _settle_batch(self) -> None:
        rows = np.arange(self._trials.size)
        self._since_tick += rows.size
        if self._generation:
            self._take_turns(rows)
        else:
            super()._select(rows)
        self._trials.clear()
        if self._since_tick >= self._population.n:
            self._end_generation()

    def _select(self, rows: IntArray) -> None:
        """Settle trials one after the other, as defined; initial points compete for their own slots."""
        initial = self._trials.generation.take(rows) == 0
        if not np.count_nonzero(initial):
            self._take_turns(rows)
        elif np.count_nonzero(initial) == rows.size:
            super()._select(rows)
        else:
            for some in rows[:, None]:
                self._select(some)

    def _take_turns(self, rows: IntArray) -> None:
        """Let those that are not worse than their targets overwrite the front in turn."""
        trials, population = self._trials, self._population
        f, n = population.f, population.n
        won, into, learned = [], [], []
        numbers = rows.tolist(), trials.slots.take(rows).tolist(), trials.values.take(rows).tolist()
        for row, slot, value in zip(*numbers, strict=True):
            old = f.item(slot if slot >= 0 else population.worst())
            if not value > old:
                won.append(row)
                into.append(self._turn)
                learned.append((old - value if old > value else 0.0, value))  # also against one without a value
                f[self._turn] = value
                self._turn = (self._turn + 1) % n
        if won:
            self._replace_in_turn(np.array(won), np.array(into), np.array(learned))

    def _replace_in_turn(self, rows: IntArray, into: IntArray, learned: FloatArray) -> None:
        trials = self._trials
        points, values = trials.x.take(rows, axis=0), learned[:, 1]
        numbers = np.empty((2 + len(self.parameters), rows.size))
        numbers[:2] = learned.T
        for row, name in enumerate(self.parameters, start=2):
            numbers[row] = trials.parameter(name).take(rows)
        self._new.append((points, numbers))
        self._population.replace(into, points, values)

    def _collected(self) -> tuple[FloatArray, FloatArray]:
        points, numbers = zip(*self._new, strict=True) if self._new else ([], [])
        none = np.empty((2 + len(self.parameters), 0))
        return np.concatenate([np.empty((0, self.box.dimension)), *points]), np.hstack([none, *numbers])

    def _adapt(self) -> None:
        population, (points, numbers) = self._population, self._collected()
        self._new, self._ranking = [], self._ranking[:0]
        if self.generations == 0:
            points, values = population.x, population.f
        else:
            delta, values, F, CR = numbers[:4]
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

    def _survivors(self, size: int) -> IntArray:
        """Keep the order in which the places are overwritten."""
        return np.sort(self._population.ranked()[:size])

    def _learned(self) -> dict[str, Any]:
        points, numbers = self._collected()
        rest = {"success_rate": self._success_rate, "turn": self._turn, "ranking": self._ranking.copy()}
        top = {"top_f": self._top_f.copy(), "points": points, "numbers": numbers}
        return {"memory": self._memory.state(), **top, **rest}

    def _relearn(self, state: dict[str, Any]) -> None:
        self._memory.load(state["memory"])
        self._new = [(state["points"].copy(), state["numbers"].copy())]
        self._top_f, self._turn = state["top_f"].copy(), int(state["turn"])
        self._ranking = state["ranking"].copy()
        self._success_rate = float(state["success_rate"])
