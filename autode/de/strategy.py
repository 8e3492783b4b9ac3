"""What an algorithm fills in: its random numbers, donors, mutation, control parameters and what it learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypedDict

import numpy as np
import numpy.typing as npt

from autode.de import crossover
from autode.de.arrays import FloatArray, IntArray
from autode.de.bounds import REPAIRS, Box, redraw
from autode.de.population import Population
from autode.de.start import MINIMUM
from autode.de.table import Draws, RandomTable
from autode.de.trials import Trials

#: Trials are built in blocks of about this many numbers, so that the work stays in the processor's cache.
BLOCK = 32_768

Columns = dict[str, FloatArray]


class Common(TypedDict, total=False):
    """Arguments that every algorithm understands; see `DifferentialEvolution`."""

    max_evaluations: int
    population: int | None
    seed: int | None
    schedule: str
    init: Any
    x0: Any
    repair: str


class Strategy:
    """How trials are bred and what is learned from their results.

    An algorithm overrides the class variables and the methods it needs; `m` is the number of trials at hand.
    """

    name: ClassVar[str]
    #: The fewest individuals with which the mutation has its distinct donors.
    least: ClassVar[int] = MINIMUM
    #: Columns of the random table, see `RandomTable`; "jrand" is always needed, "archive" with an archive.
    uniforms: ClassVar[tuple[str, ...]]
    normals: ClassVar[tuple[str, ...]] = ()
    planes: ClassVar[tuple[str, ...]] = ("crossing",)
    #: Whether one gene of each mutant crosses in any case.
    forced: ClassVar[bool] = True
    #: Whether a trial must be better than the occupant of its slot; otherwise equal is enough.
    strict: ClassVar[bool] = False
    #: Numbers kept with each trial until it is told; with an archive also "archive", the uniform that picks its row.
    parameters: ClassVar[tuple[str, ...]] = ("F", "CR")

    #: Tells which genes of points, shape (m, D), matter; the others stay the parent's. None: all do.
    active_genes: Callable[[FloatArray], npt.NDArray[np.bool_]] | None = None

    box: Box
    options: dict[str, Any]
    max_evaluations: int
    nfev: int
    _since_tick: int
    _generation: int
    _population: Population
    _trials: Trials
    _table: RandomTable

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Return the population size of the paper for a budget of 10000 D evaluations, to reproduce its results."""
        return 100

    @property
    def _progress(self) -> float:
        """Share of the budget, 0 to 1, that was spent when the generation began."""
        return min(1.0, (self.nfev - self._since_tick) / self.max_evaluations)

    def _individual(self, rng: np.random.Generator, n: int) -> Columns:
        """Choose the numbers that belong to each of the first n individuals (`Population.individual`)."""
        return {}

    def _derive(self, lot: Draws) -> None:
        """Add to a newly drawn lot of the random table what follows from the numbers alone, for all its generations."""

    def _prepare(self, table: Draws) -> Draws:
        """Work out, for all rows of the generation at once, what changes only between generations.

        That is what follows from the table, the population's size and what `_adapt` learns. The other methods get rows
        of the result.
        """
        return table

    def _control(self, draws: Draws, slots: IntArray) -> Columns:
        """Choose the numbers that `parameters` names for each trial, arrays of shape (m,)."""
        return {name: draws[name] for name in self.parameters}

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        """Choose the donors of each trial, rows of ``_population.donors``, arrays of shape (m,)."""
        raise NotImplementedError

    def _mutate(self, parent: FloatArray, donors: Sequence[IntArray], control: Columns) -> FloatArray:
        """Build mutants, a new array of the shape of ``parent``."""
        raise NotImplementedError

    def _cross(self, mutant: FloatArray, parent: FloatArray, control: Columns, draws: Draws) -> None:
        """Put the parent's genes into the mutants, in place, where they do not cross."""
        crossover.binomial(mutant, parent, control["CR"], draws["crossing"])

    def _build(self, draws: Draws, slots: IntArray, control: Columns) -> FloatArray:
        """Build trial vectors, shape (m, D): mutation, crossover, repair."""
        dimension = self.box.dimension
        donors = self._donors(draws, slots)
        step = max(1, BLOCK // dimension)
        if slots.size <= step:
            return self._build_block(slots, donors, control, draws)
        out = np.empty((slots.size, dimension))
        for part in (slice(start, start + step) for start in range(0, slots.size, step)):
            some = {name: column[part] for name, column in control.items()}
            rows = [index[part] for index in donors]
            numbers = {name: column[part] for name, column in draws.items()}
            out[part] = self._build_block(slots[part], rows, some, numbers)
        return out

    def _build_block(self, slots: IntArray, donors: Sequence[IntArray], control: Columns, draws: Draws) -> FloatArray:
        parent = self._population.points_in(slots)
        trial = self._mutate(parent, donors, control)
        self._cross(trial, parent, control, draws)
        if "redraw" in draws:
            redraw(trial, self.box, draws["redraw"])
        else:
            REPAIRS[self.options["repair"]](trial, parent, self.box)
        if self.active_genes is not None:
            np.copyto(trial, parent, where=~self.active_genes(trial))
        return trial

    def _succeeded(self, rows: IntArray, slots: IntArray, delta: FloatArray) -> None:
        """Learn from trials (rows of ``_trials``) that beat the occupants of slots by ``delta`` > 0.

        The occupants are still in their slots.
        """

    def _survived(self, slots: IntArray, rows: IntArray) -> None:
        """Learn that trials took slots, by being better or equal."""

    def _adapt(self) -> None:
        """Update what was learned; called at the end of each generation, before the population shrinks."""

    def _planned_size(self) -> int:
        """Choose the population size of the next generation."""
        return self._population.n

    def _survivors(self, size: int) -> IntArray:
        """Choose the slots, shape (size,), of the individuals that stay when the population shrinks."""
        return self._population.best_in_place(size)

    def _learned(self) -> dict[str, Any]:
        """Return what was learned, as arrays and numbers, for the state."""
        return {}

    def _relearn(self, state: dict[str, Any]) -> None:
        """Take over what `_learned` returned."""
