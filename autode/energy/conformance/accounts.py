# ruff: noqa: E501 - one job a line
"""The readers of accounting against jobs whose joules are known: every kind of job, in every dress that sacct has."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from autode.energy.conformance.verdict import Verdict

#: Power of every node, watts: the truth follows from it.
NODE_W = 200.0
_UNSET = 18446744073709551614.0  # NO_VAL64


@dataclass(frozen=True)
class Row:
    """One line of accounting: ``job`` with its step, state, seconds, nodes and joules (None: blank)."""

    job: str
    state: str
    elapsed_s: int
    nodes: int
    joules: float | None


@dataclass(frozen=True)
class Job:
    """A job with its rows and the joules of its runs (NaN: unknown).

    Attributes
    ----------
    name : str
        What is special about it.
    rows : tuple of Row
    truth : tuple of (str, int, float)
        Job, run, joules.
    """

    name: str
    rows: tuple[Row, ...]
    truth: tuple[tuple[str, int, float], ...]


def known_jobs() -> list[Job]:
    """Return the jobs: what the nodes drew is known, and so what the reader has to find."""

    def plain(job: str, state: str, seconds: int, nodes: int, own: bool = True) -> list[Row]:
        joules = NODE_W * nodes * seconds
        return [
            Row(job, state, seconds, nodes, joules if own else None),
            Row(f"{job}.batch", state, seconds, 1, NODE_W * seconds),
            Row(f"{job}.extern", "COMPLETED", seconds, nodes, joules),
        ]

    node, two = NODE_W * 100, NODE_W * 200
    steps = [Row(f"12.{number}", "COMPLETED", 20, 1, NODE_W * 20) for number in range(10)]
    jobs = [
        ("one node", plain("1", "COMPLETED", 100, 1), [("1", 0, node)]),
        ("two nodes and a step", [*plain("2", "COMPLETED", 100, 2), Row("2.0", "COMPLETED", 99, 2, two * 0.99)], [("2", 0, two)]),
        ("time limit: its own line is blank", plain("3", "TIMEOUT", 100, 1, own=False), [("3", 0, node)]),
        ("failed", plain("4", "FAILED", 100, 1), [("4", 0, node)]),
        ("out of memory", plain("5", "OUT_OF_MEMORY", 100, 1), [("5", 0, node)]),
        ("tasks of an array", [*plain("6_1", "COMPLETED", 100, 1), *plain("6_2", "FAILED", 100, 1)], [("6_1", 0, node), ("6_2", 0, node)]),
        ("parts of a heterogeneous job", [*plain("7+0", "COMPLETED", 100, 1), *plain("7+1", "COMPLETED", 100, 2)], [("7+0", 0, node), ("7+1", 0, two)]),
        ("requeued after its node failed", [*plain("8", "NODE_FAIL", 50, 1, own=False), *plain("8", "COMPLETED", 100, 1)], [("8", 0, node / 2), ("8", 1, node)]),
        ("without Contain, batch only", [Row("9", "COMPLETED", 100, 1, None), Row("9.batch", "COMPLETED", 100, 1, node)], [("9", 0, node)]),
        ("without Contain, counted twice", [Row("10", "COMPLETED", 100, 1, node * 1.99), Row("10.batch", "COMPLETED", 100, 1, node), Row("10.0", "COMPLETED", 99, 1, node * 0.99)], [("10", 0, node)]),
        ("steps one after the other", [Row("11", "COMPLETED", 100, 2, None), Row("11.0", "COMPLETED", 50, 2, two / 2), Row("11.1", "COMPLETED", 50, 2, two / 2)], [("11", 0, two)]),
        ("trials in pairs, each with its whole node", [*plain("12", "COMPLETED", 100, 1), *steps], [("12", 0, node)]),
        ("pending", [Row("13", "PENDING", 0, 1, 0.0)], [("13", 0, math.nan)]),
        ("no sensor", [Row("14", "COMPLETED", 100, 1, None), Row("14.batch", "COMPLETED", 100, 1, None)], [("14", 0, math.nan)]),
        ("an unset marker for a number", [Row("15", "COMPLETED", 100, 1, _UNSET), Row("15.batch", "COMPLETED", 100, 1, _UNSET)], [("15", 0, math.nan)]),
    ]  # fmt: skip
    return [Job(name, tuple(rows), tuple(truth)) for name, rows, truth in jobs]


def account_verdicts() -> Iterator[Verdict]:
    """Judge `read_sacct` and `job_runs`: every job in every dress, and a sum of steps as a warning."""
    from autode.energy import job_runs, read_sacct

    for dress, (write, options, limit) in DRESSES.items():
        for job in known_jobs():
            runs = job_runs(read_sacct(write(job.rows), **options))
            for number, run, truth in job.truth:
                found = runs[(runs["job"] == number) & (runs["run"] == run)]
                joules = float(found["energy_j"].iloc[0]) if len(found) == 1 else math.inf
                rule = str(found["energy_from"].iloc[0]) if len(found) == 1 else "no such run"
                case = f"{dress}: {job.name}" + (f", run {run}" if len(job.truth) > 1 else "")
                yield Verdict("sacct", case, truth, joules, limit, detail=rule)
    pairs = next(job for job in known_jobs() if "pairs" in job.name)
    rows = read_sacct(_parsable(pairs.rows))
    naive = float(rows.loc[rows["step"].str.isdigit(), "energy_j"].sum() + rows["energy_j"].iloc[0])
    yield Verdict("sacct", "a naive sum of job and steps is 3 times the truth here", 3 * pairs.truth[0][2], naive)


_HEAD = ("JobID", "State", "ElapsedRaw", "NNodes", "ConsumedEnergyRaw")
_FIELD_QUERY = "JobID;ConsumedEnergy;CPUTime;Elapsed;TRESUsageOutAve;AllocTRES;Partition"


def _cells(row: Row) -> list[str]:
    joules = "" if row.joules is None else f"{row.joules:.0f}"
    return [row.job, row.state, str(row.elapsed_s), str(row.nodes), joules]


def _parsable(rows: Sequence[Row], delimiter: str = "|", end: str = "", head: bool = True) -> str:
    lines = [list(_HEAD)] * head + [_cells(row) for row in rows]
    return "".join(delimiter.join(line) + end + "\n" for line in lines)


def _padded(rows: Sequence[Row]) -> str:
    widths = (14, 14, 10, 8, 22)
    lines = [_HEAD, *(_cells(row) for row in rows)]
    text = [" ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)) for line in lines]
    text.insert(1, " ".join("-" * width for width in widths))
    return "\n".join(text) + "\n"


def _field_query(rows: Sequence[Row]) -> str:
    """Write the query that users type: rounded joules, and watts that look like joules in the usage."""
    lines = [_FIELD_QUERY]
    for row in rows:
        clock = f"{row.elapsed_s // 3600:02}:{row.elapsed_s // 60 % 60:02}:{row.elapsed_s % 60:02}"
        is_step = "." in row.job
        usage = "cpu=00:00:01,energy=171,mem=1M" if is_step else ""
        allocated = f"billing=1,cpu=4,mem=800M,node={row.nodes}"
        lines.append(f"{row.job};{_rounded(row.joules)};{clock};{clock};{usage};{allocated};{'' if is_step else 'gpu'}")
    return "\n".join(lines) + "\n"


def _rounded(joules: float | None) -> str:
    """Write joules as sacct does without --noconvert: decimal thousands, two places."""
    if joules is None or joules < 1000 or joules >= 2**63:
        return "" if joules is None else f"{joules:.0f}"
    return f"{joules / 1e6:.2f}M" if joules >= 1e6 else f"{joules / 1e3:.2f}K"


def _json(rows: Sequence[Row], modern: bool) -> str:
    """Write ``sacct --json``, of Slurm 22.05 (null for unset) or of 23.02 and later (``set`` beside ``number``)."""
    jobs: list[dict[str, Any]] = []
    for row in rows:
        job, _, step = row.job.partition(".")
        if not step:
            number, _, task = job.partition("_")
            leader, _, part = number.partition("+")
            energy = [] if row.joules is None else [{"type": "energy", "name": None, "count": int(row.joules)}]
            node = {"type": "node", "name": None, "count": row.nodes}
            state: Any = [row.state] if modern else row.state
            array = {"job_id": int(leader) if task else 0, "task_id": _count(int(task) if task else None, modern)}
            het = {"job_id": int(leader) if part else 0, "job_offset": _count(int(part) if part else None, modern)}
            jobs.append({"job_id": int(leader), "array": array, "het": het, "state": {"current": state}, "steps": []})
            jobs[-1] |= {"time": {"elapsed": row.elapsed_s}, "tres": {"allocated": [node, *energy]}}
            continue
        consumed = _count(None if row.joules is None else int(row.joules), modern)
        name: Any = {"job_id": 1, "step_id": step} if not modern else f"{job}.{step}"
        one = {"step": {"id": name, "name": step}, "state": [row.state] if modern else row.state}
        one |= {"time": {"elapsed": row.elapsed_s}, "statistics": {"energy": {"consumed": consumed}}}
        jobs[-1]["steps"].append({**one, "nodes": {"count": row.nodes}})
    return json.dumps({"jobs": jobs})


def _count(number: int | None, modern: bool) -> Any:
    return {"set": number is not None, "infinite": False, "number": number or 0} if modern else number


#: How sacct may print the same jobs: what writes it, options of the reader, and the error that rounding leaves.
DRESSES: dict[str, tuple[Callable[[Sequence[Row]], str], dict[str, Any], float]] = {
    "--parsable2": (_parsable, {}, 1e-9),
    "--parsable": (lambda rows: _parsable(rows, end="|"), {}, 1e-9),
    "--delimiter": (lambda rows: _parsable(rows, delimiter="::"), {}, 1e-9),
    "--noheader": (lambda rows: _parsable(rows, head=False), {"columns": _HEAD}, 1e-9),
    "padded": (_padded, {}, 1e-9),
    "rounded, watts beside joules": (_field_query, {}, 0.005),
    "--json of 22.05": (lambda rows: _json(rows, modern=False), {}, 1e-9),
    "--json of 23.02": (lambda rows: _json(rows, modern=True), {}, 1e-9),
}
