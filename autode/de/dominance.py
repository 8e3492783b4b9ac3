"""Pareto dominance, its ranks, and crowding, for few objectives that are all minimised."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autode.de.arrays import FloatArray, IntArray


def dominates(a: FloatArray, b: FloatArray) -> bool:
    """Whether objectives a, shape (M,), are nowhere worse than b and somewhere better."""
    return bool((a <= b).all() and (a < b).any())


def ranks(values: FloatArray) -> IntArray:
    """Return the non-dominated rank of each point, 0 for the first front, shape (n,) (Deb et al. 2002).

    Parameters
    ----------
    values : ndarray, shape (n, M)
        Objectives; inf for a failed point.
    """
    below: npt.NDArray[np.bool_] = np.all(values[:, None] <= values[None], axis=2)
    beats = below & ~below.T
    rank = np.full(len(values), -1)
    level = 0
    while (rank < 0).any():
        front = (rank < 0) & ~beats[rank < 0].any(axis=0)
        rank[front] = level
        level += 1
    return rank


def crowding(values: FloatArray) -> FloatArray:
    """Return the crowding distance of points of one front, shape (n,); inf at the ends (Deb et al. 2002).

    Objectives count by the range that the finite points span.
    """
    n, objectives = values.shape
    distance = np.zeros(n)
    for m in range(objectives):
        order = values[:, m].argsort(kind="stable")
        ordered = values[order, m]
        finite = ordered[np.isfinite(ordered)]
        span = float(np.ptp(finite)) if finite.size else 0.0
        distance[order[[0, -1]]] = np.inf
        if n > 2 and span > 0:
            with np.errstate(invalid="ignore"):
                gap = (ordered[2:] - ordered[:-2]) / span
            distance[order[1:-1]] += np.nan_to_num(gap, nan=0.0, posinf=0.0)
    return distance


def pruned(values: FloatArray, size: int) -> IntArray:
    """Choose the points that stay: whole fronts first, the last one thinned out; rising numbers, shape (size,).

    The most crowded point goes, then distances are worked out again, and so on (Kukkonen & Deb, IEEE CEC 2006): for
    two objectives that spreads better than sorting once.
    """
    if len(values) <= size:
        return np.arange(len(values))
    rank = ranks(values)
    cut = int(np.sort(rank)[size - 1])
    kept = np.flatnonzero(rank < cut).tolist()
    last = np.flatnonzero(rank == cut)
    while len(last) > size - len(kept):
        last = np.delete(last, int(crowding(values[last]).argmin()))
    return np.sort(np.array([*kept, *last.tolist()], dtype=np.int64))
