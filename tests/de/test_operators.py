"""Every vectorized operator against the paper's formula written as a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from autode.de import mutation
from autode.de.archive import Archive
from autode.de.bounds import Box, clip, midpoint_target, reflect
from autode.de.control import cauchy_factor, normal_rate
from autode.de.crossover import always_cross, binomial
from autode.de.indices import excluding, scaled
from autode.de.pbest import best_count, pbest_donors, prepared
from autode.de.population import Population
from autode.de.table import RandomTable

N, D, M = 9, 4, 7


@pytest.fixture
def rng():
    return np.random.default_rng(2024)


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, D))


def test_rand_1_adds_the_scaled_difference_to_a_random_base(rng, x):
    r1, r2, r3, F = *rng.integers(0, N, (3, M)), rng.random(M)
    expected = [[x[r1[i], j] + F[i] * (x[r2[i], j] - x[r3[i], j]) for j in range(D)] for i in range(M)]
    np.testing.assert_allclose(mutation.rand_1(x, x[:M], (r1, r2, r3), F), expected, rtol=1e-12)


def test_best_1_has_the_best_as_its_base(rng, x):
    best, r1, r2, F = np.full(M, 3), *rng.integers(0, N, (2, M)), rng.random(M)
    expected = [[x[3, j] + F[i] * (x[r1[i], j] - x[r2[i], j]) for j in range(D)] for i in range(M)]
    np.testing.assert_allclose(mutation.best_1(x, x[:M], (best, r1, r2), F), expected, rtol=1e-12)


def test_current_to_pbest_1_moves_towards_a_good_one_and_along_a_difference(rng, x):
    p, r1, r2, F = *rng.integers(0, N, (3, M)), rng.random(M)
    parent = rng.normal(size=(M, D))
    expected = [
        [parent[i, j] + F[i] * (x[p[i], j] - parent[i, j]) + F[i] * (x[r1[i], j] - x[r2[i], j]) for j in range(D)]
        for i in range(M)
    ]
    np.testing.assert_allclose(mutation.current_to_pbest_1(x, parent, (p, r1, r2), F), expected, rtol=1e-12)


def test_mutation_leaves_population_and_parents_alone(rng, x):
    before, parent = x.copy(), x[:M].copy()
    for operator in (mutation.rand_1, mutation.best_1, mutation.current_to_pbest_1):
        operator(x, parent, rng.integers(0, N, (3, M)), rng.random(M))
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(parent, before[:M])


def test_binomial_takes_each_gene_below_cr_and_always_jrand(rng):
    mutant, parent = rng.normal(size=(M, D)), rng.normal(size=(M, D))
    u, CR, jrand = rng.random((M, D), dtype=np.float32), rng.random(M), rng.integers(0, D, M)
    expected = [
        [mutant[i, j] if u[i, j] < np.float32(CR[i]) or j == jrand[i] else parent[i, j] for j in range(D)]
        for i in range(M)
    ]
    always_cross(u, jrand)
    binomial(mutant, parent, CR, u)
    np.testing.assert_array_equal(mutant, expected)


@pytest.mark.parametrize(("CR", "crossed"), [(0.0, 1), (1.0, D)])
def test_binomial_at_its_ends_crosses_one_gene_or_all(rng, CR, crossed):
    mutant, parent = np.ones((M, D)), np.zeros((M, D))
    u = rng.random((M, D), dtype=np.float32)
    always_cross(u, rng.integers(0, D, M))
    binomial(mutant, parent, np.full(M, CR), u)
    assert (mutant.sum(axis=1) == crossed).all()


@given(st.integers(3, 40), st.data())
def test_excluded_indices_are_never_drawn_and_all_others_are(n, data):
    taken = data.draw(st.lists(st.integers(0, n - 1), max_size=min(3, n - 1), unique=True))
    u = (np.arange(n - len(taken)) + 0.5) / (n - len(taken))  # one uniform for every value that is left
    drawn = excluding(u, n, *(np.full(u.size, value) for value in taken))
    assert drawn.tolist() == [value for value in range(n) if value not in taken]


def test_the_largest_uniform_stays_below_the_end():
    below_one = np.array([np.nextafter(1.0, 0.0)])
    assert all(scaled(below_one, n)[0] == n - 1 for n in (1, 2, 3, 10, 1000, 12345, 10**9))


def test_pbest_donors_follow_the_definition_over_population_and_archive(rng, x):
    population = Population(x, archive_rate=1.0)
    population.f[:] = rng.permutation(N)
    population.archive.insert(rng.normal(size=(5, D)), rng.random(5))
    population.keep(population.best_in_place(6))
    m = 5000
    table = RandomTable(rng, D, ("pbest", "r1", "r2"), (), (), forced=False)
    table.begin(m)
    slots = rng.integers(0, 6, m)
    pbest, r1, r2 = pbest_donors(population, prepared(table, table.columns, 6, 2), slots)
    assert set(pbest) == {int(np.flatnonzero(population.f == value)[0]) for value in (0, 1)}
    assert set(r1) == set(range(6))
    assert set(r2) == {*range(6), *range(N, N + 5)}  # the archive's rows lie behind the initial population
    assert ((r1 != slots) & (r2 != slots) & (r1 != r2)).all()


@pytest.mark.parametrize(("p", "n", "count"), [(0.11, 100, 11), (0.11, 10, 2), (0.1, 25, 3), (1.0, 4, 4), (0.0, 4, 2)])
def test_the_number_of_best_is_rounded_and_at_least_two(p, n, count):
    assert best_count(p, n) == count


def test_midpoint_repair_goes_half_way_from_the_target_to_the_limit(rng):
    box = Box.parse([(-1, 1), (0, 3), (2, 2), (-5, -4)])
    parent = box.from_unit(rng.random((50, D)))
    trial = parent + rng.normal(scale=3, size=(50, D))
    expected = trial.copy()
    for i in range(50):
        for j in range(D):
            if trial[i, j] < box.low[j]:
                expected[i, j] = (box.low[j] + parent[i, j]) / 2
            elif trial[i, j] > box.high[j]:
                expected[i, j] = (box.high[j] + parent[i, j]) / 2
    midpoint_target(trial, parent, box)
    np.testing.assert_array_equal(trial, expected)


@pytest.mark.parametrize("repair", [midpoint_target, clip, reflect])
def test_every_repair_ends_inside_and_keeps_what_was_inside(rng, repair):
    box = Box.parse([(-1, 1), (0, 3), (2, 2), (-5, -4)])
    parent = box.from_unit(rng.random((200, D)))
    trial = parent + rng.normal(scale=10, size=(200, D))
    before = trial.copy()
    inside = (trial >= box.low) & (trial <= box.high)
    repair(trial, parent, box)
    assert ((trial >= box.low) & (trial <= box.high)).all()
    np.testing.assert_array_equal(trial[inside], before[inside])


def test_reflection_mirrors_at_the_limit():
    box = Box.parse([(0, 10)])
    trial = np.array([[-3.0], [12.0], [25.0]])
    reflect(trial, np.full((3, 1), 5.0), box)
    np.testing.assert_allclose(trial.ravel(), [3, 8, 5])


@pytest.mark.parametrize("location", [0.05, 0.5, 1.0])
def test_f_has_the_distribution_of_resampling_a_cauchy_until_it_is_positive(rng, location):
    F = cauchy_factor(np.full(20_000, location), rng.random(20_000))
    assert (F > 0).all() and (F <= 1).all()
    resampled = stats.cauchy.rvs(location, 0.1, size=60_000, random_state=rng)
    resampled = np.minimum(resampled[resampled > 0], 1.0)
    assert stats.ks_2samp(F, resampled).pvalue > 0.001
    assert np.mean(F == 1) == pytest.approx(np.mean(resampled == 1), abs=0.02)


def test_f_stays_in_its_range_at_both_ends_of_the_uniform():
    ends = np.array([0.0, np.nextafter(1.0, 0.0)])
    assert cauchy_factor(np.array([0.5, 0.5]), ends).tolist() == [pytest.approx(0.0, abs=1e-12), 1.0]
    assert (cauchy_factor(np.array([0.5, 0.01]), ends[::-1]) > 0).all()


def test_cr_is_cut_off_to_the_unit_interval_and_zero_for_the_terminal_value():
    rate = normal_rate(np.array([0.5, 0.95, 0.05, np.nan]), np.array([1.0, 2.0, -2.0, 3.0]))
    assert rate.tolist() == [pytest.approx(0.6), 1.0, 0.0, 0.0]


def test_the_archive_fills_up_and_then_replaces_the_rows_that_the_uniforms_name():
    archive = Archive(np.empty((3, 1)))
    archive.insert(np.array([[1.0], [2.0]]), np.zeros(2))
    archive.insert(np.array([[3.0], [4.0], [5.0]]), np.array([0.0, 0.4, 0.99]))
    assert archive.points.ravel().tolist() == [1.0, 4.0, 5.0]
    archive.shrink(2)
    assert archive.points.ravel().tolist() == [1.0, 4.0]


def test_inserting_many_equals_inserting_one_by_one(rng):
    points, u = rng.normal(size=(30, 2)), rng.random(30)
    at_once, singly = Archive(np.empty((8, 2))), Archive(np.empty((8, 2)))
    at_once.insert(points, u)
    for k in range(30):
        singly.insert(points[k : k + 1], u[k : k + 1])
    np.testing.assert_array_equal(at_once.points, singly.points)


def test_an_archive_without_room_keeps_nothing():
    archive = Archive(np.empty((0, 2)))
    archive.insert(np.ones((3, 2)), np.zeros(3))
    assert archive.size == 0
