"""Whether strategies differ, over blocks (seeds, data sets) in which each of them ran: ranks, tests, intervals.

Sources: J. Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7 (2006) 1-30 (Friedman test,
average ranks, diagrams); A. Benavoli, G. Corani, F. Mangili, Should we really use post-hoc tests based on mean-ranks?,
JMLR 17 (2016) (pairs by Wilcoxon's test); S. Holm, Scand. J. Stat. 6 (1979) 65-70.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

#: Fewer blocks than this cannot give a two-sided p below 0.05 in Wilcoxon's exact test: 2 / 2**5 = 0.0625.
FEWEST_BLOCKS = 6
#: Fewer blocks than this are not worth drawing from.
_FEWEST_DRAWN = 5


@dataclass(frozen=True)
class Ranking:
    """How strategies compare in one quantity, of which less is better.

    Attributes
    ----------
    blocks : int
        In how many blocks each strategy ran.
    ranks : pandas.Series
        Average rank of each strategy, 1 the best, ascending; ties share their ranks.
    statistic, p : float
        Friedman's chi-square and its p; NaN with fewer than three strategies or two blocks, or where all are equal.
    pairs : pandas.DataFrame
        ``a``, ``b`` (the better-ranked first), ``median_difference`` (a - b), ``p`` (Wilcoxon signed-rank, two-sided,
        exact where there are no ties), ``p_holm``.
    groups : list of tuple of str
        Maximal runs of neighbouring ranks in which no pair differs at ``alpha``, of two strategies or more.
    alpha : float
    """

    blocks: int
    ranks: pd.Series
    statistic: float
    p: float
    pairs: pd.DataFrame
    groups: list[tuple[str, ...]]
    alpha: float = 0.05


def compare_strategies(table: pd.DataFrame, alpha: float = 0.05) -> Ranking:
    """Compare strategies over blocks.

    Parameters
    ----------
    table : pandas.DataFrame
        Shape (blocks, strategies), less is better. Blocks with a gap are left out.
    alpha : float
        Level of significance of the groups.

    Raises
    ------
    ValueError
        If there are fewer than two strategies, or no block in which all ran.
    """
    whole = table.dropna()
    if whole.shape[1] < 2 or whole.empty:
        raise ValueError(
            f"{whole.shape[1]} strategies over {len(whole)} whole blocks cannot be compared; expected two strategies "
            "or more that all ran in one block or more"
        )
    ranks = whole.rank(axis=1).mean().sort_values(kind="stable")
    statistic, p = _friedman(whole.to_numpy(float))
    pairs = _pairs(whole, list(ranks.index))
    return Ranking(len(whole), ranks, statistic, p, pairs, groups(list(ranks.index), pairs, alpha), alpha)


def _friedman(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    from scipy import stats

    if values.shape[0] < 2 or values.shape[1] < 3 or (values == values[:, :1]).all():
        return np.nan, np.nan
    result = stats.friedmanchisquare(*values.T)
    return float(result.statistic), float(result.pvalue)


def _pairs(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    import pandas as pd
    from scipy import stats

    rows = []
    for a, b in itertools.combinations(names, 2):
        difference = (table[a] - table[b]).to_numpy(float)
        p = float(stats.wilcoxon(difference).pvalue) if difference.any() else 1.0
        rows.append({"a": a, "b": b, "median_difference": float(np.median(difference)), "p": p})
    pairs = pd.DataFrame(rows)
    return pairs.assign(p_holm=holm(pairs["p"].to_numpy(float)))


def holm(p: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Adjust p values for their number by Holm's step-down method.

    Parameters
    ----------
    p : sequence of float, shape (n,)

    Returns
    -------
    numpy.ndarray, shape (n,)
        In the same order, at most 1.
    """
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def groups(names: Sequence[str], pairs: pd.DataFrame, alpha: float) -> list[tuple[str, ...]]:
    """Return the maximal runs of neighbours, in the order given, in which no pair differs.

    Parameters
    ----------
    names : sequence of str
        Strategies by rank.
    pairs : pandas.DataFrame
        ``a``, ``b``, ``p_holm``.
    alpha : float
    """
    differ = {frozenset(pair) for pair in pairs.loc[pairs["p_holm"] < alpha, ["a", "b"]].itertuples(index=False)}
    found: list[tuple[str, ...]] = []
    reached = 0
    for start in range(len(names)):
        end = start + 1
        while end < len(names) and not any(frozenset((one, names[end])) in differ for one in names[start:end]):
            end += 1
        if end > max(reached, start + 1):
            found.append(tuple(names[start:end]))
        reached = max(reached, end)
    return found


def saving(
    spent: npt.ArrayLike, baseline: npt.ArrayLike, rng: np.random.Generator, resamples: int = 10_000
) -> tuple[float, float, float]:
    """Return which share of the baseline's joules is saved, with a 95 % interval.

    The share is that of the sums over all blocks; blocks are drawn with replacement, as pairs, and the shares of the
    draws are studentized (bootstrap-t; Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 12.5): with
    few blocks the plain percentiles are too narrow.

    Parameters
    ----------
    spent, baseline : array_like, shape (n,)
        Joules of both in the same blocks, the baseline's greater than zero.
    rng : numpy.random.Generator
    resamples : int

    Returns
    -------
    saved, low, high : float
        1 means everything, negative that more was spent. The interval is NaN with fewer than five blocks.

    Raises
    ------
    ValueError
        If the shapes differ, there is no block, or a baseline is not greater than zero.
    """
    ours, theirs = np.asarray(spent, dtype=float), np.asarray(baseline, dtype=float)
    if ours.shape != theirs.shape or ours.ndim != 1 or not len(ours) or not (theirs > 0).all():
        raise ValueError("a saving needs joules of both in the same blocks, the baseline's greater than zero")
    count, kept = len(ours), ours.sum() / theirs.sum()
    if count < _FEWEST_DRAWN:
        return float(1.0 - kept), np.nan, np.nan
    error = _ratio_error(ours[None], theirs[None])[0]
    chosen = rng.integers(count, size=(resamples, count))
    drawn, drawn_baseline = ours[chosen], theirs[chosen]
    errors = _ratio_error(drawn, drawn_baseline)
    away = drawn.sum(axis=1) / drawn_baseline.sum(axis=1) - kept
    usable = errors > 1e-12 * kept  # draws of one block over and over have no spread
    if not usable.any():
        return float(1.0 - kept), float(1.0 - kept), float(1.0 - kept)
    low, high = np.quantile(away[usable] / errors[usable], [0.025, 0.975])
    return float(1.0 - kept), float(1.0 - kept + low * error), float(1.0 - kept + high * error)


def _ratio_error(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the standard error of the ratio of sums in each row (the delta method)."""
    count = ours.shape[1]
    ratio = ours.sum(axis=1) / theirs.sum(axis=1)
    squares = ((ours - ratio[:, None] * theirs) ** 2).sum(axis=1)
    error: npt.NDArray[np.float64] = np.sqrt(squares / (count * (count - 1))) / theirs.mean(axis=1)
    return error
