"""Repetitions of the best configuration: how many, of which, and that they change nothing about exactness."""

from __future__ import annotations

import math
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from autode import Float, Space
from autode.search import Proposal, make_search

SPACE = Space({"a": Float(-1.0, 1.0), "b": Float(-1.0, 1.0)})
SCHEDULES = ["generational", "asynchronous"]


def search(algorithm: str = "lshade", evaluations: int = 40, every: Any = 4, schedule: str = "generational") -> Any:
    settings = {"algorithm": algorithm, "evaluations": evaluations, "resample": every, "population": 8}
    return make_search(SPACE, settings, 1, schedule)


def bowl(params: Any) -> float:
    return float(params["a"] ** 2 + params["b"] ** 2)


def noisy(number: int, params: Any) -> float:
    """Return a value whose luck depends on the trial's number alone."""
    return bowl(params) + float(np.random.default_rng(number).normal(0.0, 0.5))


def run(strategy: Any, n: int | None = 3, first: int = 0) -> list[tuple[Proposal, float]]:
    done: list[tuple[Proposal, float]] = []
    while not strategy.finished:
        batch = strategy.ask(n)
        values = [noisy(first + len(done) + k, one.params) for k, one in enumerate(batch)]
        strategy.tell([one.id for one in batch], values)
        done += zip(batch, values, strict=True)
    return done


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("algorithm", ["lshade", "autode", "sade"])
def test_every_fourth_trial_repeats_a_configuration_and_the_budget_is_kept(algorithm: str, schedule: str) -> None:
    done = run(search(algorithm, 40, 4, schedule))
    points = [one.point for one, _ in done]
    assert len(done) == 40
    assert len(set(points)) == 30
    assert len({one.id for one, _ in done}) == 40


def test_it_is_the_best_by_mean_that_is_repeated() -> None:
    strategy = search(schedule="asynchronous")
    values: dict[tuple[float, ...], list[float]] = {}
    repeated = 0
    while not strategy.finished:
        (one,) = strategy.ask(1)
        if one.point in values:
            open_ = {point: fmean(told) for point, told in values.items() if len(told) < 6}
            assert open_[one.point] == min(open_.values())
            repeated += 1
        value = noisy(len(values) + repeated, one.params)
        values.setdefault(one.point, []).append(value)
        strategy.tell([one.id], [value])
    assert repeated == 10


@pytest.mark.parametrize("algorithm", ["lshade", "autode"])
def test_a_lucky_value_gives_way_to_the_mean(algorithm: str) -> None:
    strategy = search(algorithm, schedule="asynchronous")
    lucky, *others = strategy.ask(3)
    strategy.tell([lucky.id, *(one.id for one in others)], [-5.0, *(bowl(one.params) for one in others)])
    again = strategy.ask(1)[0]
    assert again.point == lucky.point
    strategy.tell([again.id], [9.0])
    best = min(others, key=lambda one: bowl(one.params))
    assert tuple(strategy._optimizer.best_x) == best.point
    assert strategy._optimizer.best_f == bowl(best.params)


def test_a_failed_repetition_does_not_count() -> None:
    strategy = search(schedule="asynchronous")
    batch = strategy.ask(3)
    strategy.tell([one.id for one in batch], [bowl(one.params) for one in batch])
    again = strategy.ask(1)[0]
    strategy.tell([again.id], [math.nan])
    assert strategy._optimizer.best_f == min(bowl(one.params) for one in batch)


def test_where_everything_fails_there_is_nothing_to_repeat() -> None:
    strategy = search(schedule="asynchronous")
    asked = 0
    while not strategy.finished:
        batch = strategy.ask(3)
        strategy.tell([one.id for one in batch], [math.nan] * len(batch))
        asked += len(batch)
    assert asked == 30


@pytest.mark.parametrize("n", [1, 5, None])
def test_the_generational_run_does_not_depend_on_how_many_are_asked_for(n: int | None) -> None:
    assert [one.point for one, _ in run(search(), n)] == [one.point for one, _ in run(search(), 3)]


def test_repetitions_of_a_generation_come_before_the_next() -> None:
    strategy = search()
    first = strategy.ask()
    assert len(first) == 8
    strategy.tell([one.id for one in first], [bowl(one.params) for one in first])
    again = strategy.ask()
    assert [one.point for one in again] == [one.point for one in sorted(first, key=lambda one: bowl(one.params))[:2]]
    assert strategy.ask() == []  # the next generation knows their means
    strategy.tell([one.id for one in again], [bowl(one.params) for one in again])
    assert len(strategy.ask()) == 8


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("algorithm", ["lshade", "autode"])
@pytest.mark.parametrize("cut", [3, 11, 17, 30])
def test_a_run_that_is_cut_goes_on_as_it_would_have(algorithm: str, schedule: str, cut: int) -> None:
    whole = run(search(algorithm, 36, 3, schedule), 1)
    first, again = search(algorithm, 36, 3, schedule), search(algorithm, 36, 3, schedule)
    for one, value in whole[:cut]:
        (asked,) = first.ask(1)
        assert asked == one
        first.tell([asked.id], [value])
    again.load_state_dict(first.state_dict())
    assert run(again, 1, cut) == whole[cut:]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("algorithm", ["lshade", "autode"])
def test_a_run_can_be_repeated_from_its_record(algorithm: str, schedule: str) -> None:
    whole = run(search(algorithm, 36, 3, schedule), 1)
    again = search(algorithm, 36, 3, schedule)
    for one, value in whole:
        (repeated,) = again.repeat(one.point)
        assert repeated == one
        again.tell([repeated.id], [value])
    assert again.finished


@pytest.mark.parametrize("every", [1, -2, 2.5, True, "often"])
def test_a_wrong_number_is_refused(every: Any) -> None:
    with pytest.raises(ValueError, match="expected a whole number of at least 2, or 0"):
        search(every=every)


def test_several_objectives_and_baselines_are_refused() -> None:
    with pytest.raises(ValueError, match="resample takes one objective"):
        search("gde3")
    with pytest.raises(ValueError, match="resample is not an option of random"):
        make_search(SPACE, {"algorithm": "random", "evaluations": 9, "resample": 3}, 1)
