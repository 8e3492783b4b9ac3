"""The two most important hyperparameters together."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from autode.report.axes import Axis, axes_of
from autode.report.figures.style import (
    NARROW,
    ORANGE,
    Drawing,
    Floats,
    colour_bar,
    metric_label,
    new_figure,
    points,
    trial_titles,
    value_colours,
)
from autode.report.importance import importance
from autode.report.quantities import plural
from autode.report.study_data import StudyData


def draw_pairs(data: StudyData) -> Drawing | None:
    """Draw the trials over two hyperparameters, coloured by value; None with fewer than two or without values."""
    axes = {axis.name: axis for axis in axes_of(data)}
    chosen = [axes[one.name] for one in importance(data)[:2]]
    rows = data.valued().sort_values("fitness", ascending=False, kind="stable")  # the best on top
    if len(chosen) < 2 or rows.empty:
        return None
    first, second = chosen
    x, y = (_spread(axis, axis.positions(rows[axis.column]), rows["trial"].to_numpy()) for axis in chosen)
    both = np.isfinite(x) & np.isfinite(y)
    if not both.any():
        return None
    rows = rows[both]
    figure, (ax,) = new_figure(NARROW)
    colour_map, norm = value_colours(data, rows["value"])
    colours = ScalarMappable(norm, colour_map).to_rgba(rows["value"].to_numpy(float), alpha=0.85)
    points(ax, x[both], y[both], "trials", c=colours, s=24)
    points(ax, x[both][-1:], y[both][-1:], "best", s=90, facecolors="none", edgecolors=ORANGE, linewidths=1.8)
    _label(ax, first, second)
    colour_bar(figure, ax, ScalarMappable(norm, colour_map), metric_label(data))
    caption = (
        f"{first.name} and {second.name}, which matter most, in {plural(len(rows), 'trial')}; the best is circled."
    )
    return Drawing(figure, caption, {"trials": trial_titles(data, rows)})


def _steps(axis: Axis) -> float:
    """Return the number of steps of a choice or a whole number; 0 where values are not set apart."""
    if axis.choices:
        return max(len(axis.choices) - 1.0, 1.0)
    return axis.high - axis.low if axis.whole and not axis.log else 0.0


def _spread(axis: Axis, places: Floats, numbers: Floats) -> Floats:
    """Set the trials of one choice or whole number apart by a little, the same way every time."""
    if not _steps(axis):
        return places
    golden = (numbers * 0.61803398875 + 0.37 * len(axis.name)) % 1.0 - 0.5
    return places + 0.4 * golden / _steps(axis)


def _label(ax: Axes, first: Axis, second: Axis) -> None:
    for axis, ticks, name in ((first, ax.set_xticks, "x"), (second, ax.set_yticks, "y")):
        places = axis.ticks()
        ticks([place for place, _ in places], [label for _, label in places])
        edge = 0.06 + (0.2 / _steps(axis) if _steps(axis) else 0.0)
        ax.set(**{f"{name}label": f"{axis.name}{' (log)' if axis.log else ''}", f"{name}lim": (-edge, 1 + edge)})
