"""The table of jobs: one row per start of the program, with what Slurm accounted for it where that was collected."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from autode.report.frames import frame
from autode.report.quantities import is_missing
from autode.study.history import RUNNING, History, RunHistory
from autode.trial import LOST

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = (
    *("job", "restart", "state", "start", "end", "elapsed_s", "nodes", "energy_j", "energy_from", "cpu_efficiency"),
    *("mem_efficiency", "mean_power_w", "flags", "run", "reason", "exit_code", "host", "execution", "slots", "ranks"),
    *(
        "node_count",
        "run_state",
        "run_start",
        "run_end",
        "run_elapsed_s",
        "raw_file",
        "raw_sha256",
        "plugin",
        "energy_wh",
    ),
)
#: What is Slurm's to say about a run of a job, where its accounting was collected.
_ACCOUNTED = (
    *("state", "elapsed_s", "nodes", "node_count", "energy_j", "energy_from", "cpu_efficiency", "mem_efficiency"),
    *("mean_power_w", "raw_file", "raw_sha256", "plugin"),
)
NO_ACCOUNTING, NO_JOURNAL, COUNTED_BEFORE = "no_accounting", "no_journal", "counted_above"


def jobs_frame(history: History, accounting: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row a run of the program, and one for every run of a job in which the program came to write nothing.

    Parameters
    ----------
    history : History
    accounting : pandas.DataFrame, optional
        From `autode.study.accounting.job_accounting`. Without it, the columns that only Slurm knows stay empty.

    Returns
    -------
    pandas.DataFrame
        ``state``, ``start``, ``end``, ``elapsed_s`` and ``nodes`` are the job's where it was accounted, else the
        program's, which ``run_state``, ``run_start``, ``run_end`` and ``run_elapsed_s`` always are (empty where no run
        of the program was recorded). A program's run without an end record was killed (``lost``) if another followed;
        the last one is ``running``, or was killed with nobody to notice. Its end then is the last time seen in the
        journal, flagged ``end_unknown``. Further flags: those of `autode.energy.job_runs`; ``no_accounting`` (Slurm
        has no row of this run), ``no_journal`` (the program came to write nothing), ``counted_above`` (a further start
        of the program in one run of a job, whose joules and time stand in the row before).
    """
    rows = [_row(run, number, run is history.runs[-1]) for number, run in enumerate(history.runs)]
    return frame(rows if accounting is None else _accounted(rows, accounting), _COLUMNS)


def _row(run: RunHistory, number: int, last: bool) -> dict[str, Any]:
    slurm = run.record.get("slurm") or {}
    start, end = run.record.get("time"), run.end.get("time") or run.last_seen
    state = str(run.end.get("reason") or "ended") if run.end else (RUNNING if last else LOST)
    own = {"state": state, "start": start, "end": end, "elapsed_s": seconds_between(start, end)}
    return {
        **{name: run.record.get(name) for name in ("host", "execution", "slots", "ranks")},
        **own,
        **{f"run_{name}": value for name, value in own.items()},
        "job": str(slurm.get("job_id") or "local"),
        "restart": int(slurm.get("restart_count") or 0) if slurm else number,
        "nodes": slurm.get("job_nodelist") or run.record.get("host"),
        "flags": None if run.end else "end_unknown",
        "run": run.record.get("run", number),
        "reason": run.end.get("reason"),
        "exit_code": run.end.get("exit_code"),
    }


def _accounted(rows: list[dict[str, Any]], accounting: pd.DataFrame) -> list[dict[str, Any]]:
    """Put Slurm's figures in; each figure once, and a row of its own for what the journal does not have."""
    known = {(str(one["job"]), int(one["run"])): one for one in accounting.to_dict("records")}
    waiting, result = dict(known), []
    for row in rows:
        key = row["job"], row["restart"]
        if key in waiting:
            _fill(row, waiting.pop(key))
        elif key in known:
            row["elapsed_s"] = None
            _flag(row, COUNTED_BEFORE)
        elif row["job"] != "local":
            _flag(row, NO_ACCOUNTING)
        result += [row]
    for (job, restart), one in waiting.items():
        row = {"job": job, "restart": restart}
        _fill(row, one)
        _flag(row, NO_JOURNAL)
        later = [place for place, other in enumerate(result) if other["job"] == job and other["restart"] > restart]
        result.insert(later[0] if later else len(result), row)
    return result


def _fill(row: dict[str, Any], one: dict[Any, Any]) -> None:
    """Take what Slurm knows of a run of a job; its times only where they are in UTC, and nothing that it left blank."""
    row |= {name: one[name] for name in _ACCOUNTED if not is_missing(one[name]) and one[name] != ""}
    if not is_missing(row.get("energy_j")):
        row["energy_wh"] = row["energy_j"] / 3600.0
    if one["utc"]:
        row |= {name: f"{one[name].isoformat()}Z" for name in ("start", "end") if not is_missing(one[name])}
    _flag(row, *filter(None, one["flags"].split(";")))


def _flag(row: dict[str, Any], *names: str) -> None:
    row["flags"] = " ".join(dict.fromkeys([*(row.get("flags") or "").split(), *names])) or None


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Return the seconds from one ISO 8601 time to another; None if one is missing."""
    if not start or not end:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
