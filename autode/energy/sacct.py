"""What Slurm accounted: sacct's output as one typed row a line, with unknown energy as NaN and never as zero.

Facts behind the rules (sacct(1); Slurm's sources; seen on a real cluster of three nodes, Slurm 22.05): ConsumedEnergy
is the energy of whole nodes; blank and 0 both mean "no value was recorded"; 18446744073709551614 (NO_VAL64) means
unset; the energy in TRESUsageOut lists is watts, in TRESUsageIn lists joules; a unit prefix is decimal in
ConsumedEnergy and binary in TRES lists.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autode.energy import sacct_values as values
from autode.energy.run_numbers import run_numbers
from autode.energy.sacct_json import is_json, json_table
from autode.energy.sacct_text import SacctError, Skipped, opened, string_tables

#: Field of sacct -> column of the result and how to read it, for the fields that need nothing else.
_PLAIN: dict[str, tuple[str, Callable[[str], Any]]] = {
    "cluster": ("cluster", str),
    "jobname": ("job_name", str),
    "user": ("user", str),
    "partition": ("partition", str),
    "exitcode": ("exit_code", str),
    "nodelist": ("nodes", values.node_list),
    "ntasks": ("tasks", values.count),
    "totalcpu": ("cpu_used_s", values.seconds),
}
_TEXT = ("cluster", "job_name", "user", "partition", "exit_code", "nodes")
_TIMES = ("submit", "start", "end")
_NUMBERS = ("tasks", "cpu_used_s")
_KNOWN = {
    *_PLAIN, *_TIMES, "jobid", "jobidraw", "state", "elapsed", "elapsedraw", "nnodes", "allocnodes", "alloccpus",
    "ncpus", "alloctres", "consumedenergy", "consumedenergyraw", "cputime", "cputimeraw", "maxrss",
    "tresusageintot", "tresusageoutave", "tresusageouttot",
}  # fmt: skip
#: Columns of the result, in order.
COLUMNS = (
    "job", "step", "run", "state", "elapsed_s", "energy_j", "power_w", "nodes", "node_count", "job_name", "flags",
    "submit", "start", "end", "tasks", "cpus", "cpu_time_s", "cpu_used_s", "mem_used_bytes", "mem_allocated_bytes",
    "partition", "user", "cluster", "exit_code", "job_raw",
)  # fmt: skip


def read_sacct(
    source: str | Path,
    *,
    columns: Sequence[str] | None = None,
    delimiter: str | None = None,
    on_error: str = "raise",
    max_node_power_w: float = 20_000.0,
) -> pd.DataFrame:
    """Read sacct's output: text with any delimiter or padded, with or without header, or ``--json``.

    Parameters
    ----------
    source : str or pathlib.Path
        A file, or the text itself.
    columns : sequence of str, optional
        Names of the fields (the ``--format`` of the query) where the text has no header.
    delimiter : str, optional
        Default: what the header shows; ``|`` where there is none.
    on_error : "raise" or "skip"
        What to do with a malformed row. Skipped ones are counted in ``.attrs["skipped"]``, the first ten described in
        ``.attrs["skipped_lines"]``.
    max_node_power_w : float
        A row whose energy would mean more watts per node than this is not believed.

    Returns
    -------
    pandas.DataFrame
        One row a line, columns `COLUMNS`. ``job`` as Slurm writes it (``7``, ``21_1``, ``17+0``); ``step`` is empty for
        the job itself, else ``batch``, ``extern``, ``interactive``, ``0`` ...; ``run`` counts the tries of a requeued
        job (``--duplicates``) from 0. ``energy_j`` is NaN where Slurm has none. ``power_w`` is the mean power of one
        node that Slurm sampled. ``job_raw`` is the number by which Slurm knows a task of an array or a part of a
        heterogeneous job (``SLURM_JOB_ID``), empty where the query had no JobIDRaw. Times are the cluster's local time
        as printed (UTC from JSON). ``flags``, joined by ``;``: ``zero_energy`` (0 was printed, unknown),
        ``absurd_energy``, ``implausible_power``, ``low_power`` (below 20 W per node over more than a minute),
        ``rounded`` (printed with a unit prefix), ``sentinel`` (the 1 J with which the RAPL plugin begins).

    Raises
    ------
    ValueError
        For a malformed row (names the line), a missing header, or an unknown ``on_error``.
    FileNotFoundError
        If there is no such file.
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error must be 'raise' or 'skip', not {on_error!r}")
    skipped = Skipped(strict=on_error == "raise")
    with opened(source) as file:
        if is_json(file):
            tables = [json_table(_loaded(file.read()))]
        else:
            tables = string_tables(file, _KNOWN, columns, delimiter, skipped)  # type: ignore[assignment]
        typed = [_typed(table, lines, skipped, max_node_power_w) for table, lines in tables]
    rows = pd.concat(typed, ignore_index=True) if typed else _typed(_empty(), np.arange(0), skipped, max_node_power_w)
    rows["run"] = run_numbers(rows)
    rows.attrs.update(skipped=skipped.count, skipped_lines=skipped.examples)
    return rows[list(COLUMNS)]


