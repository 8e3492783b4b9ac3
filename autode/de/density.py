"""Where the good trials lie and the others do not: two Parzen densities, whose ratio ranks trial vectors."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from autode.de.arrays import FloatArray, IntArray
from autode.de.evidence import Evidence

#: With fewer told points than this, the good ones among them are too few to tell of a density.
ENOUGH = 30
#: The good are this share of the told points, at least two, at most so many (as in Optuna's TPE).
_GOOD_SHARE, _MOST_GOOD = 0.1, 25
#: No more of the others than this count, the latest: a trial's cost stays bounded.
_MOST_OTHERS = 1000
#: Width of a number's kernel: so much for one point, less for many (Scott's rule), never less than the second.
_WIDTH, _LEAST_WIDTH = 0.2, 0.02

Active = npt.NDArray[np.bool_]


class Density:
    """Parzen density of points by their features: a product of kernels about each point, and one flat kernel.

    One density of all hyperparameters together (Falkner, Klein & Hutter, ICML 2018) knows which values are good beside
    each other. A number's kernel is normal, cut off at the range's ends; a category gives 1 / (n + 1) away to all. A
    hyperparameter that is inactive in one of two points does not tell them apart: what makes it inactive does.

    Parameters
    ----------
    z : ndarray, shape (n, K)
        Features of the points, as a `Phenotype` has them.
    active : ndarray of bool, shape (n, D)
        Which hyperparameters a point has.
    group : ndarray of int, shape (K,)
        Number of the hyperparameter that each feature tells of; one with several features is a category.
    """

    def __init__(self, z: FloatArray, active: Active, group: IntArray):
        self._z, self._active = z, active
        self._columns = [np.flatnonzero(group == j) for j in range(int(group.max()) + 1)]
        n, dimension = active.shape
        #: Standard deviation of a number's kernel, chance that a category gives way to a random one.
        self.width = max(_WIDTH * n ** (-1.0 / (dimension + 4)), _LEAST_WIDTH)
        self.change = 1.0 / (n + 1)

    def log(self, z: FloatArray, active: Active) -> FloatArray:
        """Return the logarithm of the density at points with features (m, K), active (m, D); shape (m,)."""
        about = np.zeros((len(z), len(self._z)))  # logarithms: a product over many hyperparameters could overflow
        for j, columns in enumerate(self._columns):
            kernel = self._same(z, columns) if columns.size > 1 else self._near(z[:, columns[0]], columns[0])
            about += np.where(active[:, None, j] & self._active[None, :, j], kernel, 0.0)
        density: FloatArray = np.logaddexp(np.logaddexp.reduce(about, axis=1), 0.0) - math.log(len(self._z) + 1)
        return density

    def _near(self, u: FloatArray, column: int) -> FloatArray:
        from scipy.special import ndtr

        middle, h = self._z[:, column], self.width
        inside = ndtr((1.0 - middle) / h) - ndtr(-middle / h)
        kernel: FloatArray = -0.5 * ((u[:, None] - middle) / h) ** 2 - np.log(math.sqrt(2.0 * math.pi) * h * inside)
        return kernel

    def _same(self, z: FloatArray, columns: IntArray) -> FloatArray:
        is_same = (z[:, columns] @ self._z[:, columns].T) > 0.25  # a category's one column is 1/sqrt(2)
        same, other = math.log(columns.size * (1.0 - self.change) + self.change), math.log(self.change)
        kernel: FloatArray = np.where(is_same, same, other)
        return kernel


def promising_points(evidence: Evidence, out: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Draw points of the unit cube from the density of the good; order them by the ratio to that of the others.

    The ratio ranks as the expected improvement does (Bergstra et al., NeurIPS 2011, eq. 14).

    Parameters
    ----------
    evidence : Evidence
        At least four told points.
    out : ndarray, shape (m, D)
        Points that are not told yet; they count among the others.
    count : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (count, D)
        The most promising first.
    """
    phenotype = evidence.phenotype
    order = evidence.y.argsort(kind="stable")
    good, others = np.split(order, [min(_MOST_GOOD, max(2, math.ceil(_GOOD_SHARE * evidence.size)))])
    if others.size > _MOST_OTHERS:
        others = np.sort(others)[-_MOST_OTHERS:]
    rest = np.concatenate([evidence.x[others], out.reshape(-1, evidence.x.shape[1])])
    near, far = (Density(phenotype.features(x), phenotype.active(x), phenotype.group) for x in (evidence.x[good], rest))
    x = _drawn(evidence.x[good], near, np.bincount(phenotype.group) > 1, count, rng)
    z, active = phenotype.features(x), phenotype.active(x)
    points: FloatArray = x[(far.log(z, active) - near.log(z, active)).argsort(kind="stable")]
    return points


def _drawn(
    good: FloatArray, density: Density, categorical: npt.NDArray[np.bool_], count: int, rng: np.random.Generator
) -> FloatArray:
    """Draw points from the density of the good ones, shape (n, D): about one of them, or anywhere."""
    n, dimension = good.shape
    shape = (count, dimension)
    pick = rng.integers(0, n + 1, count)
    base, anywhere = good[np.minimum(pick, n - 1)], rng.random(shape)
    moved = base + density.width * rng.standard_normal(shape)
    inside = np.where((moved < 0.0) | (moved > 1.0), base + (anywhere - base) * rng.random(shape), moved)
    chosen = np.where(rng.random(shape) < density.change, anywhere, base)
    return np.where((pick == n)[:, None], anywhere, np.where(categorical, chosen, inside))
