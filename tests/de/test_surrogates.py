"""The surrogates of autode: a Gaussian process, a quadratic model, differential evolution on them, and their turns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from autode.de.density import Density, promising_points
from autode.de.evidence import Evidence, Phenotype
from autode.de.gaussian import GaussianProcess, log_expected_improvement
from autode.de.inner import evolve
from autode.de.quadratic import Quadratic, terms
from autode.de.surrogate import CELL, Process, damped, far_point, fit_size, is_plateau, local_point
from autode.de.trust import DENSITY, LOCAL, WIDE, Allotment, smallest_radius


def bowl(x):
    return ((x - 0.3) ** 2 * [1.0, 10.0, 100.0]).sum(axis=1)


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    x = rng.random((30, 3))
    return x, np.sin(5 * x).sum(axis=1)


# --- Gaussian process


def test_the_process_predicts_what_scikit_learn_predicts(data):
    x, y = data
    theta = np.log([0.4, 0.7, 1.5, 1e-4])
    ours = GaussianProcess(x, y, np.arange(3), theta)
    variance = float(ours._signal)
    kernel = ConstantKernel(variance) * Matern(length_scale=[0.4, 0.7, 1.5], nu=2.5)
    theirs = GaussianProcessRegressor(kernel, alpha=variance * (1e-4 + 1e-8), optimizer=None).fit(x, ours.y)
    new = np.random.default_rng(4).random((20, 3))
    mean, deviation = theirs.predict(new, return_std=True)
    for found, expected in zip(ours.predict(new), (mean, deviation), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_the_gradient_of_the_posterior_is_its_slope(data):
    x, y = data
    group = np.array([0, 1, 1])  # two columns share a lengthscale
    process = GaussianProcess(x, y, group)
    theta = np.log([0.4, 0.9, 1e-2])
    _, gradient = process._loss(theta)
    for j in range(3):
        step = np.zeros(3)
        step[j] = 1e-5
        slope = (process._loss(theta + step)[0] - process._loss(theta - step)[0]) / 2e-5
        assert gradient[j] == pytest.approx(slope, rel=1e-5)


def test_fitting_finds_which_coordinate_matters():
    x = np.random.default_rng(0).random((40, 2))
    lengths = np.exp(GaussianProcess(x, np.sin(6 * x[:, 0]), np.arange(2)).fitted().theta[:-1])
    assert lengths[0] < 1 < lengths[1]


def test_the_process_knows_what_it_was_told_and_doubts_the_rest(data):
    x, y = data
    process = GaussianProcess(x, y, np.arange(3)).fitted()
    mean, deviation = process.predict(x)
    np.testing.assert_allclose(process.centre + process.scale * mean, y, atol=0.02)
    assert process.predict(np.full((1, 3), 2.0))[1] > 5 * deviation.max()


def test_equal_values_are_no_trouble():
    x = np.random.default_rng(0).random((8, 2))
    mean, deviation = GaussianProcess(x, np.full(8, 3.0), np.arange(2)).fitted().predict(x)
    assert np.isfinite(mean).all()
    assert np.isfinite(deviation).all()


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (0.5, 0.3), (-1.0, 0.2), (2.0, 0.8)])
def test_the_expected_improvement_is_the_integral(mean, deviation):
    best = 0.1
    integral = quad(lambda y: (best - y) * norm.pdf(y, mean, deviation), mean - 12 * deviation, best, epsabs=1e-14)[0]
    found = log_expected_improvement(np.array([mean]), np.array([deviation]), best)[0]
    assert np.exp(found) == pytest.approx(integral, rel=1e-6)


def test_a_hopeless_improvement_still_has_an_order():
    far = log_expected_improvement(np.array([5.0, 20.0, 300.0]), np.ones(3), 0.0)
    assert np.isfinite(far).all()
    assert (np.diff(far) < 0).all()


# --- quadratic model


def test_a_quadratic_is_found_exactly():
    rng = np.random.default_rng(1)
    x = rng.random((terms(3) + 4, 3))
    x = x[np.linalg.norm(x - x[0], axis=1).argsort()]
    model = Quadratic(x, bowl(x), radius=0.2)
    new = rng.random((5, 3))
    scale = np.sort(bowl(x) - bowl(x).min())[len(x) // 2]
    np.testing.assert_allclose(np.diff(model(new)), np.diff(bowl(new)) / scale, rtol=1e-6)


def test_the_local_point_is_the_lowest_of_the_trust_region():
    evidence = Evidence(Phenotype.plain(3), 3)
    for point in np.random.default_rng(2).random((20, 3)):
        evidence.add(point, float(bowl(point[None])[0]))
    best = evidence.x[evidence.y.argmin()]
    point = local_point(evidence, best, 0.5, np.empty((0, 3)), np.random.default_rng(0))
    np.testing.assert_allclose(point, 0.3, atol=0.01)
    near = local_point(evidence, best, 0.02, np.empty((0, 3)), np.random.default_rng(0))
    assert np.abs(near - best).max() <= 0.02 + 1e-12
    assert local_point(evidence, best, 0.5, point[None], np.random.default_rng(0)) is None  # it is out already


def test_a_plateau_has_nothing_for_a_quadratic():
    evidence = Evidence(Phenotype.plain(1), 1)
    for x, y in ((0.5, 1.0), (0.51, 1.0), (0.52, 1.0), (0.9, 2.0)):
        evidence.add(np.array([x]), y)
    assert terms(1) == 3
    assert is_plateau(evidence, 0)
    assert not is_plateau(evidence, 3)


def test_beside_a_local_search_the_process_keeps_off_known_points():
    evidence = Evidence(Phenotype.plain(1), 1)
    for x in np.linspace(0.0, 1.0, 9):
        evidence.add(np.array([x]), (x - 0.43) ** 2)
    nothing = np.empty((0, 1))
    known = np.abs(Process(evidence).point(nothing, 40, 20, np.random.default_rng(0)) - 0.43)
    evidence.add(np.array([0.43]), 0.0)
    apart = Process(evidence, CELL).point(nothing, 40, 20, np.random.default_rng(0))
    assert known < 0.02
    assert np.abs(evidence.x - apart).min() > 0.5 * CELL


# --- densities

#: A number, a category of three and a number that only the first category has.
GROUP = np.array([0, 1, 1, 1, 2])


def has(points):
    active = np.ones(points.shape, dtype=bool)
    active[:, 2] = points[:, 1] < 1 / 3
    return active


def seen(points):
    category = np.eye(3)[np.minimum((points[:, 1] * 3).astype(int), 2)] * np.sqrt(0.5)
    return np.column_stack([points[:, 0], category, np.where(has(points)[:, 2], points[:, 2], 0.5)])


def density_of(points):
    return Density(seen(points), has(points), GROUP)


def test_a_density_is_one():
    """Its integral over the numbers and its sum over the categories, each a third of the unit cube."""
    density = density_of(np.array([[0.02, 0.1, 0.9], [0.5, 0.5, 0.2], [0.8, 0.2, 0.3]]))
    grid = (np.arange(60) + 0.5) / 60
    points = np.array([[a, c, b] for a in grid for c in (1 / 6, 1 / 2, 5 / 6) for b in grid])
    assert np.exp(density.log(seen(points), has(points))).mean() == pytest.approx(1.0, rel=0.01)


def test_a_density_is_high_near_its_points_and_where_their_category_is():
    at = np.array([[0.3, 0.1, 0.8], [0.9, 0.1, 0.8], [0.3, 0.9, 0.8], [0.3, 0.1, 0.2]])
    here, far, other_category, far_in_the_conditional = density_of(at[:1]).log(seen(at), has(at))
    assert here > max(far, other_category, far_in_the_conditional)


def test_a_density_of_a_thousand_numbers_is_finite():
    points = np.random.default_rng(0).random((5, 1000))
    density = Density(points[:3], np.ones((3, 1000), dtype=bool), np.arange(1000))
    assert np.isfinite(density.log(points, np.ones((5, 1000), dtype=bool))).all()


def test_what_is_inactive_does_not_matter():
    density = density_of(np.array([[0.3, 0.9, 0.1], [0.6, 0.9, 0.9]]))
    points = np.array([[0.4, 0.5, 0.0], [0.4, 0.5, 1.0]])
    first, second = density.log(seen(points), has(points))
    assert first == second


def test_promising_points_lie_where_good_ones_do():
    evidence = Evidence(Phenotype(seen, GROUP, continuous=False, active=has), 3)
    for point in np.random.default_rng(5).random((60, 3)):
        evidence.add(point, abs(point[0] - 0.7) + (0.0 if 1 / 3 <= point[1] < 2 / 3 else 1.0))
    x = promising_points(evidence, np.empty((0, 3)), 24, np.random.default_rng(1))
    assert x.shape == (24, 3)
    assert ((x >= 0) & (x <= 1)).all()
    assert abs(x[0, 0] - 0.7) < 0.15
    assert 1 / 3 <= x[0, 1] < 2 / 3


def test_points_that_are_out_repel():
    evidence = Evidence(Phenotype.plain(2), 2)
    for point in np.random.default_rng(5).random((40, 2)):
        evidence.add(point, float(((point - 0.5) ** 2).sum()))
    alone = promising_points(evidence, np.empty((0, 2)), 24, np.random.default_rng(1))[0]
    beside = promising_points(evidence, np.tile(alone, (5, 1)), 24, np.random.default_rng(1))[0]
    assert not np.array_equal(alone, beside)


# --- differential evolution on a surrogate


def test_evolving_comes_close_to_the_optimum_and_returns_the_best_first():
    first = np.random.default_rng(0).random((30, 3))
    x, f = evolve(bowl, first, 60, np.random.default_rng(1), np.zeros(3), np.ones(3))
    assert f[0] < 1e-4
    assert (np.diff(f) >= 0).all()
    np.testing.assert_array_equal(f, bowl(x))


def test_evolving_stays_in_the_box():
    low, high = np.full(2, 0.4), np.full(2, 0.6)
    x, _ = evolve(
        lambda x: x.sum(axis=1), np.random.default_rng(0).random((12, 2)), 15, np.random.default_rng(1), low, high
    )
    assert x.min() >= 0.4
    assert x.max() <= 0.6
    np.testing.assert_allclose(x[0], low, atol=1e-3)


def test_no_generation_is_the_best_of_the_first():
    first = np.random.default_rng(0).random((12, 3))
    x, _ = evolve(bowl, first, 0, np.random.default_rng(1), np.zeros(3), np.ones(3))
    np.testing.assert_array_equal(x[0], first[bowl(first).argmin()])


# --- evidence


def test_failed_points_are_as_bad_as_the_worst():
    evidence = Evidence(Phenotype.plain(1), 1)
    for x, y in ((0.1, 1.0), (0.2, np.inf), (0.3, 5.0)):
        evidence.add(np.array([x]), y)
    assert evidence.y.tolist() == [1.0, 5.0, 5.0]
    assert evidence.best == 1.0


def test_of_many_points_the_best_and_the_latest_are_kept():
    evidence = Evidence(Phenotype.plain(1), 1)
    values = np.random.default_rng(0).permutation(100)
    for k in range(100):
        evidence.add(np.array([k / 100]), float(values[k]))
    chosen = evidence.selected(100, 30)
    assert len(set(chosen.tolist())) == 30
    assert set(values.argsort()[:20]) <= set(chosen.tolist())
    assert {97, 98, 99} <= set(chosen.tolist())


def test_the_crowd_of_a_local_search_counts_as_its_best_point():
    evidence = Evidence(Phenotype.plain(1), 1)
    for k, x in enumerate([0.5, 0.501, 0.502, 0.9, 0.1]):
        evidence.add(np.array([x]), 3.0 - k if k < 3 else 9.0, crowd=True)
    assert evidence.selected(5, 10, cell=0.02).tolist() == [2, 3, 4]
    assert evidence.selected(5, 10).tolist() == [0, 1, 2, 3, 4]


def test_a_point_that_disappointed_counts_however_near_a_better_one_is():
    """Without it the process would recommend the same place again and again."""
    evidence = Evidence(Phenotype.plain(1), 1)
    for x, y, crowd in ((0.5, 1.0, False), (0.505, 2.0, False), (0.506, 3.0, True)):
        evidence.add(np.array([x]), y, crowd)
    assert evidence.selected(3, 10, cell=0.02).tolist() == [0, 1]


def test_the_worse_half_is_damped():
    y = np.array([1.0, 2.0, 3.0, 1e6, 1e9])
    found = damped(y)
    assert found[:3].tolist() == [0.0, 0.5, 1.0]
    assert (np.diff(found) > 0).all()
    assert found[-1] < 25


def test_values_as_far_apart_as_doubles_can_be_keep_their_order():
    assert (np.diff(damped(np.array([-1.7e308, -1.0, 1.0, 1.7e308]))) >= 0).all()
    assert damped(np.array([-1.7e308, 1.7e308])).tolist() == [0.0, 1.0]


def test_lengthscales_are_fitted_at_growing_intervals():
    sizes = [fit_size(n) for n in range(2, 500)]
    assert sizes[:29] == list(range(2, 31))
    assert all(fitted <= n < 1.25 * fitted for n, fitted in enumerate(sizes, start=2))
    assert len(set(sizes[29:])) < 20


def test_without_values_a_point_is_far_from_those_that_are_out():
    evidence = Evidence(Phenotype.plain(2), 2)
    out = np.full((1, 2), 0.1)
    assert np.linalg.norm(far_point(evidence, out, 2, np.random.default_rng(0)) - 0.1) > 0.8


# --- turns


def test_turns_follow_success_and_each_has_its_fifth():
    allotment = Allotment(2)
    for _ in range(60):
        model = allotment.next(True, False)
        allotment.learn(model, model == LOCAL)
    later = [allotment.next(True, False) for _ in range(100)]
    assert later.count(LOCAL) == pytest.approx(80, abs=1)
    assert later.count(WIDE) == pytest.approx(20, abs=1)


def test_when_the_densities_are_ready_every_second_turn_is_theirs():
    allotment = Allotment(2)
    assert [allotment.next(False, False) for _ in range(3)] == [WIDE] * 3
    assert [allotment.next(False, True) for _ in range(4)] == [DENSITY, WIDE] * 2
    local_too = [allotment.next(True, True) for _ in range(100)]
    assert local_too.count(DENSITY) == local_too.count(WIDE) == pytest.approx(25, abs=1)


@pytest.mark.parametrize(
    ("evaluations", "radius"), [(30, 1e-3), (100, 1e-3), (200, 1.25e-4), (1000, 1e-6), (9999, 1e-6)]
)
def test_a_larger_budget_affords_a_finer_local_search(evaluations, radius):
    assert smallest_radius(evaluations) == pytest.approx(radius)


def test_the_trust_region_grows_with_success_and_shrinks_with_failure():
    allotment = Allotment(2)
    first = allotment.radius
    allotment.learn(WIDE, improved=False)
    assert allotment.radius == first
    allotment.learn(LOCAL, improved=False)
    assert allotment.radius == pytest.approx(0.7 * first)
    allotment.learn(LOCAL, improved=True)
    assert allotment.radius == pytest.approx(0.7 * 1.6 * first)


def test_a_local_search_that_finds_nothing_more_begins_elsewhere():
    evidence = Evidence(Phenotype.plain(2), 2)
    for x, y in (((0.5, 0.5), 1.0), ((0.52, 0.5), 1.5), ((0.9, 0.9), 2.0)):
        evidence.add(np.array(x), y)
    allotment = Allotment(2)
    tries = 0
    while allotment.centre(evidence) == 0:
        allotment.learn(LOCAL, improved=False)
        allotment.end_search(evidence.x[0])
        tries += 1
    assert tries == 34  # 0.15 * 0.7**34 < 1e-6
    assert allotment.centre(evidence) == 2  # not the neighbour in the same basin
    assert allotment.radius == 0.15
    fresh = Allotment(2)
    fresh.load(allotment.state())
    assert fresh.centre(evidence) == 2
