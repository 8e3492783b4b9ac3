"""The box that is searched, and what to do with a trial that leaves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from autode.de.arrays import FloatArray

#: Bounds beyond this magnitude could overflow in a sum of differences.
LARGEST = 1e300


@dataclass(frozen=True)
class Box:
    """Closed box ``low <= x <= high``.

    Attributes
    ----------
    low, high : ndarray, shape (D,)
        Limits of every coordinate. ``low == high`` holds a coordinate fixed.
    """

    low: FloatArray
    high: FloatArray

    @classmethod
    def parse(cls, bounds: Any) -> Box:
        """Read a sequence of (low, high) pairs, a `scipy.optimize.Bounds` or a `Box`.

        Raises
        ------
        ValueError
            If the pairs are missing, not finite, too large or the wrong way round.
        """
        if isinstance(bounds, Box):
            return bounds
        low, high = _limits(bounds)
        usable = np.isfinite(low) & np.isfinite(high) & (np.abs(low) <= LARGEST) & (np.abs(high) <= LARGEST)
        for j in np.flatnonzero(~usable)[:1]:
            raise ValueError(f"bounds[{j}] is ({low[j]}, {high[j]}); both limits must be finite and below {LARGEST:g}")
        for j in np.flatnonzero(low > high)[:1]:
            raise ValueError(f"bounds[{j}] is ({low[j]}, {high[j]}); the lower limit must not be above the upper one")
        return cls(low, high)

    @property
    def dimension(self) -> int:
        """Number of coordinates D."""
        return int(self.low.size)

    @cached_property
    def limits(self) -> tuple[FloatArray, FloatArray]:
        """Low and high for comparisons with many points, shape (D,) each, or () where all coordinates have the same.

        NumPy compares with a single number several times faster than with short rows.
        """
        low, high = self.low, self.high
        alike = bool((low == low[0]).all() and (high == high[0]).all())
        return (np.array(low[0]), np.array(high[0])) if alike else (low, high)

    def from_unit(self, u: FloatArray) -> FloatArray:
        """Map points of the unit cube, shape (n, D), into the box."""
        return np.clip(self.low + u * (self.high - self.low), self.low, self.high)

    def require(self, points: Any, what: str) -> FloatArray:
        """Return points as an array (k, D), all of them inside the box.

        Raises
        ------
        ValueError
            If the shape does not fit or a point lies outside; the message starts with ``what``.
        """
        array = np.atleast_2d(np.asarray(points, dtype=np.float64))
        if array.ndim != 2 or array.shape[1] != self.dimension:
            raise ValueError(f"{what} has shape {array.shape}; expected (number of points, {self.dimension})")
        inside = ((array >= self.low) & (array <= self.high)).all(axis=1)
        for k in np.flatnonzero(~inside)[:1]:
            raise ValueError(f"{what}[{k}] = {array[k].tolist()} lies outside the bounds")
        return array.copy()


def _limits(bounds: Any) -> tuple[FloatArray, FloatArray]:
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        low, high = np.broadcast_arrays(np.atleast_1d(bounds.lb), np.atleast_1d(bounds.ub))
        return np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    try:
        pairs = np.array(bounds, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("bounds must be a sequence of (low, high) pairs of numbers") from None
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not pairs.size:
        raise ValueError(f"bounds must be a sequence of (low, high) pairs, not an array of shape {pairs.shape}")
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def midpoint_target(trial: FloatArray, parent: FloatArray, box: Box) -> None:
    """Put a gene that left the box half way between the limit it crossed and its parent's gene, in place.

    The rule of JADE, SHADE and L-SHADE: ``u_j < low -> (low + x_j)/2``, ``u_j > high -> (high + x_j)/2`` with ``x``
    the target (Zhang & Sanderson 2009; Tanabe's code). Shapes: trial and parent (n, D).
    """
    low, high = box.limits
    nearest = np.maximum(trial, low)
    np.minimum(nearest, high, out=nearest)
    # Few genes leave the box, so the flat positions of those few cost less than another pass over all of them.
    at = (nearest != trial).ravel().nonzero()[0]
    if at.size:
        trial.reshape(-1)[at] = 0.5 * (nearest.take(at) + parent.take(at))


def clip(trial: FloatArray, parent: FloatArray, box: Box) -> None:
    """Put a gene that left the box onto the limit it crossed, in place."""
    np.clip(trial, box.low, box.high, out=trial)


def reflect(trial: FloatArray, parent: FloatArray, box: Box) -> None:
    """Mirror a gene that left the box at the limit it crossed (as often as needed), in place."""
    width = box.high - box.low
    period = np.where(width > 0, 2 * width, 1.0)
    outside = (trial < box.low) | (trial > box.high)
    folded = np.abs((trial - box.low + width) % period - width)
    np.copyto(trial, np.clip(box.low + folded, box.low, box.high), where=outside)


def redraw(trial: FloatArray, box: Box, u: npt.NDArray[np.float32]) -> None:
    """Draw genes that left the box anew, uniformly, in place (u: uniforms of [0, 1), shape (n, D))."""
    low, high = box.limits
    at = ((trial < low) | (trial > high)).ravel().nonzero()[0]
    if at.size:
        j = at % box.dimension
        fresh = box.low[j] + u.take(at) * (box.high - box.low)[j]
        trial.reshape(-1)[at] = np.minimum(fresh, box.high[j])


def _drawn_anew(trial: FloatArray, parent: FloatArray, box: Box) -> None:
    raise AssertionError("redraw needs random numbers: the optimiser calls it itself")


Repair = Callable[[FloatArray, FloatArray, Box], None]

#: Repairs by name; "midpoint" is the one of most published adaptive variants. "redraw" needs random numbers as well.
REPAIRS: dict[str, Repair] = {"midpoint": midpoint_target, "clip": clip, "reflect": reflect, "redraw": _drawn_anew}
