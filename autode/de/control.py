"""Scale factors F and crossover rates CR drawn around remembered centres."""

from __future__ import annotations

import numpy as np

from autode.de.arrays import FloatArray

#: Scale of the Cauchy distribution of F and standard deviation of CR in JADE, SHADE and their successors.
SPREAD = 0.1
#: The smallest F: rounding must not make it 0.
TINY: FloatArray = np.array(np.finfo(np.float64).tiny)
# Arrays of no dimension: with a plain number NumPy takes twice the time when there are few individuals.
ZERO: FloatArray = np.array(0.0)
INFINITE: FloatArray = np.array(np.inf)
ONE: FloatArray = np.array(1.0)
HALF_PI: FloatArray = np.array(0.5 * np.pi)


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
    return truncated_cauchy(location, largest_angle(location, spread), 1.0 - u, spread)


def largest_angle(location: FloatArray, spread: float = SPREAD) -> FloatArray:
    """Angle that stands for F = 0: F > 0 has the angles between 0 and this, left of the vertical, shape (n,)."""
    return np.arctan(location * (1 / spread)) + HALF_PI


def truncated_cauchy(location: FloatArray, angle: FloatArray, share: FloatArray, spread: float = SPREAD) -> FloatArray:
    """Do the work of `cauchy_factor` with its `largest_angle` and ``share = 1 - u`` at hand, shapes (n,)."""
    factor = np.tan(angle * share)
    np.divide(spread, factor, out=factor)
    factor += location
    np.minimum(factor, ONE, out=factor)
    return np.maximum(factor, TINY, out=factor)


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
    return limited_rate(mean, spread * z)


def limited_rate(mean: FloatArray, shift: FloatArray) -> FloatArray:
    """Do the work of `normal_rate` with the distance from the mean, ``spread * z``, at hand, shapes (n,)."""
    rate = mean + shift
    np.minimum(rate, ONE, out=rate)
    return np.fmax(rate, ZERO, out=rate)  # fmax takes the number of (NaN, 0)


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
