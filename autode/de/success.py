"""The frame of the SHADE family: current-to-pbest/1 with archive, F and CR from a success-history memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from autode.de import mutation
from autode.de.arrays import FloatArray, IntArray
from autode.de.checks import within
from autode.de.control import SPREAD, largest_angle, limited_rate, truncated_cauchy
from autode.de.indices import scaled
from autode.de.memory import SuccessHistory
from autode.de.optimizer import DifferentialEvolution
from autode.de.pbest import pbest_donors, prepared
from autode.de.strategy import Columns, Common
from autode.de.table import Draws


class SuccessHistoryDE(DifferentialEvolution):
    """Success-history based adaptive DE; SHADE and L-SHADE fill in how many best attract and how memory averages.

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`.
    memory : SuccessHistory
        Where F and CR are remembered.
    archive_rate : float
        Archive capacity per individual.
    options : mapping
        Further options of the algorithm.
    """

    uniforms: ClassVar[tuple[str, ...]] = ("memory", "F", "pbest", "r1", "r2", "jrand", "archive")
    normals: ClassVar[tuple[str, ...]] = ("CR",)
    parameters: ClassVar[tuple[str, ...]] = ("F", "CR", "archive")

    def __init__(
        self,
        bounds: Any,
        memory: SuccessHistory,
        archive_rate: float,
        options: Mapping[str, Any],
        **common: Unpack[Common],
    ):
        rate = within("archive_rate", archive_rate, 0, 100)
        super().__init__(bounds, archive_rate=rate, options={**options, "archive_rate": rate}, **common)
        self._memory = memory
        self._successes: list[FloatArray] = []  # arrays (3, s): F, CR and improvement of this generation's successes

    def _best_count(self, table: Draws) -> int | IntArray:
        """How many of the best attract, from 2 to n: a number, or one for each row of the random table."""
        raise NotImplementedError

    def _derive(self, lot: Draws) -> None:
        lot["memory_slot"] = scaled(lot["memory"], self._memory.size)
        lot["F_share"], lot["CR_shift"] = 1.0 - lot["F"], SPREAD * lot["CR"]

    def _sampled(self, table: Draws) -> tuple[FloatArray, FloatArray]:
        """Draw F and CR around a random slot of the memory for each row of the random table."""
        at, memory = table["memory_slot"], self._memory
        F = truncated_cauchy(memory.F.take(at), largest_angle(memory.F).take(at), table["F_share"])
        return F, limited_rate(memory.CR.take(at), table["CR_shift"])

    def _prepare(self, table: Draws) -> Draws:
        F, CR = self._sampled(table)
        donors = prepared(self._table, table, self._population.n, self._best_count(table))
        kept = {name: table[name] for name in ("archive", *self._table.planes)}
        return {"F": F, "CR": CR, **donors, **kept}

    def _donors(self, draws: Draws, slots: IntArray) -> Sequence[IntArray]:
        return pbest_donors(self._population, draws, slots)

    def _mutate(self, parent: FloatArray, donors: Sequence[IntArray], control: Columns) -> FloatArray:
        return mutation.current_to_pbest_1(self._population.donors, parent, donors, control["F"])

    def _succeeded(self, rows: IntArray, slots: IntArray, delta: FloatArray) -> None:
        trials = self._trials
        self._successes.append(np.array((trials.parameter("F").take(rows), trials.parameter("CR").take(rows), delta)))

    def _adapt(self) -> None:
        self._memory.update(*self._collected())
        self._successes = []

    def _collected(self) -> FloatArray:
        if len(self._successes) == 1:
            return self._successes[0]
        return np.concatenate(self._successes, axis=1) if self._successes else np.empty((3, 0))

    def _learned(self) -> dict[str, Any]:
        return {"memory": self._memory.state(), "successes": self._collected()}

    def _relearn(self, state: dict[str, Any]) -> None:
        self._memory.load(state["memory"])
        self._successes = [state["successes"].copy()] if state["successes"].size else []
