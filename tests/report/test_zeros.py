"""Zeros in the figures: drawn on a log axis, named there, and shown as zeros where one points at them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from autode.report import StudyData, load
from autode.report.figures import above_zero
from autode.report.figures.style import metric_label, trial_titles

Make = Callable[..., Path]


def with_values(busy_study: Make, values: list[float]) -> StudyData:
    data = load(busy_study(trials=len(values)))
    return dataclasses.replace(data, trials=data.trials.assign(value=pd.Series(values)))


def test_a_zero_is_drawn_at_half_the_smallest_other_value_and_the_axis_says_so(busy_study: Make) -> None:
    drawn = above_zero(with_values(busy_study, [0.5, 0.0, 0.02, 0.1]))
    assert drawn.trials["value"].tolist() == [0.5, 0.01, 0.02, 0.1]
    assert "0 drawn at 0.01" in metric_label(drawn)


def test_pointing_at_it_shows_the_zero(busy_study: Make) -> None:
    drawn = above_zero(with_values(busy_study, [0.5, 0.0, 0.02, 0.1]))
    assert trial_titles(drawn, drawn.trials)[1].startswith("trial 1: val_error 0")
    assert "0.01" not in trial_titles(drawn, drawn.trials)[1].partition(",")[0]


def test_values_that_need_no_log_axis_stay_where_they_are(busy_study: Make, tmp_path: Path) -> None:
    for values in ([0.5, 0.0, 0.4, 0.3], [0.5, 0.02, 0.1, 0.001], [-0.5, 0.0, 0.02, 1.0]):
        data = with_values(busy_study, values)
        assert above_zero(data) is data
