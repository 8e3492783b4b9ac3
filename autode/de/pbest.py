"""Donors of current-to-pbest/1 with archive, shared by JADE, SHADE and their successors."""

from __future__ import annotations

import numpy as np

from autode.de.arrays import FloatArray, IntArray
from autode.de.indices import excluding, past, rank_weighted, scaled
from autode.de.population import Population
from autode.de.table import Draws, RandomTable

#: The largest number below 1, so that what is scaled by it stays an index.
ALMOST = float(np.nextafter(1, 0))


def best_count(p: float, n: int) -> int:
    """Round a share p of n individuals (halves up): at least 2, at most all."""
    return min(n, max(2, int(p * n + 0.5)))


def prepared(table: RandomTable, draws: Draws, n: int, best: int | IntArray) -> Draws:
    """Work out what `pbest_donors` needs of a table of uniforms "pbest", "r1", "r2", shape (rows,).

    Parameters
    ----------
    table : RandomTable
    draws : dict
        Its columns.
    n : int
        Population size.
    best : int or ndarray of int, shape (rows,)
        How many of the best to choose from.

    Returns
    -------
    dict
        "pbest", places in the ranking; "r1", numbers of 0 .. n-2; "r2", still uniforms: the archive grows meanwhile.
    """
    pbest = table.integers("pbest", best) if isinstance(best, int) else scaled(draws["pbest"], best)
    return {"pbest": pbest, "r1": table.integers("r1", n - 1), "r2": draws["r2"]}


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
    return population.ranked().take(draws["pbest"]), r1, population.donor_rows(r2)


def another_best(population: Population, u: FloatArray, best: int, slots: IntArray) -> IntArray:
    """Choose one of the best individuals other than the target, shape (m,).

    Parameters
    ----------
    population : Population
    u : ndarray, shape (m,)
        Uniforms of [0, 1).
    best : int
        How many of the best to choose from, at least 2.
    slots : ndarray of int, shape (m,)
        The targets.
    """
    own = population.ranks()[slots]
    place = scaled(u, best - (own < best))
    return population.ranked()[place + (place >= own)]


def pressured_donors(
    population: Population, draws: Draws, pbest: IntArray, weights: FloatArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Choose (pbest, r1, r2) with rank-based pressure on r1 and on r2 where it comes from the population (L-SHADE-RSP).

    r2 comes from the archive, uniformly, with probability ``|A| / (|A| + n)``.

    Parameters
    ----------
    population : Population
    draws : dict
        Uniforms "r1" and "r2", shape (m,).
    pbest : ndarray of int, shape (m,)
        Slots; r1 and r2 differ from them and from each other, not from the target (as in the authors' code).
    weights : ndarray, shape (n,)
        Weight of each rank, the best first.
    """
    n, archived = population.n, population.archive.size
    best = population.ranks()[pbest]
    first = rank_weighted(draws["r1"], weights, best)
    share = archived / (archived + n)
    u = draws["r2"]
    second = rank_weighted((u - share) / (1 - share), weights, best, first)
    ranked = population.ranked()
    r2 = ranked[second]
    if archived:
        r2 = np.where(u < share, population.initial_size + scaled(np.minimum(u / share, ALMOST), archived), r2)
    return pbest, ranked[first], r2
