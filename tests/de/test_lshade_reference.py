"""L-SHADE against a plain sequential re-implementation of the paper, individual by individual.

Once on the very same random numbers, where every trial vector must agree, and once on independent random numbers of
another kind, where the distributions of the results must agree.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from autode import de
from autode.de import table

LOW, HIGH, D = -5.0, 5.0, 5
H, R_ARC, P, N_MIN = 6, 2.6, 0.11, 4


def rosenbrock(x):
    return float(sum(100 * (x[j + 1] - x[j] ** 2) ** 2 + (1 - x[j]) ** 2 for j in range(len(x) - 1)))


def rastrigin(x):
    return float(sum(v * v - 10 * np.cos(2 * np.pi * v) + 10 for v in x))


ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]


def rotated_ellipsoid(x):
    return float(sum(10.0**j * v * v for j, v in enumerate(ROTATION @ x)))


class OwnRandomness:
    """Random choices as the paper words them, by rejection, from an ordinary generator."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def start(self, n):
        return [self.rng.uniform(LOW, HIGH, D) for _ in range(n)]

    def new_generation(self, n):
        pass

    def memory_slot(self, i):
        return int(self.rng.integers(H))

    def factor(self, i, location):
        F = 0.0
        while F <= 0:
            F = location + 0.1 * np.tan(np.pi * (self.rng.random() - 0.5))
        return min(F, 1.0)

    def rate(self, i, mean):
        return min(1.0, max(0.0, self.rng.normal(mean, 0.1)))

    def pick(self, i, purpose, candidates):
        return candidates[int(self.rng.integers(len(candidates)))]

    def crosses(self, i, j, CR):
        return self.rng.random() < CR


