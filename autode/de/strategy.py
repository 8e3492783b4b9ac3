"""What an algorithm fills in: its random numbers, donors, mutation, control parameters and what it learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypedDict

import numpy as np

from autode.de import crossover
from autode.de.arrays import FloatArray, IntArray
from autode.de.bounds import REPAIRS, Box
from autode.de.population import Population
from autode.de.table import Draws
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
    #: Columns of the random table, see `RandomTable`; "jrand" is always needed, "archive" with an archive.
    uniforms: ClassVar[tuple[str, ...]]
    normals: ClassVar[tuple[str, ...]] = ()
    #: Numbers kept with each trial until it is told; with an archive also "archive", the uniform that picks its row.
    parameters: ClassVar[tuple[str, ...]] = ("F", "CR")

    box: Box
    options: dict[str, Any]
    max_evaluations: int
    nfev: int
    _population: Population
    _trials: Trials

    @classmethod
    def published_size(cls, dimension: int) -> int:
        """Population size of the paper for a budget of 10000 D evaluations, to reproduce its results."""
        return 100

    def _prepare(self, table: Draws) -> Draws:
        """Work out, for all rows of the random table at once, what changes only between generations.

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

    def _build(self, draws: Draws, slots: IntArray, control: Columns) -> FloatArray:
        """Build trial vectors, shape (m, D): mutation, crossover, repair."""
        dimension = self.box.dimension
        donors = self._donors(draws, slots)
        step = max(1, BLOCK // dimension)
        if slots.size <= step:
            return self._build_block(slots, donors, control, draws["crossing"])
        out = np.empty((slots.size, dimension))
        for part in (slice(start, start + step) for start in range(0, slots.size, step)):
            some = {name: column[part] for name, column in control.items()}
            rows = [index[part] for index in donors]
            out[part] = self._build_block(slots[part], rows, some, draws["crossing"][part])
        return out

    def _build_block(
        self, slots: IntArray, donors: Sequence[IntArray], control: Columns, crossing: crossover.Singles
    ) -> FloatArray:
        parent = self._population.donors.take(slots, axis=0)
        trial = self._mutate(parent, donors, control)
        crossover.binomial(trial, parent, control["CR"], crossing)
        REPAIRS[self.options["repair"]](trial, parent, self.box)
        return trial

    def _succeeded(self, rows: IntArray, delta: FloatArray) -> None:
        """Learn from trials (rows of ``_trials``) that were strictly better, by ``delta`` > 0."""

    def _survived(self, slots: IntArray, rows: IntArray) -> None:
        """Learn that trials took slots, by being better or equal."""

    def _adapt(self) -> None:
        """Update what was learned; called at the end of each generation, before the population shrinks."""

    def _planned_size(self) -> int:
        """Choose the population size of the next generation."""
        return self._population.n

    def _learned(self) -> dict[str, Any]:
        """Return what was learned, as arrays and numbers, for the state."""
        return {}

    def _relearn(self, state: dict[str, Any]) -> None:
        """Take over what `_learned` returned."""
