"""The trial that a surrogate of the told points recommends, bred by differential evolution on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autode.de.arrays import FloatArray
from autode.de.density import promising_points
from autode.de.evidence import Evidence
from autode.de.gaussian import GaussianProcess, log_expected_improvement
from autode.de.inner import evolve
from autode.de.quadratic import Quadratic, relative_rise, terms

#: No more points than this go into a Gaussian process: its cost grows with their cube.
MOST_POINTS = 150
#: Of points this close, where a local search gathers, the process takes the best.
CELL = 0.02
_LOCAL_POOL, _LOCAL_GENERATIONS = 24, 40
_FIT_EACH, _DENSITY_POOL = 30, 24
#: Points closer than this in every coordinate are one.
_SAME = 1e-10


class Process:
    """The Gaussian process of the told points; lengthscales are fitted now and then, from the told points alone.

    Parameters
    ----------
    evidence : Evidence
    cell : float
        See `Evidence.selected`. No point closer than half of it to a known one is recommended: that is for a local
        search, and on a plateau the process would never leave.
    """

    def __init__(self, evidence: Evidence, cell: float = 0.0):
        self._evidence, self._cell, self._apart = evidence, cell, max(0.5 * cell, _SAME)
        self.forget()

    def forget(self) -> None:
        """Drop what was fitted; it is found again when needed."""
        self._theta: FloatArray | None = None
        self._fitted_to = -1

    def point(self, out: FloatArray, pool: int, generations: int, rng: np.random.Generator) -> FloatArray:
        """Return the point of highest expected improvement that was found, shape (D,)."""
        evidence = self._evidence
        dimension = evidence.x.shape[1]
        process = self._conditioned(out)
        best = float(
            process.predict(process.z)[0].min()
        )  # not the lowest value: that may be luck (Picheny et al. 2013)
        features = evidence.phenotype.features

        def score(x: FloatArray) -> FloatArray:
            return -log_expected_improvement(*process.predict(features(x)), best)

        first = _first_vectors(evidence, pool, rng)
        x, _ = evolve(score, first, generations, rng, np.zeros(dimension), np.ones(dimension))
        return _first_new(x, evidence, out, rng, self._apart)

    def _conditioned(self, out: FloatArray) -> GaussianProcess:
        """Return the process given the told points and, with their expected values, those that are out."""
        evidence = self._evidence
        fit_to = fit_size(evidence.size)
        if fit_to != self._fitted_to:
            rows = evidence.selected(fit_to, MOST_POINTS, self._cell)
            plain = GaussianProcess(evidence.z[rows], damped(evidence.y[rows]), evidence.phenotype.group)
            self._theta, self._fitted_to = plain.fitted().theta, fit_to
        rows = evidence.selected(evidence.size, MOST_POINTS, self._cell)
        z, y = evidence.z[rows], damped(evidence.y[rows])
        process = GaussianProcess(z, y, evidence.phenotype.group, self._theta)
        if not len(out):
            return process
        new = evidence.phenotype.features(out)
        expected = process.centre + process.scale * process.predict(new)[0]
        return GaussianProcess(np.concatenate([z, new]), np.append(y, expected), evidence.phenotype.group, self._theta)


def damped(y: FloatArray) -> FloatArray:
    """Rescale values so that the worse half does not drown the better one.

    0 is the best, 1 the median; beyond it the logarithm rises on.
    """
    rise = relative_rise(y)
    return np.where(rise < 1.0, rise, 1.0 + np.log(np.maximum(rise, 1.0)))


def local_point(
    evidence: Evidence, centre: FloatArray, radius: float, out: FloatArray, rng: np.random.Generator
) -> FloatArray | None:
    """Return the lowest point of a quadratic in the trust region about a told point; None if it is not new."""
    x, y = evidence.x, evidence.y
    dimension = x.shape[1]
    distance = np.sqrt(((x - centre) ** 2).sum(axis=1))
    reach, full = radius * np.sqrt(dimension), terms(dimension)
    inside = min(int(np.count_nonzero(distance < 2.0 * reach)), 4 * full)
    near = distance.argsort(kind="stable")[: max(full * 3 // 2 + 2, inside)]
    model = Quadratic(x[near], y[near], reach)
    low, high = np.maximum(0.0, centre - radius), np.minimum(1.0, centre + radius)
    known = x[near[y[near].argsort(kind="stable")[: _LOCAL_POOL // 3]]]
    first = np.concatenate([known, rng.uniform(low, high, (_LOCAL_POOL - len(known), dimension))])
    point: FloatArray = evolve(model, first, _LOCAL_GENERATIONS, rng, low, high)[0][0]
    return point if _is_new(point[None], evidence, out)[0] else None


def density_point(evidence: Evidence, out: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the new point that the densities of good and other told points recommend, shape (D,)."""
    return _first_new(promising_points(evidence, out, _DENSITY_POOL, rng), evidence, out, rng)


