"""Zeros on a log axis: an error of exactly 0 must not cost the figure its scale."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autode.report.figures.style import TOLD, wants_log
from autode.report.study_data import StudyData

if TYPE_CHECKING:
    import pandas as pd


def above_zero(data: StudyData) -> StudyData:
    """Return the study as the figures draw it: zeros at half the smallest other value, if a log axis wants to be used.

    The values that the trials really had stay in a column of their own, and the label of the axis names the place.
    """
    values = data.trials["value"].dropna()
    positive = values[values > 0]
    if values.empty or values.min() != 0 or not wants_log(positive):
        return data
    floor = float(positive.min()) / 2
    trials = data.trials.assign(**{TOLD: data.trials["value"], "value": _lifted(data.trials["value"], floor)})
    epochs = data.epochs
    if data.metric in epochs:
        epochs = epochs.assign(**{data.metric: _lifted(epochs[data.metric], floor)})
    return replace(data, trials=trials, epochs=epochs)


def _lifted(values: pd.Series, floor: float) -> pd.Series:
    return values.where(values != 0, floor)
