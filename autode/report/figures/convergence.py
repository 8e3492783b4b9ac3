"""Convergence: every trial, and the best so far."""

from __future__ import annotations

import numpy as np

from autode.report.figures.style import (
    BLUE,
    NARROW,
    ORANGE,
    SOFT,
    Drawing,
    best_so_far,
    legend_above,
    metric_label,
    new_figure,
    points,
    scale_axis,
    trial_titles,
)
from autode.report.quantities import plural
from autode.report.study_data import StudyData


def draw_convergence(data: StudyData) -> Drawing | None:
    """Draw the values over the number of finished trials; None before the first trial has finished."""
    rows = data.trials[data.trials["finished"].notna()].sort_values(["finished", "trial"], kind="stable")
    if rows.empty:
        return None
    count = np.arange(1, len(rows) + 1)
    valued = rows["fitness"].notna().to_numpy()
    figure, (ax,) = new_figure(NARROW)
    points(ax, count[valued], rows["value"][valued], "trials", color=SOFT, label="trial")
    best = best_so_far(rows["value"].where(valued).to_numpy(float), data.sign)
    ax.plot(count, best, color=BLUE, linewidth=1.8, drawstyle="steps-post", label="best so far", zorder=4)
    failed = count[~valued]
    if len(failed):
        # along the upper edge: a failed trial has no value to be drawn at
        edge = ax.get_xaxis_transform()
        place = {"transform": edge, "clip_on": False, "marker": "x", "color": ORANGE, "linewidths": 1.2}
        points(ax, failed, np.full(len(failed), 1.0), "failed", label=f"failed ({len(failed)})", **place)
    scale_axis(ax, "y", rows["value"][valued])
    ax.set(xlabel="finished trials", ylabel=metric_label(data))
    legend_above(ax, borderaxespad=0.9)
    text = f"{data.metric} of {plural(len(rows), 'finished trial')} in the order in which they finished"
    caption = f"{text}, and the best so far."
    caption += f" Crosses along the upper edge: {plural(len(failed), 'failed trial')}." if len(failed) else ""
    return Drawing(
        figure, caption, {"trials": trial_titles(data, rows[valued]), "failed": trial_titles(data, rows[~valued])}
    )
