"""From the jobs named in a study's journal to what Slurm accounted for them, kept in the study's folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from autode.cluster.sacct import Sacct, cluster_settings
from autode.study.accounting import StudyJob, keep, runs_in, study_jobs
from autode.study.errors import UserError
from autode.study.folder import load_records

if TYPE_CHECKING:
    import pandas as pd

#: A run that ended longer ago than this gets no more records: its nodes have reported, or never will.
_REPORTED_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class Collected:
    """What a collection found.

    Attributes
    ----------
    runs : pandas.DataFrame
        One row a run of a job, as `autode.energy.job_runs` gives them.
    file : pathlib.Path
        The kept text.
    unknown : tuple of str
        Jobs of the study without a row.
    unsettled : tuple of str
        Jobs that had not ended, or whose joules may still arrive, when the time to wait was over.
    """

    runs: pd.DataFrame
    file: Path
    unknown: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()


def collect(folder: Path, wait_s: float = 30.0) -> Collected:
    """Ask this machine's sacct for every job that worked on a study, until its records have settled.

    Parameters
    ----------
    folder : pathlib.Path
        Output folder of the study.
    wait_s : float
        Longest time to ask again while a job is missing, or has ended and its joules are not there yet, seconds.

    Raises
    ------
    UserError
        If the folder has no study, no run of it was a Slurm job, sacct is missing or fails, or knows none of the jobs.
    """
    jobs, ended = _jobs_of(folder)
    sacct = Sacct()
    numbers = [job.number for job in jobs]

    def ask() -> tuple[str, pd.DataFrame, list[str]]:
        text = sacct.query(numbers)
        runs = _runs_in(text, jobs, "sacct's answer")
        return text, runs, unsettled(runs, jobs, ended, datetime.now(UTC))

    text, runs, waiting = _until_settled(ask, wait_s)
    if runs.empty:
        raise UserError(
            f"sacct knows none of the jobs of {folder} ({_listed(numbers)}); is this the cluster they ran on? "
            "Accounting may also have been purged"
        )
    shared = _shared(sacct, runs, numbers)
    path = keep(folder, text, sacct.command(numbers), utc=True, cluster=cluster_settings(), shared=shared)
    unknown = _unknown(runs, jobs)
    return Collected(runs, path, unknown, tuple(job for job in waiting if job not in unknown))


def collect_file(folder: Path, source: Path) -> Collected:
    """Take the accounting of a study's jobs from a file that somebody made with sacct.

    Raises
    ------
    UserError
        If the folder has no study, no run of it was a Slurm job, or the file has no row of its jobs.
    """
    jobs, _ = _jobs_of(folder)
    try:
        data = source.read_bytes()
    except OSError as error:
        raise UserError(f"{source}: cannot be read ({error.strerror})") from None
    runs = _runs_in(source, jobs, str(source))
    if runs.empty:
        numbers = [job.names[-1] for job in jobs]
        raise UserError(f"{source}: has no row of the jobs of {folder} ({_listed(numbers)})")
    path = keep(folder, data, f"file {source.name}", utc=data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"))
    return Collected(runs, path, _unknown(runs, jobs))


def unsettled(runs: pd.DataFrame, jobs: Sequence[StudyJob], ended: set[str], now: datetime) -> list[str]:
    """Return the jobs of which sacct will soon know more.

    Parameters
    ----------
    runs : pandas.DataFrame
        What sacct knows by now, times in UTC.
    jobs : sequence of StudyJob
    ended : set of str
        Jobs that must end by themselves: their last run of the program has ended.
    now : datetime
    """
    missing = set(_unknown(runs, jobs))
    known = runs["energy_j"].notna()
    unfinished = runs["flags"].str.split(";").map(lambda flags: "unfinished" in flags).astype(bool)
    recent = ~unfinished & ~known & (now.replace(tzinfo=None) - runs["end"] < _REPORTED_AFTER)
    late = runs["job"][(unfinished & runs["job"].isin(list(ended))) | recent]
    return [job.number for job in jobs if job.number in missing or job.number in set(late)]


def _jobs_of(folder: Path) -> tuple[list[StudyJob], set[str]]:
    """Return the study's jobs, and which of them have no reason to go on; not the one that this is part of."""
    records = load_records(folder)
    runs = {record["run"]: record for record in records if record["type"] == "run"}
    jobs = study_jobs(runs.values())
    if not jobs:
        raise UserError(f"{folder}: no run of this study was a Slurm job; there is nothing to collect")
    last = {str((run.get("slurm") or {}).get("job_id")): number for number, run in runs.items()}
    over = {record["run"] for record in records if record["type"] == "end"}
    return jobs, {job for job, number in last.items() if number in over and job != os.environ.get("SLURM_JOB_ID")}


def _shared(sacct: Sacct, runs: pd.DataFrame, numbers: Sequence[str]) -> dict[str, list[str]]:
    """Return the other jobs on the nodes of each run, for the runs that had company: its joules are theirs, too."""
    placed = runs[runs["start"].notna() & runs["end"].notna() & (runs["nodes"] != "")]
    found = {
        f"{one['job']}.{one['run']}": sacct.others_on(one["nodes"], one["start"], one["end"], numbers)
        for one in placed.to_dict("records")
    }
    return {run: others for run, others in found.items() if others}


def _until_settled(
    ask: Callable[[], tuple[str, pd.DataFrame, list[str]]], wait_s: float
) -> tuple[str, pd.DataFrame, list[str]]:
    deadline, pause = time.monotonic() + wait_s, 0.5
    while True:
        text, runs, waiting = ask()
        left = deadline - time.monotonic()
        if not waiting or left <= 0:
            return text, runs, waiting
        time.sleep(min(pause, left))
        pause = min(2 * pause, 5.0)


def _runs_in(text: str | Path, jobs: Sequence[StudyJob], source: str) -> pd.DataFrame:
    try:
        return runs_in(text, jobs)
    except ValueError as error:
        raise UserError(f"{source}: cannot be read as accounting ({error})") from None


def _unknown(runs: pd.DataFrame, jobs: Sequence[StudyJob]) -> tuple[str, ...]:
    known = set(runs["job"])
    return tuple(job.number for job in jobs if job.number not in known)


def _listed(numbers: Sequence[str]) -> str:
    return ", ".join(numbers[:5]) + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")
