"""Donors of current-to-pbest/1 with archive, shared by JADE, SHADE and their successors."""

from __future__ import annotations

from autode.de.arrays import IntArray
from autode.de.indices import excluding, past, scaled
from autode.de.population import Population
from autode.de.table import Draws


def best_count(p: float, n: int) -> int:
    """Round a share p of n individuals (halves up): at least 2, at most all."""
    return min(n, max(2, int(p * n + 0.5)))


def prepared(draws: Draws, n: int, best: int | IntArray) -> Draws:
    """Work out what `pbest_donors` needs of a table of uniforms "pbest", "r1", "r2", shape (rows,).

    Parameters
    ----------
    draws : dict
    n : int
        Population size.
    best : int or ndarray of int, shape (rows,)
        How many of the best to choose from.

    Returns
    -------
    dict
        "pbest", places in the ranking; "r1", numbers of 0 .. n-2; "r2", still uniforms: the archive grows meanwhile.
    """
    return {"pbest": scaled(draws["pbest"], best), "r1": scaled(draws["r1"], n - 1), "r2": draws["r2"]}


def pbest_donors(population: Population, draws: Draws, slots: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Choose (pbest, r1, r2): one of the best; r1 != i from the population; r2 != r1, i from population and archive.

    pbest may coincide with i, r1 or r2, as in Tanabe's code; r2 is uniform over population and archive together.

    Parameters
    ----------
    population : Population
    draws : dict
        Rows of what `prepared` returned, shape (m,).
    slots : ndarray of int, shape (m,)
        The targets i.

    Returns
    -------
    tuple of ndarray of int, shape (m,)
        Rows of ``population.donors``.
    """
    r1 = past(draws["r1"], slots)
    r2 = excluding(draws["r2"], population.n + population.archive.size, slots, r1)
    return population.ranked()[draws["pbest"]], r1, population.donor_rows(r2)
