"""What Slurm accounted for the jobs of a study, kept beside the journal as it was printed.

``accounting/`` in the output folder holds the untouched texts and ``index.json``, one entry a collection: ``file``,
``sha256``, ``collected`` (ISO 8601 UTC), ``command`` (or the file it came from), ``utc`` (whether the text's times are
UTC), ``cluster`` (the settings of Slurm that decide what its joules mean) and ``shared`` (job and run -> other jobs on
its nodes at the same time, as far as the site shows them). Everything else is computed from the
texts whenever it is asked for, so that a report can be recomputed. The journal stays the truth of the study.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from autode.execution.evaluate import utc_now
from autode.study.folder import write_atomically
from autode.study.journal import Record

if TYPE_CHECKING:
    import pandas as pd

FOLDER, INDEX = "accounting", "index.json"


class AccountingError(ValueError):
    """The kept accounting cannot be used: a file is missing, or is not what was collected."""


@dataclass(frozen=True)
class StudyJob:
    """A Slurm job that worked on a study.

    Attributes
    ----------
    number : str
        ``SLURM_JOB_ID``; a task of an array has its own.
    cluster : str
        Name of the cluster; empty if the journal has none.
    array : str
        ``SLURM_ARRAY_JOB_ID``; empty outside of arrays.
    task : str
        ``SLURM_ARRAY_TASK_ID``; empty if the journal has none.
    restarts : int
        How often it had been requeued when the program last began in it.
    """

    number: str
    cluster: str = ""
    array: str = ""
    task: str = ""
    restarts: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The ids under which sacct may list it."""
        return (self.number, f"{self.array}_{self.task}") if self.array and self.task else (self.number,)


@dataclass(frozen=True)
class Collection:
    """One entry of the index; see the module."""

    file: str
    sha256: str
    collected: str
    command: str
    utc: bool = False
    cluster: dict[str, str] = field(default_factory=dict)
    shared: dict[str, list[str]] = field(default_factory=dict)


def study_jobs(runs: Iterable[Record]) -> list[StudyJob]:
    """Return the Slurm jobs named in a journal's ``run`` records, each once, in order."""
    slurm = [run.get("slurm") or {} for run in runs]
    names = ("job_id", "cluster_name", "array_job_id", "array_task_id")
    restarts: dict[StudyJob, int] = {}
    for one in slurm:
        if one.get("job_id"):
            number, cluster, array, task = (str(one.get(name) or "") for name in names)
            job = StudyJob(number, cluster, array, task)
            restarts[job] = max(restarts.get(job, 0), int(one.get("restart_count") or 0))
    return [replace(job, restarts=count) for job, count in restarts.items()]


def rows_of(rows: pd.DataFrame, jobs: Sequence[StudyJob]) -> pd.DataFrame:
    """Return the rows of accounting that belong to the jobs; ``job`` then is the job's own number.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `autode.energy.read_sacct`.
    jobs : sequence of StudyJob
        Where both name a cluster, it must be the same: numbers repeat from cluster to cluster.
    """
    number = {name: job for job in jobs for name in job.names}
    # the raw number first: an array's first number is also the name of all of it
    keys = zip(rows["job_raw"], rows["job"], rows["cluster"], strict=True)
    found = [_at_home(number.get(raw or job), cluster) for raw, job, cluster in keys]
    chosen = rows[[job is not None for job in found]] if found else rows
    return chosen.assign(job=[job.number for job in found if job is not None])


def _at_home(job: StudyJob | None, cluster: str) -> StudyJob | None:
    """Return the job, unless the row is of a job with the same number on another cluster."""
    elsewhere = job is not None and cluster and job.cluster and cluster != job.cluster
    return None if elsewhere else job


def keep(
    folder: Path,
    text: str | bytes,
    command: str,
    *,
    utc: bool = False,
    cluster: dict[str, str] | None = None,
    shared: dict[str, list[str]] | None = None,
) -> Path:
    """Keep a text of accounting as it is, and enter it into the index; a text that is there already is only entered.

    Parameters
    ----------
    folder : pathlib.Path
        Output folder of the study.
    text : str or bytes
        What sacct printed; kept as it is, in whatever encoding.
    command : str
        What printed it.
    utc : bool
        Whether the times in the text are UTC.
    cluster, shared : dict, optional
        As `Collection` has them.

    Returns
    -------
    pathlib.Path
        The text's file.
    """
    data = text if isinstance(text, bytes) else text.encode()
    digest = hashlib.sha256(data).hexdigest()
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    path = place / f"sacct-{digest[:12]}.txt"
    write_atomically(path, data)
    entry = Collection(path.name, digest, utc_now(), command, utc, cluster or {}, shared or {})
    entries = [asdict(one) for one in (*read_index(folder), entry)]
    write_atomically(place / INDEX, orjson.dumps(entries, option=orjson.OPT_INDENT_2) + b"\n")
    return path


def read_index(folder: Path) -> list[Collection]:
    """Return what was collected, in order; nothing if nothing was.

    Raises
    ------
    AccountingError
        If the index is damaged.
    """
    path = folder / FOLDER / INDEX
    if not path.is_file():
        return []
    try:
        known = {one.name for one in fields(Collection)}  # a newer version may have written more
        entries = orjson.loads(path.read_bytes())
        return [Collection(**{name: entry[name] for name in entry if name in known}) for entry in entries]
    except (ValueError, TypeError):
        raise AccountingError(f"{path}: expected the list of collections that autode collect writes") from None


