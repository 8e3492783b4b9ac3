"""``sacct --json`` as the same table of strings that its text output gives, over the shapes of Slurm 21.08 to 25.05."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from autode.energy.sacct_text import SacctError

#: Numbers by which Slurm knows the steps that have none (slurm.h).
_STEPS = {"4294967291": "batch", "4294967292": "extern", "4294967290": "interactive"}


def is_json(file: BinaryIO) -> bool:
    """Whether the file begins as a JSON object; the position stays at the start."""
    beginning = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    return beginning.startswith(b"{")


def json_table(document: Any) -> tuple[pd.DataFrame, np.ndarray]:
    """Turn the document into rows, each job followed by its steps.

    Returns
    -------
    table : pandas.DataFrame
        Strings, columns named as sacct's fields in lower case.
    lines : numpy.ndarray
        The number of each row, from 1.

    Raises
    ------
    SacctError
        If there is no list of jobs.
    """
    if not isinstance(document, dict) or not isinstance(document.get("jobs"), list):
        raise SacctError("this JSON has no list of jobs: it is not the output of sacct --json")
    problems = [_text(one.get("description")) or _text(one.get("error")) for one in document.get("errors") or ()]
    if problems and not document["jobs"]:
        raise SacctError(f"sacct --json reports an error and no job: {'; '.join(problems)}")
    rows = []
    for number, job in enumerate(document["jobs"], start=1):
        if not isinstance(job, dict):
            raise SacctError(f"job {number} of this JSON is no object: it is not the output of sacct --json")
        job_id = _job_id(job)
        rows.append(_job_row(job, job_id))
        rows += [_step_row(step, job_id, _text(job.get("cluster"))) for step in job.get("steps") or ()]
    table = pd.DataFrame(rows, dtype=object).fillna("") if rows else pd.DataFrame(columns=["jobid"], dtype=object)
    return table, np.arange(1, len(rows) + 1)


def _job_row(job: dict[str, Any], job_id: str) -> dict[str, str]:
    allocated = _tres(_path(job, "tres", "allocated"))
    return {
        "jobid": job_id,
        "jobidraw": _text(job.get("job_id")),
        "jobname": _text(job.get("name")),
        "cluster": _text(job.get("cluster")),
        "user": _text(job.get("user")) or _text(_path(job, "association", "user")),
        "partition": _text(job.get("partition")),
        "nodelist": _text(job.get("nodes")),
        "nnodes": allocated.get("node", "") or _text(job.get("allocation_nodes")),
        "alloccpus": allocated.get("cpu", ""),
        "alloctres": _tres_list(allocated),
        "consumedenergyraw": allocated.get("energy", ""),
        "submit": _time(_path(job, "time", "submission")),
        **_common(job, _path(job, "state", "current")),
    }


def _step_row(step: dict[str, Any], job_id: str, cluster: str) -> dict[str, str]:
    allocated = _tres(_path(step, "tres", "allocated"))
    nodes = step.get("nodes") or {}
    return {
        "jobid": f"{job_id}.{_step_id(step)}",
        "cluster": cluster,
        "jobname": _text(_path(step, "step", "name")),
        "nodelist": _text(nodes.get("range")),
        "nnodes": allocated.get("node", "") or _text(nodes.get("count")),
        "ntasks": _text(_path(step, "tasks", "count")),
        "alloccpus": allocated.get("cpu", ""),
        "alloctres": _tres_list(allocated),
        "consumedenergyraw": _text(_path(step, "statistics", "energy", "consumed")),
        # Slurm keeps joules and bytes under "requested" (its In lists) and watts under "consumed" (its Out lists)
        "tresusageintot": _tres_list(_tres(_path(step, "tres", "requested", "total"))),
        "tresusageoutave": _tres_list(_tres(_path(step, "tres", "consumed", "average"))),
        "tresusageouttot": _tres_list(_tres(_path(step, "tres", "consumed", "total"))),
        **_common(step, step.get("state")),
    }


def _common(record: dict[str, Any], state: Any) -> dict[str, str]:
    total = _path(record, "time", "total") or {}
    used = float(_text(total.get("seconds")) or 0) + 1e-6 * float(_text(total.get("microseconds")) or 0)
    return {
        "state": _text(state[0] if isinstance(state, list) and state else state),
        "elapsedraw": _text(_path(record, "time", "elapsed")),
        "start": _time(_path(record, "time", "start")),
        "end": _time(_path(record, "time", "end")),
        "totalcpu": f"{used:f}" if total else "",
    }


def _job_id(job: dict[str, Any]) -> str:
    array, task = _text(_path(job, "array", "job_id")), _text(_path(job, "array", "task_id"))
    if array not in ("", "0") and task != "":
        return f"{array}_{task}"
    if array not in ("", "0") and (pending := _text(_path(job, "array", "task"))):
        return f"{array}_[{pending}]"
    leader, offset = _text(_path(job, "het", "job_id")), _text(_path(job, "het", "job_offset"))
    if leader not in ("", "0") and offset != "":
        return f"{leader}+{offset}"
    return _text(job.get("job_id"))


def _step_id(step: dict[str, Any]) -> str:
    """Read ``"batch"``, ``0``, ``"7.batch"`` or ``{"job_id": 7, "step_id": "batch"}``."""
    found = _path(step, "step", "id")
    if isinstance(found, dict):
        found = found.get("step_id")
    name = _text(found).rpartition(".")[2]
    return _STEPS.get(name, name)


def _path(record: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(record, dict):
            return None
        record = record.get(key)
    return record


def _text(value: Any) -> str:
    """Return a plain value as text; unset is empty, in the older (null) and the newer ({"set": false}) spelling."""
    if isinstance(value, dict) and "number" in value:
        return "" if not value.get("set", True) or value.get("infinite") else str(value["number"])
    return "" if value is None or isinstance(value, (dict, list)) else str(value)


def _time(value: Any) -> str:
    seconds = _text(value)
    return "" if seconds in ("", "0") else datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _tres(items: Any) -> dict[str, str]:
    return {str(item.get("type")): _text(item.get("count")) for item in items or () if item.get("name") in (None, "")}


def _tres_list(items: dict[str, str]) -> str:
    # JSON counts allocated memory in MiB and used memory in bytes; only used memory comes with energy or pages
    in_bytes = "vmem" in items
    return ",".join(
        f"{name}={number}{'M' if name == 'mem' and not in_bytes else ''}" for name, number in items.items() if number
    )
