"""autode.minimize: what a user of SciPy expects."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize

import autode


def sphere(x):
    return (x**2).sum(axis=-1)


BOUNDS = [(-5, 5)] * 3


def test_the_result_is_scipys_and_complete():
    result = autode.minimize(sphere, BOUNDS, max_evaluations=2000, seed=1)
    assert isinstance(result, scipy.optimize.OptimizeResult)
    assert result.success and result.nfev == 2000 and result.nit > 10
    assert result.fun == sphere(result.x) < 1e-6
    assert result.population_energies.min() == result.fun and len(result.population) == len(result.population_energies)
    assert "2000 evaluations" in result.message


def test_one_point_at_a_time_gives_the_same_as_all_at_once():
    together = autode.minimize(sphere, BOUNDS, "jde", 500, seed=3)
    singly = autode.minimize(lambda x: float(sphere(x)), BOUNDS, "jde", 500, seed=3, vectorized=False)
    np.testing.assert_array_equal(together.x, singly.x)


def test_scipys_bounds_and_test_functions_fit():
    bounds = scipy.optimize.Bounds([-2, -2], [2, 2])
    result = autode.minimize(scipy.optimize.rosen, bounds, max_evaluations=4000, seed=1, vectorized=False)
    assert result.x == pytest.approx([1, 1], abs=1e-3)


def test_exactly_the_budget_is_spent():
    calls = []
    autode.minimize(lambda x: calls.append(len(x)) or sphere(x), BOUNDS, "shade", 333, seed=1)
    assert sum(calls) == 333


@pytest.mark.parametrize("stop", ["return", "raise"])
def test_the_callback_sees_each_generation_and_may_stop(stop):
    seen = []

    def callback(intermediate):
        seen.append((intermediate.nfev, intermediate.fun))
        if len(seen) == 3:
            if stop == "raise":
                raise StopIteration
            return True
        return False

    result = autode.minimize(sphere, BOUNDS, "shade", 1000, population=10, seed=1, callback=callback)
    assert [nfev for nfev, _ in seen] == [10, 20, 30]
    assert result.nfev == 30 and "callback" in result.message and result.success


def test_a_function_that_always_fails_is_no_success():
    result = autode.minimize(lambda x: np.full(len(x), np.nan), BOUNDS, max_evaluations=50)
    assert not result.success and result.fun == np.inf and "No evaluation" in result.message


@pytest.mark.parametrize(
    ("function", "vectorized"),
    [(lambda x: 1.0, True), (lambda x: x, True), (lambda x: x, False), (lambda x: x[:1], True)],
)
def test_a_function_of_the_wrong_shape_is_named(function, vectorized):
    with pytest.raises(ValueError, match="one value for each point"):
        autode.minimize(function, BOUNDS, max_evaluations=50, vectorized=vectorized)


def test_options_reach_the_algorithm():
    result = autode.minimize(sphere, BOUNDS, "rand1bin", 20, population=8, x0=[0, 0, 0], CR=0.5, seed=1)
    assert result.fun == 0


def test_an_error_of_the_function_comes_through():
    with pytest.raises(ZeroDivisionError):
        autode.minimize(lambda x: 1 / 0, BOUNDS, max_evaluations=50)
