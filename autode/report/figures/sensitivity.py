"""Hyperparameter importance as bars, each against what chance alone would show."""

from __future__ import annotations

import numpy as np

from autode.report.figures.style import BLUE, FAINT, INK, MUTED, NARROW, Drawing, new_figure
from autode.report.importance import importance
from autode.report.study_data import StudyData

_MOST = 15


def draw_importance(data: StudyData) -> Drawing | None:
    """Draw the first-order index of every hyperparameter; None if no index can be given."""
    found = [one for one in importance(data) if one.index is not None][:_MOST]
    if not found:
        return None
    index = np.array([max(one.index or 0.0, 0.0) for one in found])
    noise = np.array([one.noise or 0.0 for one in found])
    figure, (ax,) = new_figure(NARROW)
    place = np.arange(len(found))
    ax.barh(
        place,
        index,
        height=0.6,
        color=[BLUE if i > n else FAINT for i, n in zip(index, noise, strict=True)],
        gid="bars",
    )
    ax.vlines(noise, place - 0.38, place + 0.38, color=INK, linewidth=1.2, label="95 % noise level", zorder=4)
    for at in range(len(found)):
        right = max(index[at], noise[at])
        ax.annotate(
            f"{index[at]:.2f}", (right, at), (5, 0), textcoords="offset points", va="center", fontsize=8, color=MUTED
        )
    ax.set_yticks(place, [one.name for one in found], color=INK)
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    ax.set(
        xlabel="share of the variance of ranks explained alone",
        xlim=(0, min(1.0, 1.2 * max(index.max(), noise.max(), 0.1))),
    )
    ax.legend(loc="lower right")
    caption = (
        f"First-order index of every hyperparameter from {max(one.n for one in found)} trials. Grey bars do not exceed "
        "the level (black tick) that 5 % of hyperparameters without any influence exceed."
    )
    return Drawing(figure, caption)
