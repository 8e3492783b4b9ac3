"""What the joules of several studies bought, against figures worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autode.report import StudyData, load, write_report
from autode.report.comparison import write_comparison
from autode.report.tradeoff import tradeoffs

Make = Callable[..., Path]


def set_to(data: StudyData, values: list[float], energies: list[float]) -> StudyData:
    """Return the study with other results: its first trials have these values and joules, and it has no others."""
    count = len(values)
    trials = data.trials.iloc[:count].assign(value=values, fitness=[data.sign * v for v in values], energy_j=energies)
    attempts = data.attempts.iloc[:count].assign(energy_j=energies)
    return replace(data, trials=trials, attempts=attempts)


def in_order(data: StudyData) -> StudyData:
    """Return the study with its trials in the order in which they finished."""
    trials = data.trials.sort_values("finished").reset_index(drop=True)
    attempts = data.attempts.sort_values("finished").reset_index(drop=True)
    return replace(data, trials=trials, attempts=attempts)


@pytest.fixture
def two(calm_study: Make) -> list[StudyData]:
    first, second = (in_order(load(calm_study(energy="measured", seed=seed))) for seed in (1, 2))
    return [
        set_to(first, [0.5, 0.3, 0.1], [10.0, 20.0, 30.0]),
        set_to(second, [0.4, 0.2, 0.2], [20.0, 10.0, 40.0]),
    ]


def test_joules_to_the_target_that_all_reach_and_hypervolume(two: list[StudyData]) -> None:
    found = tradeoffs(two, ["a", "b"]).set_index("study")
    assert found["target"].tolist() == [0.2, 0.2], "the worse of 0.1 and 0.2"
    assert found["joules_to_target"].tolist() == [60.0, 30.0]
    assert found["joules"].tolist() == [60.0, 70.0]
    assert found["best"].tolist() == [0.1, 0.2]
    assert found["front"].tolist() == [3, 1]
    # the box is 0.1..0.5 by 10..40 J: a's front stands at (1, 0), (0.5, 1/3), (0, 2/3), b's at (0.25, 0)
    a = 0.5 * (1 - 2 / 3) + 0.5 * (1 - 1 / 3)
    assert found["hypervolume"].tolist() == [pytest.approx(a), pytest.approx(0.75)]


def test_of_two_classes_of_energy_nothing_is_said(calm_study: Make, tmp_path: Path) -> None:
    folders = [calm_study(energy=kind) for kind in ("measured", "estimated")]
    assert tradeoffs([load(folder) for folder in folders], ["a", "b"]).empty
    page = write_report(folders, tmp_path / "out")
    assert "What the joules bought" not in page.read_text()
    assert "energy is not whole in all of them: time is shown" in page.read_text()
    assert not (tmp_path / "out" / "tradeoff.csv").exists()


def test_the_page_has_the_table_and_the_joules(calm_study: Make, tmp_path: Path) -> None:
    folders = [calm_study(energy="measured", seed=seed, name=f"s{seed}") for seed in (1, 2)]
    text = write_report(folders, tmp_path / "out").read_text()
    table = pd.read_csv(tmp_path / "out" / "tradeoff.csv")
    assert (table["joules_to_target"] <= table["joules"]).all()
    assert np.isfinite(table["hypervolume"]).all()
    assert "What the joules bought" in text
    assert "energy of all finished attempts, J" in text


def test_many_studies_have_the_colour_of_their_strategy(calm_study: Make, tmp_path: Path) -> None:
    names = ("lshade", "jde", "random")
    folders = [
        calm_study(energy="measured", seed=10 * k + seed, algorithm=name, name=f"{name}{seed}")
        for k, name in enumerate(names)
        for seed in range(3)
    ]
    text = write_comparison([load(folder) for folder in folders], tmp_path).read_text()
    assert "A colour a strategy." in text
    figure = (tmp_path / "figures" / "convergence.svg").read_text()
    assert all(f">{name}<" in figure or f"{name} -->" in figure for name in names)


def test_strategies_that_share_no_block_are_said_not_to_be_tested(calm_study: Make, tmp_path: Path) -> None:
    folders = [calm_study(energy="measured", seed=seed, algorithm=name) for seed, name in ((1, "jde"), (2, "random"))]
    text = write_report(folders, tmp_path / "out").read_text()
    assert "The strategies (search.algorithm) are not tested: in no block" in text
