"""No configuration twice while there are new ones; known good ones first; inactive genes stay the parent's."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from autode import Categorical, Float, Int, Ordinal, Space
from autode.search import Search, make_search

SMALL = Space(
    {
        "depth": Int(1, 4),
        "optimizer": Categorical(["sgd", "adamw"]),
        "nesterov": Categorical([True, False], when={"optimizer": "sgd"}),
        "batch": Ordinal([16, 32]),
    }
)
CONFIGURATIONS = 4 * (2 + 1) * 2
CHEAP: dict[str, Any] = {"pool": 8, "inner_generations": 2}


def search(space: Space, algorithm: str, evaluations: int, **more: Any) -> Search:
    options = CHEAP if algorithm == "autode" else {}
    schedule = more.pop("schedule", "asynchronous")
    return make_search(space, {"algorithm": algorithm, "evaluations": evaluations, **options, **more}, 1, schedule)


def value(params: Any) -> float:
    return float(params["depth"]) + (params["optimizer"] == "sgd") + params["batch"] / 16


def run(strategy: Search, n: int = 3) -> list[Any]:
    keys = []
    while not strategy.finished:
        batch = strategy.ask(n)
        keys += [SMALL.key(one.params) for one in batch]
        strategy.tell([one.id for one in batch], [value(one.params) for one in batch])
    return keys


@pytest.mark.parametrize("schedule", ["generational", "asynchronous"])
@pytest.mark.parametrize("algorithm", ["autode", "lshade", "rand1bin", "gde3"])
def test_every_configuration_comes_before_any_comes_again(algorithm: str, schedule: str) -> None:
    keys = run(search(SMALL, algorithm, CONFIGURATIONS + 6, population=6, schedule=schedule))
    assert len(set(keys[:CONFIGURATIONS])) == CONFIGURATIONS
    assert len(keys) == CONFIGURATIONS + 6


@pytest.mark.parametrize("schedule", ["generational", "asynchronous"])
def test_a_real_number_beside_a_category_comes_but_once(schedule: str) -> None:
    space = Space({"lr": Float(0.0, 1.0), "kind": Categorical(["x", "y"])})
    strategy = search(space, "lshade", 120, population=6, schedule=schedule)
    keys = []
    while not strategy.finished:
        batch = strategy.ask(3)
        keys += [space.key(one.params) for one in batch]
        strategy.tell([one.id for one in batch], [one.params["lr"] for one in batch])
    assert len(set(keys)) == 120


def test_in_a_space_too_large_to_count_nothing_comes_twice_either() -> None:
    space = Space({f"x{j}": Ordinal(list(range(12))) for j in range(6)})
    strategy = search(space, "best1bin", 300, population=5)
    keys = []
    while not strategy.finished:
        batch = strategy.ask(5)
        keys += [space.key(one.params) for one in batch]
        strategy.tell([one.id for one in batch], [sum(one.params.values()) for one in batch])
    assert len(set(keys)) == 300


def test_the_optimiser_learns_about_the_configuration_that_was_evaluated() -> None:
    strategy = search(SMALL, "lshade", 20, population=4)
    for _ in range(20):
        (proposal,) = strategy.ask(1)
        assert dict(proposal.params) == SMALL.decode(proposal.point)
        strategy.tell([proposal.id], [value(proposal.params)])
    optimizer: Any = strategy.optimizer  # type: ignore[attr-defined]
    assert value(SMALL.decode(optimizer.best_x)) == optimizer.best_f


@pytest.mark.parametrize("algorithm", ["autode", "lshade"])
def test_a_search_cut_anywhere_goes_on_without_repeating_itself(algorithm: str) -> None:
    whole, part = search(SMALL, algorithm, 20, population=4), search(SMALL, algorithm, 20, population=4)
    for _ in range(11):
        for strategy in (whole, part):
            (proposal,) = strategy.ask(1)
            strategy.tell([proposal.id], [value(proposal.params)])
    fresh = search(SMALL, algorithm, 20, population=4)
    fresh.load_state_dict(json.loads(json.dumps(part.state_dict())))
    assert run(fresh) == run(whole)


# --- known good configurations


@pytest.mark.parametrize("algorithm", ["autode", "lshade", "gde3"])
def test_known_good_configurations_are_evaluated_first(algorithm: str) -> None:
    known = [
        {"depth": 3, "optimizer": "sgd", "nesterov": False, "batch": 32},
        {"depth": 1, "optimizer": "adamw", "batch": 16},
    ]
    first = search(SMALL, algorithm, 30, population=6, start=known).ask(2)
    assert [dict(one.params) for one in first] == known


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ([{"depth": 9, "optimizer": "adamw", "batch": 16}], "depth = 9 lies outside"),
        ([{"depth": 1, "batch": 16}], "no value for optimizer"),
        ({"depth": 1}, "expected a list of configurations"),
    ],
)
def test_a_start_outside_the_space_is_refused(start: Any, message: str) -> None:
    with pytest.raises(ValueError) as error:
        search(SMALL, "lshade", 30, start=start)
    assert message in str(error.value)


# --- conditions


@pytest.mark.parametrize("algorithm", ["rand1bin", "lshade", "gde3"])
def test_inactive_genes_are_some_parents(algorithm: str) -> None:
    space = Space({"a": Categorical(["x", "y"]), "b": Float(0, 1, when={"a": "x"}), "c": Float(0, 1)})
    strategy = search(space, algorithm, 60, population=6, schedule="generational")
    genes: set[float] = set()
    while not strategy.finished:
        parents: Any = strategy.optimizer.population  # type: ignore[attr-defined]
        batch = strategy.ask()
        for one in batch:
            if one.generation > 0 and "b" not in one.params:
                assert np.isclose(parents[:, 1], one.point[1], atol=0, rtol=0).any()
                genes.add(one.point[1])
        strategy.tell([one.id for one in batch], [float(one.params["c"]) for one in batch])
    assert genes
