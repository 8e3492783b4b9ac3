"""Failures, degenerate boxes, budgets and populations, wrong arguments: defined behaviour, clear errors."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize

from autode import de

algorithms = pytest.mark.parametrize("name", de.ALGORITHMS)
schedules = pytest.mark.parametrize("schedule", ["generational", "asynchronous"])


def run(name, function, bounds=((-5, 5),) * 3, **options):
    if name == "autode":  # a surrogate has a cost; it need not be good here
        budget = min(30, options.get("max_evaluations", 150))
        options = {"pool": 8, "inner_generations": 1, **options, "max_evaluations": budget}
    optimizer = de.make(name, bounds, **{"max_evaluations": 150, "population": 8, "seed": 1, **options})
    while not optimizer.finished:
        batch = optimizer.ask()
        assert np.isfinite(batch.x).all()
        optimizer.tell(batch.ids, function(batch.x))
    return optimizer


def sphere(x):
    return (x**2).sum(axis=1)


@algorithms
@schedules
def test_failed_evaluations_count_as_the_worst_and_do_not_spread(name, schedule):
    optimizer = run(name, lambda x: np.where(x[:, 0] > 0, np.nan, sphere(x)), schedule=schedule, max_evaluations=400)
    assert optimizer.best_f < sphere(np.ones((1, 3)))[0] and optimizer.best_x[0] <= 0
    assert not np.isnan(optimizer.fitness).any()


@algorithms
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_when_everything_fails_there_is_no_best_point(name, value):
    optimizer = run(name, lambda x: np.full(len(x), value))
    assert optimizer.best_f == np.inf and np.isnan(optimizer.best_x).all()


@algorithms
def test_minus_infinity_is_a_value_and_the_best(name):
    optimizer = run(name, lambda x: np.where(x[:, 0] > 0, -np.inf, sphere(x)))
    assert optimizer.best_f == -np.inf and optimizer.best_x[0] > 0


@algorithms
@schedules
def test_a_constant_function_keeps_the_search_moving_and_learns_nothing(name, schedule):
    optimizer = run(name, lambda x: np.zeros(len(x)), schedule=schedule)
    assert optimizer.best_f == 0
    if name not in ("lsrtde", "rdex"):  # their archive is the best that were found, equal ones included
        assert len(optimizer.archive) == 0
    if "memory" in optimizer.state_dict()["learned"]:
        start = de.make(name, [(-5, 5)] * 3, max_evaluations=150).state_dict()["learned"]["memory"]
        np.testing.assert_array_equal(optimizer.state_dict()["learned"]["memory"]["F"], start["F"])


@algorithms
def test_values_of_any_magnitude_are_survived(name):
    assert np.isfinite(run(name, lambda x: sphere(x) * 1e306).best_f)
    assert run(name, lambda x: (sphere(x) - 30) / 45 * 1.7e308).best_f < 0
    assert run(name, lambda x: sphere(x) * 5e-324).best_f >= 0


@algorithms
def test_fixed_coordinates_stay_fixed(name):
    optimizer = run(name, sphere, bounds=[(-5, 5), (2, 2), (0.1, 0.1)])
    assert (optimizer.population[:, 1:] == [2, 0.1]).all()
    assert optimizer.best_f == pytest.approx(4.01, abs=0.05)


@algorithms
def test_a_box_of_a_single_point(name):
    assert run(name, sphere, bounds=[(3, 3)]).best_f == 9


@algorithms
@schedules
def test_one_dimension(name, schedule):
    assert run(name, lambda x: (x[:, 0] - 1) ** 2, bounds=[(-5, 5)], schedule=schedule).best_f < 0.05


@algorithms
def test_the_smallest_population(name):
    least = de.ALGORITHMS[name].least
    assert run(name, sphere, population=least, max_evaluations=400).best_f < sphere(np.array([[2.0, 2, 2]]))[0]
    with pytest.raises(ValueError, match=f"population is {least - 1}; expected an integer >= {least}"):
        run(name, sphere, population=least - 1)


@algorithms
def test_very_wide_bounds(name):
    assert run(name, lambda x: np.abs(x).max(axis=1), bounds=[(-1e300, 1e300)] * 2).best_f < 1e300


@algorithms
def test_a_thousand_dimensions(name):
    optimizer = run(name, sphere, bounds=[(-5, 5)] * 1000, population=20, max_evaluations=200)
    assert optimizer.best_x.shape == (1000,)


@algorithms
@schedules
@pytest.mark.parametrize("budget", [1, 7, 8, 9])
def test_budgets_about_the_size_of_the_population(name, schedule, budget):
    optimizer = run(name, sphere, max_evaluations=budget, schedule=schedule)
    assert optimizer.nfev == budget
    assert optimizer.best_f == np.nanmin(optimizer.fitness)
    assert np.isnan(optimizer.fitness).sum() == max(0, 8 - budget)


def test_known_good_points_are_evaluated_first_and_can_set_the_population():
    optimizer = de.make("jde", [(0, 1)] * 2, max_evaluations=50, x0=[[0.5, 0.5], [0.1, 0.2]], seed=1)
    np.testing.assert_array_equal(optimizer.ask(2).x, [[0.5, 0.5], [0.1, 0.2]])
    assert len(de.make("jde", [(0, 1)], max_evaluations=50, init=np.linspace(0, 1, 17)[:, None]).population) == 17


@pytest.mark.parametrize(
    ("bounds", "complaint"),
    [
        ([], "sequence of"),
        ([(0, 1, 2)], "sequence of"),
        ("abc", "sequence of"),
        ([("a", "b")], "sequence of"),
        ([(0, 1), (2, 1)], r"bounds\[1\].*lower"),
        ([(0, np.inf)], r"bounds\[0\].*finite"),
        ([(np.nan, 1)], r"bounds\[0\].*finite"),
        ([(-1e305, 1e305)], r"bounds\[0\].*below 1e\+300"),
    ],
)
def test_wrong_bounds_are_named(bounds, complaint):
    with pytest.raises(ValueError, match=complaint):
        de.make("lshade", bounds, max_evaluations=10)


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("lshad", {}, "'lshad'.*lshade"),
        ("lshade", {"populaton": 10}, r"populaton is not an option of lshade.*\(did you mean 'population'\?\)$"),
        ("lshade", {"memroy": 5}, r"memroy is not an option.*\(did you mean 'memory_size'\?\)$"),
        ("lshade", {"F": 0.5}, "F is not an option of lshade; it understands memory_size, .*, repair$"),
        ("lshade", {"population": 3}, "population is 3.*>= 4"),
        ("lshade", {"population": 7.5}, "population is 7.5.*integer"),
        ("lshade", {"max_evaluations": 0}, "max_evaluations is 0.*>= 1"),
        ("lshade", {"schedule": "sometimes"}, "sometimes.*generational, asynchronous"),
        ("lshade", {"repair": "hope"}, "hope.*midpoint"),
        ("lshade", {"memory_size": 0}, "memory_size is 0"),
        ("lshade", {"archive_rate": -1}, "archive_rate is -1"),
        ("lshade", {"p": 1.5}, "p is 1.5"),
        ("shade", {"p_max": -0.1}, "p_max is -0.1"),
        ("rand1bin", {"F": 0}, "F is 0"),
        ("rand1bin", {"CR": 1.1}, "CR is 1.1"),
        ("rand1bin", {"CR": "high"}, "CR is 'high'"),
        ("jde", {"tau_F": 2}, "tau_F is 2"),
        ("lshade", {"seed": -1}, "non-negative"),
    ],
)
def test_wrong_arguments_are_named(name, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        de.make(name, [(0, 1)], **{"max_evaluations": 100, **options})


def test_scipy_bounds_are_understood():
    optimizer = de.make("lshade", scipy.optimize.Bounds([0, 1], [2, 3]), max_evaluations=10)
    assert optimizer.box.low.tolist() == [0, 1] and optimizer.box.high.tolist() == [2, 3]