def far_point(evidence: Evidence, out: FloatArray, dimension: int, rng: np.random.Generator) -> FloatArray:
    """Return of a hundred random points the one farthest from all that are known: nothing was learned yet."""
    x = rng.random((100, dimension))
    known = np.concatenate([evidence.x, out.reshape(-1, dimension)])
    gaps = ((x[:, None] - known[None]) ** 2).sum(axis=2).min(axis=1, initial=np.inf)
    point: FloatArray = x[gaps.argmax()]
    return point


def fit_size(size: int) -> int:
    """Return the number of told points at which the lengthscales were fitted last.

    That is at each of the first thirty, where one more point says much; after that each fit waits for a fifth more.
    """
    fitted = min(size, _FIT_EACH)
    while _FIT_EACH <= fitted * 6 // 5 <= size:
        fitted = fitted * 6 // 5
    return fitted


def _first_vectors(evidence: Evidence, pool: int, rng: np.random.Generator) -> FloatArray:
    """Return a third of the best told points, a third near the five best, a third anywhere."""
    third, dimension = pool // 3, evidence.x.shape[1]
    best = evidence.x[evidence.y.argsort(kind="stable")[:third]]
    spread = 10.0 ** rng.uniform(-3.0, -0.7, (third, 1))
    near = best[rng.integers(0, min(5, len(best)), third)] + spread * rng.standard_normal((third, dimension))
    return np.concatenate([best, near, rng.random((pool - len(best) - third, dimension))])


def is_plateau(evidence: Evidence, centre: int) -> bool:
    """Tell whether all told points about one of them have its value, so that no quadratic could say where to go."""
    distance = ((evidence.x - evidence.x[centre]) ** 2).sum(axis=1)
    near = distance.argsort(kind="stable")[: terms(evidence.x.shape[1])]
    return bool((evidence.y[near] == evidence.y[centre]).all())


def _is_new(x: FloatArray, evidence: Evidence, out: FloatArray, apart: float = _SAME) -> npt.NDArray[np.bool_]:
    """Tell which points, shape (m, D), are seen as different from all told ones and those that are out."""
    features = evidence.phenotype.features
    z = features(x)
    known = np.concatenate([evidence.z, features(out)]) if len(out) else evidence.z
    new: npt.NDArray[np.bool_] = (np.abs(z[:, None] - known[None]).max(axis=2) > apart).all(axis=1)
    return new


def _first_new(
    x: FloatArray, evidence: Evidence, out: FloatArray, rng: np.random.Generator, apart: float = _SAME
) -> FloatArray:
    """Return the first point that is new; else a random one that is; else the first: the space is used up."""
    for candidates in (x, rng.random((200, x.shape[1]))):
        new = _is_new(candidates, evidence, out, apart)
        if new.any():
            found: FloatArray = candidates[new.argmax()]
            return found
    return np.array(x[0])
