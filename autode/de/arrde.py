"""ARRDE: L-SHADE that restarts when it has converged and refines what it found, for budgets of any size."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Unpack

import numpy as np

from autode.de.arrays import FloatArray, IntArray
from autode.de.checks import whole, within
from autode.de.control import cauchy_factor, normal_rate
from autode.de.indices import scaled
from autode.de.memory import SuccessHistory
from autode.de.pbest import best_count
from autode.de.start import default_size
from autode.de.strategy import Columns, Common
from autode.de.success import SuccessHistoryDE
from autode.de.table import Draws

#: Share of the budget after which the last refinement begins.
LAST = 0.9


class ARRDE(SuccessHistoryDE):
    """ARRDE, adaptive restart-refine DE (Muzakka et al., arXiv 2511.18429, 2025; after the authors' code).

    * current-to-pbest/1 with an archive of N, p = 0.11, averaged memory (M_F 0.3, M_CR 0.8 at the start) whose last
      slot becomes 0.9 when it had its turn; F and CR spread by 0.05, limited as in jSO during the first run.
    * N falls from N_init to D/2 over 90 % of the budget, rises again to ``max(2 D, N_init/4)`` and falls quadratically.
    * When ``std(f) <= tolerance |mean(f)|`` the population is recorded and another begins. A restart takes random
      points, coordinate by coordinate outside the mean +- std of recorded populations. A refinement takes recorded
      individuals and memories, without new evaluations. After the first run and after a refinement comes a restart;
      after a restart another one if it found nothing better, at most ``1 + 4 nfev/budget`` of them, else a refinement.
      At 90 % of the budget the last refinement begins, with the best individual.

    The records hold converged populations; a refinement that finds too few there is smaller (the code also records
    archived parents, with their values).

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`. Genes outside the bounds are drawn anew by default.
    memory_size : int
        H.
    p : float
        Share of best individuals to be attracted to, (0, 1]; at least two of them.
    """

    name = "arrde"
    tolerance: ClassVar[dict[str, float]] = {"first": 1e-8, "restart": 1e-4, "refine": 1e-6, "last": 0.0}

    def __init__(self, bounds: Any, *, memory_size: int = 6, p: float = 0.11, **common: Unpack[Common]):
        common.setdefault("repair", "redraw")
        options = {"memory_size": whole("memory_size", memory_size, 1), "p": within("p", p, 0, 1)}
        memory = SuccessHistory(memory_size, 0.3, 0.8, lehmer_CR=True, average=True)
        super().__init__(bounds, memory, 1.0, options, **common)
        D = self.box.dimension
        self._phase = "first"
        self._restarts = self._fresh = self._renewed = 0  # _fresh: new individuals not asked for; _renewed: when
        self._records: FloatArray = np.empty((0, D + 1))  # individuals of converged populations and their values
        self._memories: FloatArray = np.empty((2, 0))  # slots of F and CR
        self._regions: FloatArray = np.empty((0, 2, D))  # mean - std, mean + std of recorded populations

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Return the size that the budget rule gives for 10000 D evaluations."""
        return default_size(dimension, 10_000 * dimension)

    def _best_count(self, table: Draws) -> int:
        return best_count(self.options["p"], self._population.n)

    def _sampled(self, table: Draws) -> tuple[FloatArray, FloatArray]:
        at = scaled(table["memory"], self._memory.size)
        F = cauchy_factor(self._memory.F[at], table["F"], 0.05)
        CR = normal_rate(self._memory.CR[at], table["CR"], 0.05)
        done = self._progress / LAST
        if self._phase == "first" and done < 0.6:
            return np.minimum(F, 0.7), np.maximum(CR, 0.7 if done < 0.25 else 0.6 if done < 0.5 else 0.0)
        return F, CR

    def _build(self, draws: Draws, slots: IntArray, control: Columns) -> FloatArray:
        if not self._fresh:
            return super()._build(draws, slots, control)
        self._fresh -= slots.size  # a new population's own points come first
        return self._population.x[slots]

    def _select(self, rows: IntArray) -> None:
        rows = rows[self._trials.generation[rows] >= self._renewed]  # those of an abandoned population only count
        if rows.size:
            super()._select(rows)

    def _adapt(self) -> None:
        turn = self._memory.position
        super()._adapt()
        if turn > self._memory.position:
            self._memory.F[-1] = self._memory.CR[-1] = 0.9

    def _planned_size(self) -> int:
        return min(self._population.n, self._plan())

    def _plan(self) -> int:
        """Work out the population size for the share of the budget that is spent; it rises once, at 90 %."""
        D, first, done = self.box.dimension, self._population.initial_size, self.nfev / self.max_evaluations
        last = max(float(self.least), D / 2)
        if done <= LAST:
            size = last + (first - last) * (1 - done / LAST) ** (1.17 + 2.075 * math.exp(-0.0567 * D))
        else:
            again = max(2.0 * D, first / 4)
            size = last + (again - last) * max(0.0, (1 - done) / (1 - LAST)) ** 2
        return min(first, max(self.least, int(size + 0.5)))

    def _end_generation(self) -> None:
        super()._end_generation()
        f = self._population.f
        if np.isnan(f).any() or not np.isfinite(f).all():
            return
        with np.errstate(over="ignore", invalid="ignore"):  # values near the largest float never converge
            converged = bool(f.std() <= self.tolerance[self._phase] * abs(f.mean())) and self._phase != "last"
        final = self.nfev > LAST * self.max_evaluations and self._phase != "last"
        if converged or final:
            self._renew(final)

    def _renew(self, final: bool) -> None:
        """Record the population and begin another."""
        population, D = self._population, self.box.dimension
        overall = self._records[:, D].min(initial=math.inf)
        if self._phase in ("first", "refine"):
            self._memories = np.hstack((self._memories, (self._memory.F, self._memory.CR)))
        self._records = np.vstack((self._records, np.column_stack((population.x, population.f))))
        with np.errstate(over="ignore"):  # very wide boxes
            mean, spread = population.x.mean(axis=0), population.x.std(axis=0)
        self._regions = np.concatenate((self._regions, [[mean - spread, mean + spread]]))
        allowed = max(1, round(1 + 4 * self.nfev / self.max_evaluations))
        again = overall <= population.f.min() and self._restarts < allowed
        restart = not final and (self._phase != "restart" or again)
        self._phase = "last" if final else "restart" if restart else "refine"
        n = self._plan()
        x, f = (self._elsewhere(n), np.full(n, np.nan)) if restart else self._recorded(n, final)
        self._restarts = self._restarts + 1 if restart else 0
        self._memory.restart(None if restart else self._memories, 0.3, 0.8, self._table.rng)
        self._begin(x, f)

    def _begin(self, x: FloatArray, f: FloatArray) -> None:
        """Put another population in place of the present one."""
        self._trials.move(np.full(self._population.n, -1))
        self._population.renew(x, f)
        self._fresh = int(np.isnan(f).sum())
        self._slot, self._renewed = 0, self._generation + 1
        self._table.drop()

    def _recorded(self, n: int, final: bool) -> tuple[FloatArray, FloatArray]:
        """Draw up to n recorded individuals; the very best comes first if asked for."""
        chosen = self._records[self._table.rng.permutation(len(self._records))[:n]]
        if final:
            chosen[0] = self._records[self._records[:, -1].argmin()]
        return chosen[:, :-1].copy(), chosen[:, -1].copy()

    def _elsewhere(self, n: int) -> FloatArray:
        """Draw random points, shape (n, D), each coordinate outside of the recorded regions while it can be."""
        points = np.empty((n, self.box.dimension))
        u = self._table.rng.random(points.shape)
        for j, (low, high) in enumerate(zip(self.box.low, self.box.high, strict=True)):
            gaps = _gaps(np.clip(self._regions[:, :, j], low, high), low, high)
            ends = np.concatenate(([0.0], (gaps[:, 1] - gaps[:, 0]).cumsum()))
            at = u[:, j] * ends[-1]
            k = np.minimum(ends[1:].searchsorted(at, side="right"), len(gaps) - 1)
            points[:, j] = np.minimum(gaps[k, 0] + at - ends[k], gaps[k, 1])
        return points

    def _learned(self) -> dict[str, Any]:
        numbers = {"restarts": self._restarts, "fresh": self._fresh, "renewed": self._renewed, "phase": self._phase}
        arrays = {"records": self._records, "memories": self._memories, "regions": self._regions}
        return {**super()._learned(), **numbers, **{name: array.copy() for name, array in arrays.items()}}

    def _relearn(self, state: dict[str, Any]) -> None:
        super()._relearn(state)
        self._restarts, self._fresh, self._renewed = (int(state[name]) for name in ("restarts", "fresh", "renewed"))
        self._phase = str(state["phase"])
        self._records, self._memories, self._regions = (
            state[name].copy() for name in ("records", "memories", "regions")
        )


def _gaps(taken: FloatArray, low: float, high: float) -> FloatArray:
    """List what intervals, shape (k, 2), leave of [low, high], shape (g, 2); all of it if they leave nothing."""
    gaps, reached = [], low
    for start, stop in taken[taken[:, 0].argsort(kind="stable")]:
        if start > reached:
            gaps.append((reached, start))
        reached = max(reached, stop)
    if reached < high:
        gaps.append((reached, high))
    return np.array(gaps or [(low, high)])
