"""How all figures look: one palette, one set of fonts and sizes, one way to draw points, values and joules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from autode.report.axes import log_ticks
from autode.report.quantities import ESTIMATED, number

if TYPE_CHECKING:
    import pandas as pd

    from autode.report.study_data import StudyData

Floats = npt.NDArray[np.float64]

#: Okabe and Ito's palette, safe for colour-blind readers, on plain white.
BLUE, ORANGE, GREEN, PINK, SKY, AMBER = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"
SERIES = (BLUE, ORANGE, GREEN, PINK, SKY, AMBER)
INK, MUTED, SOFT, FAINT, GRID = "#1f2933", "#5f6b7a", "#94a3b3", "#b8c1cc", "#e4e8ed"
STATE_COLOURS = {
    **{"completed": BLUE, "stopped": SKY, "failed": ORANGE, "lost": PINK, "interrupted": AMBER},
    **{"running": GREEN, "waiting": FAINT},
}
#: More marks than this are drawn as pixels inside the vector file, and carry no hover titles.
MOST_VECTORS = 2000
WIDE, NARROW = (10.6, 4.2), (5.6, 3.7)

RC: Any = {
    **{"font.family": ["DejaVu Sans"], "font.size": 9.0, "axes.labelsize": 9.0, "legend.fontsize": 8.0},
    **{"text.color": INK, "axes.labelcolor": INK, "xtick.color": MUTED, "ytick.color": MUTED, "axes.edgecolor": FAINT},
    **{"axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8, "axes.axisbelow": True},
    **{"axes.grid": True, "grid.color": GRID, "grid.linewidth": 0.7, "legend.frameon": False, "hatch.linewidth": 0.6},
    **{"svg.fonttype": "none", "svg.hashsalt": "autode", "path.simplify": True, "figure.facecolor": "white"},
    **{"figure.dpi": 100.0, "savefig.dpi": 160.0, "hatch.color": "#eceff3"},
}


@dataclass
class Drawing:
    """A figure with the words that go with it.

    Attributes
    ----------
    figure : Figure
    caption : str
        What is shown, of how many trials, and what to beware of; also its text for those who cannot see it.
    titles : dict of str to list of str
        Hover titles: for the group id of a collection, one title a mark.
    """

    figure: Figure
    caption: str
    titles: dict[str, list[str]] = field(default_factory=dict)


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save in our style; the caller's settings of matplotlib come back afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


def new_figure(size: tuple[float, float] = NARROW, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure (inches) and its axes, side by side."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)
    return figure, list(axes[0])


def points(ax: Axes, x: npt.ArrayLike, y: npt.ArrayLike, gid: str = "", **options: Any) -> Any:
    """Scatter marks; many become pixels."""
    marks = ax.scatter(np.asarray(x), np.asarray(y), **{"s": 16, "linewidths": 0.0, "zorder": 3, **options})
    marks.set_rasterized(len(np.asarray(x)) > MOST_VECTORS)
    if gid:
        marks.set_gid(gid)
    return marks


#: column of the values as they were told, where the figures draw others
TOLD = "value_told"


def wants_log(values: npt.ArrayLike) -> bool:
    """Whether positive values span more than a factor of 20."""
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    return bool(len(known) > 1 and known.min() > 0 and known.max() > 20 * known.min())


def metric_label(data: StudyData) -> str:
    """Name the metric, its good direction, and where a zero is drawn if it is not at its place."""
    zero = f"; 0 drawn at {number(data.trials['value'].min())}" if TOLD in data.trials else ""
    return f"{data.metric} ({'higher' if data.direction == 'maximize' else 'lower'} is better{zero})"


def scale_axis(ax: Axes, which: str, values: npt.ArrayLike) -> None:
    """Make an axis logarithmic, with plain numbers, if its values ask for it."""
    if not wants_log(values):
        return
    ax.set(**{f"{which}scale": "log"})
    axis = ax.xaxis if which == "x" else ax.yaxis
    known = np.asarray(values, dtype=float)
    narrow = np.nanmax(known) < 300 * np.nanmin(known)
    axis.set_major_locator(LogLocator(10, (1, 2, 5) if narrow else (1,), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(NullFormatter())


def value_colours(data: StudyData, values: pd.Series) -> tuple[str, Normalize]:
    """Return colour map and scale of the values: dark is good."""
    known = values.to_numpy(dtype=float)
    low, high = (
        (float(known.min()), float(np.quantile(known, 0.95)))
        if data.sign > 0
        else (
            float(np.quantile(known, 0.05)),
            float(known.max()),
        )
    )
    high = high if high > low else low + (abs(low) or 1.0)
    norm = LogNorm(low, high, clip=True) if wants_log([low, high]) else Normalize(low, high, clip=True)
    return ("viridis" if data.sign > 0 else "viridis_r"), norm


def colour_bar(figure: Figure, ax: Axes, colours: ScalarMappable, label: str) -> None:
    """Draw the scale of the colours beside the axes, with plain numbers."""
    bar = figure.colorbar(colours, ax=ax, label=label, pad=0.02, aspect=30)
    if isinstance(colours.norm, LogNorm):
        bar.set_ticks(log_ticks(float(colours.norm.vmin or 1.0), float(colours.norm.vmax or 1.0)))
        bar.ax.minorticks_off()
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def trial_titles(data: StudyData, rows: pd.DataFrame) -> list[str]:
    """Return a hover title for every trial."""
    from autode.report.quantities import joules

    told = rows[TOLD] if TOLD in rows else rows["value"]
    cells = zip(rows["trial"], told, rows["energy_j"], rows["energy_class"], rows["error"], strict=True)
    return [
        f"trial {trial}: {error or f'{data.metric} {number(value)}'}" + (f", {joules(j, kind)}" if j == j else "")
        for trial, value, j, kind, error in cells
    ]


def energy_label(energy_class: str | None, unit: str, what: str = "energy of the trial") -> str:
    """Label an axis of joules; an estimate is marked on both sides."""
    return f"~ {what}, {unit} (est.)" if energy_class == ESTIMATED else f"{what}, {unit}"


def mark_estimated(ax: Axes) -> None:
    """Hatch the background of axes that show estimates, and say so."""
    ax.patch.set(facecolor="white", hatch="//", edgecolor="#eceff3")
    ax.grid(False)
    ax.set_title("energy estimated (est.)", loc="right", fontsize=8, color=MUTED)


def legend_above(ax: Axes, **options: Any) -> None:
    """Put the legend above the axes, in one line, where it hides nothing."""
    place = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.3, "borderpad": 0.0}
    ax.legend(**{**place, "ncols": 8, "labelcolor": INK, "columnspacing": 1.4, "handletextpad": 0.5, **options})


def say(ax: Axes, text: str) -> None:
    """Write a remark above the axes."""
    ax.set_title(text, loc="left", fontsize=8, color=MUTED, wrap=True)


def best_so_far(values: Sequence[float] | Floats, sign: float) -> Floats:
    """Return the running best, shape (n,); NaN until the first value; failed trials (NaN) change nothing."""
    scaled = sign * np.asarray(values, dtype=float)
    best: Floats = np.fmin.accumulate(scaled) if len(scaled) else scaled
    return sign * best
