"""L-SRTDE against a plain sequential re-implementation, trial by trial.

Once on the very same random numbers, where every trial vector must agree, and once on independent random numbers with
the habits of the authors' code, where the distributions of the results must agree.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from autode import de
from autode.de import table

LOW, HIGH, D, H = -5.0, 5.0, 5, 5
ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]


def rosenbrock(x):
    return float(sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairwise(x)))


def rastrigin(x):
    return float(sum(v * v - 10 * np.cos(2 * np.pi * v) + 10 for v in x))


def rotated_ellipsoid(x):
    return float(sum(10.0**j * v * v for j, v in enumerate(ROTATION @ x)))


functions = pytest.mark.parametrize("function", [rosenbrock, rastrigin, rotated_ellipsoid])


class AuthorsHabits:
    """Random choices by rejection; the initial front is sorted, donors differ by index, sizes are truncated."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def start(self, n):
        return [self.rng.uniform(LOW, HIGH, D) for _ in range(n)]

    def front(self, points, values):
        order = np.argsort(values)
        return [points[k] for k in order], [values[k] for k in order]

    def size(self, planned):
        return int(planned)

    def new_generation(self, n):
        pass

    def target(self, t, n):
        return int(self.rng.integers(n))

    def factor(self, t, mean):
        F = self.rng.normal(mean, 0.02)
        while not 0 <= F <= 1:
            F = self.rng.normal(mean, 0.02)
        return F

    def rate(self, t, memory):
        return min(1.0, max(0.0, self.rng.normal(memory[self.rng.integers(H)], 0.05)))

    def donors(self, t, i, attractors, weights, order):
        pbest = int(self.rng.integers(attractors))
        while pbest == i:
            pbest = int(self.rng.integers(attractors))
        share = np.array(weights) / sum(weights)
        r1 = int(self.rng.choice(len(weights), p=share))
        while order[r1] == pbest:
            r1 = int(self.rng.choice(len(weights), p=share))
        r2 = int(self.rng.integers(len(weights)))
        while r2 in (pbest, order[r1]):
            r2 = int(self.rng.integers(len(weights)))
        return pbest, r1, r2

    def jrand(self, t):
        return int(self.rng.integers(D))

    def crosses(self, t, j, CR):
        return self.rng.random() < CR

    def fresh(self, t, j):
        return self.rng.uniform(LOW, HIGH)


