"""The table of energy readings: one row per scope (study, job, node, trial) and source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from autode.energy.ledger import ACCOUNTS
from autode.report.energy_sums import add, by_source, energy_cells, source_row
from autode.report.frames import frame
from autode.report.node_ledger import node_reading
from autode.study.history import RUNNING, History, readings_of

if TYPE_CHECKING:
    import pandas as pd

    from autode.energy import EnergyReading
    from autode.energy.node_series import NodeSeries
    from autode.report.job_ledger import JobLedger

_COLUMNS = (
    *("scope", "id", "source", "joules", "method", "assurance", "domains", "coverage", "share_rule", "flags"),
    *("joules_low", "joules_high", "share", "seconds", "host", "device", "run", "role"),
    *("samples", "wraps", "rejected_samples", "reason", "account", "watt_hours", "u_j"),
)
#: Source of the study's row that adds the one figure chosen for every attempt.
HEADLINE = "headline of all attempts"


def energy_frame(
    history: History,
    ledgers: Sequence[JobLedger] = (),
    allow_mixed: bool = False,
    series: Sequence[NodeSeries] = (),
) -> pd.DataFrame:
    """Return the readings of the study (sums), of the nodes and jobs (per run), and of every trial (over its attempts).

    A job that was accounted has one row without an ``account``, and one for each account of its ledger (trial,
    overhead, lost, idle, unattributed), which add up to it to the microjoule.

    Rows of one scope overlap (a node's counter contains its trials; two sources may see the same joule): they are never
    to be added up. The row of the study whose source is ``headline of all attempts`` is the sum that the report states.
    """
    recorded = _recorded_rows(history)
    rows = [*_study_rows(history, allow_mixed), *recorded, *_series_rows(history, series, recorded)]
    return frame([*rows, *_job_rows(ledgers), *_trial_rows(history)], _COLUMNS)


def study_reading(history: History, allow_mixed: bool = False) -> EnergyReading | None:
    """Return the energy of all ended attempts, search and re-training, by the rules of `add`; None without any."""
    ended = [attempt.reading for attempt in history.attempts if attempt.state != RUNNING]
    return add(ended, allow_mixed) if ended else None


def study_energy(history: History, allow_mixed: bool = False) -> dict[str, Any]:
    """Return the columns of `energy_cells` for the whole study."""
    reading = study_reading(history, allow_mixed)
    return (
        {"energy_class": "unavailable", "energy_reason": "no attempt has ended"}
        if reading is None
        else energy_cells(reading)
    )


def _study_rows(history: History, allow_mixed: bool) -> list[dict[str, Any]]:
    name = history.study.get("name")
    reading = study_reading(history, allow_mixed)
    if reading is None:
        return []
    every = [one for attempt in history.attempts for one in attempt.readings]
    rows = [{"scope": "study", "id": name, **source_row([reading]), "source": HEADLINE}]
    return rows + [{"scope": "study", "id": name, **source_row(group)} for group in by_source(every).values()]


def _recorded_rows(history: History) -> list[dict[str, Any]]:
    """Rows of the ``energy`` records (nodes, jobs): the pieces of a run add up."""
    groups: dict[tuple[Any, ...], list[EnergyReading]] = {}
    for record in history.energy:
        for reading in readings_of(record):
            key = record.get("scope", "node"), record.get("host"), record.get("run"), reading.source, reading.device
            groups.setdefault(key, []).append(reading)
    return [
        {"scope": scope, "id": host, "host": host, "run": run, **source_row(group)}
        for (scope, host, run, *_), group in groups.items()
    ]


def _series_rows(
    history: History, series: Sequence[NodeSeries], recorded: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of the nodes whose joules are in their series only: those on which nothing coordinated."""
    begun = [(datetime.fromisoformat(run.record["time"]).timestamp(), run.record["run"]) for run in history.runs]
    known = {(row["host"], row["run"]) for row in recorded if row["scope"] == "node" and row["joules"] is not None}
    groups: dict[tuple[Any, ...], list[EnergyReading]] = {}
    for one in series:
        run = max([number for time, number in begun if time <= one.times[-1]], default=None)
        for sensor in one.sensors if (one.host, run) not in known else ():
            groups.setdefault((one.host, run, sensor), []).append(node_reading(one, sensor))
    return [
        {"scope": "node", "id": host, "host": host, "run": run, **source_row(group)}
        for (host, run, _), group in groups.items()
    ]


def _job_rows(ledgers: Sequence[JobLedger]) -> list[dict[str, Any]]:
    """Rows of the accounted jobs, and of the accounts in which their joules were booked."""
    rows: list[dict[str, Any]] = []
    for one in ledgers:
        where = {"scope": "job", "id": one.job}
        rows.append({**where, **source_row([one.reading]), "reason": _residual(one), "u_j": one.u_j})
        for account in ACCOUNTS:
            energy = one.ledger.account_uj(account)
            rules = dict.fromkeys(e.share_rule for e in one.ledger.entries if e.account == account)
            apportioned = replace(one.reading, energy_j=energy * 1e-6, method="apportioned", assurance="C")
            u_j = sum(e.u_j for e in one.ledger.entries if e.account == account)  # one counter: errors go together
            ends = {"joules_low": max(energy * 1e-6 - 2 * u_j, 0.0), "joules_high": energy * 1e-6 + 2 * u_j, "u_j": u_j}
            row = {**source_row([apportioned]), **ends, "share_rule": "+".join(rules) or None}
            rows.append({**where, **row, "share": energy / one.ledger.total_uj, "account": account})
    return rows


def _residual(one: JobLedger) -> str | None:
    found = one.reconciliation
    if found is None:
        return None
    flags = f" ({', '.join(found.flags)})" if found.flags else ""
    return f"residual against the nodes' meters {found.residual_j:.1f} J, {100 * found.residual:.1f} %{flags}"


def _trial_rows(history: History) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number in sorted(history.trials):
        trial = history.trials[number]
        every = [one for attempt in trial.attempts for one in attempt.readings]
        where = {"scope": "trial", "id": number, "role": trial.role}
        rows += [{**where, "host": group[-1].host, **source_row(group)} for group in by_source(every).values()]
    return rows
