"""What going on with a killed study costs more than starting a new one, up to the first evaluation.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_restart.py [--repeats 5] [--results FILE]

From `Study.run` (imports done) to the first record ``started``, on two worker processes: in an empty folder, and in one
whose run was cut short after 100 of 120 trials. CPU time of the run's process; wall time, which also has the start of
the worker processes in it, for comparison.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench_overhead import EndedError, Stopwatch, nothing, study
from machine import report

from autode.study import Listener

TRIALS, DONE = 120, 100


class EndAtTheFirst(Listener):
    """Ends the process with the first trial's start; prints wall and CPU seconds."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def record(self, record: dict[str, Any]) -> None:
        if record["type"] == "started":
            print(time.perf_counter() - self.wall, time.process_time() - self.cpu, flush=True)
            os._exit(0)


def start(folder: str) -> None:
    """Be the process that is measured."""
    import autode.execution.local
    import autode.study.session  # noqa: F401 - what a run imports does not count

    study(Path(folder), TRIALS).run(nothing, workers=2, listener=EndAtTheFirst())


def measure(folder: Path, killed: bool) -> tuple[float, float]:
    if killed:
        with suppress(EndedError):
            study(folder, TRIALS).run(nothing, listener=Stopwatch(end_after=DONE))
    done = subprocess.run(
        [sys.executable, __file__, "--as", str(folder)], check=True, stdout=subprocess.PIPE, text=True
    )
    wall, cpu = map(float, done.stdout.split())
    return wall, cpu


def main() -> None:
    if sys.argv[1:2] == ["--as"]:
        start(sys.argv[2])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--results", type=Path, help="add the figures to this file")
    arguments = parser.parse_args()
    figures, text = {}, []
    with tempfile.TemporaryDirectory() as folder:
        runs = {name: [] for name in ("new", "killed")}  # type: dict[str, list[tuple[float, float]]]
        for repeat in range(arguments.repeats):  # in turn, as the load changes
            for name, measured in runs.items():
                measured.append(measure(Path(folder) / f"{name}{repeat}", name == "killed"))
    for name, measured in runs.items():
        wall, cpu = (statistics.median(column) for column in zip(*measured, strict=True))
        figures |= {f"{name}_wall_s": wall, f"{name}_cpu_s": cpu}
        text.append(f"{name} study {cpu:.3f} s CPU, {wall:.2f} s wall")
    report("bench_restart", figures, "; ".join(text) + " (medians)", arguments.results)


if __name__ == "__main__":
    main()
