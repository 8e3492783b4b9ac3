"""A study's tables for other programs: CSV, Parquet, and a storage that Optuna and its dashboard open."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autode.report.quantities import is_missing
from autode.report.study_data import StudyData
from autode.report.tables import TABLES

if TYPE_CHECKING:
    import pandas as pd

#: how a trial ended -> the name of Optuna's state
_STATES = {"completed": "COMPLETE", "stopped": "PRUNED", "failed": "FAIL", "lost": "FAIL"}
#: what else of a trial is of use there
_ATTRIBUTES = ("generation", "attempt", "seconds", "energy_j", "energy_method", "energy_class", "host", "rank", "error")


def write_parquet(data: StudyData, folder: Path) -> list[Path]:
    """Write the tables of `autode.report.tables.write_tables` as Parquet; return their paths.

    A column of several types becomes text, as Parquet knows none.

    Raises
    ------
    ValueError
        If pyarrow is not installed.
    """
    _needed("pyarrow", "parquet")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.parquet" for name in TABLES]
    for name, path in zip(TABLES, paths, strict=True):
        _of_one_type(getattr(data, name)).to_parquet(path, index=False)
    return paths


def _of_one_type(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns of several types, such as numbers of trials beside names of nodes, are text."""
    mixed = [str(name) for name in table if table[name].dropna().map(type).nunique() > 1]
    return table.assign(**{name: table[name].map(str, na_action="ignore") for name in mixed})


def write_optuna(data: StudyData, folder: Path) -> list[Path]:
    """Write the ended trials as a study in ``optuna.db`` (SQLite), anew each time; return its path.

    Parameters, values and the epochs' values arrive as Optuna's own; joules, with how they were found, and places as
    the trials' user attributes.

    Raises
    ------
    ValueError
        If Optuna is not installed.
    """
    optuna = _needed("optuna", "optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "optuna.db"
    path.unlink(missing_ok=True)
    goals = data.workflow["objective"].get("directions", [data.direction])
    study = optuna.create_study(storage=f"sqlite:///{path}", study_name=data.name, directions=goals)
    study.set_user_attr("workflow", data.workflow)
    rows = data.trials[data.trials["state"].isin(list(_STATES))]
    study.add_trials([_frozen(optuna, data, row) for row in rows.to_dict("records")])
    return [path]


def _needed(package: str, form: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise ValueError(f"--to {form}: needs {package}, which is not installed here; pip install {package}") from None


def _frozen(optuna: Any, data: StudyData, row: Mapping[Any, Any]) -> Any:
    """Return a trial as Optuna keeps it."""
    metrics = data.workflow["objective"].get("metrics", [data.metric])
    values = [_value(data, row, metric) for metric in metrics]
    state = _STATES[row["state"]] if not any(map(is_missing, values)) else "FAIL"
    space = {
        name: one for name, one in data.workflow["space"].items() if not is_missing(row.get(f"param.{name}"))
    }  # the others play no part in this trial
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState[state],
        values=None if state == "FAIL" or (state == "PRUNED" and len(values) > 1) else [float(v) for v in values],
        params={name: _plain(row[f"param.{name}"], one) for name, one in space.items()},
        distributions={name: _distribution(optuna, one) for name, one in space.items()},
        intermediate_values=_epochs(data, row["trial"]) if len(metrics) == 1 else {},
        user_attrs={"trial": row["trial"]} | {n: row[n] for n in _ATTRIBUTES if not is_missing(row.get(n))},
    )


def _value(data: StudyData, row: Mapping[Any, Any], metric: str) -> Any:
    if metric == data.metric:
        return row["value"]
    return row.get(metric) if metric == "energy_j" else row.get(f"metric.{metric}")


def _epochs(data: StudyData, trial: int) -> dict[int, float]:
    """Return epoch -> value of the metric, where it was reported."""
    if data.metric not in data.epochs:
        return {}
    rows = data.epochs[(data.epochs["trial"] == trial) & data.epochs[data.metric].notna()]
    return {int(epoch): float(value) for epoch, value in zip(rows["epoch"], rows[data.metric], strict=True)}


def _distribution(optuna: Any, table: Mapping[str, Any]) -> Any:
    """Return Optuna's word for a hyperparameter of the workflow; an ordinal's order has none."""
    kinds = optuna.distributions
    if table["type"] == "float":
        return kinds.FloatDistribution(table["low"], table["high"], log=table.get("log", False))
    if table["type"] == "int":
        log = table.get("log", False)
        return kinds.IntDistribution(table["low"], table["high"], log=log, step=1 if log else table.get("step", 1))
    return kinds.CategoricalDistribution(table["choices"])


def _plain(value: Any, table: Mapping[str, Any]) -> Any:
    """Return a parameter with its own type: a column with gaps holds whole numbers as floats."""
    if table["type"] == "int":
        return round(value)
    if table["type"] == "float":
        return float(value)
    return next((choice for choice in table["choices"] if choice == value), value)
