"""Scale factors F and crossover rates CR drawn around remembered centres."""

from __future__ import annotations

import numpy as np

from autode.de.arrays import FloatArray

#: Scale of the Cauchy distribution of F and standard deviation of CR in JADE, SHADE and their successors.
SPREAD = 0.1


def cauchy_factor(location: FloatArray, u: FloatArray) -> FloatArray:
    """Draw F from a Cauchy distribution, drawn again while F <= 0, set to 1 above 1.

    Drawing again until F > 0 gives the Cauchy distribution truncated to F > 0, which one uniform number and the
    inverse of its distribution function give at once (Zhang & Sanderson 2009, eq. 12; Tanabe & Fukunaga 2013, eq. 8).

    Parameters
    ----------
    location : ndarray, shape (n,)
        Centre of the distribution.
    u : ndarray, shape (n,)
        Uniforms of [0, 1).

    Returns
    -------
    ndarray, shape (n,)
        In (0, 1].
    """
    below = 0.5 - np.arctan(location / SPREAD) / np.pi
    quantile = 1.0 - (1.0 - below) * u  # in (below, 1]
    factor = location + SPREAD * np.tan(np.pi * (quantile - 0.5))
    return np.clip(factor, np.finfo(np.float64).tiny, 1.0)


def normal_rate(mean: FloatArray, z: FloatArray) -> FloatArray:
    """Draw CR from a normal distribution cut off to [0, 1]; a mean of NaN is the terminal value and gives CR = 0.

    Parameters
    ----------
    mean : ndarray, shape (n,)
        Centre; NaN for the terminal value of L-SHADE (Tanabe & Fukunaga 2014, section III-A).
    z : ndarray, shape (n,)
        Standard normal numbers.
    """
    rate = np.clip(mean + SPREAD * z, 0.0, 1.0)
    rate[np.isnan(mean)] = 0.0
    return rate
