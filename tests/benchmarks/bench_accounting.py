"""How long accounting and reports of the largest studies take.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_accounting.py [--rows 1000000] [--trials 100000] [--results FILE]

sacct: a text of so many rows (jobs with their own line, batch, extern and one numbered step, 18 fields) is read with
`autode.energy.read_sacct`. Report: `report.html` and its tables of a study of so many trials, run here with random
search and an objective that costs nothing. Each in a process of its own; CPU and wall seconds, and the most memory.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench_overhead import nothing, study
from machine import report

FIELDS = (
    "JobID|JobIDRaw|JobName|State|Submit|Start|End|ElapsedRaw|NNodes|NTasks|AllocCPUS|AllocTRES|NodeList|"
    "ConsumedEnergyRaw|TRESUsageInTot|TRESUsageOutTot|Cluster|Flags\n"
)


def job_lines(job: int, draw: random.Random) -> str:
    """Return the four lines of a job with plausible figures."""
    seconds, nodes, watts = draw.randrange(60, 9000), draw.choice([1, 1, 1, 2, 4]), draw.randrange(180, 420)
    time_ = (
        f"2026-0{draw.randrange(1, 9)}-{draw.randrange(1, 28):02}T{draw.randrange(24):02}:{draw.randrange(60):02}:07"
    )
    node = f"node{draw.randrange(1, 200)}"

    def line(step: str, name: str, count: int) -> str:
        energy = seconds * count * watts  # Slurm names it in the job's allocation and in the usage of its steps
        allocated = f"cpu={8 * count},mem=1600M,node={count}"
        used = f"cpu=00:00:10,energy={energy},fs/disk=1000,mem={draw.randrange(1000, 90000)}K,pages=0,vmem=9000K"
        if not step:
            allocated = f"billing={8 * count},cpu={8 * count},energy={energy},mem=1600M,node={count}"
        usage = f"{used}|energy={watts * count},fs/disk=1" if step else "|"
        head = f"{job}{step}|{job}{step}|{name}|COMPLETED|{time_}|{time_}|{time_}|{seconds}|{count}|{count}|{8 * count}"
        return f"{head}|{allocated}|{node}|{energy}|{usage}|bed|\n"

    steps = (("", "train", nodes), (".batch", "batch", 1), (".extern", "extern", nodes), (".0", "python", nodes))
    return "".join(line(*step) for step in steps)


def write_sacct(folder: Path, rows: int) -> Path:
    path, draw = folder / "sacct.txt", random.Random(1)
    with path.open("w") as file:
        file.write(FIELDS)
        file.writelines(job_lines(job, draw) for job in range(1, rows // 4 + 1))
    return path


def timed(call: Callable[[], object]) -> None:
    """Print CPU seconds, wall seconds and MiB of a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(cpu, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


def read(path: str) -> None:
    from autode.energy import read_sacct

    timed(lambda: read_sacct(Path(path)))


def write(folder: str) -> None:
    import matplotlib.pyplot  # noqa: F401

    from autode.report import write_report

    timed(lambda: write_report([Path(folder)]))


def measured(what: str, path: Path) -> dict[str, float]:
    """Return what a process of its own measured."""
    command = [sys.executable, __file__, "--as", what, str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(zip(("cpu_s", "wall_s", "mib"), map(float, done.stdout.split()[-3:]), strict=True))


def say(name: str, what: str, figures: dict[str, float], results: Path | None) -> None:
    text = f"{what}: {figures['cpu_s']:.1f} s CPU, {figures['wall_s']:.1f} s wall, {figures['mib']:.0f} MiB"
    report(name, figures, text, results)


def main() -> None:
    if sys.argv[1:2] == ["--as"]:
        {"read": read, "write": write}[sys.argv[2]](sys.argv[3])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--results", type=Path, help="add the figures to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        figures = measured("read", write_sacct(folder, arguments.rows))
        say("bench_accounting.sacct", f"{arguments.rows} rows of sacct", figures, arguments.results)
        study(folder / "study", arguments.trials, "random").run(nothing)
        figures = measured("write", folder / "study")
        say("bench_accounting.report", f"report of {arguments.trials} trials", figures, arguments.results)


if __name__ == "__main__":
    main()
