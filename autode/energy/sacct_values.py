"""Single fields of sacct's output, turned into numbers. Every function raises ValueError for text that Slurm does
not write.
"""

from __future__ import annotations

import math
import re
from datetime import datetime

import numpy as np

#: From here on a count of joules is an unset marker (NO_VAL64 = 2**64 - 2) or an underflow, never energy.
ABSURD_J = 2.0**63
STATES = (
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "COMPLETING", "CONFIGURING", "DEADLINE", "FAILED", "LAUNCH_FAILED",
    "NODE_FAIL", "OUT_OF_MEMORY", "PENDING", "POWER_UP_NODE", "PREEMPTED", "RECONFIG_FAIL", "REQUEUED",
    "REQUEUE_FED", "REQUEUE_HOLD", "RESIZING", "RESV_DEL_HOLD", "REVOKED", "RUNNING", "SIGNALING", "SPECIAL_EXIT",
    "STAGE_OUT", "STOPPED", "SUSPENDED", "TIMEOUT",
)  # fmt: skip

_DECIMAL = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {suffix: 1024.0**power for power, suffix in enumerate(_DECIMAL)}
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)([KMGTPE]?)$")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGTPE]?)B?[cn]?$")
_DURATION = re.compile(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+(?:\.\d+)?)$")
_JOB_ID = re.compile(r"(\d+(?:_(?:\d+|\[[^\]]*\]))?(?:\+\d+)?)(?:\.([0-9A-Za-z_+-]+))?$")
_STEPS = {"bat+": "batch", "batc+": "batch", "ba+": "batch", "b+": "batch", "ext+": "extern", "exte+": "extern"}
_STEPS |= {"ex+": "extern", "extr+": "extern", "exter+": "extern", "e+": "extern", "int+": "interactive"}


def joules(text: str) -> float:
    """Read ``ConsumedEnergy`` or ``ConsumedEnergyRaw``: decimal unit suffixes (2.05K is 2050).

    Returns NaN for an empty field and infinity for an absurd count (at least 2**63, or negative).
    """
    if not text:
        return math.nan
    if text.isdigit():  # by far the most frequent
        value = float(text)
        return value if value < ABSURD_J else math.inf
    match = _NUMBER.match(text)
    if match is None:
        raise ValueError(f"energy {text!r} is not a number with an optional unit prefix")
    value = float(match[1]) * _DECIMAL[match[2]]
    return value if 0 <= value < ABSURD_J else math.inf


def tres(text: str, name: str) -> float:
    """Read one item of a TRES list, e.g. ``energy`` of ``cpu=4,energy=2K``; NaN if it is not there.

    In TRES lists Slurm prints exact multiples of 1024 in binary thousands: 2048 J is ``2K``. Memory counts in MiB where
    it has no unit of its own (``mem=800M`` has one).
    """
    _, found, rest = f",{text}".partition(f",{name}=")
    if not found:
        return math.nan
    number = rest.partition(",")[0]
    if number.isdigit():
        return float(number)
    if number[:-1].isdigit() and (factor := _BINARY.get(number[-1])):
        return float(number[:-1]) * factor
    match = _NUMBER.match(number)
    if match is None:
        raise ValueError(f"TRES item {name}={number} is not a number with an optional unit")
    return float(match[1]) * _BINARY[match[2]]


def size_bytes(text: str) -> float:
    """Read a memory size such as ``10624K``, ``1.50G``, ``4Gn``; NaN for an empty field."""
    if not text:
        return math.nan
    match = _SIZE.match(text)
    if match is None:
        raise ValueError(f"memory size {text!r} is not a number with an optional unit")
    return float(match[1]) * _BINARY[match[2]]


def seconds(text: str) -> float:
    """Read a duration: ``[days-]hours:minutes:seconds``, ``minutes:seconds``, or plain seconds; NaN if empty or
    unset.
    """
    if text.isdigit():
        return float(text)
    if text in ("", "INVALID", "UNLIMITED", "Partition_Limit", "Unknown"):
        return math.nan
    match = _DURATION.match(text)
    if match is not None:
        days, hours, minutes, rest = (float(part or 0) for part in match.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + rest
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"duration {text!r} is not [days-]hours:minutes:seconds") from None


def count(text: str) -> float:
    """Read a whole number, maybe shortened (``1K``); NaN if empty."""
    if text.isdigit():
        return float(text)
    if not text:
        return math.nan
    match = _NUMBER.match(text)
    if match is None:
        raise ValueError(f"count {text!r} is not a number")
    return float(match[1]) * _DECIMAL[match[2]]


def job_step(text: str) -> tuple[str, str]:
    """Split a job id into job and step: ``("21_1", "batch")``, ``("17+0", "")``.

    Padded output cuts long ids short (``2658300.bat+``); what is left names the step well enough.
    """
    job, _, step = text.partition(".")
    if job.isdigit() and (step.isalnum() or job == text):
        return job, step
    if step.endswith("+") and step in _STEPS:
        return job, _STEPS[step]
    match = _JOB_ID.match(text)
    if match is None:
        raise ValueError(f"job id {text!r} is none that Slurm writes")
    return match[1], match[2] or ""


def instant(text: str) -> np.datetime64:
    """Read a time in ISO 8601, as printed; seconds since 1970 (``SLURM_TIME_FORMAT=%s``) are UTC.

    Returns NaT for what is no such time (``Unknown``, ``None``).
    """
    if text.isdigit() and len(text) >= 9:
        return np.datetime64(int(text), "s")
    try:
        return np.datetime64(datetime.fromisoformat(text).replace(tzinfo=None), "s")
    except ValueError:
        return np.datetime64("NaT", "s")


def state(text: str) -> str:
    """Read a state: the word alone, without ``by <uid>``; cut-off words of padded output are completed."""
    word = text.split(" ", 1)[0]
    if not word.endswith("+"):
        return word
    matches = [name for name in STATES if name.startswith(word[:-1])]
    return matches[0] if len(matches) == 1 else word


def node_list(text: str) -> str:
    """Read a node list; nothing assigned is an empty text."""
    return "" if text in ("None assigned", "None", "Unknown") else text


def node_count(text: str) -> float:
    """Count the nodes of a host list such as ``node[1-3,7],gpu01``; NaN for an empty one."""
    if not text:
        return math.nan
    total = 0
    for part in re.findall(r"(?:[^,\[]+(?:\[[^\]]*\])?)+", text):
        product = 1
        for bracket in re.findall(r"\[([^\]]*)\]", part):
            product *= sum(_width(piece) for piece in bracket.split(","))
        total += product
    return float(total)


def _width(piece: str) -> int:
    low, dash, high = piece.partition("-")
    try:
        return int(high) - int(low) + 1 if dash else 1
    except ValueError:
        raise ValueError(f"node range {piece!r} is not number-number") from None
