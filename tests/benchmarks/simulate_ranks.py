"""Up to 4096 simulated ranks: where does the one writer, rank 0, become the bottleneck?

    OMP_NUM_THREADS=1 python tests/benchmarks/simulate_ranks.py [--validate FILE] [--figure docs/scaling.png]

Measures here what a trial costs on its way: rank 0's loop over the real search and a real journal (per turn and per
evaluation), an MPI message, and the way through a worker process. Then it simulates trials (lognormal, sigma 0.8) on
1 to 4096 ranks: a queue before one server that takes all waiting messages in one turn. Efficiency is the busy time of
all ranks over ranks x time, until the last trial has been handed out. ``--validate`` compares simulated and real runs:
FILE is what ``bench_scheduling.py --full --results FILE`` wrote.
"""

from __future__ import annotations

import argparse
import heapq
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from bench_overhead import nothing, study
from bench_scheduling import durations
from machine import mpiexec, report

from autode.execution import Event, Finished, Started
from autode.execution.evaluate import Place, utc_now
from autode.execution.local import LocalWorker
from autode.execution.worker import Setup
from autode.study.objectives import GivenObjective
from autode.trial import COMPLETED, TrialResult, TrialTask

RANKS = tuple(2**k for k in range(13))
MEANS_S = (0.1, 1.0, 10.0, 60.0)
TRIALS_PER_RANK = 30
#: how long rank 0 and a waiting rank sleep between two looks (`autode.execution.mpi`)
POLL_S = 1e-4


@dataclass(frozen=True)
class Latencies:
    """Seconds: a turn of rank 0's loop, an evaluation in it, a message, a trial's way through its worker process."""

    turn: float
    evaluation: float
    message: float
    worker: float


class Instant:
    """An executor whose trials have ended as soon as they are submitted; their starts come in a turn before, or not."""

    kind = "instant"

    def __init__(self, slots: int, apart: bool):
        self.slots = self.ranks = slots
        self._tasks: list[TrialTask] = []
        self._apart, self._begun = apart, False

    def submit(self, task: TrialTask) -> None:
        self._tasks.append(task)

    def wait(self, timeout: float) -> list[Event]:
        started: list[Event] = [Started(t.number, t.attempt, "here", 0, "cpu", utc_now()) for t in self._tasks]
        if self._apart and not self._begun:
            self._begun = True
            return started
        self._begun = False
        finished: list[Event] = [Finished(self._result(task)) for task in self._tasks]
        self._tasks = []
        return finished if self._apart else started + finished

    def _result(self, task: TrialTask) -> TrialResult:
        metrics, now = {"value": task.params["x0"]}, utc_now()
        return TrialResult(task.number, 0, COMPLETED, metrics, 0, 0.0, now, now, "here", 0, 0.0)

    def interrupt(self) -> None:
        """Nothing runs."""

    def abandon(self) -> list[Event]:
        return []

    def close(self, exit_code: int = 0) -> None:
        """Nothing runs."""


def least(measure: Callable[[], float], repeats: int = 5) -> float:
    """Return the least of several measurements: what others do on the machine only adds."""
    return min(measure() for _ in range(repeats))


