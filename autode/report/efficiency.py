"""What a job made of its allocation, in the words that users of Slurm clusters know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autode.report.quantities import UNAVAILABLE, duration, is_missing, joules, number, watt_hours


def efficiency_block(row: Mapping[Any, Any]) -> list[str]:
    """Return the lines about one row of the table of jobs; what is unknown is called so.

    Parameters
    ----------
    row : mapping
        Column -> value, as in jobs.csv.
    """
    flags = "" if is_missing(row["flags"]) else f" [{row['flags']}]"
    source = "" if is_missing(row["energy_j"]) else f" (from {row['energy_from']})"
    energy = f"{joules(row['energy_j'])} / {watt_hours(row['energy_j'])}{source}" if source else UNAVAILABLE
    power = UNAVAILABLE if is_missing(row["mean_power_w"]) else f"{number(_node_power(row))} W"
    return [
        f"job {row['job']}, restart {row['restart']}: {row['state']} after {duration(row['elapsed_s'])}{flags}",
        f"  CPU efficiency     {_percent(row['cpu_efficiency'])}",
        f"  memory efficiency  {_percent(row['mem_efficiency'])}",
        f"  energy             {energy}",
        f"  mean node power    {power}",
    ]


def _node_power(row: Mapping[Any, Any]) -> float:
    nodes = row.get("node_count")
    return float(row["mean_power_w"]) / (float(nodes) if nodes and not is_missing(nodes) else 1.0)


def _percent(value: Any) -> str:
    return UNAVAILABLE if is_missing(value) else f"{100 * float(value):.2f} %"
