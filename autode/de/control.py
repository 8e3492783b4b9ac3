"""Scale factors F and crossover rates CR drawn around remembered centres."""

from __future__ import annotations

import numpy as np

from autode.de.arrays import FloatArray

#: Scale of the Cauchy distribution of F and standard deviation of CR in JADE, SHADE and their successors.
SPREAD = 0.1


def cauchy_factor(location: FloatArray, u: FloatArray, spread: float = SPREAD) -> FloatArray:
    """Draw F from a Cauchy distribution, drawn again while F <= 0, set to 1 above 1.

    Drawing again until F > 0 gives the Cauchy distribution truncated to F > 0, which one uniform number and the
    inverse of its distribution function give at once (Zhang & Sanderson 2009, eq. 12; Tanabe & Fukunaga 2013, eq. 8).

    Parameters
    ----------
    location : ndarray, shape (n,)
        Centre of the distribution.
    u : ndarray, shape (n,)
        Uniforms of [0, 1).
    spread : float
        Scale of the distribution.

    Returns
    -------
    ndarray, shape (n,)
        In (0, 1].
    """
    # F > 0 is the part of the distribution with angles (0, arctan(location / spread) + pi/2) left of the vertical.
    angle = np.arctan(location * (1 / spread))
    angle += 0.5 * np.pi
    angle *= 1.0 - u
    factor = location + spread / np.tan(angle)
    return np.minimum(np.maximum(factor, np.finfo(np.float64).tiny), 1.0)


def normal_rate(mean: FloatArray, z: FloatArray, spread: float = SPREAD) -> FloatArray:
    """Draw CR from a normal distribution cut off to [0, 1]; a mean of NaN is the terminal value and gives CR = 0.

    Parameters
    ----------
    mean : ndarray, shape (n,)
        Centre; NaN for the terminal value of L-SHADE (Tanabe & Fukunaga 2014, section III-A).
    z : ndarray, shape (n,)
        Standard normal numbers.
    spread : float
        Standard deviation.
    """
    return np.fmax(np.minimum(mean + spread * z, 1.0), 0.0)  # fmax takes the number of (NaN, 0)


def truncated_normal(mean: FloatArray | float, deviation: float, u: FloatArray) -> FloatArray:
    """Draw from a normal distribution, drawn again while outside [0, 1].

    That is the distribution truncated to [0, 1]; one uniform number and the inverse of its distribution function give
    it at once.

    Parameters
    ----------
    mean : float or ndarray, shape (n,)
        Within [0, 1].
    deviation : float
        Standard deviation before truncation.
    u : ndarray, shape (n,)
        Uniforms of [0, 1).
    """
    from scipy.special import ndtr, ndtri  # slow to import and needed by few

    below, above = ndtr((0.0 - mean) / deviation), ndtr((1.0 - mean) / deviation)
    drawn: FloatArray = mean + deviation * ndtri(below + u * (above - below))
    return np.minimum(np.maximum(drawn, 0.0), 1.0)
