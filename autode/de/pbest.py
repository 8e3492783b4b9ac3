"""Donors of current-to-pbest/1 with archive, shared by JADE, SHADE and their successors."""

from __future__ import annotations

import numpy as np

from autode.de.arrays import FloatArray, IntArray
from autode.de.indices import excluding, scaled
from autode.de.population import Population
from autode.de.table import Draws


def pbest_donors(
    population: Population, draws: Draws, slots: IntArray, best: float | FloatArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Choose (pbest, r1, r2): one of the best; r1 != i from the population; r2 != r1, i from population and archive.

    pbest may coincide with i, r1 or r2, as in Tanabe's code; r2 is uniform over population and archive together.

    Parameters
    ----------
    population : Population
    draws : dict
        Uniforms "pbest", "r1", "r2", shape (m,).
    slots : ndarray of int, shape (m,)
        The targets i.
    best : float or ndarray, shape (m,)
        How many of the best to choose from; rounded (halves up), at least 2, at most all.

    Returns
    -------
    tuple of ndarray of int, shape (m,)
        Rows of ``population.donors``.
    """
    n = population.n
    count = np.clip(np.floor(np.asarray(best) + 0.5), 2, n).astype(np.int64)
    r1 = excluding(draws["r1"], n, slots)
    r2 = excluding(draws["r2"], n + population.archive.size, slots, r1)
    return population.ranked()[scaled(draws["pbest"], count)], r1, population.donor_rows(r2)
