"""What the engine costs per evaluation of an objective that costs nothing, and how soon a long study goes on.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_overhead.py [--full] [--results FILE]

A study of N evaluations (2000; with --full 10^5) gives two figures, the mean over its first and over its last
thousand: where they agree, nothing grows. Wall time is taken by a listener inside the run, so starting Python, MPI and
workers does not count. "memory" keeps the journal on a tmpfs, where a sync costs nothing; "disk" syncs every result.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from machine import mpiexec, report

from autode import Float, Space, Study, Trial
from autode.search import make_search
from autode.study import Listener
from autode.study.folder import JOURNAL_NAME

SPACE = Space({f"x{i}": Float(0.0, 1.0) for i in range(5)})
EDGE = 1000
TARGETS_MS = {"ask_tell_cpu": 0.1, "serial_memory": 1.0, "serial_disk": 5.0, "processes_memory": 1.0, "mpi_memory": 1.0}
TARGETS_MS |= {"mpi_disk": 5.0}
OPEN_TARGET_S = 1.0


def nothing(trial: Trial) -> float:
    """The zero-cost objective."""
    return float(trial.params["x0"])


class EndedError(Exception):
    """Ends a run."""


class Stopwatch(Listener):
    """Notes wall and CPU time of the run's process at every told trial."""

    def __init__(self, end_after: int | None = None) -> None:
        self.told: list[tuple[float, float]] = []
        self._end_after = end_after

    def record(self, record: dict[str, Any]) -> None:
        if record["type"] == "told":
            self.told.append((time.perf_counter(), time.process_time()))
            if len(self.told) == self._end_after:
                raise EndedError

    def edges_ms(self) -> dict[str, float]:
        """Return milliseconds per evaluation over the first and the last `EDGE` evaluations."""
        return first_and_last([wall for wall, _ in self.told], "wall") | first_and_last(
            [c for _, c in self.told], "cpu"
        )


def first_and_last(times: list[float], name: str) -> dict[str, float]:
    edge = min(EDGE, len(times) - 1)
    first, last = times[edge] - times[0], times[-1] - times[-1 - edge]
    return {f"{name}_first": first / edge * 1e3, f"{name}_last": last / edge * 1e3}


def search_settings(evaluations: int, algorithm: str) -> dict[str, Any]:
    more = {"population": 20} if algorithm != "random" else {}
    return {"algorithm": algorithm, "evaluations": evaluations, **more}


def study(folder: Path, evaluations: int, algorithm: str = "lshade") -> Study:
    return Study(folder, space=SPACE, search=search_settings(evaluations, algorithm), seed=1)


def ask_tell(evaluations: int, algorithm: str, schedule: str = "asynchronous") -> dict[str, float]:
    """CPU time of the search alone: one ask(1) and one tell an evaluation, eight out; or whole generations."""
    search = make_search(SPACE, search_settings(evaluations, algorithm), 1, schedule)
    whole = schedule == "generational"
    out, times = search.ask(None if whole else 8), [time.process_time()]
    while not search.finished:
        batch, out = (out, []) if whole else (out[:1], out[1:])
        search.tell([one.id for one in batch], [one.point[0] for one in batch])
        out.extend(search.ask(None if whole else 1))
        now, before = time.process_time(), times[-1]
        times.extend(before + (now - before) * (i + 1) / len(batch) for i in range(len(batch)))
    return first_and_last(times, "cpu")


def run_here(folder: Path, evaluations: int, workers: int, algorithm: str = "lshade") -> dict[str, float]:
    """Run for so many evaluations of a study that has more, and end in the middle, as a kill would."""
    watch = Stopwatch(end_after=evaluations)
    with suppress(EndedError):
        study(folder, evaluations + EDGE, algorithm).run(nothing, workers=workers, listener=watch)
    return watch.edges_ms()


