"""Anytime performance: the best so far over what had been spent by then."""

from __future__ import annotations

from typing import Any

import numpy as np

from autode.report.figures.style import (
    BLUE,
    MUTED,
    NARROW,
    Drawing,
    best_so_far,
    energy_label,
    mark_estimated,
    metric_label,
    new_figure,
    say,
    scale_axis,
)
from autode.report.quantities import ESTIMATED, UNAVAILABLE, energy_unit, plural, time_unit
from autode.report.study_data import StudyData


def draw_anytime(data: StudyData) -> Drawing | None:
    """Draw the best value over cumulative joules (all classes, marked by the worst), or over seconds of computing."""
    rows = data.trials[data.trials["finished"].notna()].sort_values(["finished", "trial"], kind="stable")
    if rows["fitness"].notna().sum() == 0:
        return None
    kinds = set(rows["energy_class"])
    kind = ESTIMATED if ESTIMATED in kinds else (None if kinds == {UNAVAILABLE} else "measured")
    spent = rows["energy_j" if kind else "seconds"].fillna(0.0).cumsum().to_numpy(float)
    scale, unit = energy_unit(spent[-1]) if kind else time_unit(spent[-1])
    figure, (ax,) = new_figure(NARROW)
    if kind == ESTIMATED:
        mark_estimated(ax)
    best = best_so_far(rows["value"].where(rows["fitness"].notna()).to_numpy(float), data.sign)
    line: dict[str, Any] = {"linestyle": "--", "color": MUTED} if kind == ESTIMATED else {"color": BLUE}
    ax.plot(spent / scale, best, drawstyle="steps-post", linewidth=1.8, **line)
    scale_axis(ax, "y", best)
    spent_label = (
        energy_label(kind, unit, "energy of all finished trials so far")
        if kind
        else f"computing time of the trials so far, {unit}"
    )
    ax.set(xlabel=spent_label, ylabel=f"best {metric_label(data)}", xlim=(0, None))
    caption = f"Best {data.metric} over what all trials had cost by then, failed and lost attempts included."
    if not kind:
        say(ax, "Energy unavailable: time is shown instead")
        return Drawing(figure, f"{caption} Energy is unavailable: time is shown.")
    missing = int(rows["energy_j"].isna().sum() + np.sum(rows["energy_flags"].fillna("").str.contains("partial")))
    if missing:
        caption += f" The joules of {plural(missing, 'trial')} are not (fully) known: the sum is a lower bound."
    if len(kinds - {UNAVAILABLE}) > 1:
        caption += " The sum adds different classes of energy and carries the mark of the worst."
    return Drawing(figure, caption)
