"""A quadratic model of the best point's surroundings."""

from __future__ import annotations

import numpy as np

from autode.de.arrays import FloatArray


def terms(dimension: int) -> int:
    """How many coefficients a full quadratic has: ``(D + 1) (D + 2) / 2``."""
    return (dimension + 1) * (dimension + 2) // 2


def relative_rise(y: FloatArray) -> FloatArray:
    """Return values on a scale where 0 is the best and 1 the median (or the worst, if half of them are the best)."""
    above = 0.25 * y - 0.25 * y.min()  # exact, and what lies as far apart as doubles can does not overflow
    middle = float(np.sort(above)[above.size // 2])  # no mean of two, which could overflow
    scale = next((one for one in (middle, float(above.max())) if one > 0), 1.0)
    rise: FloatArray = above / scale
    return rise


class Quadratic:
    """Full quadratic through told points by weighted least squares (lq-CMA-ES, Hansen, GECCO 2019, has it globally).

    Near and good points weigh more: ``1 / (1 + (d / radius)^2)`` for a distance d, and up to ten times as much for a
    value far below the median.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Told points, the centre first, in order of distance; n >= `terms`.
    y : ndarray, shape (n,)
        Their values, finite.
    radius : float
        Distance at which a weight is halved.
    """

    def __init__(self, x: FloatArray, y: FloatArray, radius: float):
        distance = np.sqrt(((x - x[0]) ** 2).sum(axis=1))
        edge = float(distance[min(terms(x.shape[1]), len(x)) - 1])
        self._centre, self._scale = x[0], max(edge, 1e-12)
        self._pairs = np.triu_indices(x.shape[1])
        rise = relative_rise(y)
        weight = np.minimum(1.0 / np.sqrt(1e-3 + rise), 10.0) / (1.0 + (distance / max(radius, edge)) ** 2)
        self._coefficients: FloatArray = np.linalg.lstsq(
            self._features(x) * weight[:, None], rise * weight, rcond=1e-10
        )[0]

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the model's values at points (m, D), on the scale of `relative_rise`."""
        values: FloatArray = self._features(x) @ self._coefficients
        return values

    def _features(self, x: FloatArray) -> FloatArray:
        t = (x - self._centre) / self._scale
        i, j = self._pairs
        return np.concatenate([np.ones((len(t), 1)), t, t[:, i] * t[:, j]], axis=1)
