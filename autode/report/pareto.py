"""Non-dominated points and the area they dominate, for two objectives that are both minimised."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def non_dominated(points: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Tell which points no other point beats in one objective without losing in the other.

    Parameters
    ----------
    points : array_like, shape (n, 2)
        Both columns are minimised; no NaN.

    Returns
    -------
    mask : ndarray of bool, shape (n,)
        Of equal points all are kept. Takes O(n log n): sort by the first objective and sweep (Kung, Luccio and
        Preparata, J. ACM 22, 1975).
    """
    values = np.asarray(points, dtype=float).reshape(-1, 2)
    if np.isnan(values).any():
        raise ValueError("a point is NaN; expected finite objectives")
    unique, inverse = np.unique(values, axis=0, return_inverse=True)
    best_before = np.concatenate(([np.inf], np.minimum.accumulate(unique[:, 1])[:-1])) if len(unique) else np.empty(0)
    mask: npt.NDArray[np.bool_] = (unique[:, 1] < best_before)[inverse.reshape(-1)]
    return mask


def hypervolume(points: npt.ArrayLike, reference: tuple[float, float]) -> float:
    """Return the area between the points and a reference point that is worse than they are (Zitzler and Thiele, 1999).

    Parameters
    ----------
    points : array_like, shape (n, 2)
        Both columns are minimised. Points that do not beat the reference in both add nothing.
    reference : tuple of float
        The corner, in the units of the points.
    """
    values = np.asarray(points, dtype=float).reshape(-1, 2)
    values = values[(values < np.asarray(reference)).all(axis=1)]
    front = values[non_dominated(values)]
    front = np.unique(front, axis=0)
    right = np.append(front[1:, 0], reference[0]) if len(front) else np.empty(0)
    return float(np.sum((right - front[:, 0]) * (reference[1] - front[:, 1])))


def dominated_share(points: npt.ArrayLike) -> float:
    """Return the hypervolume of points scaled to the box that they span; its worst corner is the reference. 0 to 1.

    A single point, or points on one line parallel to an axis, span no box: NaN.
    """
    values = np.asarray(points, dtype=float).reshape(-1, 2)
    span = np.ptp(values, axis=0) if len(values) else np.zeros(2)
    if not (span > 0).all():
        return float("nan")
    return hypervolume((values - values.min(axis=0)) / span, (1.0, 1.0))
