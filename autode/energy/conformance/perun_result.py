"""The reader of perun's results against a result of known power, with what perun is known to get wrong in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autode.energy.conformance.verdict import Verdict

CPU_W, DRAM_W, GPU_W = 60.0, 16.0, 250.0
_SECONDS = 120
_RANGE_UJ = 262_143_328
#: Seconds of a trial that ran as a region of the program.
REGION = (10.25, 70.75)


def perun_document(failed_reads: bool = False, pue: float = 1.0, overhead_w: float = 0.0) -> dict[str, Any]:
    """Return a result as perun 1.x writes it in JSON: a counter that wraps every 262 J, memory, one GPU's watts.

    Parameters
    ----------
    failed_reads : bool
        Whether some reads failed, which perun writes as 0.
    pue, overhead_w : float
        What perun was told to put on top of its own sums; the raw samples do not have it.
    """
    times = [float(second) for second in range(_SECONDS + 1)]

    def counter(watts: float) -> dict[str, Any]:
        counts = [int(1_000_000 + watts * t * 1e6) % _RANGE_UJ for t in times]
        if failed_reads:
            counts = [0 if second % 10 == 5 else count for second, count in enumerate(counts)]
        about = {"unit": "J", "mag": 1e-6, "max": _RANGE_UJ}
        return {
            "raw_data": {"timesteps": times, "values": [watts] * len(times), "alt_values": counts, "alt_v_md": about}
        }

    power = {"timesteps": times, "values": [GPU_W * 1e3] * len(times), "v_md": {"unit": "W", "mag": 1e-3, "max": 1e9}}
    groups = {
        "cpu": {"cpu_0_package-0": counter(CPU_W)},
        "ram": {"ram_0_dram": counter(DRAM_W)},
        "gpu": {"CUDA:0_POWER": {"raw_data": power}},
    }
    joules = (CPU_W + DRAM_W + GPU_W + overhead_w) * _SECONDS * pue
    host = {
        "metadata": {"mpi_ranks": "[0]"},
        "metrics": {"energy": {"value": joules}},
        "nodes": [{name: {"nodes": [sensors]} for name, sensors in groups.items()}],
    }
    region = {"trial_7": {"raw_data": {"0": list(REGION)}}}
    settings = {"perun_version": "1.0.0", "monitor.sampling_period": "1.0"}
    settings |= {"post-processing.pue": str(pue), "post-processing.power_overhead": str(overhead_w)}
    one = {"nodes": [{"n1": host}], "regions": region}
    return {"id": "train", "nodes": [{"run1": {"metadata": settings, "nodes": [{"0": one}]}}]}


def perun_verdicts(folder: Path) -> Iterator[Verdict]:
    """Judge `read_perun`: wraps, failed reads, PUE and overhead undone, a region's joules from its edges."""
    from autode.energy import read_perun

    watts = CPU_W + DRAM_W + GPU_W
    cases: dict[str, dict[str, Any]] = {
        "counters that wrap": {},
        "failed reads, which perun writes as 0": {"failed_reads": True},
        "a PUE of 1.5 and 10 W of overhead undone": {"pue": 1.5, "overhead_w": 10.0},
    }
    for case, options in cases.items():
        path = folder / "perun.json"
        path.write_text(json.dumps(perun_document(**options)))
        rows = read_perun(path)
        totals = rows[rows["domain"] == "total"].set_index("scope")["energy_j"]
        yield Verdict("read_perun", case, watts * _SECONDS, float(totals["run"]))
        yield Verdict("read_perun", f"{case}, a trial", watts * (REGION[1] - REGION[0]), float(totals["region"]))
