"""The workflow's ``[slurm]`` table: what may be asked of Slurm, with defaults, checked before anything is submitted."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from typing import Any

from autode.study.schema import Key, check_table, is_whole, one_of, text, whole

Table = dict[str, Any]

# minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, days-hours:minutes:seconds
_TIME = re.compile(r"(?:(?P<days>\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")
_MEMORY = re.compile(r"\d+[KMGT]?")
#: options that belong to the script, whose working depends on them
_OWN = ("array", "job-name", "open-mode", "output", "requeue", "no-requeue", "signal", "ntasks", "error")


def _word() -> Key:
    return Key("a text without blanks", lambda v: isinstance(v, str) and bool(v) and not re.search(r"\s", v))


def _flag(default: bool) -> Key:
    return Key("true or false", lambda v: isinstance(v, bool), default)


def _lines(expected: str, accepts: Callable[[str], bool] = bool) -> Key:
    """Return a key for a list of texts of one line each."""

    def is_list(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(v, str) and "\n" not in v and accepts(v) for v in value)

    return Key(expected, is_list)


_KEYS: Mapping[str, Key] = {
    "partition": _word(),
    "account": _word(),
    "qos": _word(),
    "time": Key(
        'a time limit as sbatch takes it, such as "02:00:00", "1-12" or whole minutes',
        lambda v: (is_whole(v) and v > 0) or (isinstance(v, str) and bool(_TIME.fullmatch(v)) and time_limit_s(v) > 0),
    ),
    "nodes": whole(1, low=1),
    "ntasks_per_node": whole(1, low=1),
    "cpus_per_task": whole(1, low=1),
    "gpus_per_node": whole(low=1),
    "mem": Key(
        'memory a node, such as "16G", or whole megabytes',
        lambda v: (is_whole(v) and v >= 0) or (isinstance(v, str) and bool(_MEMORY.fullmatch(v))),
    ),
    "exclusive": _flag(False),
    "signal_s": whole(120, low=1),
    "requeue": _flag(True),
    "mpi": one_of("pmi2", "pmix", default="pmi2"),
    "modules": _lines("a list of module names"),
    "venv": text(),
    "container": text(),
    "container_args": _lines("a list of texts"),
    "container_command": Key(
        'what starts a container, such as ["apptainer", "exec"]',
        lambda v: (
            isinstance(v, list) and bool(v) and all(isinstance(one, str) and one and "\n" not in one for one in v)
        ),
    ),
    "before": _lines("a list of shell lines"),
    "extra": _lines('a list of sbatch options such as "--constraint=a100"', lambda v: v.startswith("--")),
    "array_throttle": whole(low=1),
}


def validate_slurm(table: Mapping[str, Any]) -> Table:
    """Return the ``[slurm]`` table with its defaults filled in.

    Parameters
    ----------
    table : mapping
        As the workflow file has it. Keys without a default stay away when they are not given.

    Raises
    ------
    ValueError
        One sentence that names the key and what was expected.
    """
    if not isinstance(table, Mapping):
        raise ValueError(f"[slurm]: expected a table, not {table!r}")
    given = dict(table)
    if isinstance(given.get("time"), datetime.time):  # 02:00:00 without quotes is a time of day to TOML
        given["time"] = given["time"].isoformat()
    settings = check_table("[slurm]", given, _KEYS)
    if "venv" in settings and "container" in settings:
        raise ValueError("[slurm] venv and container: expected one of the two, not both")
    if "container_args" in settings and "container" not in settings:
        raise ValueError("[slurm] container_args: needs container, the image that they are for")
    limit = time_limit_s(settings["time"]) if "time" in settings else None
    if limit is not None and settings["signal_s"] >= limit:
        raise ValueError(
            f"[slurm] signal_s: expected less than the time limit of {limit} s, not {settings['signal_s']}"
        )
    for option in settings.get("extra", []):
        _refuse_own(option)
    return settings


def _refuse_own(option: str) -> None:
    name = re.split(r"[=\s]", option.removeprefix("--"), maxsplit=1)[0]
    key = name.replace("-", "_")
    if key in _KEYS or name in _OWN:
        advice = f"use the key {key}" if key in _KEYS else "the script sets it itself"
        raise ValueError(f"[slurm] extra: --{name} is not for this list; {advice}")


def time_limit_s(limit: str | int) -> int:
    """Return a time limit in seconds; Slurm reads a plain number as minutes, and after days the first one as hours.

    Raises
    ------
    ValueError
        If it is none of sbatch's forms.
    """
    found = _TIME.fullmatch(str(limit))
    if found is None:
        raise ValueError(f"{limit!r} is not a time limit")
    parts = [int(part) for part in found.groups()[1:] if part is not None]
    if found["days"] is not None:
        hours, minutes, seconds = [*parts, 0, 0][:3]
        return int(found["days"]) * 86400 + hours * 3600 + minutes * 60 + seconds
    hours, minutes, seconds = {1: [0, *parts, 0], 2: [0, *parts], 3: parts}[len(parts)]
    return hours * 3600 + minutes * 60 + seconds
