"""Error over evaluations: how the algorithms get to their results on some functions of CEC 2017.

    pip install minionpy matplotlib
    OMP_NUM_THREADS=1 python tests/benchmarks/plot_anytime.py --runs 7    # measures and draws results/de/anytime.svg
    python tests/benchmarks/plot_anytime.py --draw                        # from results/de/anytime.jsonl alone

Each algorithm has its paper's population and a uniform start; D = 10, 100000 evaluations. A line is the median of the
runs, its band the quartiles.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from bench_de_cec import SOLVED, problem
from machine import report

from autode import de

RESULTS = Path(__file__).resolve().parents[2] / "results" / "de"
DIMENSION = 10
MARKS = np.unique(np.geomspace(200, 10_000 * DIMENSION, 60).astype(int))


def course(algorithm: str, function: Any, seed: int) -> list[float]:
    """Error at each of MARKS."""
    size, budget = de.ALGORITHMS[algorithm].published_size(DIMENSION), int(MARKS[-1])
    optimizer = de.make(
        algorithm, [(-100, 100)] * DIMENSION, max_evaluations=budget, population=size, seed=seed, init="uniform"
    )
    evaluations, values = [0], [np.inf]
    while not optimizer.finished and optimizer.best_f > SOLVED:
        batch = optimizer.ask()
        f = function(batch.x)
        evaluations.extend(range(evaluations[-1] + 1, evaluations[-1] + 1 + len(f)))
        values.extend(np.minimum(np.minimum.accumulate(f), values[-1]).tolist())
        optimizer.tell(batch.ids, f)
    last = np.minimum(MARKS, len(values) - 1)
    return [max(values[k], SOLVED) for k in last]


def measure(arguments: argparse.Namespace) -> None:
    for number in arguments.functions:
        for algorithm in arguments.algorithms:
            function = problem("cec2017", number, DIMENSION)
            errors = [course(algorithm, function, seed) for seed in range(1, arguments.runs + 1)]
            figures = {
                "algorithm": algorithm,
                "function": number,
                "dimension": DIMENSION,
                "evaluations": MARKS.tolist(),
                "errors": [[float(f"{error:.4g}") for error in run] for run in errors],
                "command": " ".join(["plot_anytime.py", *sys.argv[1:]]),
            }
            text = f"{algorithm} F{number}: median {np.median(errors, axis=0)[-1]:.3g} at the end"
            report("plot_anytime", figures, text, arguments.results)


def draw(arguments: argparse.Namespace) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    rows = [json.loads(line) for line in arguments.results.read_text().splitlines()]
    numbers = sorted({row["function"] for row in rows})
    figure, axes = pyplot.subplots(1, len(numbers), figsize=(3.6 * len(numbers), 3.4), layout="constrained")
    for axis, number in zip(np.atleast_1d(axes), numbers, strict=True):
        for row in (row for row in rows if row["function"] == number):
            low, middle, high = np.percentile(row["errors"], [25, 50, 75], axis=0)
            (line,) = axis.loglog(row["evaluations"], middle, label=row["algorithm"])
            axis.fill_between(row["evaluations"], low, high, color=line.get_color(), alpha=0.15, linewidth=0)
        axis.set(title=f"CEC 2017 F{number}, D = {DIMENSION}", xlabel="evaluations")
    np.atleast_1d(axes)[0].set_ylabel("error (1e-8: solved)")
    np.atleast_1d(axes)[-1].legend(frameon=False)
    target = arguments.results.with_suffix(".svg")
    figure.savefig(target, metadata={"Date": None})
    print(f"plot_anytime: {target}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithms", nargs="*", default=["rand1bin", "shade", "lshade", "jso", "lsrtde"])
    parser.add_argument("--functions", type=int, nargs="*", default=[5, 10, 12, 26])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--results", type=Path, default=RESULTS / "anytime.jsonl")
    parser.add_argument("--draw", action="store_true", help="draw what was measured; measure nothing")
    arguments = parser.parse_args()
    if not arguments.draw:
        measure(arguments)
    draw(arguments)


if __name__ == "__main__":
    main()