def _loaded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise SacctError(f"this looks like JSON and is not: {error}") from None


def _empty() -> pd.DataFrame:
    return pd.DataFrame(columns=["jobid"], dtype=object)


class _Fields:
    """The fields of one block, read by distinct values: accounting repeats itself, and Python need not."""

    def __init__(self, table: pd.DataFrame, lines: np.ndarray):
        self.table, self.lines = table, lines
        self.problems: list[tuple[int, str]] = []
        self.bad = np.zeros(len(table), dtype=bool)
        self._distinct: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def read(self, name: str, reader: Callable[[str], Any], missing: Any, dtype: Any = float) -> np.ndarray:
        """Return one value a row; rows whose text cannot be read are reported and marked bad."""
        if name not in self.table:
            return np.full(len(self.table), missing, dtype=dtype)
        column: np.ndarray = self.table[name].to_numpy()
        if reader is str:
            return column
        if column.dtype == float:  # numbers already; only joules have values that are none
            unset = (column >= values.ABSURD_J) | (column < 0) if reader is values.joules else np.False_
            return np.where(unset, np.inf, column)
        if name not in self._distinct:
            self._distinct[name] = pd.factorize(column)
        codes, distinct = self._distinct[name]
        try:
            found = np.array([reader(text) for text in distinct], dtype=dtype)
        except ValueError:
            found = self._one_by_one(codes, distinct, reader, missing, dtype)
        result: np.ndarray = found[codes]
        return result

    def _one_by_one(
        self, codes: np.ndarray, distinct: np.ndarray, reader: Callable[[str], Any], missing: Any, dtype: Any
    ) -> np.ndarray:
        found = np.full(len(distinct), missing, dtype=dtype)
        for index, text in enumerate(distinct):
            try:
                found[index] = reader(text)
            except ValueError as error:
                self.report(codes == index, str(error))
        return found

    def first(self, *candidates: tuple[str, Callable[[str], float]]) -> np.ndarray:
        """Return the first known number a row among several fields."""
        result = np.full(len(self.table), np.nan)
        for name, reader in candidates:
            if name in self.table and np.isnan(result).any():
                result = np.where(np.isnan(result), self.read(name, reader, np.nan), result)
        return result

    def report(self, where: np.ndarray, problem: str) -> None:
        """Mark rows bad, once each."""
        for row in np.flatnonzero(where & ~self.bad):
            self.problems.append((int(self.lines[row]), problem))
        self.bad |= where


def _typed(table: pd.DataFrame, lines: np.ndarray, skipped: Skipped, max_node_power_w: float) -> pd.DataFrame:
    """Turn a block of strings into the columns of the result, all but ``run``."""
    name = "jobid" if "jobid" in table else "jobidraw"
    again = table[name].isin(["JobID", "JobIDRaw", name]).to_numpy()  # headers of further outputs in one file
    if again.any():
        table, lines = table[~again], lines[~again]
    fields = _Fields(table, lines)
    rows: dict[str, Any] = {}
    rows["job"], rows["step"] = _job_ids(fields, table[name].to_numpy())
    rows["job_raw"] = _raw_ids(fields, rows["job"])
    rows["state"] = fields.read("state", values.state, "", object)
    rows["elapsed_s"] = fields.first(("elapsedraw", values.seconds), ("elapsed", values.seconds))
    for field, (column, reader) in _PLAIN.items():
        text = column in _TEXT
        rows[column] = fields.read(field, reader, "" if text else np.nan, object if text else float)
    for column in _TIMES:
        rows[column] = _times(fields, column)
    rows |= _amounts(fields)
    rows["energy_j"], rows["flags"] = _energy(fields, rows, max_node_power_w)
    for line, problem in sorted(fields.problems):
        skipped.line(line, problem)
    frame = pd.DataFrame(rows)
    texts = ["job", "step", "state", *_TEXT, "flags", "job_raw"]
    frame[texts] = frame[texts].astype("str")
    return frame[~fields.bad] if fields.bad.any() else frame


