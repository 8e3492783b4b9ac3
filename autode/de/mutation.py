"""Mutation: difference vectors added to a base vector, for many trials at once.

Every operator takes ``x`` (R, D), the rows that donors are taken from (population, then archive); ``parent`` (n, D),
the targets; ``donors``, a sequence of index arrays (n,) into ``x``; and ``F`` (n,), the scale factors. It returns the
mutants, a new array (n, D), which may lie outside the bounds.
"""

from __future__ import annotations

from collections.abc import Sequence

from autode.de.arrays import FloatArray, IntArray

Donors = Sequence[IntArray]


def rand_1(x: FloatArray, parent: FloatArray, donors: Donors, F: FloatArray) -> FloatArray:
    """DE/rand/1: ``v = x_r1 + F (x_r2 - x_r3)`` (Storn & Price 1997, eq. 2)."""
    r1, r2, r3 = donors
    v = x.take(r2, axis=0)
    v -= x.take(r3, axis=0)
    v *= F[:, None]
    v += x.take(r1, axis=0)
    return v


def rand_2(x: FloatArray, parent: FloatArray, donors: Donors, F: FloatArray) -> FloatArray:
    """DE/rand/2: ``v = x_r1 + F (x_r2 - x_r3) + F (x_r4 - x_r5)`` (Price, Storn & Lampinen 2005)."""
    r1, r2, r3, r4, r5 = donors
    v = x.take(r2, axis=0)
    v -= x.take(r3, axis=0)
    v += x.take(r4, axis=0)
    v -= x.take(r5, axis=0)
    v *= F[:, None]
    v += x.take(r1, axis=0)
    return v


def best_1(x: FloatArray, parent: FloatArray, donors: Donors, F: FloatArray) -> FloatArray:
    """DE/best/1: ``v = x_best + F (x_r1 - x_r2)``; donors are (best, r1, r2) (Storn & Price 1997)."""
    return rand_1(x, parent, donors, F)


def best_2(x: FloatArray, parent: FloatArray, donors: Donors, F: FloatArray) -> FloatArray:
    """DE/best/2: ``v = x_best + F (x_r1 - x_r2) + F (x_r3 - x_r4)``; donors are (best, r1, ..., r4)."""
    return rand_2(x, parent, donors, F)


def rand_to_best_1(x: FloatArray, parent: FloatArray, donors: Donors, F: FloatArray) -> FloatArray:
    """DE/rand-to-best/1: ``v = x_r1 + F (x_best - x_r1) + F (x_r2 - x_r3)``; donors are (best, r1, r2, r3)."""
    best, r1, r2, r3 = donors
    return current_to_pbest_1(x, x.take(r1, axis=0), (best, r2, r3), F)


def current_to_rand_1(x: FloatArray, parent: FloatArray, donors: Donors, F: FloatArray, K: FloatArray) -> FloatArray:
    """DE/current-to-rand/1: ``v = x_i + K (x_r1 - x_i) + F (x_r2 - x_r3)``, never crossed (Price 1999)."""
    r1, r2, r3 = donors
    toward = x.take(r1, axis=0)
    toward -= parent
    toward *= K[:, None]
    v = x.take(r2, axis=0)
    v -= x.take(r3, axis=0)
    v *= F[:, None]
    v += toward
    v += parent
    return v


def current_to_best_2(x: FloatArray, parent: FloatArray, donors: Donors, F: FloatArray) -> FloatArray:
    """SaDE's "rand-to-best/2": ``v = x_i + F (x_best - x_i) + F (x_r1 - x_r2) + F (x_r3 - x_r4)``."""
    best, r1, r2, r3, r4 = donors
    v = x.take(best, axis=0)
    v -= parent
    v += x.take(r1, axis=0)
    v -= x.take(r2, axis=0)
    v += x.take(r3, axis=0)
    v -= x.take(r4, axis=0)
    v *= F[:, None]
    v += parent
    return v


def current_to_pbest_1(
    x: FloatArray, parent: FloatArray, donors: Donors, F: FloatArray, weight: float = 1.0
) -> FloatArray:
    """DE/current-to-pbest/1: ``v = x_i + w F (x_pbest - x_i) + F (x_r1 - x_r2)`` (Zhang & Sanderson 2009, eq. 7).

    Donors are (pbest, r1, r2); with an archive r2 may point into it. A weight w other than 1 makes it
    current-to-pbest-w/1 (Brest, Maucec & Boskovic 2017, eq. 13, F_w = w F).
    """
    pbest, r1, r2 = donors
    v = x.take(pbest, axis=0)
    v -= parent
    if weight != 1.0:
        v *= weight
    v += x.take(r1, axis=0)
    v -= x.take(r2, axis=0)
    v *= F[:, None]
    v += parent
    return v
