"""Random indices from uniform numbers, distinct from given ones, without a loop and in O(n)."""

from __future__ import annotations

import numpy as np

from autode.de.arrays import FloatArray, IntArray


def scaled(u: FloatArray, n: int | IntArray) -> IntArray:
    """Turn uniforms of [0, 1), shape (m,), into integers uniform on 0 .. n-1 (n: a number or one per element)."""
    drawn: IntArray = (u * float(n) if isinstance(n, int) else u * n).astype(np.int64)  # a float is cheaper
    return drawn


def excluding(u: FloatArray, n: int, *taken: IntArray) -> IntArray:
    """Draw integers uniform on 0 .. n-1 without the taken ones.

    Every element draws from the ``n - k`` values left and is shifted past its k taken values in rising order: exactly
    uniform, one random number each, no rejection.

    Parameters
    ----------
    u : ndarray, shape (m,)
        Uniforms of [0, 1).
    n : int
        Size of the set; must exceed the number of taken arrays.
    *taken : ndarray, shape (m,)
        Element by element different from each other, all within 0 .. n-1.

    Returns
    -------
    ndarray of int, shape (m,)
    """
    return past(scaled(u, n - len(taken)), *taken)


def past(drawn: IntArray, *taken: IntArray) -> IntArray:
    """Shift numbers that were drawn from the ``n - k`` values left past the k taken ones; see `excluding`."""
    for value in _rising(taken):
        drawn = drawn + (drawn >= value)
    return drawn


def _rising(taken: tuple[IntArray, ...]) -> list[IntArray]:
    """Sort several arrays element by element, by exchanging pairs (few arrays, so cheaper than a general sort)."""
    ordered: list[IntArray] = []
    for value in taken:
        for k, other in enumerate(ordered):
            ordered[k], value = np.minimum(other, value), np.maximum(other, value)
        ordered.append(value)
    return ordered


def rank_weighted(u: FloatArray, weights: FloatArray, *taken: IntArray) -> IntArray:
    """Draw ranks with probabilities proportional to their weights, without the taken ranks.

    One random number each and no rejection: it falls on the length of all weights together, from which the intervals of
    the taken ranks are cut out.

    Parameters
    ----------
    u : ndarray, shape (m,)
        Uniforms of [0, 1).
    weights : ndarray, shape (n,)
        Positive weights of ranks 0 .. n-1.
    *taken : ndarray of int, shape (m,)
        Element by element different from each other; -1 excludes nothing.

    Returns
    -------
    ndarray of int, shape (m,)
    """
    ends = np.concatenate(([0.0], weights.cumsum()))
    padded = np.append(weights, 0.0)  # rank -1 weighs nothing
    point = u * (ends[-1] - sum(padded[rank] for rank in taken))
    for rank in _rising(taken):
        point += padded[rank] * (point >= ends[rank])
    drawn: IntArray = np.minimum(ends[1:].searchsorted(point, side="right"), weights.size - 1)
    return drawn
