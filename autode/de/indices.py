"""Random indices from uniform numbers, distinct from given ones, without a loop and in O(n)."""

from __future__ import annotations

import numpy as np

from autode.de.arrays import FloatArray, IntArray


def scaled(u: FloatArray, n: int | IntArray) -> IntArray:
    """Turn uniforms of [0, 1), shape (m,), into integers uniform on 0 .. n-1 (n: a number or one per element)."""
    return (u * n).astype(np.int64)


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
    drawn = scaled(u, n - len(taken))
    for value in _rising(taken):
        drawn += drawn >= value
    return drawn


def _rising(taken: tuple[IntArray, ...]) -> tuple[IntArray, ...]:
    if len(taken) < 2:
        return taken
    if len(taken) == 2:
        return np.minimum(*taken), np.maximum(*taken)
    return tuple(np.sort(np.stack(taken), axis=0))
