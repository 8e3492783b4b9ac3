"""autode: surrogate-assisted differential evolution for small budgets."""

from __future__ import annotations

import numpy as np
import pytest

from autode import de

CHEAP = {"pool": 9, "inner_generations": 3}
BOUNDS = [(-5.0, 5.0)] * 3


def ellipsoid(x):
    rotation = np.linalg.qr(np.random.default_rng(7).standard_normal((3, 3)))[0]
    return (((x - 1.2) @ rotation) ** 2 * [1.0, 30.0, 1000.0]).sum(axis=1)


def make(evaluations=40, bounds=BOUNDS, **options):
    return de.make("autode", bounds, **{"max_evaluations": evaluations, "seed": 3, **CHEAP, **options})


def run(optimizer, f=ellipsoid, n=None):
    xs = []
    while not optimizer.finished:
        batch = optimizer.ask(n)
        optimizer.tell(batch.ids, f(batch.x))
        xs.append(batch.x)
    return np.concatenate(xs)


# --- how good


def test_sixty_evaluations_bring_it_much_closer_than_l_shade():
    def best(name, seed, **options):
        optimizer = de.make(name, BOUNDS, max_evaluations=60, seed=seed, **options)
        run(optimizer)
        return np.log10(optimizer.best_f)

    ours = [best("autode", seed) for seed in (1, 2)]
    assert np.mean(ours) < np.mean([best("lshade", seed, population=8) for seed in (1, 2)]) - 1.5


def test_minimize_asks_it_one_by_one():
    sizes = []

    def f(x):
        sizes.append(len(x))
        return ellipsoid(x)

    result = de.minimize(f, BOUNDS, algorithm="autode", max_evaluations=20, seed=1, **CHEAP)
    assert result.nfev == 20
    assert sizes == [4, *[1] * 16]


# --- how it starts


def test_known_points_come_first_then_the_centre_then_a_space_filling_sample():
    optimizer = make(60, x0=[1.0, 2.0, 3.0])
    first = optimizer.ask()
    assert len(first) == 6  # 2 D
    assert first.x[0].tolist() == [1.0, 2.0, 3.0]
    assert first.x[1].tolist() == [0.0, 0.0, 0.0]
    assert len(np.unique(first.x[2:] > 0, axis=0)) == 4  # four Sobol points: four octants


def test_the_centre_can_be_left_out():
    assert np.abs(make(60, centre=False).ask().x).max(axis=1).min() > 0


@pytest.mark.parametrize(
    ("dimension", "evaluations", "size"), [(5, 100, 10), (5, 30, 4), (8, 60, 6), (20, 300, 30), (2, 90, 4)]
)
def test_the_start_follows_dimension_and_budget(dimension, evaluations, size):
    assert len(make(evaluations, [(0, 1)] * dimension).ask()) == size


# --- asynchronous: any number out


def test_any_number_can_be_out_and_all_differ():
    optimizer = make(40)
    first = optimizer.ask(15)  # more than the start: nothing is known yet
    optimizer.tell(first.ids[:6], ellipsoid(first.x[:6]))
    more = optimizer.ask(10)
    points = np.concatenate([first.x, more.x])
    assert len(np.unique(points, axis=0)) == 25


@pytest.mark.parametrize("schedule", ["asynchronous", "generational"])
def test_asking_for_three_is_asking_three_times_for_one(schedule):
    at_once, one_by_one = make(schedule=schedule, population=6), make(schedule=schedule, population=6)
    while not at_once.finished:
        batch = at_once.ask(3)
        singles = [one_by_one.ask(1) for _ in range(len(batch))]
        np.testing.assert_array_equal(np.concatenate([single.x for single in singles]), batch.x)
        for optimizer in (at_once, one_by_one):
            optimizer.tell(batch.ids, ellipsoid(batch.x))


# --- exactly the same again


def test_the_seed_decides():
    np.testing.assert_array_equal(run(make(30)), run(make(30)))
    assert not np.array_equal(run(make(30)), run(make(30, seed=4)))


@pytest.mark.parametrize("schedule", ["asynchronous", "generational"])
def test_a_run_repeated_from_its_record_goes_on_as_the_first_did(schedule):
    first, again = make(schedule=schedule, population=5), make(schedule=schedule, population=5)
    for _ in range(25):
        batch = first.ask(1)
        repeated = again.repeat(batch.x[0])
        np.testing.assert_array_equal(repeated.x, batch.x)
        for optimizer in (first, again):
            optimizer.tell(batch.ids, ellipsoid(batch.x))
    np.testing.assert_array_equal(run(again), run(first))


def test_a_record_counts_more_than_what_this_processor_would_find():
    optimizer = make()
    run_some = [optimizer.ask(1) for _ in range(8)]
    for batch in run_some:
        optimizer.tell(batch.ids, ellipsoid(batch.x))
    recorded = np.array([0.1, 0.2, 0.3])
    batch = optimizer.repeat(recorded)
    np.testing.assert_array_equal(batch.x, [recorded])
    optimizer.tell(batch.ids, [-1.0])
    np.testing.assert_array_equal(optimizer.best_x, recorded)


# --- what the objective sees


def test_a_configuration_comes_once_while_there_are_new_ones():
    optimizer = make(30, [(0.0, 1.0)] * 2, population=4)

    def rounded(x):
        return np.minimum((x * [4, 5]).astype(int), [3, 4]) / [4, 5]

    optimizer.see(de.Phenotype(rounded, np.arange(2), continuous=False))
    seen = [tuple(point) for point in rounded(run(optimizer, lambda x: rounded(x).sum(axis=1)))]
    assert len(set(seen[:20])) == 20  # all there are; then it must repeat itself


# --- awkward objectives


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.full(len(x), np.nan),
        lambda x: np.zeros(len(x)),
        lambda x: np.where(x[:, 0] > 0, np.nan, x[:, 1]),
        lambda x: np.where(x[:, 0] > 0, 1e300, -1e300),
        lambda x: np.where(x[:, 0] > 4, -np.inf, 1.0),
    ],
    ids=["all failed", "constant", "half failed", "huge", "minus infinity"],
)
def test_awkward_values_end_nothing(f):
    optimizer = make(24)
    x = run(optimizer, f)
    assert len(x) == optimizer.nfev == 24
    assert np.isfinite(x).all()
    assert np.abs(x).max() <= 5


@pytest.mark.parametrize("bounds", [[(0, 1)], [(0, 1), (2, 2)], [(-1e-9, 1e9)] * 2, [(0, 1)] * 60])
def test_awkward_boxes_end_nothing(bounds):
    x = run(make(14, bounds, population=4), lambda x: (x**2).sum(axis=1))
    low, high = np.array(bounds).T
    assert ((x >= low) & (x <= high)).all()


def test_a_budget_below_the_start_ends_in_it():
    assert len(run(make(3))) == 3


@pytest.mark.parametrize(("options", "message"), [({"pool": 3}, "pool is 3"), ({"inner_generations": -1}, "inner_gen")])
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)
