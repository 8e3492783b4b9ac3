"""Noise: what the recommended configuration is truly worth, with and without repetitions of the best one.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_noise.py --seeds 10 --noise 0.03
        --contestants autode autode:resample=4 lshade:population=10 lshade:population=10,resample=4
        --results results/small_budgets/noise.jsonl

Development tasks of `hpo_tasks` with normal noise on every value. After 100 trials the configuration with the best mean
is recommended; "true" is its value without noise, "promised" the mean that it was recommended for.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from bench_small_budget import parsed
from hpo_tasks import TASKS
from machine import report

from autode.search import make_search

EVALUATIONS = 100


def recommended(contestant: str, task: str, noise: float, seed: int) -> tuple[float, float]:
    """Return the true value of what a run recommends, and the mean it was recommended for."""
    space, f = TASKS[task]
    name, _, options = contestant.partition(":")
    settings = {"algorithm": name, "evaluations": EVALUATIONS, **parsed(options)}
    search = make_search(space, settings, seed, "asynchronous")
    rng = np.random.default_rng([seed, 7])
    seen: dict[Any, list[float]] = {}
    true: dict[Any, float] = {}
    while not search.finished:
        for proposal in search.ask(1):
            key = space.key(proposal.params)
            if key not in true:
                true[key] = f(proposal.params)
            value = true[key] + noise * float(rng.standard_normal())
            seen.setdefault(key, []).append(value)
            search.tell([proposal.id], [value])
    assert sum(map(len, seen.values())) == EVALUATIONS
    best = min(seen, key=lambda key: fmean(seen[key]))
    return true[best], fmean(seen[best])


def main() -> None:
    """Run what the arguments say and print a line for each contestant and task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contestants", nargs="+", default=["autode", "autode:resample=4"])
    parser.add_argument("--tasks", nargs="+", default=["elastic-net-diabetes"])
    parser.add_argument("--noise", type=float, default=0.03, help="standard deviation")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--results", type=Path)
    args = parser.parse_args()
    for task in args.tasks:
        for contestant in args.contestants:
            runs = [recommended(contestant, task, args.noise, 100 + seed) for seed in range(args.seeds)]
            true, promised = (fmean(one[k] for one in runs) for k in (0, 1))
            figures = {"contestant": contestant, "task": task, "noise": args.noise, "runs": runs}
            text = f"{contestant}, {task}, noise {args.noise:g}, {args.seeds} seeds"
            report("noise", figures, f"{text}: true {true:.4f}, promised {promised:.4f}", args.results)


if __name__ == "__main__":
    main()
