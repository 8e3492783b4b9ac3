"""Start of a run: population size from the budget, space-filling first points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autode.de.arrays import FloatArray
from autode.de.bounds import Box

#: The fewest individuals with which every strategy here has its distinct donors.
MINIMUM = 4
STARTS = ("latin", "uniform", "sobol")


def default_size(dimension: int, max_evaluations: int) -> int:
    """Choose a population size for a budget.

    ``N = D (2 + 5.756 max(0, log10(B/D) - 2)^1.609)`` (the rule of ARRDE, Muzakka et al. 2025: 2 D at B = 100 D, about
    20 D at B = 10000 D), at most 3000, at most B/8 so that a small budget still lasts 8 generations, at least 8; a
    budget below 8 takes the budget itself, never less than 4.

    Parameters
    ----------
    dimension : int
        Number of coordinates D.
    max_evaluations : int
        Budget B.
    """
    decades = max(0.0, math.log10(max_evaluations / dimension) - 2.0)
    wanted: int = round(dimension * (2.0 + 5.756 * decades**1.609))
    size = max(8, min(wanted, 3000, max_evaluations // 8))
    return max(MINIMUM, min(size, max_evaluations))


def initial_points(box: Box, size: int, rng: np.random.Generator, start: Any, x0: Any) -> FloatArray:
    """Build generation 0: known good points first, then given points, then a space-filling sample.

    Parameters
    ----------
    box : Box
        The search space.
    size : int
        Number of points N.
    rng : numpy.random.Generator
        Source of randomness.
    start : str or array_like, shape (k, D)
        ``"latin"`` (Latin hypercube), ``"uniform"`` (as in most papers), ``"sobol"`` (scrambled), or points.
    x0 : array_like, shape (D,) or (k, D), or None
        Known good points, evaluated first.

    Returns
    -------
    ndarray, shape (N, D)

    Raises
    ------
    ValueError
        If a point lies outside the box, there are more points than individuals, or the name is unknown.
    """
    given = [] if x0 is None else [box.require(x0, "x0")]
    if not isinstance(start, str):
        given.append(box.require(start, "init"))
        start = "latin"
    count = sum(len(points) for points in given)
    if count > size:
        raise ValueError(f"init and x0 hold {count} points, but the population has only {size} places")
    return np.concatenate([*given, box.from_unit(_unit_sample(start, size - count, box.dimension, rng))])


def given_count(start: Any, x0: Any) -> int:
    """Count the points that the caller brings along."""
    points = [np.atleast_2d(p) for p in (x0, start) if p is not None and not isinstance(p, str)]
    return sum(len(p) for p in points)


def _unit_sample(start: str, n: int, dimension: int, rng: np.random.Generator) -> FloatArray:
    if start == "latin":
        cells = rng.permuted(np.broadcast_to(np.arange(n), (dimension, n)), axis=1).T
        return (cells + rng.random((n, dimension))) / max(n, 1)
    if start == "uniform":
        return rng.random((n, dimension))
    if start == "sobol":
        from scipy.stats import qmc  # slow to import and rarely wanted

        power = max(0, int(n - 1).bit_length())
        sample: FloatArray = qmc.Sobol(dimension, rng=rng).random_base2(power)[:n]
        return sample
    raise ValueError(f"init is {start!r}; expected one of {', '.join(STARTS)} or an array of points")
