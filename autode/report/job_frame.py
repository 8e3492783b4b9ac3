"""The table of jobs: one row per start of the program."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from autode.report.frames import frame
from autode.study.history import RUNNING, History, RunHistory
from autode.trial import LOST

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = (
    *("job", "restart", "state", "start", "end", "elapsed_s", "nodes", "energy_j", "energy_from", "cpu_efficiency"),
    *("mem_efficiency", "mean_power_w", "flags", "run", "reason", "exit_code", "host", "execution", "slots", "ranks"),
)


def jobs_frame(history: History) -> pd.DataFrame:
    """Return one row a run of the program.

    The columns that only the batch system knows stay empty until its accounting was collected. A run without an end
    record was killed (``lost``) if another followed; the last one is ``running``, or was killed with nobody to notice.
    Its ``end`` then is the last time seen in the journal, flagged ``end_unknown``.
    """
    rows = [_row(run, number, run is history.runs[-1]) for number, run in enumerate(history.runs)]
    return frame(rows, _COLUMNS)


def _row(run: RunHistory, number: int, last: bool) -> dict[str, Any]:
    slurm = run.record.get("slurm") or {}
    start, end = run.record.get("time"), run.end.get("time") or run.last_seen
    state = str(run.end.get("reason") or "ended") if run.end else (RUNNING if last else LOST)
    return {
        **{name: run.record.get(name) for name in ("host", "execution", "slots", "ranks")},
        "job": str(slurm.get("job_id") or "local"),
        "restart": int(slurm.get("restart_count") or 0) if slurm else number,
        "state": state,
        "start": start,
        "end": end,
        "elapsed_s": seconds_between(start, end),
        "nodes": slurm.get("job_nodelist") or run.record.get("host"),
        "flags": None if run.end else "end_unknown",
        "run": run.record.get("run", number),
        "reason": run.end.get("reason"),
        "exit_code": run.end.get("exit_code"),
    }


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Return the seconds from one ISO 8601 time to another; None if one is missing."""
    if not start or not end:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