def _job_ids(fields: _Fields, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split the job ids, which are nearly all different, row by row."""
    jobs: list[str] = []
    steps: list[str] = []
    for text in texts:
        job, _, step = text.partition(".")
        jobs.append(job)
        steps.append(step)
    usual = (
        all(jobs)
        and "".join(jobs).replace("_", "").isdigit()
        and all(step.isalnum() or not step for step in set(steps))
    )
    for row, text in enumerate(() if usual else texts):
        try:
            jobs[row], steps[row] = values.job_step(text)
        except ValueError as error:
            fields.report(np.arange(len(texts)) == row, str(error))
    return np.array(jobs, dtype=object), np.array(steps, dtype=object)


def _raw_ids(fields: _Fields, jobs: np.ndarray) -> np.ndarray:
    """Return the number of each row's job; a step without one has its job's, a plain job id is one itself."""
    if "".join(jobs).isdigit():
        return jobs
    raw = fields.read("jobidraw", lambda text: text.partition(".")[0], "", object)
    known = {job: number for job, number in zip(jobs, raw, strict=True) if number}
    missing = raw == ""
    raw[missing] = [known.get(job) or (job if job.isdigit() else "") for job in jobs[missing]]
    return raw


def _amounts(fields: _Fields) -> dict[str, np.ndarray]:
    """Read nodes, processors, memory and power."""
    nodes = fields.first(
        ("nnodes", values.count),
        ("allocnodes", values.count),
        ("alloctres", lambda text: values.tres(text, "node")),
        ("nodelist", lambda text: values.node_count(values.node_list(text))),
    )
    total = fields.read("tresusageouttot", lambda text: values.tres(text, "energy"), np.nan)
    average = fields.read("tresusageoutave", lambda text: values.tres(text, "energy"), np.nan)
    tasks = fields.read("ntasks", values.count, np.nan)
    rss = fields.read("maxrss", values.size_bytes, np.nan) * np.where(np.isnan(tasks), 1.0, tasks)
    used = fields.read("tresusageintot", lambda text: values.tres(text, "mem"), np.nan)
    return {
        "node_count": nodes,
        "power_w": np.where(np.isnan(average), total / np.where(nodes > 0, nodes, np.nan), average),
        "cpus": fields.first(("alloccpus", values.count), ("ncpus", values.count), ("alloctres", _cpus)),
        "cpu_time_s": fields.first(("cputimeraw", values.seconds), ("cputime", values.seconds)),
        "mem_used_bytes": np.where(np.isnan(used), rss, used),
        "mem_allocated_bytes": fields.read("alloctres", lambda text: values.tres(text, "mem"), np.nan),
    }


def _cpus(text: str) -> float:
    return values.tres(text, "cpu")


def _times(fields: _Fields, column: str) -> np.ndarray:
    if column not in fields.table:
        return np.full(len(fields.table), np.datetime64("NaT", "s"))
    codes, distinct = pd.factorize(fields.table[column].to_numpy())
    parsed = pd.to_datetime(pd.Series(distinct, dtype=object), errors="coerce", format="ISO8601")
    return parsed.to_numpy(dtype="datetime64[s]")[codes]


def _energy(fields: _Fields, rows: dict[str, Any], max_node_power_w: float) -> tuple[np.ndarray, np.ndarray]:
    """Return joules (NaN: unknown) and flags a row."""
    raw = fields.read("consumedenergyraw", values.joules, np.nan)
    short = fields.read("consumedenergy", values.joules, np.nan)
    printed = np.where(np.isnan(raw), short, raw)
    if (doubtful := np.isnan(printed) | (printed == 0)).any():
        other = _energy_elsewhere(fields, rows["step"] == "")
        printed = np.where(doubtful & ~np.isnan(other), other, printed)
    absurd = np.isinf(printed) | (printed >= values.ABSURD_J) | (printed < 0)
    elapsed, nodes = rows["elapsed_s"], np.where(rows["node_count"] > 0, rows["node_count"], 1.0)
    with np.errstate(invalid="ignore"):
        node_watts = printed / (elapsed + 1.0) / nodes  # elapsed is cut to whole seconds
        marks = {
            "absurd_energy": absurd,
            "implausible_power": ~absurd & (elapsed > 0) & (node_watts > max_node_power_w),
            "zero_energy": printed == 0,
            "sentinel": (printed == 1) & (elapsed > 1),
            "low_power": (printed > 1) & (elapsed > 60) & (node_watts < 20.0),
            "rounded": np.isnan(raw)
            & (printed == short)
            & fields.read("consumedenergy", values.is_rounded, False, bool),
        }
    unknown = marks["absurd_energy"] | marks["implausible_power"] | marks["zero_energy"] | marks["sentinel"]
    return np.where(unknown, np.nan, printed), joined_flags(marks, len(printed))


def _energy_elsewhere(fields: _Fields, is_job: np.ndarray) -> np.ndarray:
    """Return the joules in the TRES lists: of the allocation for a job, of the usage for a step."""
    allocated = fields.read("alloctres", lambda text: values.tres(text, "energy"), np.nan)
    used = fields.read("tresusageintot", lambda text: values.tres(text, "energy"), np.nan)
    return np.where(is_job, allocated, used)


def joined_flags(marks: dict[str, np.ndarray], length: int) -> np.ndarray:
    """Return the names of the raised marks a row, joined by ``;``."""
    key = np.zeros(length, dtype=np.int64)
    for bit, mark in enumerate(marks.values()):
        key |= np.asarray(mark, dtype=np.int64) << bit
    codes, distinct = pd.factorize(key)
    names = list(marks)
    texts = np.array(
        [";".join(name for bit, name in enumerate(names) if value >> bit & 1) for value in distinct] or [""],
        dtype=object,
    )
    return texts[codes] if length else np.zeros(0, dtype=object)
