"""GDE3: differential evolution for several objectives, with success-history adaptation of F and CR."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from autode.de.arrays import FloatArray, IntArray
from autode.de.bounds import Box, midpoint_target
from autode.de.checks import choice, whole
from autode.de.dominance import crowding, dominates, pruned, ranks
from autode.de.memory import SuccessHistory
from autode.de.start import MINIMUM, given_count, initial_points
from autode.de.trials import Batch

STATE_VERSION = 1
_MEMORY, _P = 5, 0.2
_COUNTERS = ("asked", "nfev", "generations", "_since_tick")


class GDE3:
    """GDE3 (Kukkonen & Lampinen, IEEE CEC 2005, pp. 443-450) by ask and tell, all objectives minimised.

    A trial takes its parent's place if it dominates it, is dropped if it is dominated, and joins the population
    otherwise; every N told trials the population is cut to N by non-dominated rank and crowding with pruning
    (`pruned`). Trials are current-to-pbest/1/bin, pbest being of the first ranks; F and CR come from a success history
    (SHADE): successes are trials that dominated their parent, by their improvement relative to the population's range.
    With one objective it is ordinary differential evolution.

    Parameters
    ----------
    bounds : sequence of (low, high), or scipy.optimize.Bounds
    max_evaluations : int
    population : int or None
        N; None: a fifth of the budget, from 8 to 40.
    seed : int or None
    schedule : {"generational", "asynchronous"}
        Generational: a generation is bred from the one before, whatever the order of telling. Asynchronous: each told
        trial is settled at once.
    init, x0
        See `DifferentialEvolution`.

    Attributes
    ----------
    asked, nfev, generations : int
        Trials handed out, told; generations finished.
    """

    name = "gde3"
    #: See `Strategy.active_genes`.
    active_genes: Callable[[FloatArray], npt.NDArray[np.bool_]] | None = None

    def __init__(
        self,
        bounds: Any,
        *,
        max_evaluations: int,
        population: int | None = None,
        seed: int | None = None,
        schedule: str = "generational",
        init: Any = "latin",
        x0: Any = None,
    ):
        self.box = Box.parse(bounds)
        self.max_evaluations = whole("max_evaluations", max_evaluations, 1)
        self.schedule = choice("schedule", schedule, ("generational", "asynchronous"))
        if population is None:
            population = max(8, min(40, max_evaluations // 5), given_count(init, x0))
        self.size = whole("population", population, MINIMUM)
        self._seed = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1))
        self._start = initial_points(self.box, self.size, np.random.default_rng(self._seed), init, x0)
        self.asked = self.nfev = self.generations = self._since_tick = 0
        self._x: FloatArray = np.empty((0, self.box.dimension))
        self._values: FloatArray = np.empty((0, 0))
        self._ids: IntArray = np.empty(0, dtype=np.int64)
        self._out: dict[int, dict[str, Any]] = {}
        self._memory = SuccessHistory(_MEMORY)
        self._successes: list[tuple[float, float, float]] = []

    @property
    def population(self) -> FloatArray:
        """Copy of the present population, shape (n, D)."""
        return self._x.copy()

    @property
    def fitness(self) -> FloatArray:
        """Copy of its objectives, shape (n, M); inf: failed."""
        return self._values.copy()

    @property
    def finished(self) -> bool:
        """Whether the whole budget has been asked for and told."""
        return self.nfev >= self.max_evaluations

    def front(self) -> tuple[FloatArray, FloatArray]:
        """Return the population's non-dominated points (k, D) and their objectives (k, M), failed ones left out."""
        first = np.flatnonzero(ranks(self._values) == 0) if len(self._values) else np.empty(0, dtype=np.int64)
        first = first[np.isfinite(self._values[first]).all(axis=1)] if first.size else first
        return self._x[first], self._values[first]

    def pending(self) -> Batch:
        """Return the trials that were asked for and not yet told."""
        return self._batch([id_ for id_, trial in self._out.items() if trial["values"] is None])

    def ask(self, n: int | None = None) -> Batch:
        """Return up to n trials to evaluate; None: the rest of the generation."""
        if n is not None and n < 0:
            raise ValueError(f"ask got n={n}; expected a number of trials or None")
        left = self.size - self.asked % self.size
        if self.schedule == "generational":
            open_ = self.asked // self.size == self.generations
            count = (left if n is None else min(n, left)) if open_ else 0
        else:
            count = left if n is None else n
        ids = list(range(self.asked, min(self.asked + count, self.max_evaluations)))
        for id_ in ids:
            self._out[id_] = self._bred(id_)
            self.asked += 1
        return self._batch(ids)

    def tell(self, ids: npt.ArrayLike, values: npt.ArrayLike) -> None:
        """Hand over objectives: any subset of the trials that are out, in any order.

        Parameters
        ----------
        ids : array_like of int, shape (n,)
        values : array_like, shape (n, M) or (n,)
            NaN in any objective means failed.

        Raises
        ------
        ValueError
            If the shapes do not fit or an id is not out; nothing has changed then.
        """
        names = np.atleast_1d(np.asarray(ids, dtype=np.int64))
        told = np.asarray(values, dtype=np.float64)
        told = told.reshape(-1, 1) if told.ndim < 2 else told
        self._check(names, told)
        told = np.where(np.isnan(told).any(axis=1, keepdims=True), np.inf, told)
        for id_, one in zip(names.tolist(), told, strict=True):
            self._out[id_]["values"] = one
        if self.schedule == "asynchronous":
            for id_ in names.tolist():
                self._settle(id_)
            return
        wanted = min(self.size * (self.generations + 1), self.max_evaluations)
        self.nfev += names.size
        if self.asked == wanted and all(trial["values"] is not None for trial in self._out.values()):
            self.nfev -= len(self._out)
            for id_ in sorted(self._out):
                self._settle(id_)

    def _check(self, ids: IntArray, values: FloatArray) -> None:
        if values.shape[0] != ids.size:
            raise ValueError(f"tell got {ids.size} ids and {values.shape[0]} rows of values; expected one for each id")
        known = self._values.shape[1] or next(
            (trial["values"].size for trial in self._out.values() if trial["values"] is not None), values.shape[1]
        )
        if ids.size and values.shape[1] != known:
            raise ValueError(f"tell got {values.shape[1]} objectives; expected {known} as before")
        for id_ in ids.tolist():
            if id_ not in self._out or self._out[id_]["values"] is not None:
                what = "has been told already" if 0 <= id_ < self.asked else "has not been asked for"
                raise ValueError(f"trial {id_} {what}")
        if np.unique(ids).size < ids.size:
            raise ValueError("the same trial id is given twice in one tell")

    def _bred(self, id_: int) -> dict[str, Any]:
        """Build a trial from the present population; its random numbers follow from the seed and its id."""
        generation = id_ // self.size
        rng = np.random.default_rng([self._seed, id_])
        trial = {"x": None, "parent": -1, "F": 0.5, "CR": 0.5, "generation": generation, "values": None}
        if generation == 0:
            return {**trial, "x": self._start[id_].copy()}
        n = len(self._x)
        if n < MINIMUM:  # asynchronous, and next to nothing is told
            return {**trial, "x": self.box.from_unit(rng.random((1, self.box.dimension)))[0]}
        slot = id_ % n
        F, CR = self._drawn(rng)
        best = self._best_first()[: max(2, round(_P * n))]
        pbest = int(rng.choice(best))
        r1, r2 = rng.choice(np.delete(np.arange(n), slot), 2, replace=False)
        parent = self._x[slot]
        mutant = parent + F * (self._x[pbest] - parent) + F * (self._x[r1] - self._x[r2])
        crossed = rng.random(parent.size) < CR
        crossed[rng.integers(parent.size)] = True
        x = np.where(crossed, mutant, parent)[None]
        midpoint_target(x, parent[None], self.box)
        if self.active_genes is not None:
            np.copyto(x, parent[None], where=~self.active_genes(x))
        return {**trial, "x": x[0], "parent": int(self._ids[slot]), "F": F, "CR": CR}

    def _drawn(self, rng: np.random.Generator) -> tuple[float, float]:
        """Draw F from a Cauchy and CR from a normal distribution about a memory slot (SHADE)."""
        k = int(rng.integers(self._memory.size))
        F = 0.0
        while F <= 0:
            F = min(1.0, self._memory.F[k] + 0.1 * float(rng.standard_cauchy()))
        return F, min(max(self._memory.CR[k] + 0.1 * float(rng.standard_normal()), 0.0), 1.0)

    def _best_first(self) -> IntArray:
        """Rank the population by front, then by crowding."""
        rank = ranks(self._values)
        distance = np.empty(len(rank))
        for level in range(int(rank.max()) + 1):
            front = rank == level
            distance[front] = crowding(self._values[front])
        return np.lexsort((-distance, rank))

    def _settle(self, id_: int) -> None:
        """Let a told trial meet its parent, or who took the parent's place; end the generation when it is time."""
        trial = self._out.pop(id_)
        value = trial["values"]
        if not self._values.size:
            self._values = np.empty((0, value.size))
        slots = np.flatnonzero(self._ids == trial["parent"])
        if slots.size and dominates(value, self._values[slots[0]]):
            self._learn(trial, self._values[slots[0]])
            self._x[slots[0]], self._values[slots[0]] = trial["x"], value
        elif not (slots.size and dominates(self._values[slots[0]], value)):
            self._x = np.concatenate([self._x, trial["x"][None]])
            self._values = np.concatenate([self._values, value[None]])
            self._ids = np.append(self._ids, id_)
        self.nfev += 1
        self._since_tick += 1
        if self._since_tick == self.size or self.nfev == self.max_evaluations:
            self._end_generation()

    def _learn(self, trial: Mapping[str, Any], beaten: FloatArray) -> None:
        span = np.ptp(np.where(np.isfinite(self._values), self._values, beaten), axis=0)
        gain = (beaten - trial["values"]) / np.where(np.isfinite(span) & (span > 0), span, 1.0)
        self._successes.append((trial["F"], trial["CR"], float(np.minimum(gain, 1.0).sum())))

    def _end_generation(self) -> None:
        kept = pruned(self._values, self.size)
        self._x, self._values, self._ids = self._x[kept], self._values[kept], self._ids[kept]
        if self._successes:
            self._memory.update(*np.array(self._successes).T)
        self._successes = []
        self.generations += 1
        self._since_tick = 0

    def _batch(self, ids: list[int]) -> Batch:
        x = np.array([self._out[id_]["x"] for id_ in ids]).reshape(len(ids), self.box.dimension)
        generation = np.array([self._out[id_]["generation"] for id_ in ids], dtype=np.int64)
        return Batch(x, np.array(ids, dtype=np.int64), generation)

    def substitute(self, trial: int, x: FloatArray) -> None:
        """Let another point, shape (D,), stand for a trial that was asked for and not told."""
        self._out[trial]["x"] = np.array(x, dtype=np.float64)

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state as arrays, numbers and strings; see `DifferentialEvolution.state_dict`."""
        return {
            "version": STATE_VERSION,
            "setup": self._setup(),
            "seed": self._seed,
            "size": self.size,
            "counters": {name: getattr(self, name) for name in _COUNTERS},
            "start": self._start.copy(),
            "x": self._x.copy(),
            "values": self._values.copy(),
            "ids": self._ids.copy(),
            "memory": self._memory.state(),
            "successes": np.array(self._successes).reshape(-1, 3),
            "out": {str(id_): {**trial, "values": _told_or_empty(trial)} for id_, trial in self._out.items()},
        }

    def _setup(self) -> dict[str, Any]:
        return {"algorithm": self.name, "schedule": self.schedule, "low": self.box.low, "high": self.box.high}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state.

        Raises
        ------
        ValueError
            If the state is of another version, algorithm, box or schedule; nothing has changed then.
        """
        if state.get("version") != STATE_VERSION:
            raise ValueError(f"the optimiser state has version {state.get('version')}; expected {STATE_VERSION}")
        for key, expected in self._setup().items():
            found = state["setup"].get(key)
            if not np.array_equal(found, expected):
                raise ValueError(f"the optimiser state was saved with {key} = {found}; this run has {expected}")
        self._seed, self.size = int(state["seed"]), int(state["size"])
        for name in _COUNTERS:
            setattr(self, name, state["counters"][name])
        self._start, self._x = state["start"].copy(), state["x"].copy()
        self._values, self._ids = state["values"].copy(), state["ids"].copy()
        self._memory.load(state["memory"])
        self._successes = [(float(F), float(CR), float(gain)) for F, CR, gain in state["successes"]]
        self._out = {
            int(id_): {**trial, "values": trial["values"].copy() if trial["values"].size else None}
            for id_, trial in state["out"].items()
        }


def _told_or_empty(trial: Mapping[str, Any]) -> FloatArray:
    return np.empty(0) if trial["values"] is None else trial["values"]
