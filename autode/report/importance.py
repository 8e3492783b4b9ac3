"""Which hyperparameters mattered: first-order sensitivity from the trials at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from autode.report.axes import Axis, axes_of

if TYPE_CHECKING:
    from autode.report.study_data import StudyData

Floats = npt.NDArray[np.float64]
_FEWEST = 12  # trials below which no index is given
_OWN_BIN = 8  # a number with at most so many different values has a bin for each


@dataclass(frozen=True)
class Importance:
    """How much of the spread of the values one hyperparameter explains by itself.

    Attributes
    ----------
    name : str
    index : float or None
        Share of the variance of the value's ranks, corrected for its bias, so that it is about 0 (or a little below)
        for a hyperparameter without influence; None with fewer than 12 trials or a single bin.
    noise : float or None
        The index that 5 % of hyperparameters without influence exceed by chance.
    n, bins : int
        Trials in which it was active, and classes they were sorted into.
    """

    name: str
    index: float | None
    noise: float | None
    n: int
    bins: int


def importance(data: StudyData) -> list[Importance]:
    """Return the importance of every hyperparameter, the most important first.

    The index is the given-data estimate of the first-order (Sobol') index Var(E[Y|X]) / Var(Y) with the sample
    partitioned along X (Plischke, Borgonovo and Smith, European Journal of Operational Research 226, 2013), taken on
    the ranks of Y so that a few terrible trials do not decide, with the bias correction of the correlation ratio by
    Kelley (PNAS 21, 1935). The noise level follows from the chi-squared limit of the same statistic (Kruskal and
    Wallis, JASA 47, 1952). Failed trials have no value and are left out; a conditional hyperparameter is judged on the
    trials in which it was active. The trials of an optimiser are no random sample: late in a search hyperparameters
    vary together, and an index then also holds what its companions did.
    """
    rows = data.valued()
    found = [
        _importance(axis, axis.positions(rows[axis.column]), rows["fitness"].to_numpy(float)) for axis in axes_of(data)
    ]
    return sorted(found, key=lambda one: -2.0 if one.index is None else one.index, reverse=True)


def _importance(axis: Axis, positions: Floats, values: Floats) -> Importance:
    active = np.isfinite(positions)
    labels = partition(positions[active], discrete=bool(axis.choices))
    bins = len(np.unique(labels))
    n = int(active.sum())
    if n < _FEWEST or bins < 2 or n <= bins:
        return Importance(axis.name, None, None, n, bins)
    return Importance(axis.name, first_order_index(values[active], labels), noise_level(n, bins), n, bins)


def partition(positions: npt.ArrayLike, discrete: bool = False) -> npt.NDArray[np.int64]:
    """Sort places into classes: one for each value if they are few, else about n^(1/3) (at most 20) of equal number."""
    places = np.asarray(positions, dtype=float)
    different, labels = np.unique(places, return_inverse=True)
    if discrete or len(different) <= _OWN_BIN:
        return labels.astype(np.int64)
    bins = int(np.clip(round(len(places) ** (1 / 3)), 2, 20))
    return np.floor((_ranks(places) - 0.5) / len(places) * bins).astype(np.int64)


def first_order_index(values: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the bias-corrected correlation ratio of the ranks of ``values`` over classes, both of shape (n,).

    0 on average without any influence, 1 if the class decides the rank; needs more trials than classes.
    """
    ranks = _ranks(np.asarray(values, dtype=float))
    _, labels = np.unique(np.asarray(labels), return_inverse=True)
    counts = np.bincount(labels)
    means = np.bincount(labels, weights=ranks) / counts
    spread = float(np.sum((ranks - ranks.mean()) ** 2))
    if spread == 0:
        return 0.0
    explained = float(np.sum(counts * (means - ranks.mean()) ** 2)) / spread
    return _corrected(explained, len(ranks), len(counts))


def noise_level(n: int, bins: int) -> float:
    """Return the index that ``bins`` classes of ``n`` trials exceed with a probability of 5 % by chance alone."""
    from scipy.special import chdtri

    return _corrected(float(chdtri(bins - 1, 0.05)) / (n - 1), n, bins)


def _ranks(values: Floats) -> Floats:
    """Return ranks from 1, equal values sharing their mean rank."""
    _, labels, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2.0)[labels]
    return ranks


def _corrected(explained: float, n: int, bins: int) -> float:
    return 1.0 - (1.0 - explained) * (n - 1) / (n - bins)