class SameRandomness:
    """The optimiser's own numbers: the same generator, asked for the same table in the same order."""

    columns = ("target", "memory", "F", "pbest", "r1", "r2", "jrand")

    def __init__(self, seed):
        self.rng = np.random.Generator(np.random.PCG64(seed))
        self.rows = self.used = 0

    def start(self, n):
        return list(LOW + self.rng.random((n, D)) * (HIGH - LOW))

    def front(self, points, values):
        return list(points), list(values)

    def size(self, planned):
        return int(planned + 0.5)

    def new_generation(self, n):
        if self.used + n > self.rows:  # small generations share a table
            self.rows, self.used = n * max(1, table.LOT // (n * D)), 0
            self.numbers = self.rng.random((len(self.columns), self.rows))
            self.normals = self.rng.standard_normal((1, self.rows))[0]
            self.genes, self.anew = (self.rng.random((self.rows, D), dtype=np.float32) for _ in range(2))
        part = slice(self.used, self.used + n)
        self.u = dict(zip(self.columns, self.numbers[:, part], strict=True))
        self.z, self.crossing, self.redraw = self.normals[part], self.genes[part], self.anew[part]
        self.used += n

    def target(self, t, n):
        return int(self.u["target"][t] * n)

    def factor(self, t, mean):
        return float(stats.truncnorm.ppf(self.u["F"][t], -mean / 0.02, (1 - mean) / 0.02, mean, 0.02))

    def rate(self, t, memory):
        return min(1.0, max(0.0, memory[int(self.u["memory"][t] * H)] + 0.05 * self.z[t]))

    def donors(self, t, i, attractors, weights, order):
        pbest = int(self.u["pbest"][t] * attractors)
        point, r1 = self.u["r1"][t] * sum(weights), 0
        while point >= sum(weights[: r1 + 1]):
            r1 += 1
        others = [rank for rank in range(len(weights)) if rank != pbest]
        return pbest, r1, others[int(self.u["r2"][t] * len(others))]

    def jrand(self, t):
        return int(self.u["jrand"][t] * D)

    def crosses(self, t, j, CR):
        return self.crossing[t, j] < np.float32(CR)

    def fresh(self, t, j):
        return LOW + float(self.redraw[t, j]) * (HIGH - LOW)


def best_of(points, values, n):
    order = sorted(range(len(values)), key=lambda k: values[k])[:n]
    return [points[k] for k in order], [values[k] for k in order]


def sequential_lsrtde(function, budget, n, source):
    """Stanovov & Semenkin 2024; returns all points in the order of evaluation and the best value."""
    n_init, history = n, source.start(n)
    start = [function(x) for x in history]
    front, front_f = source.front(history, start)
    top, top_f = best_of(history, start, n)
    history, lowest = list(history), min(start)
    memory, k, turn, rate = [1.0] * H, 0, 0, 0.5
    while len(history) < budget:
        source.new_generation(n)
        mean = 0.4 + 0.25 * math.tanh(5 * rate)
        attractors = max(2, int(0.7 * n * math.exp(-7 * rate)))
        order = sorted(range(n), key=lambda s: front_f[s])  # once a generation
        weights = [math.exp(-3 * rank / n) for rank in range(n)]
        new, new_f, shares, deltas = [], [], [], []
        for t in range(min(n, budget - len(history))):
            i, F, CR = source.target(t, n), source.factor(t, mean), source.rate(t, memory)
            pbest, r1, r2 = source.donors(t, i, attractors, weights, order)
            x, jrand, crossed = front[i], source.jrand(t), 0
            u = x.copy()
            for j in range(D):
                if j == jrand or source.crosses(t, j, CR):
                    u[j] = x[j] + F * (top[pbest][j] - x[j]) + F * (front[order[r1]][j] - top[r2][j])
                    if not LOW <= u[j] <= HIGH:
                        u[j] = source.fresh(t, j)
                    crossed += 1
            value = function(u)
            history.append(u)
            lowest = min(lowest, value)
            if value <= front_f[i]:
                new.append(u)
                new_f.append(value)
                shares.append(crossed / D)
                deltas.append(front_f[i] - value)
                front[turn], front_f[turn] = u, value  # whoever that is
                turn = (turn + 1) % n
        rate = len(new) / n
        if sum(deltas) > 0:
            weighted = [d * s for d, s in zip(deltas, shares, strict=True)]
            memory[k] = 0.5 * (memory[k] + sum(w * s for w, s in zip(weighted, shares, strict=True)) / sum(weighted))
            k = (k + 1) % H
        n = max(4, source.size(n_init + (4 - n_init) * len(history) / budget))
        stay = sorted(sorted(range(len(front)), key=lambda s: front_f[s])[:n])
        front, front_f, turn = [front[s] for s in stay], [front_f[s] for s in stay], turn % n
        top, top_f = best_of(top + new, top_f + new_f, n)
    return np.array(history), lowest


def our_lsrtde(function, budget, n, seed):
    optimizer = de.make("lsrtde", [(LOW, HIGH)] * D, max_evaluations=budget, population=n, seed=seed, init="uniform")
    history = []
    while not optimizer.finished:
        batch = optimizer.ask()
        history.append(batch.x)
        optimizer.tell(batch.ids, [function(x) for x in batch.x])
    return np.concatenate(history), optimizer.best_f


@functions
@pytest.mark.parametrize("seed", [1, 2])
def test_on_the_same_random_numbers_every_trial_vector_is_the_same(function, seed):
    expected, best = sequential_lsrtde(function, 1000, 24, SameRandomness(seed))
    found, our_best = our_lsrtde(function, 1000, 24, seed)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    assert our_best == pytest.approx(best, rel=1e-6, abs=1e-12)


@pytest.mark.slow
@functions
def test_on_other_random_numbers_the_results_have_the_same_distribution(function):
    budget, n, runs = 1500, 30, 15
    ours = [our_lsrtde(function, budget, n, seed)[1] for seed in range(runs)]
    theirs = [sequential_lsrtde(function, budget, n, AuthorsHabits(1000 + seed))[1] for seed in range(runs)]
    assert stats.mannwhitneyu(ours, theirs).pvalue > 0.01
