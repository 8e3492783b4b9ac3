"""Real hyperparameter tasks: best error after 30, 60 and 100 trials, and the mean rank among contestants.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_hpo_tasks.py --tasks tables --seeds 10 --contestants autode random
        lshade:population=10 optuna-tpe optuna-tpe-univariate optuna-cmaes propulate dehb-de scipy-de
        --results results/small_budgets/hpo.jsonl
    python tests/benchmarks/bench_hpo_tasks.py --rank results/small_budgets/hpo.jsonl --tasks tables

One run of 100 trials a seed, read at 30, 60 and 100. The group development is of `hpo_tasks`, tables of `hpo_tables`,
folds of `hpo_folds`: "autode" saw only the first while it was developed. An algorithm of autode may carry options after
a colon. The differential evolutions of others, and Propulate, have populations of 10. Needs the extra ``benchmark``;
``dehb-de`` (plain DE of DEHB) needs the package dehb, which asks for an older NumPy but runs with NumPy 2;
``propulate`` needs propulate 1.2.2, colorlog, deepdiff, h5py and mpi4py, not the GPy and older Matplotlib it asks for.
``dehb``, DEHB itself with its successive halving, needs a fidelity, which only the group folds has, and dask and
distributed besides. Its budget is as many folds as the others make; what it found counts where it made all nine.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from random import Random
from statistics import fmean
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
from bench_small_budget import parsed
from hpo_folds import FOLD_TASKS, FOLDS
from hpo_tables import TABLES
from hpo_tasks import TASKS
from machine import report

from autode.search import make_search
from autode.space import Categorical, Float, Hyperparameter, Int, Ordinal, Space
from autode.space.conditions import allowed_by, parents_first

MARKS = (30, 60, 100)
#: The tasks with a fidelity for those that always make all folds.
WHOLE_FOLDS = {name: (space, partial(f, folds=FOLDS)) for name, (space, f) in FOLD_TASKS.items()}
POPULATION = 10
Objective = Callable[[Any], float]


def curve(contestant: str, space: Space, f: Objective, seed: int) -> list[float]:
    """Return the best value after each of the trials."""
    values: list[float] = []

    def noted(params: Any) -> float:
        values.append(f(params))
        return values[-1]

    run = PEERS.get(contestant, _autode)
    run(contestant, space, noted, seed)
    return np.minimum.accumulate(values[: MARKS[-1]]).tolist()


def _autode(contestant: str, space: Space, f: Objective, seed: int) -> None:
    name, _, options = contestant.partition(":")
    settings = {"algorithm": name, "evaluations": MARKS[-1], **parsed(options)}
    search = make_search(space, settings, seed, "asynchronous" if name == "autode" else "generational")
    while not search.finished:
        for proposal in search.ask():
            search.tell([proposal.id], [f(proposal.params)])


def _optuna(contestant: str, space: Space, f: Objective, seed: int) -> None:
    import optuna

    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    samplers = {
        "optuna-tpe": lambda: optuna.samplers.TPESampler(seed=seed, multivariate=True),
        "optuna-tpe-univariate": lambda: optuna.samplers.TPESampler(seed=seed, multivariate=False),
        "optuna-cmaes": lambda: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
    }
    study = optuna.create_study(sampler=samplers[contestant]())
    study.optimize(lambda trial: f(_suggested(trial, space)), n_trials=MARKS[-1])


def _suggested(trial: Any, space: Space) -> dict[str, Any]:
    """Ask Optuna for the active hyperparameters only, as its users do."""
    params: dict[str, Any] = {}
    for name in parents_first(space.hyperparameters):
        h = space.hyperparameters[name]
        if not all(parent in params and allowed_by(params[parent], one) for parent, one in (h.when or {}).items()):
            continue
        if isinstance(h, Float):
            params[name] = trial.suggest_float(name, h.low, h.high, log=h.log)
        elif isinstance(h, Int):
            params[name] = trial.suggest_int(name, h.low, h.high, log=h.log)
        elif isinstance(h, Categorical):
            params[name] = h.choices[trial.suggest_categorical(name, list(range(len(h.choices))))]
        elif isinstance(h, Ordinal):
            params[name] = h.choices[trial.suggest_int(name, 0, len(h.choices) - 1)]
    return params


def _scipy(contestant: str, space: Space, f: Objective, seed: int) -> None:
    from scipy.optimize import differential_evolution

    start = np.random.default_rng(seed).random((POPULATION, space.dimension))
    generations = MARKS[-1] // POPULATION
    never = {"tol": 0.0, "atol": -1.0}  # a population of equal values would end the run
    differential_evolution(
        lambda u: f(space.decode(u)), space.bounds, init=start, maxiter=generations, polish=False, rng=seed, **never
    )


def _dehb(contestant: str, space: Space, f: Objective, seed: int) -> None:
    from dehb.optimizers import DE

    def evaluated(u: Any, **unused: Any) -> dict[str, float]:
        return {"fitness": f(space.decode(u)), "cost": 1.0}

    settings = {"mutation_factor": 0.5, "crossover_prob": 0.5, "strategy": "rand1_bin"}
    de = DE(f=evaluated, dimensions=space.dimension, pop_size=POPULATION, seed=seed, **settings)
    de.run(generations=MARKS[-1] // POPULATION - 1)


def _propulate(contestant: str, space: Space, f: Objective, seed: int) -> None:
    """Do what Propulate's Propulator does on one rank, where that of release 1.2.2 hangs: it sends to itself.

    Everything else is as released, also that a new category may not replace the old one: ``Individual.__setitem__``
    clears the wrong places of its one-hot code unless the hyperparameter is the first.
    """
    limits = {name: _limits(h) for name, h in space.hyperparameters.items()}
    breed = _default_propagator()(POPULATION, limits, rng=Random(seed))
    population: list[Any] = []
    for _ in range(MARKS[-1]):
        individual = breed(population)
        values = {name: _meant(h, individual[name]) for name, h in space.hyperparameters.items()}
        individual.loss = f(space.active(values))
        population.append(individual)


@cache
def _default_propagator() -> Callable[..., Any]:
    """Import what makes Propulate's default propagator, but not its ``__init__``: that imports GPy for surrogates."""
    spec = importlib.util.find_spec("propulate")
    if spec is None:
        raise ModuleNotFoundError("the contestant propulate needs the package propulate")
    sys.modules["propulate"] = importlib.util.module_from_spec(spec)
    from propulate.utils import get_default_propagator

    return get_default_propagator


