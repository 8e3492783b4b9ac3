"""Trials that are told in any order while others are out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autode import de

BOUNDS = [(-5, 5)] * 4
algorithms = pytest.mark.parametrize("name", de.ALGORITHMS)


def sphere(x):
    return (np.asarray(x) ** 2).sum(axis=-1)


def make(name, budget=300, population=10, **options):
    if name == "autode":  # a surrogate has a cost; it need not be good here
        budget, options = min(budget, 70), {"pool": 8, "inner_generations": 1, **options}
    setup = {"max_evaluations": budget, "population": population, "seed": 3, "schedule": "asynchronous", **options}
    return de.make(name, BOUNDS, **setup)


def steps(optimizer, rng, workers):
    """Keep some workers busy that finish in random order; yield after every tell."""
    out = {}
    while not optimizer.finished:
        batch = optimizer.ask(workers - len(out))
        out.update(zip(batch.ids.tolist(), batch.x, strict=True))
        done = rng.choice(list(out))
        optimizer.tell([done], [sphere(out.pop(done))])
        yield out


@pytest.mark.parametrize("name", [n for n in de.ALGORITHMS if n not in ("lsrtde", "rdex")])  # those are sequential
def test_whole_generations_told_in_order_give_the_generational_run(name):
    runs = []
    for schedule in ("generational", "asynchronous"):
        optimizer = make(name, schedule=schedule)
        points = []
        while not optimizer.finished:
            batch = optimizer.ask(10 if name == "autode" else None)  # by itself it would ask for one at a time
            points.append(batch.x)
            optimizer.tell(batch.ids, sphere(batch.x))
        runs.append(np.concatenate(points))
    np.testing.assert_array_equal(*runs)


@algorithms
@pytest.mark.parametrize("workers", [3, 25])
def test_any_number_out_in_any_order_converges_within_the_budget(name, workers):
    optimizer = make(name, budget=900, population=20)
    for _ in steps(optimizer, np.random.default_rng(1), workers):
        pass
    assert optimizer.nfev == optimizer.max_evaluations
    assert optimizer.best_f < 0.5  # the best of 900 random points has about 1
    np.testing.assert_array_equal(sphere(optimizer.population), optimizer.fitness)


@algorithms
def test_asking_for_many_equals_asking_one_by_one(name):
    together, singly = make(name), make(name)
    rng = np.random.default_rng(2)
    out = []
    while not together.finished:
        n = int(rng.integers(0, 14))
        batch = together.ask(n)
        ones = [singly.ask(1) for _ in range(n)]
        np.testing.assert_array_equal(batch.x, np.concatenate([one.x for one in ones] or [np.empty((0, 4))]))
        out.extend(zip(batch.ids, sphere(batch.x), strict=True))
        rng.shuffle(out)
        done, out = out[: len(out) // 2 + 1], out[len(out) // 2 + 1 :]
        for id_, value in done:
            together.tell([id_], [value])
            singly.tell([id_], [value])


@algorithms
def test_telling_many_equals_telling_them_one_by_one_in_that_order(name):
    together, singly = make(name), make(name)
    rng = np.random.default_rng(4)
    out = np.empty(0, dtype=int)
    values = {}
    while not together.finished:
        batch = together.ask(int(rng.integers(1, 30)))
        np.testing.assert_array_equal(batch.x, singly.ask(len(batch)).x if len(batch) else batch.x)
        values.update(zip(batch.ids.tolist(), sphere(batch.x), strict=True))
        out = rng.permutation(np.concatenate((out, batch.ids)))
        done, out = out[: len(out) // 2 + 1], out[len(out) // 2 + 1 :]
        together.tell(done, [values[i] for i in done])
        for i in done:
            singly.tell([i], [values[i]])
    np.testing.assert_array_equal(together.population, singly.population)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_no_slot_is_given_out_twice_unless_more_are_out_than_there_are_slots(seed, workers):
    optimizer = make("rand1bin")
    for _ in steps(optimizer, np.random.default_rng(seed), workers):
        assert optimizer._trials.occupied(10).max() <= np.ceil(workers / 10)


def test_a_trial_meets_whoever_holds_its_slot_when_it_is_told():
    optimizer = make("rand1bin", population=4)
    start = optimizer.ask(4)
    optimizer.tell(start.ids, [10.0, 10, 10, 10])
    first, second = optimizer.ask(4), optimizer.ask(4)  # two trials out for every slot
    optimizer.tell(second.ids[:1], [1.0])
    optimizer.tell(first.ids[:1], [5.0])  # better than its parent, worse than the occupant
    assert optimizer.fitness[0] == 1.0
    np.testing.assert_array_equal(optimizer.population[0], second.x[0])


def test_a_trial_may_be_told_before_the_initial_point_of_its_slot():
    optimizer = make("shade", population=4)
    start = optimizer.ask(4)
    optimizer.tell(start.ids[1:], [1.0, 2.0, 3.0])
    trial = optimizer.ask(4)  # slots 1, 2, 3 are free, slot 0 comes last
    optimizer.tell(trial.ids[3:], [7.0])
    assert optimizer.fitness[0] == 7.0
    optimizer.tell(start.ids[:1], [9.0])
    assert optimizer.fitness[0] == 7.0
    assert len(optimizer.archive) == 0  # an initial point that lost, and one without a value, are no beaten parents


def test_a_slow_trial_does_not_hold_up_the_others():
    optimizer = make("lshade")
    slow = optimizer.ask(1)
    while optimizer.nfev < 299:
        batch = optimizer.ask(1)
        optimizer.tell(batch.ids, sphere(batch.x))
    assert len(optimizer.fitness) < 10  # generations went on
    optimizer.tell(slow.ids, sphere(slow.x))
    assert optimizer.finished


def test_a_trial_whose_slot_was_deleted_meets_the_worst():
    optimizer = make("lshade", budget=100, population=10)
    start = optimizer.ask(10)
    optimizer.tell(start.ids, np.arange(10.0))
    late = optimizer.ask(10).ids  # one trial for every slot
    while len(optimizer.fitness) == 10:  # others go on until the population shrinks; all of them lose
        batch = optimizer.ask(1)
        optimizer.tell(batch.ids, [99.0])
    assert sorted(optimizer.fitness) == list(range(len(optimizer.fitness)))
    worst = optimizer.fitness.max()
    optimizer.tell(late[9:], [worst - 0.5])  # its slot held the value 9 and is gone
    assert optimizer.fitness.max() == worst - 0.5
    optimizer.tell(late[8:9], [50.0])
    assert optimizer.fitness.max() == worst - 0.5


@pytest.mark.parametrize("workers", [1, 7, 40])
def test_reduction_with_trials_out_ends_at_the_smallest_population(workers):
    optimizer = make("lshade", budget=600, population=30)
    for _ in steps(optimizer, np.random.default_rng(8), workers):
        pass
    assert 4 <= len(optimizer.fitness) <= 6
    assert len(optimizer.archive) <= int(2.6 * 6)