class SameRandomness:
    """The optimiser's own numbers: the same generator, asked for the same table in the same order."""

    columns = ("memory", "F", "pbest", "r1", "r2", "jrand", "archive")

    def __init__(self, seed):
        self.rng = np.random.Generator(np.random.PCG64(seed))
        self.rows = self.used = 0

    def start(self, n):
        return list(LOW + self.rng.random((n, D)) * (HIGH - LOW))

    def new_generation(self, n):
        if self.used + n > self.rows:  # small generations share a table
            self.rows, self.used = n * max(1, table.LOT // (n * D)), 0
            self.numbers = self.rng.random((len(self.columns), self.rows))
            self.normals = self.rng.standard_normal((1, self.rows))[0]
            self.genes = self.rng.random((self.rows, D), dtype=np.float32)
        part = slice(self.used, self.used + n)
        self.u = dict(zip(self.columns, self.numbers[:, part], strict=True))
        self.z, self.crossing = self.normals[part], self.genes[part]
        self.used += n

    def memory_slot(self, i):
        return int(self.u["memory"][i] * H)

    def factor(self, i, location):
        positive = stats.cauchy.sf(0, location, 0.1)
        return min(1.0, stats.cauchy.isf((1 - self.u["F"][i]) * positive, location, 0.1))

    def rate(self, i, mean):
        return min(1.0, max(0.0, mean + 0.1 * self.z[i]))

    def pick(self, i, purpose, candidates):
        return candidates[int(self.u[purpose][i] * len(candidates))]

    def crosses(self, i, j, CR):
        return self.crossing[i, j] < np.float32(CR)


def sequential_lshade(function, budget, n, source):
    """Tanabe & Fukunaga 2014, algorithm 1; returns all points in the order of evaluation and the best value."""
    n_init = n
    population = source.start(n)
    fitness = [function(x) for x in population]
    history, best = list(population), min(fitness)
    memory_F, memory_CR, k = [0.5] * H, [0.5] * H, 0
    archive: list[np.ndarray] = []
    capacity = int(n * R_ARC + 0.5)
    while len(history) < budget:
        source.new_generation(n)
        ranked = sorted(range(n), key=lambda s: fitness[s])
        trials = []
        for i in range(n):
            slot = source.memory_slot(i)
            CR = 0.0 if memory_CR[slot] is None else source.rate(i, memory_CR[slot])
            F = source.factor(i, memory_F[slot])
            pbest = source.pick(i, "pbest", ranked[: max(2, int(n * P + 0.5))])
            r1 = source.pick(i, "r1", [s for s in range(n) if s != i])
            r2 = source.pick(i, "r2", [s for s in range(n + len(archive)) if s not in (i, r1)])
            x, other = population[i], population[r2] if r2 < n else archive[r2 - n]
            jrand = source.pick(i, "jrand", range(D))
            u = x.copy()
            for j in range(D):
                if j == jrand or source.crosses(i, j, CR):
                    u[j] = x[j] + F * (population[pbest][j] - x[j]) + F * (population[r1][j] - other[j])
                    if u[j] < LOW:
                        u[j] = (LOW + x[j]) / 2
                    elif u[j] > HIGH:
                        u[j] = (HIGH + x[j]) / 2
            trials.append((u, F, CR))
        trials = trials[: budget - len(history)]
        S_F, S_CR, delta = [], [], []
        for i, (u, F, CR) in enumerate(trials):
            value = function(u)
            history.append(u)
            best = min(best, value)
            if value < fitness[i]:
                S_F.append(F)
                S_CR.append(CR)
                delta.append(fitness[i] - value)
                if len(archive) < capacity:
                    archive.append(population[i])
                else:
                    archive[source.pick(i, "archive", range(capacity))] = population[i]
            if value <= fitness[i]:
                population[i], fitness[i] = u, value
        if S_F:
            w = [d / sum(delta) for d in delta]
            memory_F[k] = sum(a * b * b for a, b in zip(w, S_F, strict=True)) / sum(
                a * b for a, b in zip(w, S_F, strict=True)
            )
            if memory_CR[k] is None or max(S_CR) == 0:
                memory_CR[k] = None
            else:
                weighted = sum(a * b for a, b in zip(w, S_CR, strict=True))
                memory_CR[k] = sum(a * b * b for a, b in zip(w, S_CR, strict=True)) / weighted
            k = (k + 1) % H
        planned = max(N_MIN, int(n_init + (N_MIN - n_init) * len(history) / budget + 0.5))
        if planned < n:
            doomed = set(sorted(range(n), key=lambda s: fitness[s])[planned:])
            holes = [s for s in range(planned) if s in doomed]
            movers = [s for s in range(planned, n) if s not in doomed]
            for hole, mover in zip(holes, movers, strict=True):
                population[hole], fitness[hole] = population[mover], fitness[mover]
            population, fitness, n = population[:planned], fitness[:planned], planned
            capacity = int(n * R_ARC)
            archive = archive[:capacity]
    return np.array(history), best


def our_lshade(function, budget, n, seed):
    optimizer = de.make("lshade", [(LOW, HIGH)] * D, max_evaluations=budget, population=n, seed=seed, init="uniform")
    history = []
    while not optimizer.finished:
        batch = optimizer.ask()
        history.append(batch.x)
        optimizer.tell(batch.ids, [function(x) for x in batch.x])
    return np.concatenate(history), optimizer.best_f


@pytest.mark.parametrize("function", [rosenbrock, rastrigin, rotated_ellipsoid])
@pytest.mark.parametrize("seed", [1, 2])
def test_on_the_same_random_numbers_every_trial_vector_is_the_same(function, seed):
    def in_steps(x):
        """Points that differ in the last digit have the same value: which of two nearly equal wins is not by chance."""
        return round(function(x), 6)

    expected, best = sequential_lshade(in_steps, 1000, 24, SameRandomness(seed))
    found, our_best = our_lshade(in_steps, 1000, 24, seed)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert our_best == pytest.approx(best, rel=1e-6, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("function", [rosenbrock, rastrigin, rotated_ellipsoid])
def test_on_other_random_numbers_the_results_have_the_same_distribution(function):
    budget, n, runs = 1500, 24, 15
    ours = [our_lshade(function, budget, n, seed)[1] for seed in range(runs)]
    theirs = [sequential_lshade(function, budget, n, OwnRandomness(1000 + seed))[1] for seed in range(runs)]
    assert stats.mannwhitneyu(ours, theirs).pvalue > 0.01
