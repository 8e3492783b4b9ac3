"""L-SRTDE and RDEx are defined trial by trial; the trials that are given out together change nothing about that."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autode import de

steady = pytest.mark.parametrize("name", ["lsrtde", "rdex"])


def make(name, schedule, seed, size=12, dimension=3, budget=400, **options):
    bounds = [(-5, 5)] * dimension
    return de.make(name, bounds, max_evaluations=budget, population=size, seed=seed, schedule=schedule, **options)


def values(x, step):
    """A bumpy function with ties and failures."""
    f = (x**2).sum(axis=1) + 3 * np.cos(3 * x).sum(axis=1)
    return np.where(np.abs(x[:, 0] % 1) < 0.1, np.nan, np.round(f / step) * step)


def one_by_one(optimizer, step):
    points = []
    while not optimizer.finished:
        batch = optimizer.ask(1)
        points.append(batch.x)
        optimizer.tell(batch.ids, values(batch.x, step))
    return np.concatenate(points)


def in_batches(optimizer, step, rng):
    """Ask for everything or some, tell in any order and in pieces."""
    points, out = [], []
    while not optimizer.finished:
        batch = optimizer.ask(None if rng.random() < 0.7 else int(rng.integers(1, 9)))
        points.append(batch.x)
        out.extend(zip(batch.ids.tolist(), values(batch.x, step).tolist(), strict=True))
        rng.shuffle(out)
        told, out = out[: len(out) // 2 + 1], out[len(out) // 2 + 1 :]
        optimizer.tell(*zip(*told, strict=True))
    return np.concatenate(points)


@steady
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    size=st.sampled_from([4, 5, 12, 60]),
    dimension=st.integers(1, 4),
    step=st.sampled_from([1e-9, 0.5, 20.0]),
)
def test_batches_told_in_any_order_give_bit_for_bit_what_trials_one_by_one_give(name, seed, size, dimension, step):
    set_up = {"seed": seed % 1000, "size": size, "dimension": dimension, "budget": 12 * size}
    single, batched = make(name, "asynchronous", **set_up), make(name, "generational", **set_up)
    expected = one_by_one(single, step)
    np.testing.assert_array_equal(in_batches(batched, step, np.random.default_rng(seed)), expected)
    np.testing.assert_array_equal(batched.population, single.population)
    np.testing.assert_array_equal(batched.fitness, single.fitness)
    first, second = (o.state_dict()["learned"] for o in (single, batched))
    assert first["success_rate"] == second["success_rate"] and first.get("hybrid_rate") == second.get("hybrid_rate")
    np.testing.assert_array_equal(first["memory"]["CR"], second["memory"]["CR"])


@steady
def test_a_batch_ends_where_the_next_trial_reads_a_place_that_an_earlier_one_may_overwrite(name):
    optimizer = make(name, "generational", seed=1, size=40, budget=2000)
    lengths = []
    while not optimizer.finished:
        batch = optimizer.ask()
        if optimizer.generations:
            n, k, turn = len(optimizer.fitness), len(batch), optimizer._turn
            row = optimizer._table.rows - optimizer._table.left
            target, r1 = optimizer._prepared["target"], optimizer._prepared["r1"]
            reads = [{target[i], r1[i]} for i in range(row - k, min(row + 1, target.size))]
            writes = [{(turn + j) % n for j in range(i)} for i in range(k + 1)]
            assert not any(read & write for read, write in zip(reads[:k], writes, strict=False))
            if len(reads) > k:  # otherwise the generation ends here
                assert reads[k] & writes[k]
            lengths.append(k)
        optimizer.tell(batch.ids, values(batch.x, 1e-9))
    assert np.mean(lengths) > 2


@steady
def test_the_front_is_ranked_once_a_generation(name):
    optimizer = make(name, "asynchronous", seed=2)
    seen: dict[int, bytes] = {}
    while not optimizer.finished:
        batch = optimizer.ask(1)
        if optimizer.generations:
            assert seen.setdefault(optimizer.generations, optimizer._ranking.tobytes()) == optimizer._ranking.tobytes()
        optimizer.tell(batch.ids, values(batch.x, 1e-9))
    assert len(set(seen.values())) > 10


def test_those_that_stay_keep_the_order_in_which_they_are_overwritten():
    optimizer = make("lsrtde", "generational", seed=3, size=6)
    optimizer._population.f[:] = [3, 1, 5, 0, 4, 2]
    assert optimizer._survivors(4).tolist() == [0, 1, 3, 5]
