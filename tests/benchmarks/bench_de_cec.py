"""Quality on the CEC 2013, 2014 and 2017 suites next to the published results, 10000 D evaluations.

    pip install minionpy    # its CEC 2014 and 2017 functions are the organisers' C code, bit for bit
    pip install opfunu      # CEC 2013: only those of its functions that agree with the organisers' code
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_de_cec.py --algorithm lshade --suite cec2014 --dims 10 --runs 25
    python tests/benchmarks/bench_de_cec.py --table    # results/de/cec.md from all the measured lines

Every function is one line of results/de/cec.jsonl with the errors of all runs; errors below 1e-8 are 0, and a run ends
there, as nothing can change that any more. The algorithm gets the population and the uniform start of its paper
(`published_size`). An algorithm named minionpy-X is X of that library, another implementation on the same functions.

The test is Welch's t against the published mean, standard deviation and number of runs; a difference within the
rounding to three digits counts as none. Where only a mean was published, it is as uncertain as ours would be with that
number of runs: its deviation is taken to be ours.
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
SUITES = {
    "cec2013": (1, 2, 4, 6, 10, 14, 15, 16),  # where opfunu agrees with the organisers' code
    "cec2014": tuple(range(1, 31)),
    "cec2017": (1, *range(3, 31)),  # the organisers dropped F2
}
SOLVED = 1e-8


def problem(suite: str, number: int, dimension: int) -> Any:
    """Return the error of points, shape (n, D), as a function that gives an array of shape (n,)."""
    if suite == "cec2013":
        from opfunu.cec_based import cec2013

        one = getattr(cec2013, f"F{number}2013")(ndim=dimension)
        return (
            katsuura(one) if number == 16 else lambda x: np.array([one.evaluate(point) for point in x]) - one.f_global
        )
    import minionpy

    kind = {"cec2014": minionpy.CEC2014Functions, "cec2017": minionpy.CEC2017Functions}[suite]
    function = kind(function_number=number, dimension=dimension)
    return lambda x: np.asarray(function(x.tolist())) - 100.0 * number


def katsuura(one: Any) -> Any:
    """Return F16 of CEC 2013 (Liang et al. 2013) for whole arrays: opfunu takes 2.7 ms for a value. Its data are used.

    prod_i (1 + i sum_{j=1..32} |2^j z_i - round(2^j z_i)| / 2^j) ^ (10 / D^1.2), less 1, times 10 / D^2.
    """
    n = one.ndim
    first, second = one.f_matrix[:n], one.f_matrix[n : 2 * n]
    turn = (second * 100.0 ** (0.5 * np.arange(n) / (n - 1))) @ first * 0.05
    powers = 2.0 ** np.arange(1, 33)

    def function(x: np.ndarray) -> np.ndarray:
        scaled = ((x - one.f_shift) @ turn.T)[:, :, None] * powers
        sums = (np.abs(scaled - np.round(scaled)) / powers).sum(axis=2)
        return (((1 + np.arange(1, n + 1) * sums) ** (10 / n**1.2)).prod(axis=1) - 1) * 10 / n**2

    points = np.random.default_rng(0).uniform(-100, 100, (20, n))
    theirs = np.array([one.evaluate(point) for point in points]) - one.f_global
    np.testing.assert_allclose(function(points), theirs, rtol=1e-5)  # 2^32 z has few digits behind the point
    return function


def final_error(algorithm: str, function: Any, dimension: int, seed: int, options: dict[str, Any]) -> tuple[float, int]:
    """Error after 10000 D evaluations, and how many it took."""
    box, budget = [(-100, 100)] * dimension, 10_000 * dimension
    if algorithm.startswith("minionpy-"):
        return minionpy_error(algorithm.partition("-")[2], function, box, budget, seed)
    setup = {"population": de.ALGORITHMS[algorithm].published_size(dimension), "init": "uniform", **options}
    optimizer = de.make(algorithm, box, max_evaluations=budget, seed=seed, **setup)
    while not optimizer.finished and optimizer.best_f > SOLVED:
        batch = optimizer.ask()
        optimizer.tell(batch.ids, function(batch.x))
    return optimizer.best_f if optimizer.best_f > SOLVED else 0.0, optimizer.nfev


def minionpy_error(algorithm: str, function: Any, box: list[Any], budget: int, seed: int) -> tuple[float, int]:
    """Error of an algorithm of minionpy with its own settings."""
    import minionpy

    best = np.inf

    def watched(points: Any) -> Any:
        nonlocal best
        values = function(np.asarray(points))
        best = min(best, float(values.min()))
        return values.tolist()

    minionpy.Minimizer(watched, box, algo=algorithm, maxevals=budget, seed=seed).optimize()
    return best if best > SOLVED else 0.0, budget


def compared(errors: list[float], published: dict[str, Any], number: int) -> tuple[str, float, float, float]:
    """Return the verdict ("=", "+" better, "-" worse than published), p, the published mean and its deviation."""
    mean, deviation = published["values"][str(number)]
    own, gap = float(np.std(errors, ddof=1)), float(np.mean(errors)) - mean
    gap -= float(np.clip(gap, -rounding(mean), rounding(mean)))  # what lies within the rounding is no difference
    theirs = own if deviation is None else deviation
    if gap == 0:
        p = 1.0
    elif not (own or theirs):
        p = 0.0
    else:
        runs = len(errors), published["runs"]
        p = float(stats.ttest_ind_from_stats(mean + gap, own, runs[0], mean, theirs, runs[1], equal_var=False).pvalue)
    return ("=" if p >= 0.05 else "+" if gap < 0 else "-"), p, mean, deviation if deviation is not None else np.nan


def rounding(mean: float) -> float:
    """Half a unit of the third digit, as published."""
    return 0.5 * 10 ** (np.floor(np.log10(mean)) - 2) if mean > 0 else 1e-8


def measure(arguments: argparse.Namespace, options: dict[str, Any]) -> None:
    for dimension in arguments.dims:
        for number in arguments.functions or SUITES[arguments.suite]:
            function = problem(arguments.suite, number, dimension)
            started = time.process_time()
            seeds = range(arguments.seed, arguments.seed + arguments.runs)
            ends = [final_error(arguments.algorithm, function, dimension, seed, options) for seed in seeds]
            errors = [error for error, _ in ends]
            name = arguments.label or arguments.algorithm
            figures = {
                "algorithm": name,
                "suite": arguments.suite,
                "function": number,
                "dimension": dimension,
                "errors": errors,
                "cpu_us_per_evaluation": (time.process_time() - started) / sum(nfev for _, nfev in ends) * 1e6,
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
        port = measured.get((suite, f"minionpy-{algorithm.upper()}", dimension), {})
        known = published[suite].get(f"{algorithm} {dimension}") or (_implementation(port) if port else None)
        parts.append("\n".join(_section(f"{suite.upper()}, {algorithm}, D = {dimension}", known, rows)))
    return "\n\n".join(parts) + "\n"


def _implementation(rows: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Another implementation's results in the place of published ones."""
    values = {str(number): (np.mean(row["errors"]), np.std(row["errors"], ddof=1)) for number, row in rows.items()}
    runs = min(len(row["errors"]) for row in rows.values())
    return {
        "source": f"nothing; minionpy's implementation instead (below), {runs} runs",
        "runs": runs,
        "values": values,
    }


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
        mark = "*" if known and str(number) in known.get("notes", {}) else ""
        lines.append(f"| {number}{mark} | {len(errors)} | " + " | ".join(cells) + " |")
    counts = ", ".join(f"{verdicts.count(v)} {word}" for v, word in (("=", "equal"), ("+", "better"), ("-", "worse")))
    notes = [f"- F{number}: {note}" for number, note in (known or {}).get("notes", {}).items() if int(number) in rows]
    return [*lines, "", f"At the 5 % level: {counts}." if verdicts else "", *(["", *notes] if notes else [])]


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
