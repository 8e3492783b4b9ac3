"""The tables of the page: rows of cells that are ready to print and to sort."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autode.report.energy_frame import HEADLINE
from autode.report.quantities import (
    ESTIMATED,
    MEASURED,
    MISSING,
    clock,
    duration,
    figure,
    interval,
    is_missing,
    joules,
    number,
)
from autode.report.quantities import watt_hours as in_watt_hours

if TYPE_CHECKING:
    import pandas as pd

    from autode.report.study_data import StudyData

#: Rows of the table of trials on the page; the file has them all.
MOST_TRIALS = 1000
_MOST_METRICS = 4


@dataclass(frozen=True)
class Cell:
    """One cell: its text, the key it sorts by (empty: last), and its style class."""

    text: str
    key: float | str = ""
    style: str = ""


def cell(value: Any, digits: int = 4) -> Cell:
    """Return a cell for a number or a text."""
    if is_missing(value) or value == "":
        return Cell(MISSING, "", "none")
    if isinstance(value, str | bool):
        return Cell(str(value), str(value))
    return Cell(number(value, digits), float(value), "number")


def result(value: Any) -> Cell:
    """Return a cell for a metric."""
    return Cell(MISSING, "", "number none") if is_missing(value) else Cell(figure(value), float(value), "number")


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def trials_table(data: StudyData) -> tuple[list[str], list[list[Cell]]]:
    """Return head and rows of the table of trials: the best first, those without a value last."""
    params = [name for name in data.trials.columns if name.startswith("param.")]
    metrics = [name for name in data.trials.columns if name.startswith("metric.")]
    metrics = [name for name in metrics if name != f"metric.{data.metric}"][:_MOST_METRICS]
    head = ["trial", "state", data.metric, *(name.partition(".")[2] for name in params + metrics)]
    head += ["epochs", "time", "energy", "Wh", "attempts", "worker", "error"]
    rows = data.trials.sort_values(["fitness", "trial"], kind="stable", na_position="last").head(MOST_TRIALS)
    return head, [_trial_cells(row, params + metrics) for row in _records(rows)]


def _trial_cells(row: dict[str, Any], names: Iterable[str]) -> list[Cell]:
    state = str(row["state"])
    key = "" if is_missing(row["energy_j"]) else float(row["energy_j"])
    error = "" if is_missing(row["error"]) else str(row["error"])
    worker = MISSING if is_missing(row["host"]) else f"{row['host']}:{number(row['rank'])}"
    style = f"number {row['energy_class']}"
    return [
        *(cell(row["trial"]), Cell(state, state, f"state {state}"), result(row["value"])),
        *(result(row[name]) if name.startswith("metric.") else cell(row[name]) for name in names),
        cell(row["epochs"]),
        Cell(duration(row["seconds"]), "" if is_missing(row["seconds"]) else float(row["seconds"]), "number"),
        Cell(joules(row["energy_j"], row["energy_class"]), key, style),
        Cell(in_watt_hours(row["energy_j"], row["energy_class"]), key, style),
        cell(row["attempt"] + 1 if row["state"] != "waiting" else 0),
        Cell(worker, worker),
        Cell(error.partition(":")[0] or MISSING, error, "error" if error else "none"),
    ]


def energy_table(data: StudyData) -> tuple[list[str], list[list[Cell]]]:
    """Return the readings of the study and of its nodes and jobs, one row a source."""
    head = [
        "scope",
        "of",
        "source",
        "energy",
        "Wh",
        "interval",
        "method",
        "assurance",
        "domains",
        "coverage",
        "share",
        "flags",
    ]
    rows = data.energy[(data.energy["scope"] != "trial") & (data.energy["source"] != HEADLINE)]
    return head, [_energy_cells(row) for row in _records(rows)]


def _energy_cells(row: dict[str, Any]) -> list[Cell]:
    kind = ESTIMATED if row["method"] in ("modelled", "constant") else MEASURED
    share = MISSING if is_missing(row["share_rule"]) else str(row["share_rule"])
    coverage = MISSING if is_missing(row["coverage"]) else f"{100 * row['coverage']:.0f} %"
    where = "all trials" if row["scope"] == "study" else str(row["id"])
    if not is_missing(row["account"]):  # a job has a row for all of it, and one for each account that adds up to it
        where += f": {row['account']}"
    return [
        *(cell(row["scope"]), cell(where), cell(row["source"])),
        Cell(joules(row["joules"], kind), style=f"number {kind}"),
        Cell(in_watt_hours(row["joules"], kind), style=f"number {kind}"),
        *(
            Cell(interval(row["joules_low"], row["joules_high"]) or MISSING),
            cell(row["method"]),
            cell(row["assurance"]),
        ),
        *(cell(row["domains"]), Cell(coverage), Cell(share)),
        cell(" ".join(str(row[name]) for name in ("flags", "reason") if not is_missing(row[name]))),
    ]


def runs_table(data: StudyData) -> tuple[list[str], list[list[Cell]]]:
    """Return the runs of the program."""
    head = ["run", "job", "restart", "state", "start", "end", "elapsed", "host", "execution", "slots", "ranks"]
    return head, [
        [
            *(cell(row[name]) for name in ("run", "job", "restart")),
            Cell(_run_state(row), style=f"state {_run_style(row)}"),
            *(Cell(clock(row[name])) for name in ("start", "end")),
            Cell(duration(row["elapsed_s"]), style="number"),
            *(cell(row[name]) for name in ("host", "execution", "slots", "ranks")),
        ]
        for row in _records(data.program_runs)
    ]


def _run_style(row: dict[str, Any]) -> str:
    """Return the state of a trial whose colour suits the run."""
    if is_missing(row["exit_code"]):
        return str(row["state"])
    return {0: "completed", 3: "interrupted"}.get(int(row["exit_code"]), "failed")


def _run_state(row: dict[str, Any]) -> str:
    if row["state"] == "running":
        return "running, or killed: no end recorded"
    return (
        "killed: no end recorded"
        if row["state"] == "lost"
        else f"{row['state']} (exit code {number(row['exit_code'])})"
    )


def meters_table(data: StudyData) -> tuple[list[str], list[list[Cell]]]:
    """Return which meters worked in the last run, and why the others did not."""
    meters = (data.runs[-1].get("meters") or []) if data.runs else []
    rows = [one for one in meters if isinstance(one, dict)]
    return ["meter", "available", "covers", "remark"], [
        [
            cell(row.get("name")),
            Cell("yes" if row.get("available") else "no", style="state completed" if row.get("available") else "none"),
            *(cell(", ".join(row.get("domains") or ())), cell(row.get("reason") or "")),
        ]
        for row in rows
    ]


def provenance(data: StudyData) -> list[tuple[str, str]]:
    """Return what the last run was: machine, versions, source state, command line."""
    run = data.runs[-1] if data.runs else {}
    git = run.get("git") or {}
    commit = f"{git.get('commit')}{' with uncommitted changes' if git.get('dirty') else ''}" if git else None
    cores = f"{run.get('cpu')}, {run.get('cores')} cores" if run.get("cpu") else None
    facts = {
        **{"command": run.get("command"), "seed": data.workflow.get("seed"), "host": run.get("host")},
        **{"platform": run.get("platform"), "processor": cores, "source": commit},
        "versions": ", ".join(f"{name} {version}" for name, version in (run.get("versions") or {}).items()),
    }
    return [(name, str(value)) for name, value in facts.items() if value not in (None, "")]


def workflow_text(data: StudyData) -> str:
    """Return the workflow as it stands in the output folder, or as the journal holds it."""
    path = data.path / "workflow.toml"
    return path.read_text(encoding="utf-8") if path.is_file() else json.dumps(data.workflow, indent=2)


def by_role(attempts: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Split attempts into the search, what of it came to nothing, and the re-training."""
    search = attempts[attempts["role"] == "search"]
    wasted = search[search["state"].isin(["failed", "lost", "interrupted"])]
    parts = (
        ("search", search),
        ("of which failed, lost or interrupted", wasted),
        ("re-training", attempts[attempts["role"] == "confirm"]),
    )
    return [(name, part) for name, part in parts if len(part)]
