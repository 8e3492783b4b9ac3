"""Classic strategies with fixed F and CR: which vector is the base, how many differences, how genes cross."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from autode.de import crossover, mutation
from autode.de.arrays import FloatArray, IntArray
from autode.de.checks import within
from autode.de.indices import excluding, scaled
from autode.de.optimizer import DifferentialEvolution
from autode.de.pbest import best_count, pbest_donors, prepared
from autode.de.strategy import Columns, Common
from autode.de.table import Draws


class _FixedControl(DifferentialEvolution):
    """The same F and CR for every trial."""

    def _prepare(self, table: Draws) -> Draws:
        rows = len(table["jrand"])
        return {**table, **{name: np.full(rows, self.options[name]) for name in ("F", "CR") if name in self.options}}


class Classic(_FixedControl):
    """A strategy of Storn & Price (J. Global Optim. 11:341, 1997) and Price, Storn & Lampinen (book, 2005).

    Donors are distinct and differ from the target; "best" may coincide with them.

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`.
    F : float
        Scale factor, (0, 2]; 0.5 is the paper's first choice.
    CR : float
        Crossover rate, [0, 1].
    """

    #: How many distinct random donors the mutation takes, and whether the best individual comes before them.
    random_donors: ClassVar[int] = 3
    with_best: ClassVar[bool] = False
    operator: ClassVar[Callable[..., FloatArray]] = staticmethod(mutation.rand_1)
    uniforms: ClassVar[tuple[str, ...]] = ("r1", "r2", "r3", "jrand")

    def __init__(self, bounds: Any, *, F: float = 0.5, CR: float = 0.9, **common: Unpack[Common]):
        super().__init__(bounds, options=fixed_options(F, CR), **common)

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        n = self._population.n
        donors = random_donors(draws, n, slots, self.random_donors)
        if self.with_best:
            donors.insert(0, np.full(slots.size, self._population.ranked()[0]))
        return donors

    def _mutate(self, parent: FloatArray, donors: Sequence[IntArray], control: Columns) -> FloatArray:
        mutants: FloatArray = self.operator(self._population.donors, parent, donors, control["F"])
        return mutants


class Exponential(Classic):
    """Exponential crossover: the genes that cross lie in a row, around the end."""

    planes = ()

    def _cross(self, mutant: FloatArray, parent: FloatArray, control: Columns, draws: Draws) -> None:
        dimension = self.box.dimension
        length = crossover.run_lengths(draws["length"], control["CR"], dimension)
        crossover.exponential(mutant, parent, scaled(draws["jrand"], dimension), length)


class Rand1Bin(Classic):
    """DE/rand/1/bin: ``x_r1 + F (x_r2 - x_r3)``."""

    name = "rand1bin"


class Rand1Exp(Exponential):
    """DE/rand/1/exp."""

    name = "rand1exp"
    uniforms: ClassVar[tuple[str, ...]] = (*Rand1Bin.uniforms, "length")


class Rand2Bin(Classic):
    """DE/rand/2/bin: ``x_r1 + F (x_r2 - x_r3) + F (x_r4 - x_r5)``."""

    name = "rand2bin"
    least = 6
    random_donors = 5
    operator: ClassVar[Callable[..., FloatArray]] = staticmethod(mutation.rand_2)
    uniforms: ClassVar[tuple[str, ...]] = ("r1", "r2", "r3", "r4", "r5", "jrand")


class Rand2Exp(Exponential, Rand2Bin):
    """DE/rand/2/exp."""

    name = "rand2exp"
    uniforms: ClassVar[tuple[str, ...]] = (*Rand2Bin.uniforms, "length")


class Best1Bin(Classic):
    """DE/best/1/bin: ``x_best + F (x_r1 - x_r2)``; greedy, for easy landscapes."""

    name = "best1bin"
    random_donors = 2
    with_best = True
    operator: ClassVar[Callable[..., FloatArray]] = staticmethod(mutation.best_1)
    uniforms: ClassVar[tuple[str, ...]] = ("r1", "r2", "jrand")


class Best1Exp(Exponential, Best1Bin):
    """DE/best/1/exp."""

    name = "best1exp"
    uniforms: ClassVar[tuple[str, ...]] = (*Best1Bin.uniforms, "length")


class Best2Bin(Classic):
    """DE/best/2/bin: ``x_best + F (x_r1 - x_r2) + F (x_r3 - x_r4)``."""

    name = "best2bin"
    least = 5
    random_donors = 4
    with_best = True
    operator: ClassVar[Callable[..., FloatArray]] = staticmethod(mutation.best_2)
    uniforms: ClassVar[tuple[str, ...]] = ("r1", "r2", "r3", "r4", "jrand")


class Best2Exp(Exponential, Best2Bin):
    """DE/best/2/exp."""

    name = "best2exp"
    uniforms: ClassVar[tuple[str, ...]] = (*Best2Bin.uniforms, "length")


class CurrentToBest1Bin(Classic):
    """DE/current-to-best/1/bin: ``x_i + F (x_best - x_i) + F (x_r1 - x_r2)``."""

    name = "currenttobest1bin"
    random_donors = 2
    with_best = True
    operator: ClassVar[Callable[..., FloatArray]] = staticmethod(mutation.current_to_pbest_1)
    uniforms: ClassVar[tuple[str, ...]] = ("r1", "r2", "jrand")


class CurrentToBest1Exp(Exponential, CurrentToBest1Bin):
    """DE/current-to-best/1/exp."""

    name = "currenttobest1exp"
    uniforms: ClassVar[tuple[str, ...]] = (*CurrentToBest1Bin.uniforms, "length")


class RandToBest1Bin(Classic):
    """DE/rand-to-best/1/bin: ``x_r1 + F (x_best - x_r1) + F (x_r2 - x_r3)``."""

    name = "randtobest1bin"
    with_best = True
    operator: ClassVar[Callable[..., FloatArray]] = staticmethod(mutation.rand_to_best_1)


class RandToBest1Exp(Exponential, RandToBest1Bin):
    """DE/rand-to-best/1/exp."""

    name = "randtobest1exp"
    uniforms: ClassVar[tuple[str, ...]] = (*RandToBest1Bin.uniforms, "length")


class CurrentToRand1(_FixedControl):
    """DE/current-to-rand/1 (Price 1999): ``x_i + K (x_r1 - x_i) + F (x_r2 - x_r3)``, no crossover.

    It does not depend on the directions of the axes. K is drawn from U(0, 1) for each trial.

    Parameters
    ----------
    bounds, F, **common
        See `Classic`.
    """

    name = "currenttorand1"
    uniforms: ClassVar[tuple[str, ...]] = ("r1", "r2", "r3", "jrand", "K")
    planes = ()
    parameters = ("F", "K")

    def __init__(self, bounds: Any, *, F: float = 0.5, **common: Unpack[Common]):
        super().__init__(bounds, options={"F": fixed_options(F, 1.0)["F"]}, **common)

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        return random_donors(draws, self._population.n, slots, 3)

    def _mutate(self, parent: FloatArray, donors: Sequence[IntArray], control: Columns) -> FloatArray:
        return mutation.current_to_rand_1(self._population.donors, parent, donors, control["F"], control["K"])

    def _cross(self, mutant: FloatArray, parent: FloatArray, control: Columns, draws: Draws) -> None:
        """Leave the mutant as it is."""


class CurrentToPBest1Bin(_FixedControl):
    """DE/current-to-pbest/1/bin with archive: JADE's mutation (Zhang & Sanderson 2009) with fixed F and CR.

    Parameters
    ----------
    bounds, F, CR, **common
        See `Classic`.
    p : float
        Share of best individuals to be attracted to, (0, 1]; at least two of them.
    archive_rate : float
        Archive capacity per individual; 0 turns the archive off.
    """

    name = "currenttopbest1bin"
    uniforms: ClassVar[tuple[str, ...]] = ("pbest", "r1", "r2", "jrand", "archive")
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
        return {**super()._prepare(table), **prepared(self._table, table, n, best_count(self.options["p"], n))}

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        return pbest_donors(self._population, draws, slots)

    def _mutate(self, parent: FloatArray, donors: Sequence[IntArray], control: Columns) -> FloatArray:
        return mutation.current_to_pbest_1(self._population.donors, parent, donors, control["F"])


#: All of them.
STRATEGIES: tuple[type[DifferentialEvolution], ...] = (
    *(Rand1Bin, Rand1Exp, Rand2Bin, Rand2Exp, Best1Bin, Best1Exp, Best2Bin, Best2Exp),
    *(CurrentToBest1Bin, CurrentToBest1Exp, RandToBest1Bin, RandToBest1Exp, CurrentToRand1, CurrentToPBest1Bin),
)


def random_donors(draws: Draws, n: int, slots: IntArray, count: int) -> list[IntArray]:
    """Choose distinct individuals other than the targets, from the uniforms "r1", "r2", ...; arrays of shape (m,)."""
    donors: list[IntArray] = []
    for k in range(1, count + 1):
        donors.append(excluding(draws[f"r{k}"], n, slots, *donors))
    return donors


def fixed_options(F: float, CR: float) -> dict[str, Any]:
    """Check a fixed scale factor and crossover rate."""
    return {"F": within("F", F, np.nextafter(0, 1), 2), "CR": within("CR", CR, 0, 1)}
