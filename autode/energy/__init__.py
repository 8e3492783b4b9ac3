"""Energy: meters while a trial runs, readers of accounting afterwards, and the record every figure travels in.

The readers load on first use, as they need pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from autode.energy.estimate import BusyCoreWatts
from autode.energy.meterset import METERS, Availability, MeterSet, open_meters
from autode.energy.record import EnergyReading, is_available, is_estimate, is_measured, unavailable
from autode.energy.totals import MixedEnergyError, headline, total
from autode.energy.window import Window

if TYPE_CHECKING:
    from autode.energy.perun_files import read_perun
    from autode.energy.runs import job_runs
    from autode.energy.sacct import read_sacct

_READERS = {
    "job_runs": "autode.energy.runs",
    "read_perun": "autode.energy.perun_files",
    "read_sacct": "autode.energy.sacct",
}

__all__ = [
    "METERS",
    "Availability",
    "BusyCoreWatts",
    "EnergyReading",
    "MeterSet",
    "MixedEnergyError",
    "Window",
    "headline",
    "is_available",
    "is_estimate",
    "is_measured",
    "job_runs",
    "open_meters",
    "read_perun",
    "read_sacct",
    "total",
    "unavailable",
]


def __getattr__(name: str) -> Any:
    """Import a reader when it is first asked for."""
    if name not in _READERS:
        raise AttributeError(f"module 'autode.energy' has no attribute {name!r}")
    value = getattr(importlib.import_module(_READERS[name]), name)
    globals()[name] = value
    return value
