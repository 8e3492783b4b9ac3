"""The best so far of several studies over what each had spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from autode.report.costs import common_class, spending
from autode.report.figures.style import (
    SERIES,
    WIDE,
    Drawing,
    best_so_far,
    energy_label,
    legend_above,
    mark_estimated,
    metric_label,
    new_figure,
    scale_axis,
)
from autode.report.quantities import energy_unit, time_unit
from autode.report.study_data import StudyData

_LINES = ("-", "--", ":", "-.")
#: More studies than this have the colour of their strategy, as nobody tells so many lines apart.
_MOST_LINES = 8


def draw_overlay(studies: Sequence[StudyData], names: Sequence[str]) -> Drawing | None:
    """Draw the best so far of every study over finished trials, and over joules if one class is whole in all of them.

    Without joules, over computing time. None if no study has a value.
    """
    known = [(data, name) for data, name in zip(studies, names, strict=True) if len(data.valued())]
    if not known:
        return None
    energy_class = common_class([data for data, _ in known], jobs=False)
    if any(energy_class and spending(data, energy_class) is None for data, _ in known):
        energy_class = None
    figure, axes = new_figure(WIDE, columns=2)
    lines = _lines([data for data, _ in known], [name for _, name in known])
    spent = [_spent(data, energy_class) for data, _ in known]
    longest = max(float(one[0][-1]) for one in spent)
    scale, unit = energy_unit(longest) if energy_class else time_unit(longest)
    for (data, _), (so_far, best), line in zip(known, spent, lines, strict=True):
        trials = _by_trial(data)
        axes[0].plot(np.arange(1, len(trials) + 1), trials, **line)
        axes[1].plot(so_far / scale, best, **line)
    if energy_class:
        label = energy_label(energy_class, unit, "energy of all finished attempts")
        if energy_class == "estimated":
            mark_estimated(axes[1])
    else:
        label = f"computing time of the trials, {unit}"
    values = np.concatenate([best for _, best in spent] + [_by_trial(data) for data, _ in known])
    _label(axes, values, ("finished trials", label), f"best {metric_label(known[0][0])}")
    legend_above(axes[0], ncols=3)
    what = "failed and lost attempts included" if energy_class else "energy is not whole in all of them: time is shown"
    coloured = " A colour a strategy." if len(known) > _MOST_LINES else ""
    caption = f"Best {known[0][0].metric} so far of every study that has a result ({len(known)}); {what}.{coloured}"
    return Drawing(figure, caption)


def _label(axes: Sequence[Axes], values: np.ndarray, labels: Sequence[str], best: str) -> None:
    for ax, label in zip(axes, labels, strict=True):
        scale_axis(ax, "y", values)
        ax.set(xlabel=label, ylabel=best)


def _by_trial(data: StudyData) -> np.ndarray:
    rows = data.trials[data.trials["finished"].notna()].sort_values(["finished", "trial"], kind="stable")
    return best_so_far(rows["value"].where(rows["fitness"].notna()).to_numpy(float), data.sign)


def _spent(data: StudyData, energy_class: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return what had been spent, and the best by then."""
    if energy_class and (found := spending(data, energy_class)):
        return found.joules, found.best
    rows = data.trials[data.trials["finished"].notna()].sort_values(["finished", "trial"], kind="stable")
    return rows["seconds"].fillna(0.0).cumsum().to_numpy(float), _by_trial(data)


def _lines(studies: Sequence[StudyData], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return how each study's line looks: a colour and dashes of its own, or the colour of its strategy."""
    plain = {"drawstyle": "steps-post"}
    if len(studies) <= _MOST_LINES:
        looks = [{"color": SERIES[k % len(SERIES)], "linestyle": _LINES[k // len(SERIES)]} for k in range(len(studies))]
        return [{**plain, **look, "linewidth": 1.6, "label": name} for look, name in zip(looks, names, strict=True)]
    strategies = [str((data.workflow.get("search") or {}).get("algorithm")) for data in studies]
    order = sorted(set(strategies))  # as in the figures of their ranks
    lines = []
    for place, strategy in enumerate(strategies):
        first = strategies.index(strategy) == place
        number = order.index(strategy)
        look = {"color": SERIES[number % len(SERIES)], "linestyle": _LINES[number // len(SERIES) % len(_LINES)]}
        lines.append({**plain, **look, "linewidth": 1.0, "alpha": 0.7, "label": strategy if first else "_"})
    return lines
