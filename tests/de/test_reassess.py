"""A told point gets another value: the mean of several evaluations takes the place of a lucky one."""

from __future__ import annotations

import numpy as np
import pytest

from autode import de


def started(name: str, **options: object):
    optimizer = de.make(name, [(-1.0, 1.0)] * 2, max_evaluations=40, seed=1, population=6, **options)
    batch = optimizer.ask(6)
    optimizer.tell(batch.ids, [3.0, 1.0, 4.0, 1.5, 9.0, 2.0])
    return optimizer, batch.x


@pytest.mark.parametrize("name", ["shade", "autode"])
def test_the_second_best_is_the_best_when_the_best_was_lucky(name):
    optimizer, x = started(name)
    optimizer.reassess(x[1], 5.0)
    np.testing.assert_array_equal(optimizer.best_x, x[3])
    assert optimizer.best_f == 1.5
    assert sorted(optimizer._population.f) == [1.5, 2.0, 3.0, 4.0, 5.0, 9.0]


@pytest.mark.parametrize("name", ["shade", "autode"])
def test_a_point_becomes_the_best_when_its_mean_is(name):
    optimizer, x = started(name)
    optimizer.reassess(x[4], 0.5)
    np.testing.assert_array_equal(optimizer.best_x, x[4])
    assert optimizer.best_f == 0.5


def test_a_point_that_nobody_told_changes_nothing():
    optimizer, x = started("shade")
    optimizer.reassess(np.array([0.123, 0.456]), -1.0)
    np.testing.assert_array_equal(optimizer.best_x, x[1])
    assert optimizer.best_f == 1.0


def test_the_surrogates_of_autode_learn_of_it():
    with_luck, x = started("autode")
    without, _ = started("autode")
    without.reassess(x[1], 9.0)
    assert not np.array_equal(with_luck.ask(1).x, without.ask(1).x)
    assert without._evidence.best == 1.5
