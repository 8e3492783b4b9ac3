"""A Gaussian process on few points: what the told trials let one expect of a point that nobody has tried."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autode.de.arrays import FloatArray, IntArray

_SQRT5 = math.sqrt(5.0)
_JITTER = 1e-8
#: Prior of the logarithms: lengthscales around half a range in two dimensions (more in many), noise around 1e-3.
_NOISE_MEDIAN, _NOISE_SPREAD = math.log(1e-3), 2.5
_LENGTH_LIMITS, _NOISE_LIMITS = (math.log(0.03), math.log(30.0)), (math.log(1e-6), math.log(0.5))


class GaussianProcess:
    """Gaussian process with a Matern-5/2 kernel and one lengthscale a coordinate (Rasmussen & Williams 2006, ch. 4, 5).

    Values are standardised, the signal's variance is profiled out; lengthscales and noise maximise the posterior under
    log-normal priors.

    Parameters
    ----------
    z : ndarray, shape (n, K)
        Features of the told points.
    y : ndarray, shape (n,)
        Their values, finite.
    group : ndarray of int, shape (K,)
        Which lengthscale a feature takes, from 0: the columns of one categorical share theirs.
    theta : ndarray, shape (G + 1,), or None
        Logarithms of the G lengthscales and of the noise variance (relative to the signal's); None: the prior's median.
    """

    def __init__(self, z: FloatArray, y: FloatArray, group: IntArray, theta: FloatArray | None = None):
        self.z, self.group = z, group
        self._lengths = int(group.max()) + 1
        self._median = math.log(0.5 * math.sqrt(self._lengths / 2.0))
        spread = float(y.std())
        self.centre, self.scale = float(y.mean()), spread if spread > 0 else 1.0
        self.y: FloatArray = (y - self.centre) / self.scale
        self.theta = self._prior() if theta is None else theta
        self._condition()

    def fitted(self, iterations: int = 30) -> GaussianProcess:
        """Return the process with the lengthscales and noise of highest posterior density, searched from ``theta``."""
        from scipy.optimize import minimize  # slow to import

        limits = [_LENGTH_LIMITS] * self._lengths + [_NOISE_LIMITS]
        start = np.clip(self.theta, [low for low, _ in limits], [high for _, high in limits])
        options: Any = {"maxiter": iterations, "maxcor": 8, "ftol": 1e-4}
        found = minimize(self._loss, start, jac=True, method="L-BFGS-B", bounds=limits, options=options)
        return GaussianProcess(self.z, self.centre + self.scale * self.y, self.group, np.asarray(found.x))

    def predict(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation, shape (m,) each, at features (m, K), in standardised units."""
        r = np.sqrt(5.0 * _squared_distances(z * self._inverse_lengths, self._scaled))
        k = (1.0 + r + r * r / 3.0) * np.exp(-r)
        v = k @ self._inverse_factor.T
        variance = self._signal * np.maximum(1.0 - np.einsum("ij,ij->i", v, v), 1e-10)
        return k @ self._weights, np.sqrt(variance)

    def _prior(self) -> FloatArray:
        return np.append(np.full(self._lengths, self._median), _NOISE_MEDIAN)

    def _kernel(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return scaled features, sqrt(5) r, exp(-sqrt(5) r) and the covariance with noise."""
        a = self.z * np.exp(-theta[:-1])[self.group]
        r = np.sqrt(5.0 * _squared_distances(a, a))
        e = np.exp(-r)
        c = (1.0 + r + r * r / 3.0) * e
        c[np.diag_indices_from(c)] = 1.0 + math.exp(theta[-1]) + _JITTER
        return a, r, e, c

    def _condition(self) -> None:
        from scipy.linalg import lapack

        self._scaled, _, _, c = self._kernel(self.theta)
        self._inverse_lengths: FloatArray = np.exp(-self.theta[:-1])[self.group]
        factor, _ = lapack.dpotrf(c, lower=1, clean=1)
        self._inverse_factor, _ = lapack.dtrtri(factor, lower=1)
        w = self._inverse_factor @ self.y
        self._weights: FloatArray = self._inverse_factor.T @ w
        self._signal = max(float(w @ w) / self.y.size, 1e-12)

    def _loss(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Return the negative log posterior and its gradient (Rasmussen & Williams 2006, eq. 5.9)."""
        from scipy.linalg import lapack

        a, r, e, c = self._kernel(theta)
        factor, fault = lapack.dpotrf(c, lower=1, clean=1)
        if fault:
            return 1e10, np.zeros_like(theta)
        lower, _ = lapack.dpotri(factor, lower=1)
        inverse = np.tril(lower) + np.tril(lower, -1).T
        alpha = inverse @ self.y
        signal = max(float(self.y @ alpha) / self.y.size, 1e-12)
        by_c = 0.5 * (inverse - np.outer(alpha, alpha) / signal)
        by_r = by_c * ((5.0 / 3.0) * (1.0 + r) * e)
        by_column = 2.0 * ((a * a).T @ by_r.sum(axis=1) - np.einsum("ij,ij->j", a, by_r @ a))
        lengths, noise = theta[:-1] - self._median, (theta[-1] - _NOISE_MEDIAN) / _NOISE_SPREAD
        loss = 0.5 * self.y.size * math.log(signal) + float(np.log(np.diag(factor)).sum())
        loss += 0.5 * float(lengths @ lengths) + 0.5 * noise**2
        by_length = np.bincount(self.group, by_column, self._lengths) + lengths
        by_noise = float(np.trace(by_c)) * math.exp(theta[-1]) + noise / _NOISE_SPREAD
        return loss, np.append(by_length, by_noise)


def log_expected_improvement(mean: FloatArray, deviation: FloatArray, best: float) -> FloatArray:
    """Logarithm of the expected improvement below ``best`` (Jones et al. 1998, eq. 15), also where it underflows."""
    from scipy.special import ndtr

    u = (best - mean) / deviation
    plain = np.maximum(u * ndtr(u) + np.exp(-0.5 * u * u) / math.sqrt(2.0 * math.pi), 1e-300)
    tail = -0.5 * u * u - 0.5 * math.log(2.0 * math.pi) - 2.0 * np.log(np.maximum(-u, 1.0))
    value: FloatArray = np.where(u > -6.0, np.log(plain), tail) + np.log(deviation)
    return value


def _squared_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    d: FloatArray = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b)[None] - 2.0 * (a @ b.T)
    return np.maximum(d, 0.0, out=d)
