"""GDE3: two objectives, one population that spreads along the front."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autode import de
from autode.de.dominance import crowding, dominates, pruned, ranks

BOX = [(0.0, 1.0)] * 4


def zdt1(x):
    """Zitzler, Deb and Thiele (2000): the front is f2 = 1 - sqrt(f1)."""
    g = 1 + 9 * x[:, 1:].mean(axis=1)
    return np.column_stack([x[:, 0], g * (1 - np.sqrt(x[:, 0] / g))])


def make(evaluations=200, **options):
    return de.GDE3(BOX, **{"max_evaluations": evaluations, "population": 20, "seed": 1, **options})


def run(optimizer, f=zdt1, n=None):
    while not optimizer.finished:
        batch = optimizer.ask(n)
        optimizer.tell(batch.ids, f(batch.x))
    return optimizer


def area(values, reference=(1.1, 1.1)):
    """Area between a front and a reference point, by summing columns."""
    front = values[(values < reference).all(axis=1)]
    front = front[front[:, 0].argsort()]
    if not len(front):
        return 0.0
    best = np.minimum.accumulate(front[:, 1])
    edges = np.append(front[:, 0], reference[0])
    return float((np.diff(edges) * (reference[1] - best)).sum())


# --- dominance


def test_dominance_needs_to_be_better_somewhere_and_worse_nowhere():
    a = np.array([1.0, 2.0])
    assert dominates(a, np.array([1.0, 3.0]))
    assert not dominates(a, a)
    assert not dominates(a, np.array([0.5, 3.0]))
    assert dominates(a, np.array([np.inf, np.inf]))


POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25)


@given(POINTS)
def test_a_point_of_rank_r_is_dominated_by_one_of_rank_r_minus_1_and_by_none_of_its_own(points):
    values = np.array(points, dtype=float)
    rank = ranks(values)
    for k, r in enumerate(rank):
        assert not any(dominates(values[j], values[k]) for j in np.flatnonzero(rank == r))
        assert r == 0 or any(dominates(values[j], values[k]) for j in np.flatnonzero(rank == r - 1))


def test_crowding_is_the_sum_of_the_gaps_over_the_range():
    values = np.array([[0.0, 4.0], [1.0, 3.0], [4.0, 0.0]])
    assert crowding(values).tolist() == [np.inf, 2.0, np.inf]
    assert np.isfinite(crowding(np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]))).any()


@given(POINTS, st.integers(1, 25))
def test_pruning_keeps_the_better_ranks(points, size):
    values = np.array(points, dtype=float)
    kept = pruned(values, size)
    assert len(kept) == min(size, len(values))
    dropped = np.setdiff1d(np.arange(len(values)), kept)
    if dropped.size:
        assert ranks(values)[kept].max() <= ranks(values)[dropped].min()


def test_pruning_spreads_a_line_evenly():
    x = np.concatenate([np.linspace(0, 0.1, 20), np.linspace(0.2, 1, 9)])
    kept = x[pruned(np.column_stack([x, 1 - x]), 8)]
    assert kept[[0, -1]].tolist() == [0.0, 1.0]
    assert np.diff(kept).max() < 0.25


# --- the algorithm


def test_it_finds_the_front():
    optimizer = run(make(800))
    x, values = optimizer.front()
    assert area(values) > 0.75 * area(np.column_stack([f := np.linspace(0, 1, 200), 1 - np.sqrt(f)]))
    np.testing.assert_array_equal(values, zdt1(x))
    rng = np.random.default_rng(0)
    assert area(values) > area(zdt1(rng.random((800, 4)))) + 0.2


def test_with_one_objective_it_is_ordinary_differential_evolution():
    optimizer = run(make(400), lambda x: ((x - 0.3) ** 2).sum(axis=1))
    assert optimizer.fitness.min() < 1e-3
    assert len(optimizer.front()[0]) == 1


@pytest.mark.parametrize("schedule", ["generational", "asynchronous"])
def test_the_population_is_cut_back_every_generation(schedule):
    optimizer = make(100, schedule=schedule)
    while not optimizer.finished:
        batch = optimizer.ask(7)
        optimizer.tell(batch.ids, zdt1(batch.x))
        if optimizer.nfev % 20 == 0 and optimizer.nfev:
            assert len(optimizer.population) <= 20
    assert optimizer.generations == 5


def test_in_a_generation_neither_the_order_nor_the_lots_of_telling_matter():
    rng = np.random.default_rng(0)
    whole, parts = make(), make()
    while not whole.finished:
        batch = whole.ask()
        np.testing.assert_array_equal(np.concatenate([parts.ask(1).x for _ in batch.ids]), batch.x)
        values = zdt1(batch.x)
        whole.tell(batch.ids, values)
        for k in rng.permutation(len(batch)):
            parts.tell(batch.ids[k], values[k][None])
    np.testing.assert_array_equal(whole.population, parts.population)


def test_a_generation_waits_for_its_last_value():
    optimizer = make()
    batch = optimizer.ask()
    optimizer.tell(batch.ids[:-1], zdt1(batch.x[:-1]))
    assert len(optimizer.ask()) == 0
    assert optimizer.pending().ids.tolist() == [19]
    optimizer.tell(batch.ids[-1:], zdt1(batch.x[-1:]))
    assert len(optimizer.ask()) == 20


@pytest.mark.parametrize("schedule", ["generational", "asynchronous"])
@settings(max_examples=8, deadline=None)
@given(actions=st.integers(0, 2**32), cuts=st.sets(st.integers(0, 40), min_size=1, max_size=8))
def test_cut_at_any_ask_or_tell_the_run_goes_on_bit_for_bit(schedule, actions, cuts):
    def drive(cuts):
        optimizer, out, rng, record = make(80, population=9, schedule=schedule), [], np.random.default_rng(actions), []
        step = 0
        while not optimizer.finished:
            if step in cuts:
                fresh = make(80, population=9, schedule=schedule, seed=99)
                fresh.load_state_dict(de.state_from_json(de.state_to_json(optimizer.state_dict())))
                optimizer = fresh
            step += 1
            batch = optimizer.ask(int(rng.integers(1, 6)))
            record.append(batch.x)
            values = np.where(rng.random((len(batch), 1)) < 0.1, np.nan, zdt1(batch.x))
            out += zip(batch.ids.tolist(), values, strict=True)
            rng.shuffle(out)
            k = int(rng.integers(0, len(out) + 1))
            if k:
                optimizer.tell([id_ for id_, _ in out[:k]], [value for _, value in out[:k]])
            out = out[k:]
        return np.concatenate([*record, optimizer.population])

    np.testing.assert_array_equal(drive(cuts), drive(set()))


def test_failed_trials_are_dominated_by_all_others():
    optimizer = run(make(120), lambda x: np.where(x[:, :1] > 0.5, np.nan, zdt1(x)))
    assert np.isfinite(optimizer.front()[1]).all()
    assert optimizer.front()[0][:, 0].max() <= 0.5
    assert len(run(make(40), lambda x: np.full((len(x), 2), np.nan)).front()[0]) == 0


@pytest.mark.parametrize(
    ("tell", "message"),
    [
        (lambda o: o.tell([0, 1], [[1.0, 2.0]]), "2 ids and 1 rows"),
        (lambda o: o.tell([99], [[1.0, 2.0]]), "trial 99 has not been asked for"),
        (lambda o: o.tell([0, 0], [[1.0, 2.0]] * 2), "given twice"),
        (lambda o: (o.tell([0], [[1.0, 2.0]]), o.tell([1], [[1.0]])), "1 objectives; expected 2"),
        (lambda o: o.ask(-1), "n=-1"),
        (lambda o: o.load_state_dict({"version": 0}), "version 0"),
    ],
)
def test_wrong_calls_are_named(tell, message):
    optimizer = make()
    optimizer.ask()
    with pytest.raises(ValueError, match=message):
        tell(optimizer)
