"""What a study came to, in the figures that stand at the top of its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autode.report.axes import axes_of
from autode.report.quantities import (
    APPORTIONED,
    ESTIMATED,
    MEASURED,
    UNAVAILABLE,
    duration,
    figure,
    interval,
    is_missing,
    joules,
    mean_and_deviation,
    number,
    watt_hours,
)

if TYPE_CHECKING:
    import pandas as pd

    from autode.report.study_data import StudyData

_DETAILS = ("algorithm", "population", "evaluations")


@dataclass(frozen=True)
class EnergyLine:
    """An energy in words, of one class: estimates carry their marks, and stand apart from what was measured."""

    text: str
    watt_hours: str
    interval: str
    method: str
    source: str
    energy_class: str
    attempts: int


def energy_lines(attempts: pd.DataFrame) -> list[EnergyLine]:
    """Return the energy of ended attempts, one line a class; classes are never added to each other."""
    ended = attempts[attempts["state"] != "running"]
    lines = []
    for kind in (MEASURED, APPORTIONED, ESTIMATED):
        rows = ended[ended["energy_class"] == kind]
        if len(rows):
            low, high = rows["energy_low_j"].sum(min_count=1), rows["energy_high_j"].sum(min_count=1)
            total = float(rows["energy_j"].sum())
            methods, sources = (", ".join(sorted(set(rows[c].dropna()))) for c in ("energy_method", "energy_source"))
            words = joules(total, kind), watt_hours(total, kind), interval(low, high)
            lines.append(EnergyLine(*words, methods, sources, kind, len(rows)))
    return lines


def energy_missing(data: StudyData) -> tuple[int, str]:
    """Return how many ended attempts have no energy, and why."""
    rows = data.attempts[(data.attempts["state"] != "running") & (data.attempts["energy_class"] == UNAVAILABLE)]
    reasons = dict.fromkeys(reason for reason in rows["energy_reason"] if reason)
    return len(rows), "; ".join(list(reasons)[:3])


def unmeasured(data: StudyData) -> str:
    """Say in a sentence which of a study's joules nobody measured; empty if all were.

    A share of a measured counter (``apportioned``) is measured; a model is not, nor is an attempt without a reading.
    """
    ended = data.attempts[data.attempts["state"] != "running"]
    counts = {kind: int((ended["energy_class"] == kind).sum()) for kind in (ESTIMATED, UNAVAILABLE)}
    if ended.empty or not any(counts.values()):
        return "" if len(ended) else f"{data.path}: no attempt has ended, so nothing was measured"
    parts = [f"{counts[ESTIMATED]} estimated"] * bool(counts[ESTIMATED])
    if counts[UNAVAILABLE]:
        reason = energy_missing(data)[1]
        parts.append(f"{counts[UNAVAILABLE]} without a reading" + (f" ({reason})" if reason else ""))
    return f"{data.path}: of {len(ended)} attempts the joules are not measured: {', '.join(parts)}"


def confirmation_rows(data: StudyData) -> list[dict[str, Any]]:
    """Return mean and standard deviation (n - 1) of every metric over the fresh seeds.

    Returns
    -------
    list of dict
        One row a configuration, the winner first: ``label`` (``winner`` for the study's answer), ``of`` (trial or
        None), ``n`` (seeds with a result), ``asked``, and one text a metric.
    """
    rows: list[dict[str, Any]] = []
    groups: Any = data.confirmations.groupby(["label", "of"], dropna=False, sort=False)
    for (label, of), group in groups:
        trial = None if is_missing(of) else int(of)
        done = group[group["state"] == "completed"]
        figures = {name: _spread(done[f"metric.{name}"]) for name in confirmation_metrics(data)}
        head = {"label": "winner" if trial is not None and trial == data.winner else label, "of": trial}
        rows.append({**head, "n": len(done), "asked": len(group), **figures})
    return sorted(rows, key=lambda row: row["label"] != "winner")


def confirmation_metrics(data: StudyData) -> list[str]:
    """Return the metrics of the re-trainings: test accuracy, others of the test set, objective, the rest."""
    names = [name.removeprefix("metric.") for name in data.confirmations.columns if name.startswith("metric.")]
    return sorted(names, key=lambda name: (name != "test_accuracy", not name.startswith("test"), name != data.metric))


def _spread(values: pd.Series) -> str:
    known = values.dropna()
    if known.empty:
        return "–"
    return (
        figure(known.iloc[0]) if len(known) == 1 else mean_and_deviation(float(known.mean()), float(known.std(ddof=1)))
    )


def answer(data: StudyData) -> pd.Series | None:
    """Return the row of the trial that is the study's answer: the re-trained winner, else the best of the search."""
    winner = data.winner
    if winner is None:
        return data.best()
    return data.trials[data.trials["trial"] == winner].iloc[0]


def configuration(data: StudyData, trial: pd.Series | None) -> list[tuple[str, str, str]]:
    """Return name, value and range of every hyperparameter of a trial."""
    if trial is None:
        return []
    return [
        (axis.name, "not active" if is_missing(trial[axis.column]) else number(trial[axis.column]), _range(axis))
        for axis in axes_of(data)
    ]


def _range(axis: Any) -> str:
    if axis.choices:
        return ", ".join(str(choice) for choice in axis.choices)
    return f"{number(axis.low)} to {number(axis.high)}{', log scale' if axis.log else ''}"


def what_was_searched(data: StudyData) -> str:
    """Say in one sentence what was searched, how, and for what."""
    objective, search = data.workflow.get("objective") or {}, data.workflow.get("search") or {}
    subject = " on ".join(str(objective[key]) for key in ("model", "dataset") if objective.get(key)) or str(
        objective.get("python") or objective.get("kind") or "a Python function"
    )
    details = ", ".join(f"{key} {search[key]}" for key in _DETAILS[1:] if search.get(key))
    names = len([column for column in data.trials.columns if column.startswith("param.")])
    how = f"{search.get('algorithm', 'search')}{f' ({details})' if details else ''}"
    verb = "maximise" if data.direction == "maximize" else "minimise"
    return f"{how} over {names} hyperparameter{'s' * (names != 1)} of {subject}, to {verb} {data.metric}."


def states_line(data: StudyData) -> str:
    """Count the trials by state."""
    counts = data.trials["state"].value_counts()
    order = ("completed", "stopped", "failed", "lost", "running", "interrupted", "waiting")
    return ", ".join(f"{counts[state]} {state}" for state in order if counts.get(state, 0)) or "none yet"


def wall_time(data: StudyData) -> str:
    """Return the running time over all runs of the program, pauses between them left out."""
    known = data.program_runs["elapsed_s"].dropna()
    return duration(float(known.sum())) if len(known) else "–"
