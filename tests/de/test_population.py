"""Population size, start and reduction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.de.bounds import Box
from autode.de.population import Population
from autode.de.reduction import linear_size
from autode.de.start import default_size, initial_points

BOX = Box.parse([(-1, 1), (0, 10), (5, 5)])


def test_linear_reduction_follows_the_papers_line():
    assert [linear_size(100, 4, nfev, 1000) for nfev in (0, 250, 500, 750, 1000)] == [100, 76, 52, 28, 4]
    assert linear_size(10, 4, 250, 1000) == 9  # 8.5 is rounded up, as C's round() does
    assert linear_size(10, 4, 2000, 1000) == 4


@pytest.mark.parametrize(
    ("dimension", "budget", "size"),
    [
        (10, 100_000, 196),
        (10, 1000, 20),
        (5, 1000, 14),
        (8, 96, 12),
        (3, 60, 8),
        (2, 6, 6),
        (2, 2, 4),
        (1000, 10**7, 3000),
    ],
)
def test_the_default_size_follows_the_budget(dimension, budget, size):
    assert default_size(dimension, budget) == size


@given(st.integers(1, 2000), st.integers(1, 10**8))
def test_the_default_size_is_always_possible(dimension, budget):
    assert 4 <= default_size(dimension, budget) <= max(4, min(3000, budget))


@given(st.integers(4, 60), st.integers(4, 60), st.integers(0, 2**32))
def test_shrinking_keeps_the_best_and_tells_where_they_went(n, size, seed):
    size = min(n, size)
    rng = np.random.default_rng(seed)
    population = Population(rng.normal(size=(n, 2)), archive_rate=1.5)
    population.f[:] = rng.integers(0, 10, n)  # with ties
    population.individual["F"] = np.arange(n, dtype=float)
    x, f = population.x.copy(), population.f.copy()
    survivors = population.best_in_place(size)
    moved = population.moves(survivors)
    population.keep(survivors)
    assert sorted(population.f) == sorted(f)[:size]
    for old, new in enumerate(moved):
        if new >= 0:
            np.testing.assert_array_equal(population.x[new], x[old])
            assert population.f[new] == f[old] and population.individual["F"][new] == old
            assert new == old or old >= size  # nobody moves without need
    assert sorted(moved[moved >= 0]) == list(range(size))
    assert population.archive.capacity == int(1.5 * size)


def test_the_worst_is_the_worst_that_was_evaluated():
    population = Population(np.zeros((4, 1)))
    population.f[:] = [1.0, np.nan, 3.0, 2.0]
    assert population.worst() == 2


@pytest.mark.parametrize("start", ["latin", "uniform", "sobol"])
@pytest.mark.parametrize("size", [4, 7, 64])
def test_the_start_lies_in_the_box_and_depends_on_the_seed(start, size):
    points = [initial_points(BOX, size, np.random.default_rng(seed), start, None) for seed in (1, 1, 2)]
    assert points[0].shape == (size, 3)
    assert ((points[0] >= BOX.low) & (points[0] <= BOX.high)).all()
    np.testing.assert_array_equal(points[0], points[1])
    assert not np.array_equal(points[0], points[2])


def test_a_latin_hypercube_has_one_point_in_every_slice():
    points = initial_points(BOX, 20, np.random.default_rng(3), "latin", None)
    assert sorted((points[:, 0] + 1) // 0.1) == list(range(20))
    assert sorted(points[:, 1] // 0.5) == list(range(20))


def test_known_points_come_first_then_given_ones_then_the_sample():
    given_points = [[0.5, 1, 5], [0.6, 2, 5]]
    points = initial_points(BOX, 6, np.random.default_rng(3), given_points, [0.1, 9, 5])
    np.testing.assert_array_equal(points[:3], [[0.1, 9, 5], *given_points])


@pytest.mark.parametrize(
    ("start", "x0", "complaint"),
    [
        ("latin", [0, 11, 5], "x0.*outside"),
        ("latin", [0, 1], "x0 has shape"),
        ([[0, 0, 4]], None, "init.*outside"),
        (np.full((9, 3), 5), None, "outside"),
        (np.tile([0, 1, 5], (9, 1)), None, "9 points.*6 places"),
        ("magic", None, "magic.*latin"),
    ],
)
def test_a_start_that_does_not_fit_is_named(start, x0, complaint):
    with pytest.raises(ValueError, match=complaint):
        initial_points(BOX, 6, np.random.default_rng(3), start, x0)