def loop_s(slots: int, apart: bool, evaluations: int = 2000) -> float:
    """Return rank 0's seconds for an evaluation: search, journal (synced in the background), history."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        study(Path(folder) / "out", evaluations).run(nothing, workers=Instant(slots, apart))
        whole = time.perf_counter() - begin
        begin = time.perf_counter()
        study(Path(folder) / "few", 20).run(nothing, workers=Instant(slots, apart))
        return (whole - (time.perf_counter() - begin)) / (evaluations - 20)


def worker_s(trials: int = 300) -> float:
    """Return the seconds that a trial which costs nothing takes from its order to its result."""
    worker = LocalWorker(Setup(GivenObjective(nothing), Place.here(), "auto", 1))
    ends = []
    for number in range(trials + 1):  # the first waits for the process to start
        worker.submit(TrialTask(number, {"x0": 0.5}, 1, "/nowhere"))
        while worker.task is not None:
            worker.pipe.poll(1.0)
            worker.read()
        ends.append(time.perf_counter())
    worker.close()
    return (ends[-1] - ends[0]) / trials


def message_s() -> float:
    """Return the seconds of a message with a result, one way, without waiting for the receiver to look."""
    command = [mpiexec(), "-n", "2", sys.executable, __file__, "--as-rank"]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def be_a_rank(rounds: int = 2000) -> None:
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    message = [Finished(Instant(1, False)._result(TrialTask(1, {"x0": 0.5}, 1, "")))]
    begin = time.perf_counter()
    for _ in range(rounds):
        if comm.rank:
            comm.send(message, 0)
            comm.recv()
        else:
            comm.recv()
            comm.send(message, 1)
    if comm.rank == 0:
        print((time.perf_counter() - begin) / rounds / 2)
    assert len(pickle.dumps(message)) > 100


def measured() -> Latencies:
    together, apart = least(lambda: loop_s(1, False)), least(lambda: loop_s(1, True))
    turn = max(0.0, apart - together)
    return Latencies(turn, together - turn, least(message_s, 3) + POLL_S, least(worker_s, 3))


def simulate(seconds: np.ndarray, ranks: int, cost: Latencies) -> tuple[float, float]:
    """Return the efficiency of the whole run and up to the moment at which the last trial was handed out.

    Parameters
    ----------
    seconds : ndarray, shape (n,)
        Durations of the trials in the order in which they are handed out.
    ranks : int
    cost : Latencies
    """
    queue: list[tuple[float, int]] = [(0.0, 1)] * min(
        ranks, len(seconds)
    )  # when it reaches rank 0; whether it wants work
    free_at = end = handed_out = busy = 0.0
    spans: list[tuple[float, float]] = []
    number = 0
    while queue:
        now = max(free_at, queue[0][0])
        waiting = 0
        while queue and queue[0][0] <= now:
            waiting += heapq.heappop(queue)[1]
        free_at = now + cost.turn + waiting * cost.evaluation
        for _ in range(min(waiting, len(seconds) - number)):
            start = free_at + cost.message + cost.worker / 2
            stop = start + seconds[number]
            heapq.heappush(queue, (start + cost.message, 0))  # "started": a turn of its own, unless others wait too
            heapq.heappush(queue, (stop + cost.worker / 2 + cost.message, 1))
            spans.append((start, stop))
            handed_out, end, number = start, max(end, stop), number + 1
    busy = sum(max(0.0, min(stop, handed_out) - start) for start, stop in spans)
    return float(np.sum(seconds) / (ranks * end)), busy / (ranks * handed_out) if handed_out else 1.0


def efficiencies(cost: Latencies) -> dict[float, list[float]]:
    """Return, for each mean duration, the efficiency on each number of ranks."""
    table: dict[float, list[float]] = {}
    for mean in MEANS_S:
        rng = np.random.default_rng(0)
        draws = [rng.lognormal(np.log(mean) - 0.32, 0.8, TRIALS_PER_RANK * ranks) for ranks in RANKS]
        table[mean] = [simulate(d, ranks, cost)[1] for d, ranks in zip(draws, RANKS, strict=True)]
    return table


def saturation(cost: Latencies, mean: float) -> float:
    """Return the number of ranks at which rank 0 has not a moment left: trials a second times its time for each."""
    return (mean + cost.worker + 2 * cost.message) / cost.evaluation


def validate(file: Path, cost: Latencies) -> str:
    """Return simulated against measured efficiency of the real runs of `bench_scheduling`."""
    lines = ["| ranks | real | simulated | error |", "|---|---|---|---|"]
    for row in map(json.loads, file.read_text().splitlines()):
        if row["schedule"] == "asynchronous":
            real = float(np.mean(row["efficiency"]))
            made = float(np.mean([simulate(durations(seed), row["ranks"], cost)[0] for seed in row["seeds"]]))
            lines.append(f"| {row['ranks']} | {real:.3f} | {made:.3f} | {made - real:+.3f} |")
    return "\n".join(lines)


def markdown(table: dict[float, list[float]], cost: Latencies) -> str:
    lines = ["| mean trial | " + " | ".join(map(str, RANKS[4:])) + " | saturates at |", "|---" * (len(RANKS) - 2) + "|"]
    for mean, row in table.items():
        figures = " | ".join(f"{one:.3f}" for one in row[4:])
        lines.append(f"| {mean:g} s | {figures} | {saturation(cost, mean):,.0f} ranks |")
    return "\n".join(lines)


def draw(table: dict[float, list[float]], cost: Latencies, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for mean, row in table.items():
        (line,) = axes.plot(RANKS, row, marker="o", markersize=3, label=f"trials of {mean:g} s")
        if (limit := saturation(cost, mean)) < RANKS[-1]:
            axes.axvline(limit, color=line.get_color(), linestyle=":", linewidth=1)
    axes.set(xscale="log", xlabel="ranks", ylabel="efficiency", ylim=(0, 1.02))
    axes.set_xscale("log", base=2)
    axes.set_title("Asynchronous schedule, one writer (dotted: no time left on rank 0)", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    if sys.argv[1:2] == ["--as-rank"]:
        be_a_rank()
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--validate", type=Path, help="results of bench_scheduling.py")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--results", type=Path, help="add the figures to this file")
    names = ("TURN", "EVALUATION", "MESSAGE", "WORKER")
    parser.add_argument("--latencies", type=float, nargs=4, metavar=names, help="seconds, instead of measuring")
    arguments = parser.parse_args()
    cost = Latencies(*arguments.latencies) if arguments.latencies else measured()
    table = efficiencies(cost)
    each = ", ".join(f"{name} {seconds * 1e3:.3f} ms" for name, seconds in asdict(cost).items())
    text = f"{each}; on 1024 ranks " + ", ".join(f"{row[10]:.3f} ({mean:g} s)" for mean, row in table.items())
    figures = asdict(cost) | {"ranks": RANKS, "efficiency": {str(mean): row for mean, row in table.items()}}
    report("simulate_ranks", figures, text, arguments.results)
    print(markdown(table, cost))
    if arguments.validate:
        print(validate(arguments.validate, cost))
    if arguments.figure:
        draw(table, cost, arguments.figure)


if __name__ == "__main__":
    main()
