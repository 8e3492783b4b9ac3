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
