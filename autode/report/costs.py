"""What a study cost: joules of one class only, what an accuracy took, and what was not the trials' own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autode.report.study_data import COMPARABLE, StudyData

#: The jobs' own joules, as Slurm accounted them: everything the nodes used, trials or not.
JOB = "job"


@dataclass(frozen=True)
class Spending:
    """The attempts of a search in the order of their ends.

    Attributes
    ----------
    joules : numpy.ndarray, shape (n,)
        Spent up to the end of each, failed and lost attempts included.
    best : numpy.ndarray, shape (n,)
        The best value by then, NaN before the first.
    sign : float
        -1 if more is better.
    """

    joules: npt.NDArray[np.float64]
    best: npt.NDArray[np.float64]
    sign: float = 1.0

    def to_reach(self, target: float) -> float:
        """Return the joules spent until the best was as good as a target; NaN if it never was (energy to accuracy)."""
        reached = np.flatnonzero(self.sign * self.best <= self.sign * target)
        return float(self.joules[reached[0]]) if len(reached) else np.nan


def spending(data: StudyData, energy_class: str) -> Spending | None:
    """Return how a search spent its joules; None unless all of its attempts have joules of that class.

    Parameters
    ----------
    data : StudyData
    energy_class : str
        ``measured``, ``apportioned`` or ``estimated``: one, as they are never added.
    """
    attempts = data.attempts[(data.attempts["role"] == "search") & (data.attempts["state"] != "running")]
    if attempts.empty or not (attempts["energy_class"] == energy_class).all():
        return None
    # an attempt that died has no end: its joules are counted from its start, which is early rather than late
    ordered = attempts.assign(when=attempts["finished"].fillna(attempts["started"])).sort_values(
        ["when", "trial", "attempt"], kind="stable"
    )
    values = data.trials.set_index("trial")["value"].where(data.trials.set_index("trial")["fitness"].notna())
    told = ordered["state"].isin(["completed", "stopped"])
    value = data.sign * ordered["trial"].map(values).where(told).to_numpy(float)
    best = np.fmin.accumulate(value)
    return Spending(ordered["energy_j"].to_numpy(float).cumsum(), data.sign * best, data.sign)


def total_joules(data: StudyData, energy_class: str) -> float | None:
    """Return the joules of a study in one class, or of its jobs (``job``); None unless they are whole."""
    if energy_class == JOB:
        jobs = data.jobs[
            ~data.jobs["flags"].fillna("").str.split().map(lambda flags: "counted_above" in flags).astype(bool)
        ]
        flags = " ".join(jobs["flags"].fillna("")).split()
        whole = len(jobs) and jobs["energy_j"].notna().all() and not {"partial", "unfinished"} & set(flags)
        return float(jobs["energy_j"].sum()) if whole else None
    ended = data.attempts[data.attempts["state"] != "running"]
    if ended.empty or not (ended["energy_class"] == energy_class).all():
        return None
    return float(ended["energy_j"].sum())


def common_class(studies: Sequence[StudyData], *, jobs: bool = True) -> str | None:
    """Return the best class of energy in which every study is whole: what may be compared. None if there is none.

    Parameters
    ----------
    studies : sequence of StudyData
    jobs : bool
        Whether the jobs' own joules will do, which know no trials.
    """
    for energy_class in ((JOB,) if jobs else ()) + COMPARABLE:
        if all(total_joules(data, energy_class) is not None for data in studies):
            return energy_class
    return None


def elapsed_s(data: StudyData) -> float:
    """Return the time of all jobs (of the program, outside of Slurm), seconds."""
    return float(data.jobs["elapsed_s"].sum())


def overhead_share(data: StudyData) -> float | None:
    """Return which part of the jobs' joules no trial used: start, idle slots, the optimiser; None unless accounted."""
    job = total_joules(data, JOB)
    rows = data.energy[(data.energy["scope"] == "job") & (data.energy["account"] == "trial")]
    return None if not job or rows.empty else 1.0 - float(rows["joules"].sum()) / job
