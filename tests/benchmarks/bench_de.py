"""Optimiser overhead: CPU microseconds per evaluation on a vectorized sphere, next to a plain NumPy rand/1/bin.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_de.py [--sizes 20x5,540x30] [--repeats 5] [--async | --memory]
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_de.py --algorithms lshade --peers minionpy,scipy  # installed ones

The figure is the slope between n and 3 n evaluations (set-up cancels), all contestants interleaved, from the least
times of the repeats (at least two with evosax, which compiles in the first); the ratio is to the first. Peers run their
L-SHADE (SciPy and evosax: their vectorized rand/1/bin; pygmo: its jDE) on the same function, with the conversion of the
batch that they need, convergence checks off. With --async: one ask(1) and one tell(1), eight trials out. With --memory:
peak of two generations, traced by tracemalloc.

pyade is on no package index (its name there is something else): it is the repository xKuZz/pyade, whose folder pyade
has to be found by PYTHONPATH. Measured was its L-SHADE of commit c3211e2 with the commons.py of 32bb97b and ``float``
for the ``np.float`` that NumPy dropped; in later ones L-SHADE stops at once without a callback to terminate it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from machine import report

from autode import de

SIZES = "20x5,100x30,540x30,1000x100,10000x100"


def sphere(x: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", x, x)


def numpy_rand1bin(size: int, dimension: int, evaluations: int) -> None:
    """The yardstick: whole-array NumPy, donors by offsets, re-drawn out-of-box genes, nothing adaptive."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-5, 5, (size, dimension))
    f = sphere(x)
    everyone = np.arange(size)
    for _ in range(evaluations // size - 1):
        offsets = rng.permutation(size - 1)[:3] + 1
        r1, r2, r3 = (everyone + offsets[:, None]) % size
        trial = x[r1] + 0.5 * (x[r2] - x[r3])
        cross = rng.random((size, dimension)) < 0.9
        cross[everyone, rng.integers(0, dimension, size)] = True
        trial = np.where(cross, trial, x)
        np.clip(trial, -5, 5, out=trial)
        value = sphere(trial)
        wins = value <= f
        x[wins], f[wins] = trial[wins], value[wins]


def ours(name: str) -> Callable[[int, int, int], None]:
    def run(size: int, dimension: int, evaluations: int) -> None:
        optimizer = de.make(
            name, [(-5, 5)] * dimension, max_evaluations=evaluations, population=size, seed=1, init="uniform"
        )
        while not optimizer.finished:
            batch = optimizer.ask()
            optimizer.tell(batch.ids, sphere(batch.x))

    return run


def minionpy_lshade(size: int, dimension: int, evaluations: int) -> None:
    import minionpy

    options = {"population_size": size, "x_tol": -1.0, "f_tol": -1.0}
    box = [(-5.0, 5.0)] * dimension
    minionpy.Minimizer(
        lambda x: sphere(np.asarray(x)).tolist(), box, algo="LSHADE", maxevals=evaluations, seed=1, options=options
    ).optimize()


def scipy_vectorized(size: int, dimension: int, evaluations: int) -> None:
    from scipy.optimize import differential_evolution

    start = np.random.default_rng(1).uniform(-5, 5, (size, dimension))
    setup = {"strategy": "rand1bin", "updating": "deferred", "tol": 0, "atol": 0, "polish": False, "seed": 1}
    generations = evaluations // size - 1
    differential_evolution(
        lambda x: sphere(x.T), [(-5, 5)] * dimension, init=start, maxiter=generations, vectorized=True, **setup
    )


def niapy_lshade(size: int, dimension: int, evaluations: int) -> None:
    from niapy.algorithms.modified import LpsrSuccessHistoryAdaptiveDifferentialEvolution
    from niapy.problems import Problem
    from niapy.task import Task

    class Sphere(Problem):
        def _evaluate(self, x):
            return float(x @ x)

    task = Task(problem=Sphere(dimension=dimension, lower=-5, upper=5), max_evals=evaluations)
    LpsrSuccessHistoryAdaptiveDifferentialEvolution(population_size=size, seed=1).run(task)


def mealpy_lshade(size: int, dimension: int, evaluations: int) -> None:
    from mealpy import FloatVar
    from mealpy.evolutionary_based.SHADE import L_SHADE

    box = FloatVar(lb=[-5.0] * dimension, ub=[5.0] * dimension)
    problem = {"obj_func": lambda x: float(x @ x), "bounds": box, "minmax": "min", "log_to": None}
    L_SHADE(epoch=max(1, evaluations // size - 1), pop_size=size).solve(problem, seed=1)


def pyade_lshade(size: int, dimension: int, evaluations: int) -> None:
    from pyade import lshade

    box = np.array([[-5.0, 5.0]] * dimension)
    budget = {"population_size": size, "max_evals": evaluations}
    settings = {**lshade.get_default_params(dimension), **budget, "bounds": box, "seed": 1}
    lshade.apply(func=lambda x: float(x @ x), **settings)


def pygmo_jde(size: int, dimension: int, evaluations: int) -> None:
    import pygmo

    class Sphere:
        def fitness(self, x):
            return (float(x @ x),)

        def get_bounds(self):
            return [-5.0] * dimension, [5.0] * dimension

    jde = pygmo.sade(gen=max(1, evaluations // size - 1), variant_adptv=1, ftol=0.0, xtol=0.0, seed=1)
    pygmo.algorithm(jde).evolve(pygmo.population(pygmo.problem(Sphere()), size, seed=1))


@cache
def _evosax_generation(size: int, dimension: int) -> tuple[Any, Any]:
    """Compile a generation once for each shape: that does not count."""
    import jax
    from evosax.algorithms import DifferentialEvolution

    algorithm = DifferentialEvolution(population_size=size, solution=jax.numpy.zeros(dimension))

    @jax.jit
    def generation(state, key):
        asking, telling = jax.random.split(key)
        x, state = algorithm.ask(asking, state, algorithm.default_params)
        state, _ = algorithm.tell(telling, x, (x * x).sum(axis=1), state, algorithm.default_params)
        return state

    return algorithm, generation


def evosax_rand1bin(size: int, dimension: int, evaluations: int) -> None:
    import jax

    algorithm, generation = _evosax_generation(size, dimension)
    key = jax.random.key(1)
    x = jax.random.uniform(key, (size, dimension), minval=-5.0, maxval=5.0)
    state = algorithm.init(key, x, (x * x).sum(axis=1), algorithm.default_params)
    for _ in range(evaluations // size - 1):
        key, subkey = jax.random.split(key)
        state = generation(state, subkey)
    jax.block_until_ready(state.fitness)


PEERS = {
    "minionpy": minionpy_lshade,
    "scipy": scipy_vectorized,
    "niapy": niapy_lshade,
    "mealpy": mealpy_lshade,
    "pyade": pyade_lshade,
    "pygmo": pygmo_jde,
    "evosax": evosax_rand1bin,
}


def peak_memory(name: str, size: int, dimension: int) -> float:
    """Peak of two generations, in population arrays (size x dimension doubles)."""
    import tracemalloc

    tracemalloc.start()
    ours(name)(size, dimension, 2 * size)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / (size * dimension * 8)


def cpu_seconds(run: Callable[[int, int, int], None], size: int, dimension: int, evaluations: int) -> float:
    start = time.process_time()
    run(size, dimension, evaluations)
    return time.process_time() - start


def slopes_us(
    contestants: dict[str, Callable[[int, int, int], None]], size: int, dimension: int, repeats: int
) -> dict[str, float]:
    """CPU microseconds per evaluation between n and 3 n evaluations, from the least time of either; interleaved."""
    evaluations = max(20 * size, min(20_000, 3_000_000 // dimension))
    least = {(name, factor): np.inf for name in contestants for factor in (1, 3)}
    for _ in range(repeats):
        for name, factor in least:
            seconds = cpu_seconds(contestants[name], size, dimension, factor * evaluations)
            least[name, factor] = min(least[name, factor], seconds)
    return {name: (least[name, 3] - least[name, 1]) / (2 * evaluations) * 1e6 for name in contestants}


def one_by_one_us(name: str, size: int, dimension: int, evaluations: int = 3000) -> tuple[float, float]:
    """CPU microseconds of ask(1) and of tell of one value, asynchronous, eight trials out."""
    optimizer = de.make(
        name,
        [(-5, 5)] * dimension,
        max_evaluations=evaluations,
        population=size,
        seed=1,
        schedule="asynchronous",
    )
    asking = telling = 0.0
    out = [optimizer.ask(1) for _ in range(8)]
    while not optimizer.finished:
        batch = out.pop(0)
        value = sphere(batch.x)
        start = time.process_time()
        optimizer.tell(batch.ids, value)
        middle = time.process_time()
        following = optimizer.ask(1)
        asking, telling = asking + time.process_time() - middle, telling + middle - start
        if len(following):
            out.append(following)
    return asking / evaluations * 1e6, telling / evaluations * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--algorithms", default=",".join(de.ALGORITHMS))
    parser.add_argument("--peers", default="", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--async", dest="asynchronous", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--results", type=Path, help="add the figures to this file of JSON lines")
    arguments = parser.parse_args()
    sizes = [tuple(int(part) for part in size.split("x")) for size in arguments.sizes.split(",")]
    names = arguments.algorithms.split(",")
    for size, dimension in sizes:
        if arguments.asynchronous:
            times = {name: one_by_one_us(name, size, dimension) for name in names}
            row = "  ".join(f"{name} {ask:.0f}+{tell:.0f}" for name, (ask, tell) in times.items())
            figures = {"ask_tell_us": times, "population": size, "dimension": dimension}
            report("bench_de", figures, f"ask(1)+tell(1) us, NP={size} D={dimension}: {row}", arguments.results)
            continue
        if arguments.memory:
            peaks = {name: peak_memory(name, size, dimension) for name in names}
            row = "  ".join(f"{name} {peak:.1f}" for name, peak in peaks.items())
            figures = {"peak_in_population_arrays": peaks, "population": size, "dimension": dimension}
            report("bench_de", figures, f"peak in population arrays, NP={size} D={dimension}: {row}", arguments.results)
            continue
        peers = {name: PEERS[name] for name in arguments.peers.split(",") if name}
        contestants = {**(peers or {"numpy": numpy_rand1bin}), **{name: ours(name) for name in names}}
        best = slopes_us(contestants, size, dimension, arguments.repeats)
        first = next(iter(contestants))
        row = "  ".join(f"{name} {us:.2f} ({us / best[first]:.2g}x)" for name, us in best.items())
        figures = {"us_per_evaluation": best, "population": size, "dimension": dimension}
        report("bench_de", figures, f"us/evaluation, NP={size} D={dimension}: {row}", arguments.results)


if __name__ == "__main__":
    main()
