"""What accuracy costs: the metric over the joules of a trial, with the Pareto front."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from autode.report.figures.style import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    ORANGE,
    SOFT,
    WIDE,
    Drawing,
    energy_label,
    legend_above,
    mark_estimated,
    metric_label,
    new_figure,
    points,
    say,
    scale_axis,
    trial_titles,
)
from autode.report.pareto import dominated_share
from autode.report.quantities import ESTIMATED, energy_unit, plural, time_unit
from autode.report.study_data import StudyData

if TYPE_CHECKING:
    import pandas as pd

_MOST_BARS = 40  # trials above which only the front carries its intervals
_NAME_SPACE = 0.045  # of the axes, between two trial numbers


def draw_tradeoff(data: StudyData) -> Drawing | None:
    """Draw the metric over joules, or over seconds where no energy is available; None without values."""
    if data.valued().empty:
        return None
    kind = data.comparable_class()
    return _over_seconds(data) if kind is None else _over_joules(data, kind)


def _over_joules(data: StudyData, kind: str) -> Drawing:
    rows, front = data.comparable(kind), data.pareto(kind)
    scale, unit = energy_unit(float(rows["energy_j"].max()) if len(rows) else 1.0)
    figure, (ax,) = new_figure(WIDE)
    if kind == ESTIMATED:
        mark_estimated(ax)
    dominated = rows.drop(front.index)
    points(ax, dominated["energy_j"] / scale, dominated["value"], "trials", color=SOFT, label="trial")
    _draw_intervals(ax, rows if len(rows) <= _MOST_BARS else front, scale)
    colour = MUTED if kind == ESTIMATED else BLUE
    _draw_front(ax, front, scale, colour, dashed=kind == ESTIMATED)
    scale_axis(ax, "x", rows["energy_j"] / scale)
    scale_axis(ax, "y", rows["value"])
    _name_front(ax, front, scale)
    ax.set(xlabel=energy_label(kind, unit), ylabel=metric_label(data))
    legend_above(ax)
    left_out = len(data.valued()) - len(rows)
    caption = f"{data.metric} over the {kind} energy of {plural(len(rows), 'trial')}"
    caption += f"; the line is the Pareto front ({plural(len(front), 'trial')})."
    share = dominated_share(rows.assign(_v=data.sign * rows["value"])[["_v", "energy_j"]].to_numpy(float))
    if share == share:
        caption += f" It dominates {100 * share:.0f} % of the box that the trials span (normalised hypervolume)."
    if rows["energy_high_j"].notna().any():
        caption += " Bars: the interval of the estimate" + (" (front only)." if len(rows) > _MOST_BARS else ".")
    if left_out:
        caption += f" Left out: {plural(left_out, 'trial')} whose energy is of another class or incomplete."
    return Drawing(figure, caption, {"trials": trial_titles(data, dominated), "front": trial_titles(data, front)})


def _over_seconds(data: StudyData) -> Drawing:
    rows = data.valued()
    scale, unit = time_unit(float(rows["seconds"].max()))
    figure, (ax,) = new_figure(WIDE)
    points(ax, rows["seconds"] / scale, rows["value"], "trials", color=BLUE, alpha=0.7)
    scale_axis(ax, "x", rows["seconds"] / scale)
    scale_axis(ax, "y", rows["value"])
    ax.set(xlabel=f"time of the trial, {unit}", ylabel=metric_label(data))
    say(ax, "Energy unavailable: time is shown instead")
    caption = f"Energy is unavailable, so {data.metric} is shown over the time of a trial ({len(rows)} trials)."
    return Drawing(figure, caption, {"trials": trial_titles(data, rows)})


def _draw_intervals(ax: Axes, rows: pd.DataFrame, scale: float) -> None:
    """Draw the interval of every estimate as a horizontal bar."""
    known = rows[rows["energy_low_j"].notna() & rows["energy_high_j"].notna()]
    ax.hlines(
        known["value"],
        known["energy_low_j"] / scale,
        known["energy_high_j"] / scale,
        color=FAINT,
        linewidth=0.8,
        zorder=2,
    )


def _draw_front(ax: Axes, front: pd.DataFrame, scale: float, colour: str, dashed: bool) -> None:
    line = "--" if dashed else "-"
    x, y = front["energy_j"] / scale, front["value"]
    ax.plot(x, y, line, color=colour, drawstyle="steps-post", linewidth=1.4, zorder=4)
    face = {"facecolors": "white", "edgecolors": colour, "linewidths": 1.4} if dashed else {"color": ORANGE}
    points(ax, x, y, "front", s=30, label="Pareto front", **{**face, "zorder": 5})


def _name_front(ax: Axes, front: pd.DataFrame, scale: float) -> None:
    """Write trial numbers beside the points of the front, except where they would run into each other."""
    last = np.array([np.inf, np.inf])
    for trial, joules, value in zip(front["trial"], front["energy_j"], front["value"], strict=True):
        place = ax.transAxes.inverted().transform(ax.transData.transform((joules / scale, value)))
        if np.abs(place - last).max() > _NAME_SPACE:
            last = place
            ax.annotate(
                f"{trial}", (joules / scale, value), (4, 4), textcoords="offset points", fontsize=7.5, color=INK
            )