def _limits(h: Hyperparameter) -> tuple[Any, ...]:
    """Return the hyperparameter as its users write it: ranges of floats or of whole numbers, texts for categories."""
    if isinstance(h, Categorical):
        return tuple(map(str, range(len(h.choices))))
    if isinstance(h, Ordinal):
        return 0, len(h.choices) - 1
    # it has no log scale: exponents, here as shares of their range, which makes no difference to its operators
    return (0.0, 1.0) if isinstance(h, Float) or h.log else (h.low, h.high)


def _meant(h: Hyperparameter, value: Any) -> Any:
    if isinstance(h, Ordinal):
        return h.choices[int(value)]
    return h.from_unit(value) if isinstance(value, float) else value


def _multi_fidelity(space: Space, f: Callable[[Any, int], float], seed: int) -> list[float]:
    """Return DEHB's best value over all folds, after as many folds as each of the trials of others makes."""
    from dehb import DEHB

    best = [math.inf] * MARKS[-1]
    made = 0
    with TemporaryDirectory() as folder:
        settings = {"min_fidelity": 1, "max_fidelity": FOLDS, "eta": 3, "n_workers": 1, "save_freq": "end"}
        dehb = DEHB(f=None, dimensions=space.dimension, seed=seed, output_path=folder, log_level="ERROR", **settings)
        while made < FOLDS * MARKS[-1]:
            job = dehb.ask()
            folds = round(job["fidelity"])
            value = f(space.decode(job["config"]), folds)
            made += folds
            dehb.tell(job, {"fitness": value, "cost": float(folds)})
            if folds == FOLDS and made <= FOLDS * MARKS[-1]:
                best[math.ceil(made / FOLDS) - 1] = value
    return np.minimum.accumulate(best).tolist()