def job_accounting(folder: Path, jobs: Sequence[StudyJob]) -> pd.DataFrame | None:
    """Return what is known of every run of the jobs; None if nothing was collected.

    Of several collections, a job has the latest in which it appears: sites forget old jobs.

    Returns
    -------
    pandas.DataFrame or None
        One row a run of a job, columns of `autode.energy.job_runs`, and ``utc``, ``raw_file``, ``raw_sha256``,
        ``plugin`` (Slurm's source of energy, empty if unknown). One more flag: ``shared_node`` (other jobs were on its
        nodes, whose joules are counted in full here).

    Raises
    ------
    AccountingError
        If a text is missing, cannot be read, or is not the one that was collected.
    """
    import pandas as pd

    collections = read_index(folder)
    if not collections:
        return None
    latest: dict[str, pd.DataFrame] = {}
    for collection in {one.file: one for one in collections}.values():  # the same text again tells nothing new
        for job, runs in _runs_of(folder / FOLDER, collection, jobs).groupby("job", sort=False):
            latest[str(job)] = runs
    return pd.concat(latest.values(), ignore_index=True) if latest else None


def with_live(accounting: pd.DataFrame, live: Mapping[tuple[str, int], float], source: str = "sstat") -> pd.DataFrame:
    """Put in what was known of a job's run while it lived where accounting has less: its nodes took it along.

    Parameters
    ----------
    accounting : pandas.DataFrame
        From `job_accounting`.
    live : mapping of (job, run) to float
        Joules of the job up to the last answer.
    source : "sstat" or "nodes"
        Who said so: Slurm, or the series of the nodes' own counters.

    Returns
    -------
    pandas.DataFrame
        Rows without joules, or with a lost node's share missing (``partial``), have the live figure where that is
        larger: ``energy_from`` then is the source, and the flags say ``live`` and ``partial``, as its end is missing.
    """
    keys = zip(accounting["job"].astype(str), accounting["run"].astype(int), strict=True)
    said = np.array([live.get(key, np.nan) for key in keys], dtype=float)
    energy = accounting["energy_j"].to_numpy(dtype=float)
    flags = accounting["flags"].str.split(";")
    lacking = np.isnan(energy) | np.array(["partial" in one for one in flags], dtype=bool)
    better = lacking & (said > np.nan_to_num(energy))
    if not better.any():
        return accounting
    seconds = accounting["elapsed_s"].to_numpy(dtype=float)
    nodes = accounting["node_count"].to_numpy(dtype=float)
    changed = accounting.assign(energy_j=np.where(better, said, energy))
    changed["energy_from"] = accounting["energy_from"].where(~better, source)
    known = (";".join(dict.fromkeys([*filter(None, one), "live", "partial"])) for one in flags)
    changed["flags"] = np.where(better, list(known), accounting["flags"])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(seconds > 0, changed["energy_j"] / seconds, np.nan)
        changed["mean_power_w"] = np.where(better, mean, accounting["mean_power_w"])
        changed["mean_node_power_w"] = np.where(better, mean / nodes, accounting["mean_node_power_w"])
    return changed


def runs_in(text: str | Path, jobs: Sequence[StudyJob]) -> pd.DataFrame:
    """Return the runs of the jobs in a text (or file) of accounting, as `autode.energy.job_runs` does.

    One more column, ``steps_alone``: joules of the steps that had a node to themselves, by step. Without
    ``--duplicates`` sacct prints the last run of a requeued job only: a single run has the number of the last one that
    the journal knows, and the flag ``last_run_only``.

    Raises
    ------
    ValueError
        If the text cannot be read as accounting.
    """
    import pandas as pd

    from autode.energy import job_runs, read_sacct
    from autode.energy.steps_alone import steps_alone

    rows = rows_of(read_sacct(text), jobs)
    runs, alone = job_runs(rows), steps_alone(rows)
    keys = zip(runs["job"].astype(str), runs["run"].astype(int), strict=True)
    runs["steps_alone"] = pd.Series([alone.get(key, {}) for key in keys], index=runs.index, dtype=object)
    return _numbered(runs, {job.number: job.restarts for job in jobs})


def _numbered(runs: pd.DataFrame, restarts: Mapping[str, int]) -> pd.DataFrame:
    """Give the single run of a job that was requeued the number that it has in the journal."""
    last = runs["job"].map(restarts).fillna(0).astype(int)
    single = (runs.groupby("job")["run"].transform("size") == 1) & (last > 0)
    flags = runs["flags"].where(~single, (runs["flags"] + ";last_run_only").str.removeprefix(";"))
    return runs.assign(run=runs["run"].where(~single, last), flags=flags) if single.any() else runs


def _runs_of(place: Path, collection: Collection, jobs: Sequence[StudyJob]) -> pd.DataFrame:
    path = place / collection.file
    if not path.is_file():
        raise AccountingError(f"{path} is missing, though {INDEX} names it; collect again, or remove {place}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != collection.sha256:
        raise AccountingError(f"{path} is not the text that was collected (sha256 differs); collect again")
    runs = runs_in(path, jobs)
    had_company = (runs["job"] + "." + runs["run"].astype(str)).isin(list(collection.shared))
    flags = runs["flags"].where(~had_company, (runs["flags"] + ";shared_node").str.removeprefix(";"))
    return runs.assign(
        flags=flags,
        utc=collection.utc,
        raw_file=f"{FOLDER}/{collection.file}",
        raw_sha256=collection.sha256,
        plugin=collection.cluster.get("AcctGatherEnergyType", ""),
    )
