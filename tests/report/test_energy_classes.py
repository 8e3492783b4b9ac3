"""Measured, apportioned and estimated joules never meet unmarked: in sums, on the front, in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from autode.report import load
from autode.report.energy_frame import HEADLINE
from autode.report.quantities import joules
from autode.report.summary import energy_lines, energy_missing

Make = Callable[..., Path]


def test_the_total_is_the_sum_over_all_attempts_of_search_and_re_training(busy_study: Make) -> None:
    data = load(busy_study(energy="measured", trials=40))
    total = data.energy[(data.energy["scope"] == "study") & (data.energy["source"] == HEADLINE)].iloc[0]
    ended = data.attempts["energy_j"].sum()
    assert total["joules"] == pytest.approx(ended) == pytest.approx(data.energy_total["energy_j"])
    assert ended == pytest.approx(data.trials["energy_j"].sum() + data.confirmations["energy_j"].sum())
    assert "partial" in total["flags"]  # the killed attempt left nothing


@pytest.mark.parametrize(
    ("kind", "method", "energy_class"),
    [
        ("measured", "measured_counter", "measured"),
        ("apportioned", "apportioned", "apportioned"),
        ("estimated", "modelled", "estimated"),
        ("unavailable", "unavailable", "unavailable"),
    ],
)
def test_every_trial_names_method_source_and_class(busy_study: Make, kind: str, method: str, energy_class: str) -> None:
    trials = load(busy_study(energy=kind, trials=20)).trials
    assert set(trials["energy_method"]) == {method}
    assert set(trials["energy_class"]) == {energy_class}
    assert trials["energy_j"].isna().all() == (kind == "unavailable")  # missing, never 0
    assert trials["energy_high_j"].notna().all() == (kind == "estimated")


def test_the_front_is_of_one_class_even_if_the_study_is_mixed(busy_study: Make) -> None:
    data = load(busy_study(energy="mixed", trials=60))
    assert set(data.trials["energy_class"]) == {"measured", "estimated"}
    assert data.comparable_class() == "measured"  # most trials have it
    assert set(data.pareto()["energy_class"]) == {"measured"}
    assert set(data.pareto("estimated")["energy_class"]) == {"estimated"}
    assert len(data.pareto("apportioned")) == 0
    with pytest.raises(ValueError, match=r"unknown energy class 'guessed'; expected one of measured"):
        data.pareto("guessed")


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_no_trial_on_the_front_is_beaten(busy_study: Make, direction: str) -> None:
    data = load(busy_study(energy="measured", trials=60, direction=direction))
    front, rows = data.pareto(), data.comparable()
    assert len(front) > 1
    assert front["energy_j"].is_monotonic_increasing
    for _, one in front.iterrows():
        cheaper = rows[(rows["energy_j"] <= one["energy_j"]) & (rows["trial"] != one["trial"])]
        assert (data.sign * cheaper["value"] > data.sign * one["value"]).all()


def test_a_trial_whose_energy_lacks_an_attempt_is_not_on_the_front(busy_study: Make) -> None:
    data = load(busy_study(energy="measured", trials=40))
    restarted = data.trials.loc[data.trials["attempt"] > 0, "trial"].iloc[0]
    assert restarted in set(data.valued()["trial"])
    assert restarted not in set(data.comparable()["trial"])


def test_without_energy_there_is_no_front(busy_study: Make) -> None:
    data = load(busy_study(energy="unavailable", trials=20))
    assert data.comparable_class() is None
    assert data.pareto().empty
    count, reason = energy_missing(data)
    assert count == len(data.attempts)
    assert "no powercap tree on this machine" in reason


def test_words_keep_the_classes_apart(busy_study: Make) -> None:
    data = load(busy_study(energy="mixed", trials=40))
    measured, estimated = energy_lines(data.attempts)
    assert (measured.energy_class, estimated.energy_class) == ("measured", "estimated")
    assert "est" not in measured.text
    assert estimated.text.startswith("~ ")
    assert estimated.text.endswith("(est.)")
    parts = data.attempts.groupby("energy_class")["energy_j"].sum()
    assert measured.text == joules(parts["measured"])


def test_node_readings_are_beside_the_trials_and_not_in_their_sum(busy_study: Make) -> None:
    energy = load(busy_study(energy="measured", trials=20)).energy
    (node,) = energy[energy["scope"] == "node"].to_dict("records")  # the pieces of the run are added
    assert node["id"] == "node01"
    assert node["joules"] > energy.loc[energy["source"] == HEADLINE, "joules"].iloc[0]
    assert list(energy["scope"].drop_duplicates()) == ["study", "node", "trial"]


def test_shares_and_coverage_are_told(busy_study: Make) -> None:
    row: pd.Series = load(busy_study(energy="apportioned", trials=12)).energy.query("scope == 'trial'").iloc[0]
    assert (row["share_rule"], row["share"], row["coverage"], row["assurance"]) == ("cpu_time", 0.5, 1.0, "C")
    assert row["domains"] == "cpu_pkg dram"