PEERS: dict[str, Callable[[str, Space, Objective, int], None]] = {
    "optuna-tpe": _optuna,
    "optuna-tpe-univariate": _optuna,
    "optuna-cmaes": _optuna,
    "scipy-de": _scipy,
    "dehb-de": _dehb,
    "propulate": _propulate,
}


def measure(contestant: str, task: str, seeds: int) -> tuple[dict[str, Any], str]:
    """Run a contestant on a task; return figures for the results file and their line."""
    if contestant == "dehb" and task not in FOLD_TASKS:
        raise SystemExit(f"dehb needs a fidelity, which {task} lacks; expected one of {', '.join(FOLD_TASKS)}")
    space, f = (FOLD_TASKS if contestant == "dehb" else {**TASKS, **TABLES, **WHOLE_FOLDS})[task]
    spent = 0.0

    def timed(*given: Any) -> float:
        nonlocal spent
        start = process_time()
        value = f(*given)
        spent += process_time() - start
        return value

    run = _multi_fidelity if contestant == "dehb" else partial(curve, contestant)
    start = process_time()
    curves = [run(space, timed, 100 + seed) for seed in range(seeds)]
    overhead = (process_time() - start - spent) / (seeds * MARKS[-1])
    best = {mark: [one[mark - 1] for one in curves] for mark in MARKS}
    figures = {"contestant": contestant, "task": task, "best": best, "cpu_ms_per_trial": round(1e3 * overhead, 2)}
    means = ", ".join(f"{fmean(best[mark]):.4f} at {mark}" for mark in MARKS)
    return figures, f"{contestant}, {task}, {seeds} seeds: {means}; {1e3 * overhead:.1f} ms a trial"


def ranks(files: list[Path], tasks: list[str], contestants: list[str] | None) -> Iterator[tuple[str, list[float]]]:
    """Yield each contestant's mean rank at the marks over tasks and seeds; equal values share their ranks' mean."""
    from scipy.stats import rankdata

    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    rows = [row for row in rows if row.get("task") in tasks]
    latest = {(row["contestant"], row["task"]): row["best"] for row in rows}
    names = contestants or list(dict.fromkeys(name for name, _ in latest))
    seeds = min(len(latest[name, task][str(MARKS[0])]) for name in names for task in tasks)  # those that all have
    table = np.array([[[latest[name, task][str(m)][:seeds] for m in MARKS] for task in tasks] for name in names])
    ranked = rankdata(table, axis=0).mean(axis=(1, 3))  # contestants, marks
    yield from zip(names, ranked.tolist(), strict=True)


def _chosen(names: list[str]) -> list[str]:
    groups = {"development": list(TASKS), "tables": list(TABLES), "folds": list(FOLD_TASKS)}
    return [task for name in names for task in groups.get(name, [name])]


def main() -> None:
    """Run what the arguments say and print a line for each contestant and task, or the ranks of a results file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contestants", nargs="+", default=None)
    parser.add_argument("--tasks", nargs="+", default=["elastic-net-diabetes"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--rank", type=Path, nargs="+", help="results files: print mean ranks instead of running")
    args = parser.parse_args()
    tasks = _chosen(args.tasks)
    if args.rank:
        for name, mean in ranks(args.rank, tasks, args.contestants):
            print(f"{name:30s}" + "  ".join(f"{one:.2f}" for one in mean))
        return
    for task in tasks:
        for contestant in args.contestants or ["autode", "random"]:
            report("hpo_tasks", *measure(contestant, task, args.seeds), args.results)


if __name__ == "__main__":
    main()