def run_mpi(folder: Path, evaluations: int, ranks: int) -> dict[str, float]:
    command = [mpiexec(), "-n", str(ranks), sys.executable, __file__, "--as-rank", str(folder), str(evaluations)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def as_rank(folder: str, evaluations: str) -> None:
    """Be one rank of `run_mpi`; rank 0 prints the figures."""
    watch = Stopwatch()
    study(Path(folder), int(evaluations)).run(nothing, workers="mpi", listener=watch)
    if watch.told:
        print(json.dumps(watch.edges_ms()))


class FirstTrial(Listener):
    """Ends the process when the first trial of this run has begun; prints how long that took."""

    def __init__(self, since: float):
        self._since = since
        self._opened = 0.0

    def begin(self, *_: Any) -> None:
        self._opened = time.perf_counter() - self._since

    def record(self, record: dict[str, Any]) -> None:
        if record["type"] == "started":
            print(json.dumps({"open_s": self._opened, "first_evaluation_s": time.perf_counter() - self._since}))
            sys.stdout.flush()
            os._exit(0)


def reopen(folder: Path, evaluations: int, algorithm: str) -> dict[str, float]:
    """Seconds from `Study.run`, on a folder whose run was cut short, to its first evaluation; imports do not count."""
    command = [sys.executable, __file__, "--as-restart", str(folder), str(evaluations + EDGE), algorithm]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) | {"journal_mb": (folder / JOURNAL_NAME).stat().st_size / 1e6}


def as_restart(folder: str, evaluations: str, algorithm: str) -> None:
    """Be the process that goes on in `reopen`."""
    continued = study(Path(folder), int(evaluations), algorithm)
    import autode.execution.serial
    import autode.study.session  # noqa: F401 - what a run imports does not count

    continued.run(nothing, listener=FirstTrial(time.perf_counter()))


@contextmanager
def folders() -> Iterator[tuple[Path, Path]]:
    """Give a folder in memory and one on the local disk."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as fast, tempfile.TemporaryDirectory() as slow:
        yield Path(fast), Path(slow)


def show(name: str, figures: dict[str, float], evaluations: int, results: Path | None) -> None:
    kind = "cpu" if name.startswith("ask_tell") else "wall"
    target = next((ms for key, ms in TARGETS_MS.items() if name.startswith(key)), None)
    text = (
        f"{figures[f'{kind}_first']:.3f} ms {kind} per evaluation over the first, {figures[f'{kind}_last']:.3f} over "
    )
    text += f"the last {min(EDGE, evaluations)} of {evaluations}"
    text += f" ({figures['cpu_last']:.3f} ms CPU)" if kind == "wall" else ""
    text += f"; target {target} ms" if target else ""
    report(f"bench_overhead {name}", figures | {"evaluations": evaluations, "target_ms": target}, text, results)


def measure(full: bool, only: str, results: Path | None) -> None:
    many = 100_500 if full else 2_500  # results since the last snapshot: half of what they can be
    some = 10_000 if full else 2_000
    with folders() as (memory, disk):
        for algorithm in ("lshade", "random"):
            for schedule in ("asynchronous", "generational")[: 2 if algorithm == "lshade" else 1]:
                if only in (name := f"ask_tell_cpu_{algorithm}_{schedule}"):
                    show(name, ask_tell(many, algorithm, schedule), many, results)
            if only in f"serial_memory_{algorithm}":
                figures = run_here(memory / algorithm, many, 1, algorithm)
                show(f"serial_memory_{algorithm}", figures, many, results)
                opened = reopen(memory / algorithm, many, algorithm)
                text = (
                    f"{opened['open_s']:.2f} s to open {many} trials ({opened['journal_mb']:.0f} MB), first evaluation "
                )
                text += f"after {opened['first_evaluation_s']:.2f} s; target {OPEN_TARGET_S} s"
                report(f"bench_overhead open_{algorithm}", opened | {"evaluations": many}, text, results)
        if only in "serial_disk":
            show("serial_disk", run_here(disk / "serial", some, 1), some, results)
        if only in "processes_memory":
            show("processes_memory", run_here(memory / "processes", some, 4), some, results)
        if only in "mpi_memory":
            show("mpi_memory", run_mpi(memory / "mpi", some, 4), some, results)
        if only in "mpi_disk":
            show("mpi_disk", run_mpi(disk / "mpi", some, 4), some, results)


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] in ("--as-rank", "--as-restart"):
        {"--as-rank": as_rank, "--as-restart": as_restart}[sys.argv[1]](*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="10^5 evaluations in one process, 10^4 through workers")
    parser.add_argument("--only", default="", help="part of a figure's name")
    parser.add_argument("--results", type=Path, help="add the figures to this file")
    arguments = parser.parse_args()
    measure(arguments.full, arguments.only, arguments.results)


if __name__ == "__main__":
    main()
