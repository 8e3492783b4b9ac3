"""Tables of a study: one function a table, a history in and a DataFrame out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autode.report.energy_sums import energy_cells, trial_energy
from autode.study.history import Attempt, History, TrialHistory

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

_TRIAL_HEAD = ("trial", "generation", "state", "value", "attempt")
_TRIAL_TAIL = (
    *(
        "epochs",
        "seconds",
        "energy_j",
        "energy_method",
        "energy_source",
        "host",
        "rank",
        "started",
        "finished",
        "error",
    ),
    *(
        "energy_wh",
        "energy_low_j",
        "energy_high_j",
        "energy_class",
        "energy_flags",
        "energy_reason",
        "cpu_seconds",
        "fitness",
        "seed",
    ),
)
_INTEGERS = frozenset(("trial", "generation", "attempt", "epochs", "epoch", "rank", "of", "seed", "run", "restart"))
_ATTEMPT_COLUMNS = (
    *("trial", "attempt", "role", "run", "host", "rank", "device", "state", "started", "finished", "seconds"),
    *("cpu_seconds", "energy_j", "energy_method", "energy_source", "energy_low_j", "energy_high_j", "energy_class"),
    *("energy_reason", "error"),
)


def trials_frame(history: History, space: Sequence[str] = (), allow_mixed: bool = False) -> pd.DataFrame:
    """Return one row a search trial, by number.

    ``seconds``, ``cpu_seconds`` and the energy are sums over all attempts, lost and interrupted ones included;
    ``attempt`` counts the attempts before the last; a trial asked for but not begun has the state ``waiting``.

    Parameters
    ----------
    history : History
    space : sequence of str
        Names of the hyperparameters, in the order of their columns; further ones follow.
    allow_mixed : bool
        See `autode.report.energy_sums.add`.
    """
    trials = [history.trials[number] for number in sorted(history.trials)]
    rows = [_trial_row(trial, allow_mixed) for trial in trials if trial.role == "search"]
    params = _names("param.", rows, space)
    return frame(rows, (*_TRIAL_HEAD, *params, *_names("metric.", rows), *_TRIAL_TAIL))


def confirmations_frame(history: History, allow_mixed: bool = False) -> pd.DataFrame:
    """Return one row a re-training: ``label`` (winner, default, ...), ``of`` which trial, fresh ``seed``, metrics."""
    trials = [history.trials[number] for number in sorted(history.trials)]
    rows = [
        {**_trial_row(trial, allow_mixed), "label": trial.asked.get("label"), "of": trial.asked.get("of")}
        for trial in trials
        if trial.role == "confirm"
    ]
    tail = tuple(name for name in _TRIAL_TAIL if name != "seed")
    head = ("label", "of", "trial", "seed", "state", "value", "attempt")
    return frame(rows, (*head, *_names("metric.", rows), *_names("param.", rows), *tail))


def epochs_frame(history: History) -> pd.DataFrame:
    """Return one row an epoch record; a metric that is called like a fixed column is written as ``metric.<name>``."""
    fixed = {"trial", "epoch", "seconds", "energy_j", "attempt", "role"}
    rows: list[Row] = []
    names: dict[str, None] = {}
    for record in history.epochs:
        metrics = {f"metric.{k}" if k in fixed else k: v for k, v in (record.get("metrics") or {}).items()}
        names |= dict.fromkeys(metrics)
        trial = history.trials.get(record["trial"])
        rows.append({**record, **metrics, "attempt": record.get("attempt", 0), "role": trial.role if trial else None})
    table = frame(rows, ("trial", "epoch", *names, "seconds", "energy_j", "attempt", "role"))
    return table.sort_values(["trial", "epoch", "attempt"], kind="stable", ignore_index=True)


def attempts_frame(history: History) -> pd.DataFrame:
    """Return one row an attempt at any trial: where and when it ran and what it took."""
    rows = [_attempt_row(attempt, history.trials[attempt.trial]) for attempt in history.attempts]
    return frame(rows, _ATTEMPT_COLUMNS)


def frame(rows: Sequence[Mapping[str, Any]], columns: Iterable[str]) -> pd.DataFrame:
    """Build a DataFrame whose columns keep their kind: whole numbers stay whole beside gaps, gaps in text are None."""
    import pandas as pd

    return pd.DataFrame({name: _column(name, [row.get(name) for row in rows]) for name in columns})


def _column(name: str, values: list[Any]) -> pd.Series:
    import pandas as pd

    known = [value for value in values if value is not None]
    if name in _INTEGERS or (known and all(type(value) is int for value in known)):
        return pd.Series(values, dtype="int64" if known and len(known) == len(values) else "Int64")
    if known and all(type(value) in (int, float) for value in known):
        return pd.Series(values, dtype="float64")
    if not known and name.startswith(("metric.", "energy_", "value", "seconds", "joules")):
        return pd.Series(
            values, dtype="float64" if not name.endswith(("method", "source", "class", "flags")) else object
        )
    return pd.Series(values, dtype=object)


def _names(prefix: str, rows: Iterable[Row], first: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the columns with a prefix: the ones named first, then the others as they appear."""
    known = dict.fromkeys(prefix + name for name in first)
    return tuple(known | dict.fromkeys(name for row in rows for name in row if name.startswith(prefix)))


def _trial_row(trial: TrialHistory, allow_mixed: bool) -> Row:
    asked, end = trial.asked, trial.told or {}
    last = trial.attempts[-1] if trial.attempts else Attempt(asked["trial"], 0)
    return {
        "trial": asked["trial"],
        "generation": asked.get("generation"),
        "seed": asked.get("seed"),
        "state": trial.state,
        "attempt": max(len(trial.attempts) - 1, 0),
        **{f"param.{name}": value for name, value in (asked.get("params") or {}).items()},
        **{f"metric.{name}": value for name, value in (end.get("metrics") or {}).items()},
        **{name: end.get(name) for name in ("value", "fitness", "epochs", "finished")},
        "seconds": _sum_of("seconds", trial.attempts),
        "cpu_seconds": _sum_of("cpu_seconds", trial.attempts),
        "host": last.get("host"),
        "rank": last.get("rank"),
        "started": trial.attempts[0].started if trial.attempts else None,
        "error": end.get("error") or None,
        **trial_energy(trial.attempts, allow_mixed),
    }


def _sum_of(name: str, attempts: Iterable[Attempt]) -> float | None:
    known = [attempt.end[name] for attempt in attempts if attempt.end.get(name) is not None]
    return float(sum(known)) if known else None


def _attempt_row(attempt: Attempt, trial: TrialHistory) -> Row:
    names = ("run", "host", "rank", "device", "finished", "seconds", "cpu_seconds", "error")
    return {
        "trial": attempt.trial,
        "attempt": attempt.number,
        "role": trial.role,
        "state": attempt.state,
        "started": attempt.started,
        **{name: attempt.get(name) for name in names},
        **energy_cells(attempt.reading),
    }
