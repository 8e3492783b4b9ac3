"""The tries of a requeued job, told apart: Slurm prints them under one id."""

from __future__ import annotations

import numpy as np
import pandas as pd


def run_numbers(rows: pd.DataFrame) -> np.ndarray:
    """Count the runs of each job: a job's own line begins a run, and its steps follow it.

    Where no line of the job itself is printed, a step that comes again begins the next run. Runs are in the order of
    their start where that is known, else in the order of the lines.
    """
    if rows.empty:
        return np.zeros(0, dtype=np.int64)
    keys = [rows["cluster"], rows["job"]] if rows["cluster"].nunique() > 1 else [rows["job"]]
    own = (rows["step"] == "").to_numpy()
    run = pd.Series(own.astype(np.int64)).groupby(keys, sort=False).cumsum().to_numpy() - 1
    headless = run < 0
    if headless.any():
        again = rows.groupby([*keys, "step"], sort=False).cumcount().to_numpy()
        run = np.where(headless, again, run)
    if not run.any():
        return run
    return _by_start(rows, keys, own, run)


def _by_start(rows: pd.DataFrame, keys: list[pd.Series], own: np.ndarray, run: np.ndarray) -> np.ndarray:
    jobs = pd.Series(list(zip(*keys, strict=True))) if len(keys) > 1 else keys[0]
    repeated = jobs.isin(jobs[run > 0])
    order = pd.DataFrame({"job": jobs, "run": run, "start": rows["start"], "own": own})[repeated & own]
    ranked = order.sort_values(["start", "run"], na_position="last", kind="stable")
    ranked["rank"] = ranked.groupby("job", sort=False).cumcount()
    lookup = {(job, old): new for job, old, new in zip(ranked["job"], ranked["run"], ranked["rank"], strict=True)}
    result = run.copy()
    for index in np.flatnonzero(repeated.to_numpy()):
        result[index] = lookup.get((jobs.iloc[index], run[index]), run[index])
    return result
