"""Classic strategies with fixed F and CR: rand/1/bin, best/1/bin, current-to-pbest/1/bin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from autode.de import mutation
from autode.de.arrays import FloatArray, IntArray
from autode.de.checks import within
from autode.de.indices import excluding
from autode.de.optimizer import DifferentialEvolution
from autode.de.pbest import best_count, pbest_donors, prepared
from autode.de.strategy import Columns, Common
from autode.de.table import Draws


class _FixedControl(DifferentialEvolution):
    """The same F and CR for every trial."""

    def _prepare(self, table: Draws) -> Draws:
        rows = len(table["jrand"])
        return {**table, "F": np.full(rows, self.options["F"]), "CR": np.full(rows, self.options["CR"])}


class Rand1Bin(_FixedControl):
    """DE/rand/1/bin (Storn & Price, J. Global Optim. 11:341, 1997).

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`.
    F : float
        Scale factor, (0, 2]; 0.5 is the paper's first choice.
    CR : float
        Crossover rate, [0, 1].
    """

    name: ClassVar[str] = "rand1bin"
    uniforms: ClassVar[tuple[str, ...]] = ("r1", "r2", "r3", "jrand")

    def __init__(self, bounds: Any, *, F: float = 0.5, CR: float = 0.9, **common: Unpack[Common]):
        super().__init__(bounds, options=fixed_options(F, CR), **common)

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        n = self._population.n
        r1 = excluding(draws["r1"], n, slots)
        r2 = excluding(draws["r2"], n, slots, r1)
        return r1, r2, excluding(draws["r3"], n, slots, r1, r2)

    def _mutate(self, parent: FloatArray, donors: Sequence[IntArray], control: Columns) -> FloatArray:
        return mutation.rand_1(self._population.donors, parent, donors, control["F"])


class Best1Bin(_FixedControl):
    """DE/best/1/bin (Storn & Price 1997): base vector is the best individual; greedy, for easy landscapes.

    Parameters
    ----------
    bounds, F, CR, **common
        See `Rand1Bin`.
    """

    name = "best1bin"
    uniforms = ("r1", "r2", "jrand")

    def __init__(self, bounds: Any, *, F: float = 0.5, CR: float = 0.9, **common: Unpack[Common]):
        super().__init__(bounds, options=fixed_options(F, CR), **common)

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        n = self._population.n
        best = np.full(slots.size, self._population.ranked()[0])
        r1 = excluding(draws["r1"], n, slots)
        return best, r1, excluding(draws["r2"], n, slots, r1)

    def _mutate(self, parent: FloatArray, donors: Sequence[IntArray], control: Columns) -> FloatArray:
        return mutation.best_1(self._population.donors, parent, donors, control["F"])


class CurrentToPBest1Bin(_FixedControl):
    """DE/current-to-pbest/1/bin with archive: JADE's mutation (Zhang & Sanderson 2009) with fixed F and CR.

    Parameters
    ----------
    bounds, F, CR, **common
        See `Rand1Bin`.
    p : float
        Share of best individuals to be attracted to, (0, 1]; at least two of them.
    archive_rate : float
        Archive capacity per individual; 0 turns the archive off.
    """

    name = "currenttopbest1bin"
    uniforms = ("pbest", "r1", "r2", "jrand", "archive")
    parameters = ("F", "CR", "archive")

    def __init__(
        self,
        bounds: Any,
        *,
        F: float = 0.5,
        CR: float = 0.9,
        p: float = 0.1,
        archive_rate: float = 1.0,
        **common: Unpack[Common],
    ):
        rate = within("archive_rate", archive_rate, 0, 100)
        options = {**fixed_options(F, CR), "p": within("p", p, 0, 1), "archive_rate": rate}
        super().__init__(bounds, options=options, archive_rate=rate, **common)

    def _prepare(self, table: Draws) -> Draws:
        n = self._population.n
        return {**super()._prepare(table), **prepared(table, n, best_count(self.options["p"], n))}

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        return pbest_donors(self._population, draws, slots)

    def _mutate(self, parent: FloatArray, donors: Sequence[IntArray], control: Columns) -> FloatArray:
        return mutation.current_to_pbest_1(self._population.donors, parent, donors, control["F"])


def fixed_options(F: float, CR: float) -> dict[str, Any]:
    """Check a fixed scale factor and crossover rate."""
    return {"F": within("F", F, np.nextafter(0, 1), 2), "CR": within("CR", CR, 0, 1)}
