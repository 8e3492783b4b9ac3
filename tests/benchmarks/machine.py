"""Where and when a figure was measured: every benchmark prints one line with it."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def cpu_model() -> str:
    """Return the processor's name as the kernel knows it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine() -> str:
    """Return processor, usable cores, and the load that others put on them now."""
    return f"{cpu_model()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}"


def mpiexec() -> str:
    """Return the launcher of the MPI that mpi4py uses: the environment's own if it has one."""
    own = Path(sys.executable).parent / "mpiexec"
    return str(own) if own.exists() else "mpiexec"


def report(name: str, figures: dict[str, Any], text: str, results: Path | None) -> None:
    """Print the line of a benchmark; add the figures to a file of JSON lines if one is asked for."""
    date = datetime.now(UTC).isoformat(timespec="seconds")
    where = machine()
    print(f"{name}: {text} [{where}; {date}]", flush=True)
    if results is not None:
        with results.open("a") as file:
            file.write(json.dumps({"benchmark": name, "machine": where, "date": date, **figures}) + "\n")
