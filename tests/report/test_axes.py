"""Hyperparameters as axes: places and ticks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autode.report import load
from autode.report.axes import Axis, axes_of, log_ticks


def test_places_on_a_log_axis_are_even_in_the_logarithm() -> None:
    axis = Axis("lr", 1e-4, 1.0, log=True)
    assert axis.positions(pd.Series([1e-4, 1e-2, 1.0])) == pytest.approx([0.0, 0.5, 1.0])
    assert [label for _, label in axis.ticks()] == ["0.0001", "0.001", "0.01", "0.1", "1"]


def test_places_of_choices_are_their_order_and_inactive_ones_have_none() -> None:
    axis = Axis("optimizer", choices=("sgd", "adamw", "lion"))
    places = axis.positions(pd.Series(["lion", None, "sgd"], dtype=object))
    assert places[[0, 2]].tolist() == [1.0, 0.0]
    assert np.isnan(places[1])


@pytest.mark.parametrize(
    ("axis", "labels"),
    [
        (Axis("depth", 0, 5, whole=True), ["0", "1", "2", "3", "4", "5"]),
        (Axis("momentum", 0.5, 0.99), ["0.5", "0.6", "0.7", "0.8", "0.9"]),
        (Axis("width", 3, 3), ["3"]),
        (Axis("batch", 20, 90, log=True), ["20", "90"]),
        (Axis("b", choices=(16, 32)), ["16", "32"]),
    ],
)
def test_ticks_are_round_and_inside(axis: Axis, labels: list[str]) -> None:
    ticks = axis.ticks()
    assert [label for _, label in ticks] == labels
    assert all(-1e-9 <= place <= 1 + 1e-9 for place, _ in ticks)


def test_axes_come_from_the_workflow(busy_study: Callable[..., Path]) -> None:
    axes = {axis.name: axis for axis in axes_of(load(busy_study(trials=12)))}
    assert axes["lr"] == Axis("lr", 1e-4, 1.0, log=True)
    assert axes["batch_size"].choices == (16, 32, 64, 128)
    assert axes["freeze_depth"].whole


def test_without_a_declared_space_axes_come_from_the_trials(busy_study: Callable[..., Path]) -> None:
    data = dataclasses.replace(load(busy_study(trials=30)), workflow={})
    axes = {axis.name: axis for axis in axes_of(data)}
    assert set(axes["optimizer"].choices) == {"sgd", "adamw"}
    assert axes["lr"].low == data.trials["param.lr"].min()
    assert axes["batch_size"].whole


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.003, 0.09, [0.005, 0.01, 0.02, 0.05]), (1e-4, 1.0, [1e-4, 1e-3, 1e-2, 0.1, 1.0]), (1.0, 1e29, 6)],
)
def test_log_ticks_are_few_and_inside(low: float, high: float, ticks: list[float] | int) -> None:
    found = log_ticks(low, high)
    assert found == pytest.approx(ticks) if isinstance(ticks, list) else len(found) <= ticks
    assert all(low * 0.999 <= tick <= high * 1.001 for tick in found)
