"""Small budgets on BBOB: mean log10 gap after 100, 200, 500 and 1000 evaluations, a run of its own for each budget.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_small_budget.py --algorithms autode lshade:population=10
        --budgets 100 200 --instances 1 2 3 --results results/small_budgets/bbob.jsonl

An algorithm may carry options after a colon, e.g. ``autode:local=False,centre=False``, or be a peer: ``optuna-cmaes``,
``optuna-tpe``, ``random``. Gaps below 1e-8 count as 1e-8, and end the run. Needs the extra ``benchmark``
(ioh, optuna, cmaes).
"""

from __future__ import annotations

import argparse
import ast
import warnings
from collections.abc import Callable, Iterator
from multiprocessing import Pool
from pathlib import Path
from statistics import fmean
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from machine import report

from autode import de

SMALLEST_GAP = 1e-8
Function = Callable[[Any], float]


class Run(NamedTuple):
    """One run to make: who, on what, how long."""

    algorithm: str
    budget: int
    function: int
    instance: int
    dimension: int


def gap(run: Run) -> tuple[Run, float, float]:
    """Return log10 of the best value's distance from the optimum, and CPU milliseconds an evaluation."""
    import ioh

    problem = ioh.get_problem(run.function, run.instance, run.dimension, ioh.ProblemClass.BBOB)
    seed = 1000 * run.instance + run.function
    start = process_time()
    best, made = np.inf, 0
    for value in _values(run, problem, seed):
        best, made = min(best, value - problem.optimum.y), made + 1
        if best <= SMALLEST_GAP:  # nothing more can count
            break
    ms = 1e3 * (process_time() - start) / made
    assert best <= SMALLEST_GAP or made == run.budget
    return run, float(np.log10(max(best, SMALLEST_GAP))), ms


def _values(run: Run, problem: Function, seed: int) -> Iterator[float]:
    name, _, options = run.algorithm.partition(":")
    bounds = [(-5.0, 5.0)] * run.dimension
    if name == "random":
        yield from map(problem, np.random.default_rng(seed).uniform(-5, 5, (run.budget, run.dimension)))
    elif name.startswith("optuna-"):
        yield from _optuna(name, run, problem, seed)
    else:
        optimizer = de.make(name, bounds, max_evaluations=run.budget, seed=seed, **parsed(options))
        while not optimizer.finished:
            batch = optimizer.ask()
            values = [problem(x) for x in batch.x]
            optimizer.tell(batch.ids, values)
            yield from values


def parsed(options: str) -> dict[str, Any]:
    """Read ``name=value,name=value``."""
    pairs = (one.split("=") for one in options.split(",") if one)
    return {key: ast.literal_eval(value) for key, value in pairs}


def _optuna(name: str, run: Run, problem: Function, seed: int) -> list[float]:
    import optuna

    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    samplers = {"optuna-cmaes": optuna.samplers.CmaEsSampler, "optuna-tpe": optuna.samplers.TPESampler}
    study = optuna.create_study(sampler=samplers[name](seed=seed))
    study.optimize(
        lambda t: problem([t.suggest_float(f"x{j}", -5, 5) for j in range(run.dimension)]), n_trials=run.budget
    )
    return [trial.value for trial in study.trials if trial.value is not None]


def main() -> None:
    """Run what the arguments say and print a line for each algorithm and budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithms", nargs="+", default=["autode", "lshade:population=10"])
    parser.add_argument("--budgets", nargs="+", type=int, default=[100, 200])
    parser.add_argument("--functions", nargs="+", type=int, default=list(range(1, 25)))
    parser.add_argument("--instances", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--dimension", type=int, default=5)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--results", type=Path)
    args = parser.parse_args()
    runs = [
        Run(algorithm, budget, function, instance, args.dimension)
        for budget in args.budgets
        for algorithm in args.algorithms
        for function in args.functions
        for instance in args.instances
    ]
    size = len(args.functions) * len(args.instances)
    with Pool(args.processes) as pool:
        done: list[tuple[Run, float, float]] = []
        for one in pool.imap(gap, runs):
            done.append(one)
            if len(done) == size:
                _report(done, args.results)
                done = []


def _report(done: list[tuple[Run, float, float]], results: Path | None) -> None:
    run = done[0][0]
    mean, ms = fmean(one[1] for one in done), fmean(one[2] for one in done)
    by_function: dict[int, list[float]] = {}
    for one, value, _ in done:
        by_function.setdefault(one.function, []).append(value)
    figures = {
        **{"algorithm": run.algorithm, "budget": run.budget, "dimension": run.dimension, "runs": len(done)},
        **{"mean_log10_gap": round(mean, 4), "cpu_ms_per_evaluation": round(ms, 2)},
        "by_function": {f: round(fmean(values), 2) for f, values in by_function.items()},
    }
    text = f"{run.algorithm}, {run.budget} evaluations, D={run.dimension}, {len(done)} runs: mean log10 gap {mean:.3f}"
    report("small_budget", figures, f"{text}, {ms:.1f} ms an evaluation", results)


if __name__ == "__main__":
    main()
