"""Training curves of the best trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from autode.report.figures.style import (
    MOST_VECTORS,
    SERIES,
    WIDE,
    Drawing,
    legend_above,
    metric_label,
    new_figure,
    scale_axis,
)
from autode.report.quantities import plural
from autode.report.study_data import StudyData

if TYPE_CHECKING:
    import pandas as pd

_BEST = 5
_MOST_BEHIND = 500


def draw_training(data: StudyData) -> Drawing | None:
    """Draw the metric and the losses over epochs; None if no trial reported any."""
    best = list(data.valued().sort_values(["fitness", "trial"], kind="stable")["trial"].head(_BEST))
    # a continued trial may have reported an epoch twice: the later attempt counts
    epochs = data.epochs.drop_duplicates(["trial", "epoch"], keep="last")
    epochs = epochs[epochs["role"] == "search"]
    panels = [
        [name for name in names if name in epochs and epochs[name].notna().any()] for names in ([data.metric], _LOSSES)
    ]
    panels = [panel for panel in panels if panel]
    if not best or not panels or not epochs["trial"].isin(best).any():
        return None
    figure, axes = new_figure(WIDE if len(panels) > 1 else (5.6, 3.7), columns=len(panels))
    for ax, names in zip(axes, panels, strict=True):
        for name, style in zip(names, ("-", "--"), strict=False):
            _draw_curves(ax, epochs, name, best, style, label=name == names[0])
        scale_axis(ax, "y", epochs.loc[epochs["trial"].isin(best), names].to_numpy(float).ravel())
        ax.set(
            xlabel="epoch",
            ylabel=metric_label(data) if names == [data.metric] else " (solid), ".join(names) + _dashed(names),
        )
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_above(axes[0])
    behind = epochs["trial"].nunique() - len(best)
    caption = f"Training curves of the best {plural(len(best), 'trial')}"
    shown = f"{_MOST_BEHIND} of the other {behind}" if behind > _MOST_BEHIND else f"the other {behind}"
    caption += f"; grey: {shown}." if behind > 0 else "."
    return Drawing(figure, caption)


_LOSSES = ["val_loss", "train_loss"]


def _dashed(names: list[str]) -> str:
    return " (dashed)" if len(names) > 1 else ""


def _draw_curves(ax: Axes, epochs: pd.DataFrame, name: str, best: list[int], style: str, label: bool) -> None:
    """Draw one curve a trial: the best in colour, the others behind them in grey."""
    if label:
        others = [trial for trial in epochs["trial"].unique() if trial not in best][:_MOST_BEHIND]
        known = epochs[epochs["trial"].isin(others) & epochs[name].notna()]
        lines = [group.to_numpy(float) for _, group in known.groupby("trial")[["epoch", name]]]
        ax.add_collection(
            LineCollection(lines, colors="#d3dae2", linewidths=0.8, rasterized=len(lines) > MOST_VECTORS), autolim=False
        )
    for colour, trial in zip(SERIES, best, strict=False):
        curve = epochs[(epochs["trial"] == trial) & epochs[name].notna()]
        title = f"trial {trial}" if label else None
        ax.plot(curve["epoch"], curve[name], style, marker="o", markersize=3, color=colour, linewidth=1.5, label=title)
