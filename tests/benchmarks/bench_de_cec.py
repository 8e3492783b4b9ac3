"""Quality on the CEC 2014 and CEC 2017 suites next to the published results, 10000 D evaluations.

    pip install minionpy    # its CEC functions are the organisers' C code, bit for bit
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_de_cec.py --algorithm lshade --suite cec2014 --dims 10 --runs 25
    python tests/benchmarks/bench_de_cec.py --table    # results/de/cec.md from all the measured lines

Every function is one line of results/de/cec.jsonl with the errors of all runs; errors below 1e-8 are 0. The algorithm
gets the population and the uniform start of its paper (`published_size`). The test against the published mean, standard
deviation and number of runs is Welch's t (one-sample where no deviation was published); a difference within the
rounding to three digits counts as none. Algorithms that are defined trial by trial (lsrtde, rdex) run so with
--options '{"schedule": "asynchronous"}' --label lsrtde-steady.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine, report
from scipy import stats

from autode import de

RESULTS = Path(__file__).resolve().parents[2] / "results" / "de"
SUITES = {"cec2014": tuple(range(1, 31)), "cec2017": (1, *range(3, 31))}  # the organisers dropped F2 of 2017


def problem(suite: str, number: int, dimension: int) -> Any:
    import minionpy

    kind = {"cec2014": minionpy.CEC2014Functions, "cec2017": minionpy.CEC2017Functions}[suite]
    function = kind(function_number=number, dimension=dimension)
    return lambda x: np.asarray(function(x.tolist())) - 100.0 * number


def final_error(algorithm: str, function: Any, dimension: int, seed: int, options: dict[str, Any]) -> float:
    """Error after 10000 D evaluations."""
    setup = {"population": de.ALGORITHMS[algorithm].published_size(dimension), "init": "uniform", **options}
    optimizer = de.make(algorithm, [(-100, 100)] * dimension, max_evaluations=10_000 * dimension, seed=seed, **setup)
    lot = 1 if optimizer.schedule == "asynchronous" else None  # one by one: steady state
    while not optimizer.finished:
        batch = optimizer.ask(lot)
        optimizer.tell(batch.ids, function(batch.x))
    return optimizer.best_f if optimizer.best_f > 1e-8 else 0.0


def compared(errors: list[float], published: dict[str, Any], number: int) -> tuple[str, float, float, float]:
    """Return the verdict ("=", "+" better, "-" worse than published), p, the published mean and its deviation."""
    mean, deviation = published["values"][str(number)]
    own, gap = float(np.std(errors, ddof=1)), float(np.mean(errors)) - mean
    gap -= float(np.clip(gap, -rounding(mean), rounding(mean)))  # what lies within the rounding is no difference
    ours = mean + gap
    if gap == 0:
        p = 1.0
    elif deviation is None or not (own or deviation):
        p = float(stats.ttest_1samp(np.asarray(errors) - np.mean(errors) + ours, mean).pvalue) if own else 0.0
    else:
        p = float(
            stats.ttest_ind_from_stats(
                ours, own, len(errors), mean, deviation, published["runs"], equal_var=False
            ).pvalue
        )
    return ("=" if p >= 0.05 else "+" if ours < mean else "-"), p, mean, deviation if deviation is not None else np.nan


def rounding(mean: float) -> float:
    """Half a unit of the third digit, as published."""
    return 0.5 * 10 ** (np.floor(np.log10(mean)) - 2) if mean > 0 else 1e-8


def measure(arguments: argparse.Namespace, options: dict[str, Any]) -> None:
    for dimension in arguments.dims:
        for number in arguments.functions or SUITES[arguments.suite]:
            function = problem(arguments.suite, number, dimension)
            started = time.process_time()
            seeds = range(arguments.seed, arguments.seed + arguments.runs)
            errors = [final_error(arguments.algorithm, function, dimension, seed, options) for seed in seeds]
            name = arguments.label or arguments.algorithm
            figures = {
                "algorithm": name,
                "suite": arguments.suite,
                "function": number,
                "dimension": dimension,
                "errors": errors,
                "cpu_us_per_evaluation": (time.process_time() - started) / (arguments.runs * dimension * 1e-2),
                "command": " ".join(["bench_de_cec.py", *sys.argv[1:]]),
            }
            text = f"{name} {arguments.suite} F{number} D={dimension}: {np.mean(errors):.3g} ({np.std(errors):.2g})"
            report("bench_de_cec", figures, text, arguments.results)


def table(path: Path) -> str:
    """All measured functions against the published ones, in Markdown."""
    published = json.loads((RESULTS / "published.json").read_text())
    measured: dict[tuple[str, str, int], dict[int, dict[str, Any]]] = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        measured.setdefault((row["suite"], row["algorithm"], row["dimension"]), {})[row["function"]] = row
    parts = []
    for (suite, algorithm, dimension), rows in sorted(measured.items()):
        known = published[suite].get(f"{algorithm.partition('-')[0]} {dimension}")
        parts.append("\n".join(_section(f"{suite.upper()}, {algorithm}, D = {dimension}", known, rows)))
    return "\n\n".join(parts) + "\n"


def _section(title: str, known: dict[str, Any] | None, rows: dict[int, dict[str, Any]]) -> list[str]:
    first, last = next(iter(rows.values())), list(rows.values())[-1]
    lines = [f"## {title}", "", f"`{first['command']}`, {last['date']}, {first['machine']}", ""]
    lines.append(f"Published: {known['source']}." if known else "No published figures at hand.")
    lines += ["", "| F | runs | mean (sd) | published | p | |", "|---|---|---|---|---|---|"]
    verdicts = []
    for number, row in sorted(rows.items()):
        errors = row["errors"]
        cells = [f"{np.mean(errors):.3g} ({np.std(errors, ddof=1):.2g})", "-", "-", ""]
        if known and str(number) in known["values"]:
            verdict, p, mean, deviation = compared(errors, known, number)
            verdicts.append(verdict)
            cells[1:] = [f"{mean:.3g}" + ("" if np.isnan(deviation) else f" ({deviation:.2g})"), f"{p:.2g}", verdict]
        lines.append(f"| {number} | {len(errors)} | " + " | ".join(cells) + " |")
    counts = ", ".join(f"{verdicts.count(v)} {word}" for v, word in (("=", "equal"), ("+", "better"), ("-", "worse")))
    return [*lines, "", f"At the 5 % level: {counts}." if verdicts else ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithm", default="lshade")
    parser.add_argument("--label", help="name in the results of a run with options, as algorithm-variant")
    parser.add_argument("--suite", choices=SUITES, default="cec2014")
    parser.add_argument("--functions", type=int, nargs="*")
    parser.add_argument("--dims", type=int, nargs="*", default=[10])
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--options", type=json.loads, default={}, help="further arguments of the algorithm, as JSON")
    parser.add_argument("--results", type=Path, default=RESULTS / "cec.jsonl")
    parser.add_argument("--table", action="store_true", help="write the tables from the results; measure nothing")
    arguments = parser.parse_args()
    if arguments.table:
        target = arguments.results.with_suffix(".md")
        target.write_text(table(arguments.results))
        print(f"bench_de_cec: {target}, {machine()}")
        return
    measure(arguments, arguments.options)


if __name__ == "__main__":
    main()
