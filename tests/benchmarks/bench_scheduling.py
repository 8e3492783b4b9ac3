"""How well MPI ranks are kept busy by trials of very different length.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_scheduling.py [--full] [--results FILE]

320 trials that sleep, lognormally long (mean 0.2 s, sigma 0.8), the n-th always equally long. Efficiency is the sum
of the sleeps over ranks x makespan; all ranks count, rank 0 evaluates too. Starting Python does not count: the first
trials (one a rank) wait for each other, and the makespan runs from the first start after them to the last end. The
bound is greedy list scheduling of the same sleeps without any overhead. Sleeps need no core, so that the ranks may be
more than the cores. The quick form is one run on 8 ranks; --full is 4, 8, 16 ranks, two seeds, both schedules.
"""

from __future__ import annotations

import argparse
import heapq
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import numpy as np
from machine import mpiexec, report

from autode import Float, Space, Study, Trial
from autode.study.journal import read_journal

TRIALS, MEAN_S, SIGMA = 320, 0.2, 0.8
TARGETS = {
    "asynchronous": {4: 0.95, 8: 0.92, 16: 0.80},
    "generational": {4: 0.61, 8: 0.49, 16: 0.38},
}
#: generational: trials of a generation for each rank
OVER_DECOMPOSITION = 5


def durations(seed: int) -> np.ndarray:
    """Return the seconds that each trial sleeps, shape (TRIALS,)."""
    return np.random.default_rng(seed).lognormal(np.log(MEAN_S) - SIGMA**2 / 2, SIGMA, TRIALS)


def greedy_bound(seconds: np.ndarray, ranks: int) -> float:
    """Return the efficiency of list scheduling in the order of submission."""
    free_at = [0.0] * ranks
    for duration in seconds:
        heapq.heapreplace(free_at, free_at[0] + duration)
    return float(seconds.sum() / (ranks * max(free_at)))


class Sleep:
    """The objective; one object for all its trials on every rank."""

    def __init__(self, folder: Path, ranks: int, seed: int):
        self.folder, self.ranks, self.seconds = folder, ranks, durations(seed)

    def __call__(self, trial: Trial) -> float:
        if trial.number < self.ranks:
            (self.folder / f"ready{trial.number}").touch()
            while len(list(self.folder.glob("ready*"))) < self.ranks:
                time.sleep(0.005)
        else:
            time.sleep(self.seconds[trial.number - self.ranks])
        return float(trial.params["x"] ** 2 + trial.params["y"])


def be_a_rank(folder: str, ranks: str, seed: str, schedule: str) -> None:
    study = Study(
        Path(folder) / "out",
        space=Space({"x": Float(-1.0, 1.0), "y": Float(0.0, 1.0)}),
        search={
            "algorithm": "rand1bin" if schedule == "generational" else "lshade",
            "population": OVER_DECOMPOSITION * int(ranks) if schedule == "generational" else 20,
            "evaluations": TRIALS + int(ranks),
        },
        schedule=schedule,
        seed=1,
    )
    study.run(Sleep(Path(folder), int(ranks), int(seed)), workers="mpi")


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def efficiency(ranks: int, seed: int, schedule: str) -> float:
    """Run once and return the efficiency."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [folder, str(ranks), str(seed), schedule]
        subprocess.run([mpiexec(), "-n", str(ranks), sys.executable, __file__, "--as-rank", *arguments], check=True)
        told = [r for r in read_journal(Path(folder) / "out" / "journal.jsonl")[0] if r["type"] == "told"]
    slept = [record for record in told if record["trial"] >= ranks]
    assert len(slept) == TRIALS, f"{len(slept)} of {TRIALS} trials"
    makespan = max(moment(r["finished"]) for r in slept) - min(moment(r["started"]) for r in slept)
    return float(durations(seed).sum() / (ranks * makespan))


def main() -> None:
    if sys.argv[1:2] == ["--as-rank"]:
        be_a_rank(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--ranks", type=int, nargs="*")
    parser.add_argument("--seeds", type=int, nargs="*")
    parser.add_argument("--schedules", nargs="*", choices=list(TARGETS))
    parser.add_argument("--results", type=Path, help="add the figures to this file")
    arguments = parser.parse_args()
    seeds = arguments.seeds or ([0, 1] if arguments.full else [0])
    for schedule in arguments.schedules or (list(TARGETS) if arguments.full else ["asynchronous"]):
        for ranks in arguments.ranks or ([4, 8, 16] if arguments.full else [8]):
            measured = [efficiency(ranks, seed, schedule) for seed in seeds]
            bounds = [greedy_bound(durations(seed), ranks) for seed in seeds]
            target = TARGETS[schedule].get(ranks)
            each = ", ".join(f"{one:.3f}" for one in measured)
            text = f"efficiency {np.mean(measured):.3f} ({each}); greedy bound {np.mean(bounds):.3f}; target {target}"
            figures = {"schedule": schedule, "ranks": ranks, "seeds": seeds, "efficiency": measured, "greedy": bounds}
            report(f"bench_scheduling {schedule} {ranks} ranks", figures, text, arguments.results)


if __name__ == "__main__":
    main()
