"""What Slurm accounted: sacct's output as one typed row a line, with unknown energy as NaN and never as zero.

Facts behind the rules (sacct(1); Slurm's sources; seen on a real cluster of three nodes, Slurm 22.05): ConsumedEnergy
is the energy of whole nodes; blank and 0 both mean "no value was recorded"; 18446744073709551614 (NO_VAL64) means
unset; the energy in TRESUsageOut lists is watts, in TRESUsageIn lists joules; a unit prefix is decimal in
ConsumedEnergy and binary in TRES lists.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autode.energy import sacct_values as values
from autode.energy.run_numbers import run_numbers
from autode.energy.sacct_cells import Cells
from autode.energy.sacct_fields import Fields
from autode.energy.sacct_json import is_json, json_table
from autode.energy.sacct_strings import Texts
from autode.energy.sacct_text import SacctError, Skipped, opened, string_tables

#: Field of sacct -> column of the result and how to read it, for texts.
_TEXTS: dict[str, tuple[str, Callable[[str], str]]] = {
    "state": ("state", values.state),
    "cluster": ("cluster", str),
    "jobname": ("job_name", str),
    "user": ("user", str),
    "partition": ("partition", str),
    "exitcode": ("exit_code", str),
    "nodelist": ("nodes", values.node_list),
}
_TIMES = ("submit", "start", "end")
_KNOWN = {
    *_TEXTS, *_TIMES, "jobid", "jobidraw", "elapsed", "elapsedraw", "nnodes", "allocnodes", "alloccpus",
    "ncpus", "ntasks", "alloctres", "consumedenergy", "consumedenergyraw", "cputime", "cputimeraw", "totalcpu",
    "maxrss", "tresusageintot", "tresusageoutave", "tresusageouttot",
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
            table, numbers = json_table(_loaded(file.read()))
            blocks: Iterator[tuple[Cells | Texts, np.ndarray]] = iter([(Texts(table), numbers)])
        else:
            blocks = string_tables(file, _KNOWN, columns, delimiter, skipped)
        typed = [_typed(Fields(cells, lines), max_node_power_w, skipped) for cells, lines in blocks]
    typed = typed or [_typed(Fields(Texts(_empty()), np.arange(0)), max_node_power_w, skipped)]
    rows = _joined(typed)
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


def _typed(fields: Fields, max_node_power_w: float, skipped: Skipped) -> dict[str, np.ndarray]:
    """Turn a block into the columns of the result, all but ``run``."""
    jobs, steps = fields.job_ids()
    raw = fields.raw_ids(jobs)
    rows: dict[str, np.ndarray] = {"job": jobs, "step": steps, "job_raw": raw}
    rows["elapsed_s"] = fields.first(
        lambda: fields.number("elapsedraw", values.seconds), lambda: fields.number("elapsed", values.seconds)
    )
    texts = fields.texts({name: reader for name, (_, reader) in _TEXTS.items()})
    rows |= {_TEXTS[name][0]: text for name, text in texts.items()}
    for column in _TIMES:
        rows[column] = fields.times(column)
    rows |= _amounts(fields)
    rows["energy_j"], rows["flags"] = _energy(fields, rows, steps == "", max_node_power_w)
    for line, problem in sorted(fields.problems):
        skipped.line(line, problem)
    return {name: column[~fields.bad] for name, column in rows.items()} if fields.bad.any() else rows


def _joined(blocks: list[dict[str, np.ndarray]]) -> pd.DataFrame:
    """Return the blocks as one table; empties them, column by column."""
    columns: dict[str, Any] = {}
    for name in list(blocks[0]):
        column = np.concatenate([block.pop(name) for block in blocks])
        columns[name] = pd.array(column, dtype="str", copy=False) if column.dtype == object else column
    return pd.DataFrame(columns, copy=False)


def _amounts(fields: Fields) -> dict[str, np.ndarray]:
    """Read nodes, processors, memory and power."""
    nodes = fields.first(
        lambda: fields.number("nnodes", values.count),
        lambda: fields.number("allocnodes", values.count),
        lambda: fields.item("alloctres", "node"),
        lambda: fields.number("nodelist", lambda text: values.node_count(values.node_list(text))),
    )
    total = fields.item("tresusageouttot", "energy")
    average = fields.item("tresusageoutave", "energy")
    tasks = fields.number("ntasks", values.count)
    rss = fields.number("maxrss", values.size_bytes) * np.where(np.isnan(tasks), 1.0, tasks)
    used = fields.item("tresusageintot", "mem")
    return {
        "tasks": tasks,
        "cpu_used_s": fields.number("totalcpu", values.seconds),
        "node_count": nodes,
        "power_w": np.where(np.isnan(average), total / np.where(nodes > 0, nodes, np.nan), average),
        "cpus": fields.first(
            lambda: fields.number("alloccpus", values.count),
            lambda: fields.number("ncpus", values.count),
            lambda: fields.item("alloctres", "cpu"),
        ),
        "cpu_time_s": fields.first(
            lambda: fields.number("cputimeraw", values.seconds), lambda: fields.number("cputime", values.seconds)
        ),
        "mem_used_bytes": np.where(np.isnan(used), rss, used),
        "mem_allocated_bytes": fields.item("alloctres", "mem"),
    }


def _energy(
    fields: Fields, rows: dict[str, np.ndarray], is_job: np.ndarray, max_node_power_w: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return joules (NaN: unknown) and flags a row."""
    raw = fields.number("consumedenergyraw", values.joules)
    short = fields.number("consumedenergy", values.joules)
    printed = np.where(np.isnan(raw), short, raw)
    if (doubtful := np.isnan(printed) | (printed == 0)).any():
        other = _energy_elsewhere(fields, is_job)
        printed = np.where(doubtful & ~np.isnan(other), other, printed)
    absurd = np.isinf(printed) | (printed >= values.ABSURD_J) | (printed < 0)
    elapsed, nodes = rows["elapsed_s"], np.where(rows["node_count"] > 0, rows["node_count"], 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        node_watts = printed / (elapsed + 1.0) / nodes  # elapsed is cut to whole seconds
        marks = {
            "absurd_energy": absurd,
            "implausible_power": ~absurd & (elapsed > 0) & (node_watts > max_node_power_w),
            "zero_energy": printed == 0,
            "sentinel": (printed == 1) & (elapsed > 1),
            "low_power": (printed > 1) & (elapsed > 60) & (node_watts < 20.0),
            "rounded": np.isnan(raw) & (printed == short) & fields.rounded("consumedenergy"),
        }
    unknown = marks["absurd_energy"] | marks["implausible_power"] | marks["zero_energy"] | marks["sentinel"]
    return np.where(unknown, np.nan, printed), joined_flags(marks, len(printed))


def _energy_elsewhere(fields: Fields, is_job: np.ndarray) -> np.ndarray:
    """Return the joules in the TRES lists: of the allocation for a job, of the usage for a step."""
    return np.where(is_job, fields.item("alloctres", "energy"), fields.item("tresusageintot", "energy"))


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
