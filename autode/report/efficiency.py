"""What a job made of its allocation, in the words that users of Slurm clusters know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autode.report.quantities import MISSING, UNAVAILABLE, duration, is_missing, joules, number, watt_hours
from autode.report.sections import Cell, cell
from autode.report.study_data import StudyData

#: flags of a run of which some joules are missing
_INCOMPLETE = {"partial", "first_node_only", "overlapping_steps"}


def efficiency_block(row: Mapping[Any, Any]) -> list[str]:
    """Return the lines about one row of the table of jobs; what is unknown is called so.

    Parameters
    ----------
    row : mapping
        Column -> value, as in jobs.csv.
    """
    flags = "" if is_missing(row["flags"]) else f" [{row['flags']}]"
    source = "" if is_missing(row["energy_j"]) else f" (from {row['energy_from']})"
    spent = f"{_bound(row)}{joules(row['energy_j'])} / {watt_hours(row['energy_j'])}{source}"
    energy = spent if source else UNAVAILABLE
    power = UNAVAILABLE if is_missing(row["mean_power_w"]) else f"{_bound(row)}{number(_node_power(row))} W"
    state = "in an unknown state" if is_missing(row["state"]) else row["state"]
    return [
        f"job {row['job']}, restart {row['restart']}: {state} after {duration(row['elapsed_s'])}{flags}",
        f"  CPU efficiency     {_percent(row['cpu_efficiency'])}",
        f"  memory efficiency  {_percent(row['mem_efficiency'])}",
        f"  energy             {energy}",
        f"  mean node power    {power}",
    ]


def jobs_table(data: StudyData) -> tuple[list[str], list[list[Cell]]]:
    """Return head and rows of the accounted runs of jobs; no rows before `autode collect`."""
    head = ["job", "restart", "state", "elapsed", "nodes", "CPU efficiency", "memory efficiency", "energy", "Wh"]
    head += ["from", "mean node power", "flags"]
    accounted = data.jobs[data.jobs["raw_file"].notna()]
    return head, [_job_cells(row) for row in accounted.to_dict("records")]


def _job_cells(row: Mapping[Any, Any]) -> list[Cell]:
    power = MISSING if is_missing(row["mean_power_w"]) else f"{_bound(row)}{number(_node_power(row))} W"
    return [
        *(cell(row[name]) for name in ("job", "restart", "state")),
        *(Cell(duration(row["elapsed_s"]), style="number"), cell(row["nodes"])),
        *(Cell(_percent(row[name]), style="number") for name in ("cpu_efficiency", "mem_efficiency")),
        *(Cell(_bound(row) + write(row["energy_j"]), style="number") for write in (joules, watt_hours)),
        *(cell(row["energy_from"]), Cell(power, style="number"), cell(row["flags"])),
    ]


def _bound(row: Mapping[Any, Any]) -> str:
    """Return the words before a figure that lacks some joules, such as those of a node that died with its counter."""
    flags = set() if is_missing(row["flags"]) else set(str(row["flags"]).split())
    return "at least " if flags & _INCOMPLETE else ""


def _node_power(row: Mapping[Any, Any]) -> float:
    nodes = row.get("node_count")
    return float(row["mean_power_w"]) / (float(nodes) if nodes and not is_missing(nodes) else 1.0)


def _percent(value: Any) -> str:
    return UNAVAILABLE if is_missing(value) else f"{100 * float(value):.2f} %"
