"""Search strategies: one contract, whichever algorithm is behind it."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from autode import Categorical, Float, Int, Ordinal, Space
from autode.search import ALGORITHMS, Search, make_search

SPACE = Space(
    {
        "lr": Float(1e-4, 1.0, log=True),
        "layers": Int(1, 3),
        "optimizer": Categorical(["sgd", "adamw"]),
        "momentum": Float(0.0, 0.9, when={"optimizer": "sgd"}),
    }
)
EVOLUTION = [name for name in ALGORITHMS if name not in ("random", "grid")]


def search(algorithm: str, evaluations: int | None = 40, seed: int = 1, **more: Any) -> Search:
    schedule = more.pop("schedule", "generational")
    return make_search(SPACE, {"algorithm": algorithm, "evaluations": evaluations, **more}, seed, schedule)


def error(params: dict[str, Any]) -> float:
    """A bowl with its bottom at lr = 0.01, two layers, sgd, momentum 0.5."""
    distance = (math.log10(params["lr"]) + 2) ** 2 + (params["layers"] - 2) ** 2
    return distance + (abs(params["momentum"] - 0.5) if params["optimizer"] == "sgd" else 1.0)


# --- the contract


@pytest.mark.parametrize("schedule", ["generational", "asynchronous"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_strategy_proposes_exactly_its_budget_of_valid_configurations(algorithm: str, schedule: str) -> None:
    strategy = search(algorithm, 40, schedule=schedule)
    proposals = []
    while not strategy.finished:
        batch = strategy.ask(3)
        assert 0 < len(batch) <= 3
        for proposal in batch:
            SPACE.check(proposal.params)
            assert SPACE.decode(proposal.point) == pytest.approx(proposal.params)
        strategy.tell([p.id for p in batch], [error(dict(p.params)) for p in batch])
        proposals += batch
    assert len(proposals) == strategy.evaluations == 40
    assert len({p.id for p in proposals}) == 40
    assert strategy.ask() == []


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_asking_one_by_one_gives_the_same_as_asking_at_once(algorithm: str) -> None:
    at_once, one_by_one = search(algorithm), search(algorithm)
    batch = at_once.ask()
    assert [one_by_one.ask(1)[0] for _ in batch] == batch


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_failed_trials_are_told_as_nan_and_end_nothing(algorithm: str) -> None:
    strategy = search(algorithm, 30)
    while not strategy.finished:
        batch = strategy.ask()
        strategy.tell([p.id for p in batch], [math.nan if p.id % 3 == 0 else 1.0 for p in batch])
    assert strategy.finished


# --- differential evolution


@pytest.mark.parametrize("algorithm", EVOLUTION)
def test_in_a_generation_the_order_of_telling_does_not_matter(algorithm: str) -> None:
    forwards, backwards = search(algorithm, 40, population=8), search(algorithm, 40, population=8)
    while not forwards.finished:
        batch = forwards.ask()
        assert backwards.ask() == batch
        ids, values = [p.id for p in batch], [error(dict(p.params)) for p in batch]
        forwards.tell(ids, values)
        for id_, value in reversed(list(zip(ids, values, strict=True))):
            backwards.tell([id_], [value])


@pytest.mark.parametrize("algorithm", EVOLUTION)
def test_a_generation_waits_for_its_last_result(algorithm: str) -> None:
    strategy = search(algorithm, 40, population=8)
    first = strategy.ask()
    assert len(first) == 8
    strategy.tell([p.id for p in first[:-1]], [1.0] * 7)
    assert strategy.ask() == []
    strategy.tell([first[-1].id], [1.0])
    assert {p.generation for p in strategy.ask()} == {1}


def test_asynchronous_search_never_waits() -> None:
    strategy = search("lshade", 40, population=8, schedule="asynchronous")
    out = strategy.ask(8)
    for _ in range(10):
        strategy.tell([out[0].id], [error(dict(out[0].params))])
        out = [*out[1:], *strategy.ask(1)]
        assert len(out) == 8


@pytest.mark.parametrize("algorithm", EVOLUTION)
def test_evolution_gets_closer_to_the_optimum_than_its_first_population(algorithm: str) -> None:
    strategy = search(algorithm, 200, population=10)
    values: list[float] = []
    while not strategy.finished:
        batch = strategy.ask()
        new = [error(dict(p.params)) for p in batch]
        strategy.tell([p.id for p in batch], new)
        values += new
    assert min(values) < 0.3 * min(values[:10])


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "grid"])
def test_the_seed_decides(algorithm: str) -> None:
    assert search(algorithm, seed=1).ask() == search(algorithm, seed=1).ask()
    assert search(algorithm, seed=1).ask() != search(algorithm, seed=2).ask()


# --- random search


def test_a_longer_random_search_begins_like_a_shorter_one() -> None:
    assert search("random", 100).ask()[:10] == search("random", 10).ask()


def test_random_points_fill_the_cube_evenly() -> None:
    points = [p.point for p in search("random", 2000).ask()]
    for coordinate in zip(*points, strict=True):
        assert sum(coordinate) / 2000 == pytest.approx(0.5, abs=0.03)  # 4.6 standard errors
        assert 0.0 <= min(coordinate) < 0.01
        assert 0.99 < max(coordinate) < 1.0


# --- grid


def test_a_grid_is_the_product_of_the_lattices_without_duplicates_of_inactive_values() -> None:
    grid = [dict(p.params) for p in search("grid", None, points=3).ask()]
    rates, momenta = SPACE.hyperparameters["lr"].lattice(3), SPACE.hyperparameters["momentum"].lattice(3)
    expected = [
        {"lr": lr, "layers": layers, "optimizer": optimizer} | ({} if momentum is None else {"momentum": momentum})
        for lr, layers in itertools.product(rates, [1, 2, 3])
        for optimizer, momentum in [*(("sgd", m) for m in momenta), ("adamw", None)]
    ]
    assert grid == expected
    assert len(grid) == 3 * 3 * (3 + 1)


def test_the_points_of_a_grid_may_differ_by_hyperparameter() -> None:
    assert len(search("grid", None, points={"lr": 2, "layers": 1, "momentum": 4}).ask()) == 2 * 1 * (4 + 1)
    assert len(search("grid", None).ask()) == 5 * 3 * (5 + 1)  # five where nothing is said; there are three layers


def test_a_grid_may_be_cut_short_without_being_built() -> None:
    wide = Space({f"x{i}": Ordinal(list(range(20))) for i in range(12)})  # 4e15 combinations
    strategy = make_search(wide, {"algorithm": "grid", "evaluations": 50}, 0)
    assert strategy.evaluations == 50
    assert [dict(p.params)["x11"] for p in strategy.ask()[:3]] == [0, 1, 2]


# --- what is refused


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"algorithm": "lsahde", "evaluations": 9}, "algorithm 'lsahde' is unknown; there are"),
        ({"algorithm": "random"}, "evaluations is missing; random needs a budget"),
        ({"algorithm": "lshade"}, "evaluations is missing; lshade needs a budget"),
        ({"algorithm": "random", "evaluations": 9, "F": 0.5}, "F is not an option of random; it has none"),
        ({"algorithm": "grid", "step": 2}, "step is not an option of grid; it understands points"),
        ({"algorithm": "grid", "points": 0}, "points must be a whole number of at least 1, not 0"),
        ({"algorithm": "grid", "points": True}, "points must be a whole number of at least 1, not True"),
        ({"algorithm": "grid", "points": [3]}, "points must be a whole number or a table of them by hyperparameter"),
        ({"algorithm": "grid", "points": {"rate": 3}}, "points names 'rate', which is not in the space (lr, layers"),
        ({"algorithm": "shade", "evaluations": 9, "points": 3}, "points is not an option of shade; it understands"),
        ({"algorithm": "shade", "evaluations": 9, "population": 3}, "population is 3; expected an integer >= 4"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        make_search(SPACE, settings, 0)
    assert message in str(error.value)


# --- replaying the journal on another processor


@pytest.mark.parametrize("schedule", ["generational", "asynchronous"])
@pytest.mark.parametrize("algorithm", ["lshade", "jso", "rdex", "gde3"])
def test_points_that_differ_by_rounding_are_taken_as_they_were(algorithm: str, schedule: str) -> None:
    """A tangent's last digit differs between processors; the points of the journal are what was evaluated."""
    there, here = search(algorithm, schedule=schedule), search(algorithm, schedule=schedule)
    while not there.finished:
        (proposal,) = there.ask(1)
        point = tuple(u + 1e-12 if 0.1 < u < 0.9 else u for u in proposal.point)
        (again,) = here.repeat(point)
        assert again.id == proposal.id
        assert again.point == point
        assert SPACE.decode(point) == again.params
        value = error(dict(proposal.params))
        fitness = [value, value] if algorithm == "gde3" else value
        there.tell([proposal.id], [fitness])
        here.tell([again.id], [fitness])


def test_a_point_that_the_search_would_not_propose_is_not_taken() -> None:
    strategy = search("lshade")
    point = tuple(1 - u for u in search("lshade").ask(1)[0].point)
    assert strategy.repeat(point)[0].point != point
