"""The figures of a report: one file a figure, each a function from a study to a `Drawing` or None."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from autode.report.figures.anytime import draw_anytime
from autode.report.figures.convergence import draw_convergence
from autode.report.figures.pairs import draw_pairs
from autode.report.figures.parallel import draw_parallel
from autode.report.figures.sensitivity import draw_importance
from autode.report.figures.style import Drawing, styled
from autode.report.figures.timeline import draw_timeline
from autode.report.figures.tradeoff import draw_tradeoff
from autode.report.figures.training import draw_training
from autode.report.figures.zeros import above_zero
from autode.report.study_data import StudyData

__all__ = ["FIGURES", "Drawing", "FigureKind", "above_zero", "styled"]


@dataclass(frozen=True)
class FigureKind:
    """A figure that a report may have: file name, heading, what draws it, and whether it takes the whole width."""

    name: str
    heading: str
    draw: Callable[[StudyData], Drawing | None]
    wide: bool = False


FIGURES = (
    FigureKind("tradeoff", "Metric and energy", draw_tradeoff, wide=True),
    FigureKind("convergence", "Convergence", draw_convergence),
    FigureKind("anytime", "Best value for what was spent", draw_anytime),
    FigureKind("parallel", "Configurations", draw_parallel, wide=True),
    FigureKind("importance", "Importance of the hyperparameters", draw_importance),
    FigureKind("pairs", "The two most important together", draw_pairs),
    FigureKind("training", "Training curves of the best trials", draw_training, wide=True),
    FigureKind("timeline", "Timeline of the workers", draw_timeline, wide=True),
)
