"""Published figures beside our own, for studies that are cells of the published matrix."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from autode.report import StudyData, load
from autode.report.comparison import write_comparison
from autode.report.published import beside_published, published_figures, published_table

Make = Callable[..., Path]


def as_cell(data: StudyData, **objective: Any) -> StudyData:
    """The same study with the settings of a cell; a setting that is searched is not one of the cell."""
    workflow = copy.deepcopy(data.workflow)
    workflow["objective"] |= {"model": "resnet18", "epochs": 10, **objective}
    return replace(data, workflow=workflow)


@pytest.fixture
def data(busy_study: Make) -> StudyData:
    return load(busy_study(trials=12, energy="measured"))


def test_the_published_table_is_whole() -> None:
    rows = published_figures()
    assert len(rows) == 14
    assert {row["dataset"] for row in rows} == {"mnist", "fashion-mnist"}
    sizes = [row["batch_size"] for row in rows if row["dataset"] == "mnist"]
    assert sizes == [16, 32, 64, 128, 256, 512, 1024]
    first = rows[0]
    assert (first["best"], first["elapsed_s"], first["energy_j"]) == (0.2112, 11 * 3600 + 42 * 60, 19_300_000)


def test_mean_power_of_the_published_rows_is_that_of_a_node() -> None:
    watts = [row["energy_j"] / row["elapsed_s"] for row in published_figures()]
    assert 430 < min(watts) <= max(watts) < 500, "one typing mistake in a time or an energy would show here"


def test_a_cell_of_the_matrix_stands_beside_the_published_row(data: StudyData) -> None:
    (row,) = beside_published([as_cell(data, dataset="fashion-mnist", batch_size=32)])
    best = data.best()
    assert best is not None
    assert (row["best"], row["published_best"]) == (best["value"], 0.1881)
    assert row["published_elapsed_s"] == 11 * 3600 + 11 * 60 + 20
    assert row["published_energy_j"] == 18_550_000
    assert row["algorithm"] == "lshade"


def test_rows_come_in_the_published_order_however_the_folders_came(data: StudyData) -> None:
    places = [("fashion-mnist", 16), ("mnist", 1024), ("mnist", 64)]
    rows = beside_published([as_cell(data, dataset=dataset, batch_size=size) for dataset, size in places])
    assert [(row["dataset"], row["batch_size"]) for row in rows] == [places[2], places[1], places[0]]


@pytest.mark.parametrize(
    "other",
    [{"dataset": "cifar10"}, {"batch_size": 48}, {"epochs": 5}, {"model": "densenet121"}],
)
def test_what_was_not_published_gets_no_row(data: StudyData, other: dict[str, Any]) -> None:
    assert beside_published([as_cell(data, **{"dataset": "mnist", "batch_size": 64, **other})]) == []


def test_a_searched_batch_size_is_not_a_cell(data: StudyData) -> None:
    assert beside_published([as_cell(data, dataset="mnist")]) == []


def test_joules_that_are_not_whole_stay_unknown(busy_study: Make) -> None:
    mixed = load(busy_study(trials=12, energy="mixed"))
    (row,) = beside_published([as_cell(mixed, dataset="mnist", batch_size=16)])
    assert row["energy_j"] is None
    _, (cells,) = published_table([row], "val_error")
    assert [cell.text for cell in cells][-2:] == ["unavailable", "19.30 MJ"]


def test_the_page_and_a_table_have_both(data: StudyData, tmp_path: Path) -> None:
    studies = [as_cell(data, dataset="mnist", batch_size=size) for size in (16, 1024)]
    text = write_comparison(studies, tmp_path).read_text()
    assert "Beside published figures" in text
    assert "15.54 MJ" in text
    table = pd.read_csv(tmp_path / "published.csv")
    assert table["published_energy_j"].tolist() == [19_300_000, 15_540_000]


def test_a_page_without_a_cell_has_no_such_section(data: StudyData, tmp_path: Path) -> None:
    text = write_comparison([data, as_cell(data, dataset="cifar100", batch_size=16)], tmp_path).read_text()
    assert "Beside published figures" not in text
    assert not (tmp_path / "published.csv").exists()
