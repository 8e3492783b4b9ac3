"""jDE: every individual carries its own F and CR, which change at random and survive with it."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from autode.de.arrays import IntArray
from autode.de.checks import within
from autode.de.classic import Rand1Bin
from autode.de.optimizer import DifferentialEvolution
from autode.de.strategy import Columns, Common
from autode.de.table import Draws


class JDE(Rand1Bin):
    """Self-adaptive DE (Brest, Greiner, Boskovic, Mernik & Zumer, IEEE TEC 10(6):646, 2006): rand/1/bin.

    Before mutation ``F' = F_low + u F_width`` with probability tau_F, else the individual's F; ``CR' = u`` with
    probability tau_CR, else its CR (eqs. 9 and 10). A trial that takes a slot, by being better or equal, brings its
    F' and CR' along. Individuals start with F = 0.5, CR = 0.9.

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`.
    tau_F, tau_CR : float
        Probabilities of a new F and CR.
    F_low, F_width : float
        F is drawn from ``[F_low, F_low + F_width]`` (the paper's F_l and F_u: a width, not an upper limit).
    """

    name = "jde"
    uniforms = ("r1", "r2", "r3", "jrand", "new_F", "F", "new_CR", "CR")

    def __init__(
        self,
        bounds: Any,
        *,
        tau_F: float = 0.1,
        tau_CR: float = 0.1,
        F_low: float = 0.1,
        F_width: float = 0.9,
        **common: Unpack[Common],
    ):
        rates = {"tau_F": within("tau_F", tau_F, 0, 1), "tau_CR": within("tau_CR", tau_CR, 0, 1)}
        limits = {"F_low": within("F_low", F_low, 0, 2), "F_width": within("F_width", F_width, 0, 2)}
        DifferentialEvolution.__init__(self, bounds, options={**rates, **limits}, **common)

    def _individual(self, rng: np.random.Generator, n: int) -> Columns:
        return {"F": np.full(n, 0.5), "CR": np.full(n, 0.9)}

    def _prepare(self, table: Draws) -> Draws:
        option = self.options
        renewed = {name: table[name] < option[rate] for name, rate in (("new_F", "tau_F"), ("new_CR", "tau_CR"))}
        return {**table, **renewed, "F": option["F_low"] + table["F"] * option["F_width"]}

    def _control(self, draws: Draws, slots: IntArray) -> Columns:
        own = self._population.individual.items()
        return {name: np.where(draws[f"new_{name}"], draws[name], column[slots]) for name, column in own}

    def _survived(self, slots: IntArray, rows: IntArray) -> None:
        bred = self._trials.generation[rows] > 0  # initial individuals come without F and CR
        for name, column in self._population.individual.items():
            column[slots[bred]] = self._trials.parameter(name)[rows[bred]]
