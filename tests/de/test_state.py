"""A run that is cut anywhere and continued from its state is the run that was never cut."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autode import de

BOUNDS = [(-5, 5), (0, 1), (-2, 3)]
algorithms = pytest.mark.parametrize("name", de.ALGORITHMS)
schedules = pytest.mark.parametrize("schedule", ["generational", "asynchronous"])


def sphere(x):
    return (x**2).sum(axis=1)


#: A surrogate has a cost; it need not be good here.
SHORT = {"autode": {"max_evaluations": 45, "pool": 8, "inner_generations": 2}}


def make(name, schedule, seed=5, **options):
    return de.make(
        name,
        BOUNDS,
        **{"max_evaluations": 160, "population": 9, "schedule": schedule, **SHORT.get(name, {}), **options},
        seed=seed,
    )


def through_json(optimizer, name, schedule):
    """Continue in a fresh optimiser of another seed, from JSON text."""
    fresh = make(name, schedule, seed=999, population=None)
    fresh.load_state_dict(de.state_from_json(de.state_to_json(optimizer.state_dict())))
    return fresh


def drive(name, schedule, actions, cuts):
    """Ask, tell and cut as the random actions say; return everything that came out."""
    optimizer, out, record = make(name, schedule), [], []
    rng = np.random.default_rng(actions)
    step = 0
    while not optimizer.finished:
        for _ in range(2):
            if step in cuts:
                optimizer = through_json(optimizer, name, schedule)
            step += 1
            if step % 2:
                batch = optimizer.ask(None if rng.random() < 0.2 else int(rng.integers(0, 12)))
                record.append(batch.x)
                record.append(batch.ids)
                values = np.where(rng.random(len(batch)) < 0.1, np.nan, sphere(batch.x))
                out.extend(zip(batch.ids.tolist(), values.tolist(), strict=True))
            elif out:
                rng.shuffle(out)
                k = int(rng.integers(1, len(out) + 1))
                optimizer.tell(*zip(*out[:k], strict=True))
                out = out[k:]
    return [*record, optimizer.population, optimizer.fitness, optimizer.best_x, optimizer.archive]


@algorithms
@schedules
@settings(max_examples=3, deadline=None)
@given(actions=st.integers(0, 2**32), cuts=st.sets(st.integers(0, 80), min_size=1, max_size=20))
def test_cut_at_any_ask_or_tell_the_run_goes_on_bit_for_bit(name, schedule, actions, cuts):
    whole, cut = drive(name, schedule, actions, set()), drive(name, schedule, actions, cuts)
    assert len(whole) == len(cut)
    for first, second in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(first, second)


@algorithms
@schedules
def test_saving_does_not_disturb_the_run_and_the_state_is_strict_json(name, schedule):
    optimizer = make(name, schedule)
    batch = optimizer.ask(5)
    optimizer.tell(batch.ids[:2], [np.inf, np.nan])
    text = de.state_to_json(optimizer.state_dict())
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))
    assert de.state_to_json(optimizer.state_dict()) == text
    assert de.state_to_json(through_json(optimizer, name, schedule).state_dict()) == text


def test_a_saved_state_does_not_follow_the_run():
    optimizer = make("lshade", "generational")
    state = optimizer.state_dict()
    text = de.state_to_json(state)
    while not optimizer.finished:
        batch = optimizer.ask()
        optimizer.tell(batch.ids, sphere(batch.x))
    assert de.state_to_json(state) == text


def test_loading_twice_from_one_state_gives_two_independent_runs():
    optimizer = make("jde", "asynchronous")
    batch = optimizer.ask(20)
    optimizer.tell(batch.ids, sphere(batch.x))
    state = optimizer.state_dict()
    first, second = make("jde", "asynchronous"), make("jde", "asynchronous")
    first.load_state_dict(state)
    second.load_state_dict(state)
    batch = first.ask(5)
    first.tell(batch.ids, sphere(batch.x) - 100)
    np.testing.assert_array_equal(second.ask(5).x, batch.x)
    np.testing.assert_array_equal(second.population, optimizer.population)


def test_what_is_out_can_be_asked_for_again_after_a_restart():
    optimizer = make("shade", "asynchronous")
    batch = optimizer.ask(6)
    optimizer.tell(batch.ids[[1, 4]], [1.0, 2.0])
    pending = through_json(optimizer, "shade", "asynchronous").pending()
    assert pending.ids.tolist() == [0, 2, 3, 5]
    np.testing.assert_array_equal(pending.x, batch.x[[0, 2, 3, 5]])


@algorithms
def test_a_finished_run_goes_on_with_a_larger_budget(name):
    optimizer = make(name, "generational", max_evaluations=14)
    while not optimizer.finished:
        batch = optimizer.ask()
        optimizer.tell(batch.ids, sphere(batch.x))
    longer = make(name, "generational", max_evaluations=100)
    longer.load_state_dict(optimizer.state_dict())
    assert not longer.finished
    while not longer.finished:
        batch = longer.ask()
        longer.tell(batch.ids, sphere(batch.x))
    assert longer.nfev == 100 and longer.best_f <= optimizer.best_f


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (lambda: de.make("shade", BOUNDS, max_evaluations=160), "algorithm = lshade; this run has shade"),
        (lambda: make("lshade", "asynchronous"), "schedule = generational; this run has asynchronous"),
        (lambda: make("lshade", "generational", p=0.2), "p = 0.11; this run has 0.2"),
        (lambda: de.make("lshade", [(-5, 5)] * 3, max_evaluations=160), "low = "),
        (lambda: de.make("lshade", [(-5, 5)] * 4, max_evaluations=160), "low = "),
    ],
)
def test_a_state_of_another_set_up_is_refused(other, complaint):
    state = make("lshade", "generational").state_dict()
    with pytest.raises(ValueError, match=complaint):
        other().load_state_dict(state)


def test_a_state_of_another_version_is_refused():
    optimizer = make("lshade", "generational")
    with pytest.raises(ValueError, match="version 99; expected 4"):
        optimizer.load_state_dict({**optimizer.state_dict(), "version": 99})


def test_json_that_is_no_state_is_refused():
    with pytest.raises(ValueError, match="JSON object"):
        de.state_from_json("[1, 2]")
