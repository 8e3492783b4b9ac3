"""What tells the variants apart, each by its paper's rule, and mistakes of popular ports that none of them makes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from autode import de
from autode.de import mutation
from autode.de.bounds import Box, redraw
from autode.de.control import truncated_normal
from autode.de.crossover import exponential, run_lengths
from autode.de.indices import rank_weighted
from autode.de.pbest import another_best, pressured_donors
from autode.de.population import Population
from autode.de.reduction import nonlinear_size

BOUNDS = [(-5, 5)] * 4
ARCHIVED = ["jade", "shade", "lshade", "ilshade", "jso", "dish", "lshade-rsp", "nlshade-rsp"]
LIMITED_F = [*ARCHIVED, "jde", "spsrdemms", "arrde", "lsrtde", "rdex"]  # SaDE's is normal, also outside (0, 1]


def rosenbrock(x):
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)


def make(name, **options):
    return de.make(name, BOUNDS, **{"max_evaluations": 800, "population": 20, "seed": 3, **options})


def generations(name, function=rosenbrock, **options):
    """Run to the end; yield the optimiser before and the batch of each generation but the first."""
    optimizer = make(name, **options)
    batch = optimizer.ask()
    optimizer.tell(batch.ids, function(batch.x))
    while not optimizer.finished:
        batch = optimizer.ask()
        yield optimizer, batch
        optimizer.tell(batch.ids, function(batch.x))


# --- operators


@pytest.fixture
def x():
    return np.random.default_rng(5).normal(size=(9, 3))


def test_the_mutations_are_their_formulas(x):
    rng = np.random.default_rng(6)
    parent, F, K = x[:4], rng.random(4), rng.random(4)
    best, r1, r2, r3, r4, r5 = (rng.integers(0, 9, 4) for _ in range(6))
    f, k = F[:, None], K[:, None]
    second = f * (x[r1] - x[r2]) + f * (x[r3] - x[r4])
    for found, expected in (
        (mutation.rand_2(x, parent, (r1, r2, r3, r4, r5), F), x[r1] + f * (x[r2] - x[r3]) + f * (x[r4] - x[r5])),
        (mutation.best_2(x, parent, (best, r1, r2, r3, r4), F), x[best] + second),
        (mutation.rand_to_best_1(x, parent, (best, r1, r2, r3), F), x[r1] + f * (x[best] - x[r1] + x[r2] - x[r3])),
        (mutation.current_to_best_2(x, parent, (best, r1, r2, r3, r4), F), parent + f * (x[best] - parent) + second),
        (
            mutation.current_to_rand_1(x, parent, (r1, r2, r3), F, K),
            parent + k * (x[r1] - parent) + f * (x[r2] - x[r3]),
        ),
        (
            mutation.current_to_pbest_1(x, parent, (best, r1, r2), F, 1.2),
            parent + 1.2 * f * (x[best] - parent) + f * (x[r1] - x[r2]),
        ),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_exponential_crossover_copies_a_run_of_genes_around_the_end():
    mutant, parent = np.ones((3, 5)), np.zeros((3, 5))
    exponential(mutant, parent, np.array([1, 3, 4]), np.array([2, 4, 1]))
    assert mutant.tolist() == [[0, 1, 1, 0, 0], [1, 1, 0, 1, 1], [0, 0, 0, 0, 1]]
    assert not parent.any()


def test_exponential_crossover_may_stop_at_the_end():
    mutant = np.ones((1, 5))
    exponential(mutant, np.zeros((1, 5)), np.array([3]), np.array([4]), wrap=False)
    assert mutant.tolist() == [[0, 0, 0, 1, 1]]


def test_run_lengths_are_geometric_and_end_at_the_dimension():
    u = (np.arange(20_000) + 0.5) / 20_000
    length = run_lengths(u, np.full(u.size, 0.6), 4)
    assert np.bincount(length)[1:] / u.size == pytest.approx([0.4, 0.24, 0.144, 0.216], abs=2e-4)
    assert set(run_lengths(u, np.zeros(u.size), 4)) == {1} and set(run_lengths(u[1:], np.ones(u.size - 1), 4)) == {4}


def test_rank_weighted_draws_keep_their_proportions_without_the_taken_ranks():
    weights, m = np.array([4.0, 3.0, 2.0, 1.0]), 12_000
    u = (np.arange(m) + 0.5) / m
    free = np.bincount(rank_weighted(u, weights), minlength=4) / m
    assert free == pytest.approx([0.4, 0.3, 0.2, 0.1], abs=1e-3)
    taken = np.bincount(rank_weighted(u, weights, np.full(m, 2), np.full(m, 0)), minlength=4) / m
    assert taken == pytest.approx([0, 0.75, 0, 0.25], abs=1e-3)
    nothing = np.bincount(rank_weighted(u, weights, np.full(m, -1)), minlength=4) / m
    assert nothing == pytest.approx(free)


def test_another_best_is_one_of_the_best_but_not_the_target():
    population = Population(np.zeros((6, 1)))
    population.f[:] = [5, 0, 3, 1, 2, 4]  # best three: slots 1, 3, 4
    u = (np.arange(600) + 0.5) / 600
    for slot, others in ((1, {3, 4}), (3, {1, 4}), (0, {1, 3, 4})):
        drawn = another_best(population, u, 3, np.full(u.size, slot))
        assert set(drawn) == others
        assert len(set(np.bincount(drawn)[list(others)])) == 1  # equally often


def test_pressed_donors_come_from_the_archive_by_its_share_and_differ():
    population = Population(np.zeros((6, 1)), archive_rate=1.0)
    population.f[:] = np.arange(6)
    population.put_aside(np.arange(3), np.zeros(3))
    rng = np.random.default_rng(1)
    draws = {"r1": rng.random(9000), "r2": rng.random(9000)}
    pbest, r1, r2 = pressured_donors(population, draws, np.zeros(9000, dtype=int), np.arange(6, 0, -1.0))
    assert (r1 != pbest).all() and (r2 != pbest).all() and (r2 != r1).all()
    assert (r2 >= 6).mean() == pytest.approx(3 / 9, abs=0.02)
    assert np.bincount(r1, minlength=6) / 9000 == pytest.approx(np.array([0, 5, 4, 3, 2, 1]) / 15, abs=0.02)


def test_a_truncated_normal_is_what_drawing_again_gives():
    u = (np.arange(5000) + 0.5) / 5000
    drawn = truncated_normal(0.9, 0.2, u)
    low, high = (0 - 0.9) / 0.2, (1 - 0.9) / 0.2
    assert stats.kstest(drawn, stats.truncnorm(low, high, 0.9, 0.2).cdf).pvalue > 0.99
    assert ((drawn >= 0) & (drawn <= 1)).all()


def test_redrawn_genes_are_uniform_and_the_others_stay():
    box = Box(np.array([0.0, -1.0]), np.array([1.0, 3.0]))
    trial = np.array([[0.5, 9.0], [-7.0, 0.0]])
    redraw(trial, box, np.array([[0.9, 0.25], [0.75, 0.9]], dtype=np.float32))
    assert trial.tolist() == [[0.5, 0.0], [0.75, 0.0]]


def test_nonlinear_reduction_runs_from_the_first_to_the_last_size():
    sizes = [nonlinear_size(100, 4, n, 1000) for n in range(0, 1001, 10)]
    assert sizes[0] == 100 and sizes[-1] == 4 and sizes == sorted(sizes, reverse=True)
    assert sizes[50] == round((4 - 100) * 0.5**0.5 + 100)


# --- what each variant is known for


@pytest.mark.parametrize(
    ("name", "first", "last"), [("jso", 0.25, 0.125), ("ilshade", 0.1, 0.2), ("lshade-rsp", 0.085, 0.17)]
)
def test_the_share_of_best_moves_over_the_budget(name, first, last):
    optimizer = make(name, population=200, max_evaluations=1000)
    assert optimizer._best_count({}) == int(200 * first + 0.5)
    optimizer.nfev = 1000
    assert optimizer._best_count({}) == int(200 * last + 0.5)


def test_jso_limits_f_and_cr_early_in_the_run_and_never_attracts_to_the_target():
    for optimizer, _ in generations("jso", max_evaluations=2000, population=40):
        done = (optimizer.nfev) / 2000
        F, CR = (optimizer._trials.parameter(name) for name in ("F", "CR"))
        assert F.max() <= (0.7 if done < 0.6 else 1.0)
        assert CR.min() >= (0.7 if done < 0.25 else 0.6 if done < 0.5 else 0.0)


def test_jso_remembers_what_the_paper_starts_with():
    memory = make("jso").state_dict()["learned"]["memory"]
    assert memory["F"].tolist() == [0.3] * 4 + [0.9] and memory["CR"].tolist() == [0.8] * 4 + [0.9]


def test_dish_learns_the_lehmer_mean_by_distance():
    optimizer = make("dish", max_evaluations=10_000)
    batch = optimizer.ask()
    optimizer.tell(batch.ids, np.zeros(20))
    batch, before = optimizer.ask(), optimizer.population
    F, CR = (optimizer._trials.parameter(name).copy() for name in ("F", "CR"))
    optimizer.tell(batch.ids, np.full(20, -1.0))
    w = np.sqrt((((batch.x - before) / 10) ** 2).sum(axis=1))
    memory = optimizer.state_dict()["learned"]["memory"]
    assert memory["F"][0] == pytest.approx((0.5 + (w @ F**2) / (w @ F)) / 2)
    assert memory["CR"][0] == pytest.approx((0.8 + (w @ CR**2) / (w @ CR)) / 2)


def test_jade_moves_its_means_by_c_towards_the_unweighted_means():
    optimizer = make("jade", max_evaluations=10_000)
    batch = optimizer.ask()
    optimizer.tell(batch.ids, np.arange(20.0))
    batch = optimizer.ask()
    F, CR = (optimizer._trials.parameter(name).copy() for name in ("F", "CR"))
    optimizer.tell(batch.ids, -np.arange(20.0) - 1)
    memory = optimizer.state_dict()["learned"]["memory"]
    assert memory["F"][0] == pytest.approx(0.9 * 0.5 + 0.1 * (F @ F) / F.sum())
    assert memory["CR"][0] == pytest.approx(0.9 * 0.5 + 0.1 * CR.mean())


def test_sade_gives_every_strategy_its_turn_and_then_prefers_what_works():
    optimizer = make("sade", max_evaluations=6000, learning_period=10)
    shares = []
    while not optimizer.finished:
        shares.append(optimizer._learned_rates()[0])
        batch = optimizer.ask()
        optimizer.tell(batch.ids, rosenbrock(batch.x))
    assert all((share == 0.25).all() for share in shares[:10])
    assert not (shares[-1] == 0.25).any() and shares[-1].sum() == pytest.approx(1) and shares[-1].min() > 0


def test_spsrdemms_is_halved_in_stages_and_keeps_the_better_of_each_pair():
    sizes = []
    for optimizer, _ in generations("spsrdemms", population=48, max_evaluations=4800):
        if sizes and len(optimizer.fitness) < sizes[-1]:
            n = len(optimizer.fitness)
            assert n == (sizes[-1] + 1) // 2
        sizes.append(len(optimizer.fitness))
    assert sorted(set(sizes)) == [12, 24, 48]
    population = make("spsrdemms", population=5)
    population._population.f[:] = [3, 1, 2, 0, 4]
    assert population._survivors(3).tolist() == [3, 1, 2]


def test_nlshade_rsp_gives_better_targets_smaller_crossover_rates():
    for optimizer, _ in generations("nlshade-rsp"):
        CR = optimizer._trials.parameter("CR")
        if CR.size == len(optimizer.fitness):  # the budget's last generation may be smaller
            by_rank = CR[np.argsort(optimizer.fitness, kind="stable")]
            assert (np.diff(by_rank) >= 0).all()


def test_lsrtde_writes_successes_over_the_front_in_turn_and_keeps_the_best_in_its_top():
    best = np.inf
    for optimizer, _ in generations("lsrtde"):
        if optimizer._since_tick:
            continue  # the top is that of the generation's start
        best = min(best, optimizer.best_f)
        assert rosenbrock(optimizer.archive[:1])[0] == best
        assert (np.diff(rosenbrock(optimizer.archive)) >= 0).all()


def test_lsrtde_learns_the_share_of_genes_that_did_cross():
    optimizer = make("lsrtde")
    batch = optimizer.ask()
    optimizer.tell(batch.ids, rosenbrock(batch.x))
    optimizer.ask()
    assert set(optimizer._trials.parameter("CR") * 4) <= {1, 2, 3, 4}


def test_arrde_restarts_and_refines_when_it_has_converged():
    phases = [optimizer._phase for optimizer, _ in generations("arrde", max_evaluations=12_000)]
    changes = [phase for k, phase in enumerate(phases) if k == 0 or phase != phases[k - 1]]
    assert changes[:3] == ["first", "restart", "refine"] and changes[-1] == "last"


# --- mistakes of popular ports


@pytest.mark.parametrize("name", ARCHIVED)
def test_the_archive_gets_the_beaten_parents_and_feeds_the_mutation(name):
    used = 0
    for optimizer, _ in generations(name):
        before = {point.tobytes() for point in optimizer.population}
        archive = {point.tobytes() for point in optimizer.archive}
        assert not archive & before  # never the children
        slots = np.arange(len(optimizer.fitness))
        draws = optimizer._prepared
        used += int((np.asarray(optimizer._donors(draws, slots)[2]) >= optimizer._population.initial_size).sum())
    assert used


@pytest.mark.parametrize("name", [n for n in de.ALGORITHMS if n not in ("spsrdemms", "currenttorand1", "autode")])
def test_one_gene_of_each_individual_crosses_in_any_case(name):
    """Not one row of the matrix, and not only where no other gene did."""
    optimizer = make(name, **({"CR": 0.0} if "CR" in make(name).options else {}))
    batch = optimizer.ask()
    optimizer.tell(batch.ids, rosenbrock(batch.x))
    population = optimizer.population
    changed = np.array([(trial != population).sum(axis=1).min() for trial in optimizer.ask().x])
    assert (changed >= 1).mean() > 0.9  # a gene may happen to stay the same
    if "CR" in optimizer.options and optimizer.options["CR"] == 0:
        assert set(changed) == {1}


@pytest.mark.parametrize("name", LIMITED_F)
def test_f_above_one_is_set_to_one_and_f_is_never_zero(name):
    for optimizer, _ in generations(name):
        F = optimizer._trials.parameter("F")
        F = F[np.isfinite(F)]
        assert (F > 0).all() and (F <= 1).all()


@pytest.mark.parametrize("name", ["lshade", "ilshade", "jso", "dish", "lshade-rsp", "nlshade-rsp", "lsrtde", "rdex"])
def test_the_population_does_shrink_to_four(name):
    *_, (optimizer, _) = generations(name, max_evaluations=1200)
    assert len(optimizer.fitness) == 4


def test_every_success_of_a_generation_counts_although_the_population_shrinks_after_it():
    optimizer = make("lshade", max_evaluations=100, memory_size=1)
    batch = optimizer.ask()
    optimizer.tell(batch.ids, np.arange(20.0))
    batch = optimizer.ask()
    F = optimizer._trials.parameter("F").copy()
    values = np.arange(20.0)
    values[19] = -1.0  # only the last one succeeds, its slot is beyond the next population's end
    optimizer.tell(batch.ids, values)
    assert len(optimizer.fitness) < 20
    assert optimizer.state_dict()["learned"]["memory"]["F"][0] == pytest.approx(F[19])


@pytest.mark.parametrize("name", ["jade", "jso", "nlshade-rsp"])
def test_each_success_is_remembered_with_its_own_f_and_cr(name):
    optimizer = make(name, max_evaluations=10_000)
    batch = optimizer.ask()
    optimizer.tell(batch.ids, np.arange(20.0))
    batch = optimizer.ask()
    F = optimizer._trials.parameter("F").copy()
    seen = []
    optimizer._adapt = lambda: seen.append(optimizer._collected()[0])
    optimizer.tell(batch.ids, np.where(np.arange(20) % 3, 99.0, -1.0))
    assert seen[0].tolist() == F[::3].tolist()


def test_equal_values_take_the_slot_but_teach_nothing():
    optimizer = make("lshade")
    batch = optimizer.ask()
    optimizer.tell(batch.ids, np.zeros(20))
    batch = optimizer.ask()
    optimizer.tell(batch.ids, np.zeros(20))
    assert len(optimizer.archive) == 0 and optimizer.state_dict()["learned"]["memory"]["position"] == 0
    assert {point.tobytes() for point in optimizer.population} <= {point.tobytes() for point in batch.x}


def test_improvement_is_measured_before_the_occupant_is_overwritten():
    optimizer = make("lsrtde", population=4)
    batch = optimizer.ask()
    optimizer.tell(batch.ids, [4.0, 3.0, 2.0, 1.0])
    batch = optimizer.ask()
    optimizer._adapt = lambda: None
    slots = optimizer._trials.slots.copy()
    optimizer.tell(batch.ids, [0.5, 0.4, 0.3, 0.2][: len(batch)])
    first = optimizer._new[0][1][0][0]
    assert first == [4.0, 3.0, 2.0, 1.0][slots[0]] - 0.5  # also when its own slot is the first to be overwritten
