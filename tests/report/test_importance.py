"""The first-order index: what it finds, and what it does not find where there is nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2, kruskal, rankdata

from autode.report import load
from autode.report.importance import _ranks, first_order_index, importance, noise_level, partition


def test_it_is_one_if_the_class_decides_the_rank_and_zero_on_average_if_not() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(4), 50)
    assert first_order_index(labels * 100.0, labels) == pytest.approx(1.0)
    chance = [first_order_index(rng.random(200), labels) for _ in range(400)]
    assert abs(np.mean(chance)) < 3 * np.std(chance) / np.sqrt(400)


def test_it_estimates_the_share_of_the_variance() -> None:
    rng = np.random.default_rng(2)
    x1, x2 = rng.normal(size=(2, 20_000))
    y = 2.0 * x1 + 1.0 * x2  # the share of x1 is 4/5, and ranks of a normal sum keep it nearly
    assert first_order_index(y, partition(x1)) == pytest.approx(0.8, abs=0.03)
    assert first_order_index(y, partition(x2)) == pytest.approx(0.2, abs=0.03)


def test_five_percent_of_idle_hyperparameters_exceed_the_noise_level() -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(5), 24)
    exceed = np.mean([first_order_index(rng.random(120), labels) > noise_level(120, 5) for _ in range(1000)])
    assert 0.03 < exceed < 0.07


def test_it_is_the_statistic_of_kruskal_and_wallis() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, 60)
    values = rng.integers(0, 9, 60).astype(float)  # with ties
    h = kruskal(*(values[labels == label] for label in range(3))).statistic
    above = first_order_index(values, labels) > noise_level(60, 3)
    assert above == (h > chi2.ppf(0.95, 2))
    assert first_order_index(values, labels) == pytest.approx(1 - (1 - h / 59) * 59 / 57)


def test_equal_values_share_their_rank() -> None:
    values = np.array([3.0, 1.0, 3.0, 2.0, 3.0])
    assert _ranks(values).tolist() == rankdata(values).tolist()


def test_numbers_are_sorted_into_classes_of_equal_number() -> None:
    labels = partition(np.random.default_rng(5).random(1000))
    assert np.ptp(np.bincount(labels)) <= 1
    assert len(np.unique(labels)) == 10
    assert len(np.unique(partition([0.1, 0.2, 0.3] * 40))) == 3


def test_the_study_names_the_hyperparameters_that_matter(busy_study: Callable[..., Path]) -> None:
    found = {one.name: one for one in importance(load(busy_study(trials=132)))}
    assert list(found)[:2] == ["lr", "optimizer"]
    assert (found["lr"].index or 0) > 0.5 > (found["optimizer"].index or 0) > (found["optimizer"].noise or 1)
    assert (found["batch_size"].index or 0) < (found["batch_size"].noise or 0)
    assert found["momentum"].n < found["lr"].n  # judged on the trials in which it was active


def test_with_few_trials_there_is_no_index(busy_study: Callable[..., Path], empty_study: Path) -> None:
    assert all(one.index is None for one in importance(load(busy_study(trials=9))))
    assert all(one.index is None and one.n == 0 for one in importance(load(empty_study)))
