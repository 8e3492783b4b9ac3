"""Parallel coordinates: every configuration as a line, coloured by its value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection

from autode.report.axes import Axis, axes_of
from autode.report.figures.style import (
    FAINT,
    INK,
    MOST_VECTORS,
    MUTED,
    WIDE,
    Drawing,
    colour_bar,
    metric_label,
    new_figure,
    trial_titles,
    value_colours,
    wants_log,
)
from autode.report.quantities import plural
from autode.report.study_data import StudyData

if TYPE_CHECKING:
    import pandas as pd

_MOST_LINES = 5000
_INACTIVE = -0.1  # below the axis: not active in this configuration


def draw_parallel(data: StudyData) -> Drawing | None:
    """Draw one vertical axis a hyperparameter and one line a trial; None without values or hyperparameters."""
    axes, valued = axes_of(data), data.valued()
    if valued.empty or not axes:
        return None
    rows = valued.sort_values("fitness", ascending=True, kind="stable").head(_MOST_LINES).iloc[::-1]  # the best on top
    places = np.column_stack([_spread(axis, axis.positions(rows[axis.column])) for axis in axes])
    axes = [*axes, _value_axis(data, rows["value"])]
    places = np.column_stack([places, axes[-1].positions(rows["value"])])
    places = np.where(np.isnan(places), _INACTIVE, places)
    figure, (ax,) = new_figure(WIDE)
    colour_map, norm = value_colours(data, rows["value"])
    lines = [np.column_stack([np.arange(len(axes)), row]) for row in places]
    widths = np.where(np.arange(len(rows)) >= len(rows) - 5, 2.2, 0.8)
    colours = ScalarMappable(norm, colour_map).to_rgba(rows["value"].to_numpy(float), alpha=0.75)
    ax.add_collection(
        LineCollection(lines, colors=colours, linewidths=widths, gid="trials", rasterized=len(rows) > MOST_VECTORS)
    )
    _draw_axes(ax, axes, (places == _INACTIVE).any(axis=0))
    colour_bar(figure, ax, ScalarMappable(norm, colour_map), metric_label(data))
    shown = f"the best {len(rows)} of {len(valued)} trials" if len(rows) < len(valued) else plural(len(rows), "trial")
    caption = f"Configurations of {shown}, one line each; dark lines are good, the five best are thick."
    return Drawing(figure, caption, {"trials": trial_titles(data, rows)})


def _value_axis(data: StudyData, values: pd.Series) -> Axis:
    """Return the last axis: the metric itself."""
    return Axis(data.metric, float(values.min()), float(values.max()), log=wants_log(values))


def _spread(axis: Axis, places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Fan the lines of a choice out a little, so that one sees how many there are."""
    if not axis.choices:
        return places
    golden = (np.arange(len(places)) * 0.61803398875) % 1.0 - 0.5
    return places + 0.05 * golden / max(len(axis.choices) - 1, 1) * 2


def _draw_axes(ax: Axes, axes: list[Axis], inactive: npt.NDArray[np.bool_]) -> None:
    """Draw a vertical line with labelled ticks for every hyperparameter."""
    ax.grid(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    for place, axis in enumerate(axes):
        ax.vlines(place, 0, 1, color=MUTED, linewidth=1.0, zorder=3)
        for height, label in axis.ticks():
            ax.plot([place - 0.012, place + 0.012], [height, height], color=MUTED, linewidth=1.0, zorder=3)
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
            at = (place, height)
            ax.annotate(
                label, at, (-5, 0), textcoords="offset points", ha="right", va="center", fontsize=8, bbox=box, zorder=6
            )
    for place in np.flatnonzero(inactive).tolist():
        ax.vlines(place, _INACTIVE, 0, color=FAINT, linewidth=1.0, linestyle=":")
        ax.annotate(
            "not active", (place, _INACTIVE), (6, 0), textcoords="offset points", va="center", fontsize=7.5, color=MUTED
        )
    names = [f"{axis.name}{' (log)' if axis.log else ''}" for axis in axes]
    ax.set_xticks(range(len(axes)), names, color=INK, fontsize=9)
    ax.set_yticks([])
    ax.tick_params(axis="x", length=0)
    ax.set(xlim=(-0.4, len(axes) - 0.9), ylim=(-0.16 if inactive.any() else -0.05, 1.05))
