"""Differential evolution on a surrogate: trial vectors bred for some generations before one of them is evaluated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autode.de.arrays import FloatArray

#: Takes points (m, D) of the unit cube, returns what is minimised, shape (m,).
Score = Callable[[FloatArray], FloatArray]

#: Share of the best that attract; range of F; crossover rates that take turns, the last of them half of the time.
_P, _F, _CR = 1 / 6, (0.3, 0.9), np.array([0.3, 0.9, 1.0, 1.0])


def evolve(
    score: Score, x: FloatArray, generations: int, rng: np.random.Generator, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Evolve points by current-to-pbest/1/bin with drawn F and CR (Zhang & Sanderson 2009), greedy selection.

    Parameters
    ----------
    score : callable
    x : ndarray, shape (m, D)
        First generation; what lies outside is put on the border.
    generations : int
    rng : numpy.random.Generator
    low, high : ndarray, shape (D,)
        The box; a gene that leaves it comes back half-way to its parent.

    Returns
    -------
    x, score : ndarray, shape (m, D) and (m,)
        The last generation, best first.
    """
    x = np.clip(x, low, high)
    f = score(x)
    m, dimension = x.shape
    u, crossing = rng.random((5, generations, m)), rng.random((generations, m, dimension))
    F = (_F[0] + (_F[1] - _F[0]) * u[0])[:, :, None]
    CR = _CR[(u[1] * _CR.size).astype(np.int64)][:, :, None]
    best = (u[2] * max(2, int(m * _P))).astype(np.int64)
    r1, r2 = (u[3] * m).astype(np.int64), (u[4] * m).astype(np.int64)
    forced = rng.integers(0, dimension, (generations, m))
    every = np.arange(m)
    for g in range(generations):
        v = x + F[g] * (x[f.argsort(kind="stable")[best[g]]] - x + x[r1[g]] - x[r2[g]])
        crossed = crossing[g] < CR[g]
        crossed[every, forced[g]] = True
        v = np.where(v < low, 0.5 * (low + x), np.where(v > high, 0.5 * (high + x), v))
        v = np.where(crossed, v, x)
        fv = score(v)
        better = fv < f
        x[better], f[better] = v[better], fv[better]
    order = f.argsort(kind="stable")
    return x[order], f[order]
