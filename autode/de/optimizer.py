"""Ask and tell over a box: the frame that every variant of differential evolution fills with its own operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from autode.de.arrays import FloatArray, IntArray
from autode.de.bounds import REPAIRS, Box
from autode.de.checks import choice, whole
from autode.de.control import INFINITE
from autode.de.population import Population
from autode.de.selection import Selection
from autode.de.start import default_size, given_count, initial_points
from autode.de.table import RandomTable
from autode.de.trials import Batch, Trials

SCHEDULES = ("generational", "asynchronous")
STATE_VERSION = 4

_COUNTERS = ("asked", "nfev", "generations", "_bred", "_generation", "_slot", "_since_tick", "_best_id")


class DifferentialEvolution(Selection):
    """Differential evolution by ask and tell (minimisation).

    All random numbers of a generation are drawn at its start, as a table with one row a trial; a trial is built from
    its row and the population of the moment it is asked for. Hence asking for N at once or N times for one is the same.

    Parameters
    ----------
    bounds : sequence of (low, high), or scipy.optimize.Bounds
        The box, D coordinates.
    max_evaluations : int
        Budget: no more trials are ever asked, and schedules such as population reduction run over it.
    population : int or None
        Initial population size N >= 4; None: `autode.de.default_size`.
    seed : int or None
        Seed of ``numpy.random.PCG64``; None: different in every run.
    schedule : {"generational", "asynchronous"}
        Generational: selection happens in slot order when all values of a generation are there, so the order of telling
        cannot matter; `ask` gives nothing while the generation's last values are missing (algorithms that are defined
        trial by trial give a generation in parts). Asynchronous: any number may
        be out; a told trial competes at once with whoever holds its slot, and every N values end a "generation".
    init : {"latin", "uniform", "sobol"} or array_like, shape (k, D)
        First population; given points are completed by a Latin hypercube.
    x0 : array_like, shape (D,) or (k, D), or None
        Known good points, evaluated first.
    repair : {"midpoint", "clip", "reflect", "redraw"}
        What happens to genes outside the bounds; see `autode.de.bounds`. Each algorithm's default is its paper's.

    Attributes
    ----------
    best_x, best_f : ndarray of shape (D,), float
        Best point told so far and its value; NaN and inf before there is one. Of equal points the one asked first.
    nfev, asked : int
        Evaluations told; trials handed out.
    generations : int
        Generations finished, the initial population included.

    Raises
    ------
    ValueError
        If an argument makes no sense; the message names it.
    """

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
        repair: str = "midpoint",
        archive_rate: float = 0.0,
        options: Mapping[str, Any] | None = None,
    ):
        self.box = Box.parse(bounds)
        self.max_evaluations = whole("max_evaluations", max_evaluations, 1)
        self.schedule = choice("schedule", schedule, SCHEDULES)
        self.options = {**(options or {}), "repair": choice("repair", repair, REPAIRS)}
        self._archive_rate = archive_rate
        if population is None:
            chosen = default_size(self.box.dimension, self.max_evaluations)
            population = max(chosen, self.least, given_count(init, x0))
        size = whole("population", population, self.least)
        rng = np.random.Generator(np.random.PCG64(seed))
        self._population = Population(initial_points(self.box, size, rng, init, x0), archive_rate)
        self._population.individual = self._individual(rng, size)
        planes = (*self.planes, "redraw") if repair == "redraw" else self.planes
        self._table = RandomTable(
            rng, self.box.dimension, self.uniforms, self.normals, planes, self.forced, self._derive
        )
        self._table.without_numbers(size)
        self._prepared = None
        self._trials = Trials(self.box.dimension, self.parameters, counted=schedule == "asynchronous")
        self.asked = self.nfev = self.generations = 0
        self._bred = self._generation = self._slot = self._since_tick = 0
        self.best_x: FloatArray = np.full(self.box.dimension, np.nan)
        self.best_f, self._best_id = np.inf, -1

    @property
    def population(self) -> FloatArray:
        """Copy of the present population, shape (n, D)."""
        return self._population.x.copy()

    @property
    def fitness(self) -> FloatArray:
        """Copy of its objective values, shape (n,); NaN: not evaluated yet, inf: failed."""
        return self._population.f.copy()

    @property
    def archive(self) -> FloatArray:
        """Copy of the archive of beaten parents, shape (a, D)."""
        return self._population.archive.points.copy()

    @property
    def finished(self) -> bool:
        """Whether the whole budget has been asked for and told."""
        return self.nfev >= self.max_evaluations

    def pending(self) -> Batch:
        """Return the trials that were asked for and not yet told, e.g. to evaluate them again after a restart."""
        return self._trials.batch(np.flatnonzero(np.isnan(self._trials.values) & (self._trials.ids < self.asked)))

    def ask(self, n: int | None = None) -> Batch:
        """Return up to n trials to evaluate.

        Parameters
        ----------
        n : int or None
            How many; None: the rest of the generation. Fewer come (possibly none) at the end of the budget and, in
            the generational schedule, at the end of a generation.
        """
        if n is not None and n < 0:
            raise ValueError(f"ask got n={n}; expected a number of trials or None")
        if self.schedule == "asynchronous":
            wanted = (self._table.left or self._population.n) if n is None else n
            while wanted > 0 and self._bred < self.max_evaluations:
                wanted -= self._breed(wanted)
        elif n != 0 and not self._trials.untold:
            self._breed(self._population.n)
        ready = self._bred - self.asked
        count = ready if n is None else min(n, ready)
        start = self._trials.size - ready
        self.asked += count
        return self._trials.batch(slice(start, start + count))

    def tell(self, ids: npt.ArrayLike, values: npt.ArrayLike) -> None:
        """Hand over objective values: any subset of the trials that are out, in any order.

        Parameters
        ----------
        ids : array_like of int, shape (n,)
        values : array_like, shape (n,)
            NaN means failed and counts as +inf, the worst value.

        Raises
        ------
        ValueError
            If the shapes differ or an id is not out; nothing has changed then.
        """
        ids = np.array(ids, dtype=np.int64, ndmin=1, copy=None)
        values = np.array(values, dtype=np.float64, ndmin=1, copy=None)
        if ids.ndim != 1 or values.shape != ids.shape:
            raise ValueError(f"tell got {ids.shape} ids and {values.shape} values; expected one value for each id")
        if not ids.size:
            return
        rows = self._trials.rows_of(ids, self.asked)
        told: FloatArray = np.fmin(values, INFINITE)  # takes the number of (NaN, inf)
        self._trials.record(rows, told)
        self._note_best(rows, ids, told)
        if self.schedule == "asynchronous":
            self._settle_now(rows)
            return
        self.nfev += ids.size
        if not self._trials.untold:
            self._settle_batch()

    def substitute(self, trial: int, x: FloatArray) -> None:
        """Let another point, shape (D,), stand for a trial that was asked for and not told."""
        self._trials.x[self._trials.rows_of(np.array([trial]), self.asked)] = x

    def reassess(self, x: FloatArray, value: float) -> None:
        """Let a told point, shape (D,), have another value from now on, such as the mean of several evaluations.

        Nothing is learned from it. If it was the best, the best is the population's from now on.
        """
        slots = (self._population.x == x).all(axis=1).nonzero()[0]
        if slots.size:
            self._population.replace(slots, x, np.full(slots.size, value))
        if np.array_equal(x, self.best_x):
            self.best_f = value
        rival = int(np.where(np.isnan(self._population.f), np.inf, self._population.f).argmin())
        if self._population.f[rival] < self.best_f:
            self.best_f, self._best_id = float(self._population.f[rival]), -1
            self.best_x = self._population.x[rival].copy()

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state as a dict of arrays, numbers and strings.

        `autode.de.state_to_json` writes it as JSON. An optimiser made with the same arguments continues from it bit
        for bit.
        """
        return {
            "version": STATE_VERSION,
            "setup": self._setup(),
            "counters": {name: getattr(self, name) for name in _COUNTERS},
            "best": np.append(self.best_x, self.best_f),
            "population": self._population.state(),
            "table": self._table.state(),
            "trials": self._trials.state(),
            "learned": self._learned(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state; the seed, initial points and population of this object no longer matter.

        ``max_evaluations`` may differ from the saved run's: schedules then follow the new budget.

        Raises
        ------
        ValueError
            If the state is of another version, algorithm, box, schedule or option; nothing has changed then.
        """
        if state.get("version") != STATE_VERSION:
            raise ValueError(f"the optimiser state has version {state.get('version')}; expected {STATE_VERSION}")
        for key, expected in self._setup().items():
            found = state["setup"].get(key)
            if not np.array_equal(found, expected):
                raise ValueError(f"the optimiser state was saved with {key} = {found}; this run has {expected}")
        for name in _COUNTERS:
            setattr(self, name, state["counters"][name])
        self.best_x, self.best_f = state["best"][:-1].copy(), float(state["best"][-1])
        self._population = Population.restored(state["population"], self._archive_rate)
        self._table.load(state["table"])
        self._prepared = None
        self._trials.load(state["trials"])
        self._relearn(state["learned"])

    def _setup(self) -> dict[str, Any]:
        """Everything that a state to be loaded must agree with."""
        fixed = {"algorithm": self.name, "schedule": self.schedule, "low": self.box.low, "high": self.box.high}
        return {**fixed, **self.options}

    def _breed(self, n: int) -> int:
        """Build the next trials: at most n, one a slot, within the random table and the budget."""
        n = min(n, self._population.n, self.max_evaluations - self._bred)
        if n == 0:
            return 0
        if not self._table.left:
            self._generation += 1
            self._table.begin(self._population.n)
            self._prepared = None
        slots = self._next_slots(min(n, self._table.left))
        rows = self._table.take(slots.size)
        if self._generation == 0:
            x, control = self._population.x[slots], {}
        else:
            if self._prepared is None:
                self._prepared = self._prepare(self._table.columns)
            draws = self._prepared
            if slots.size < self._table.rows:
                draws = {name: column[rows] for name, column in draws.items()}
            control = self._control(draws, slots)
            x = self._build(draws, slots, control)
        self._trials.append(self._bred, x, slots, self._generation, control)
        self._bred += slots.size
        return int(slots.size)

    def _next_slots(self, n: int) -> IntArray:
        """Choose up to n slots in cyclic order, those with the fewest trials out first."""
        size = self._population.n
        slots = np.arange(self._slot, self._slot + n) if n < size or self._slot else self._population.everyone()
        if self._slot + n > size:
            slots %= size
        if self._trials.untold:
            out = self._trials.occupied(size)
            if np.count_nonzero(out[slots]):
                cycle = np.arange(self._slot, self._slot + size) % size
                slots = cycle[out[cycle] == out.min()][:n]
        self._slot = int(slots[-1] + 1) % size
        return slots
