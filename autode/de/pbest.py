"""Donors of current-to-pbest/1 with archive, shared by JADE, SHADE and their successors."""

from __future__ import annotations

from autode.de.arrays import IntArray
from autode.de.indices import excluding, scaled
from autode.de.population import Population
from autode.de.table import Draws


def best_count(p: float, n: int) -> int:
    """Round a share p of n individuals (halves up): at least 2, at most all."""
    return min(n, max(2, int(p * n + 0.5)))


def pbest_donors(
    population: Population, draws: Draws, slots: IntArray, best: int | IntArray
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
    best : int or ndarray of int, shape (m,)
        How many of the best to choose from.

    Returns
    -------
    tuple of ndarray of int, shape (m,)
        Rows of ``population.donors``.
    """
    n = population.n
    r1 = excluding(draws["r1"], n, slots)
    r2 = excluding(draws["r2"], n + population.archive.size, slots, r1)
    return population.ranked()[scaled(draws["pbest"], best)], r1, population.donor_rows(r2)
