"""DISH: jSO that learns from trials by the way they went, not by what they improved."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from autode.de.arrays import FloatArray, IntArray
from autode.de.jso import JSO


class DISH(JSO):
    """DISH (Viktorin, Senkerik, Pluhacek, Kadavy & Zamuda, Swarm Evol. Comput. 50:100462, 2019).

    jSO with two changes: M_F starts at 0.5, and successful F and CR weigh by the distance between the trial and the
    parent that it beat (eq. 16), which favours exploration. Distances are taken in the unit cube, so that coordinates
    of unequal range count alike; equal ranges give the paper's weights. Ties are no successes: with these weights they
    would count (the authors' Java records them).

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`.
    memory_size, archive_rate, p_start, p_end, lock_terminal, minimum_population
        See `JSO`. The authors' release draws p anew for each trial from U(p, 0.2), p growing from 0.125.
    """

    name = "dish"
    initial_mean: ClassVar[float] = 0.5

    def _succeeded(self, rows: IntArray, slots: IntArray, delta: FloatArray) -> None:
        width = self.box.high - self.box.low
        way = (self._trials.x[rows] - self._population.x[slots]) / np.where(width > 0, width, 1.0)
        super()._succeeded(rows, slots, np.sqrt(np.einsum("ij,ij->i", way, way)))


class DISHv(DISH):
    """DISH on whole arrays.

    The name is used for a "vectorised DISH" without a public definition. Here it is DISH itself: every algorithm of
    this package works on the whole generation at once.
    """

    name = "dishv"
