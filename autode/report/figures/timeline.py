"""Timeline: which worker evaluated which trial when; gaps are idle time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch

from autode.report.figures.style import (
    INK,
    MOST_VECTORS,
    MUTED,
    STATE_COLOURS,
    WIDE,
    Drawing,
    legend_above,
    new_figure,
)
from autode.report.quantities import duration, plural, time_unit
from autode.report.study_data import StudyData

if TYPE_CHECKING:
    import pandas as pd

_MOST_LANES = 64


def draw_timeline(data: StudyData) -> Drawing | None:
    """Draw one lane a worker; the time between two runs of the program is cut out. None before the first attempt."""
    bars = bars_of(data)
    if bars.empty:
        return None
    lanes = list(dict.fromkeys(bars.sort_values(["host", "rank"])["lane"]))
    shown = lanes[:_MOST_LANES]
    elapsed = float(data.program_runs["elapsed_s"].sum()) or float(bars["right"].max())
    scale, unit = time_unit(elapsed)
    figure, (ax,) = new_figure((WIDE[0], 1.3 + 0.3 * max(len(shown), 2) if len(shown) < 12 else 5.2))
    _draw_bars(ax, bars[bars["lane"].isin(shown)], shown, scale)
    _draw_restarts(ax, data, scale)
    ax.set(
        xlabel=f"time since the start without pauses between runs, {unit}",
        xlim=(0, elapsed / scale),
        ylim=(len(shown) - 0.4, -0.6),
    )
    busy = bars.groupby("lane")["width"].sum() / elapsed
    labels = [f"{lane} · {100 * busy[lane]:.0f} % busy" for lane in shown]
    ax.set_yticks(range(len(shown)), labels if len(shown) <= 24 else [""] * len(shown), color=INK, fontsize=8)
    ax.grid(False, axis="y")
    states = [state for state in STATE_COLOURS if state in set(bars["state"])]
    handles = [Patch(color=STATE_COLOURS[state], label=state) for state in states]
    handles += [Patch(facecolor=MUTED, edgecolor="white", hatch="///", label="re-training")] * bool(
        (bars["role"] == "confirm").any()
    )
    legend_above(ax, handles=handles)
    more = f" The first {len(shown)} of {len(lanes)} workers are shown." if len(lanes) > len(shown) else ""
    mean = 100 * float(busy.mean())
    caption = f"{plural(len(bars), 'attempt')} on {plural(len(lanes), 'worker')}"
    caption += f" in {duration(elapsed)}, busy {mean:.0f} % of it.{more}"
    return Drawing(
        figure, caption, {"bars": [f"trial {t}: {s}" for t, s in zip(bars["trial"], bars["state"], strict=True)]}
    )


def bars_of(data: StudyData) -> pd.DataFrame:
    """Return the attempts with ``lane`` (host and rank), ``left``, ``right`` and ``width`` in seconds of running time.

    An attempt whose end is unknown lasts until its run was last seen.
    """
    import pandas as pd

    table = data.attempts[data.attempts["started"].notna() & data.attempts["run"].notna()].copy()
    jobs = data.program_runs.set_index("run")
    offsets = jobs["elapsed_s"].fillna(0.0).cumsum().shift(fill_value=0.0)
    starts, ends = (
        pd.to_datetime(jobs["start"], utc=True, format="ISO8601"),
        pd.to_datetime(jobs["end"], utc=True, format="ISO8601"),
    )
    table = table[table["run"].isin(jobs.index)]
    run = table["run"].astype("int64")
    began = pd.to_datetime(table["started"], utc=True, format="ISO8601")
    ended = pd.to_datetime(table["finished"], utc=True, format="ISO8601").fillna(run.map(ends))
    table["left"] = (began - run.map(starts)).dt.total_seconds() + run.map(offsets)
    table["width"] = (ended - began).dt.total_seconds().clip(lower=0.0)
    table["right"] = table["left"] + table["width"]
    table["host"], table["rank"] = table["host"].fillna("?"), table["rank"].fillna(-1).astype("int64")
    table["lane"] = table["host"].astype(str) + " rank " + table["rank"].astype(str)
    return table


def _draw_bars(ax: Axes, bars: pd.DataFrame, lanes: list[str], scale: float) -> None:
    lane = bars["lane"].map({name: place for place, name in enumerate(lanes)}).to_numpy(float)
    left, right = bars["left"].to_numpy(float) / scale, bars["right"].to_numpy(float) / scale
    low, high = lane - 0.36, lane + 0.36
    corners = np.stack(
        [
            np.column_stack([left, low]),
            np.column_stack([right, low]),
            np.column_stack([right, high]),
            np.column_stack([left, high]),
        ],
        axis=1,
    )
    colours = bars["state"].map(STATE_COLOURS).fillna(MUTED).to_list()
    hatched = (bars["role"] == "confirm").to_numpy()
    many = len(bars) > MOST_VECTORS
    options: dict[str, Any] = {"edgecolors": "white", "linewidths": 0.0 if many else 0.6, "rasterized": many}
    ax.add_collection(PolyCollection(list(corners), facecolors=colours, gid="bars", **options))
    if hatched.any():
        ax.add_collection(
            PolyCollection(list(corners[hatched]), facecolors="none", hatch="///", hatchcolors="white", **options)
        )


def _draw_restarts(ax: Axes, data: StudyData, scale: float) -> None:
    """Mark where a run of the program took over from the one before."""
    offsets = data.program_runs["elapsed_s"].fillna(0.0).cumsum().to_numpy(float)[:-1]
    for offset in offsets[:50]:
        ax.axvline(offset / scale, color=INK, linewidth=1.0, linestyle=":")
