"""Trials as regions of a ``perun monitor`` that runs this program: one collector a node, and none a trial.

perun samples the node; the program only notes when a trial began and ended. `autode.energy.read_perun` then gives the
joules of the node in every trial's time. Trials that ran at once overlap: their regions are not to be added.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from typing import Any


class PerunRegions:
    """Marks the trials of this host with the perun that monitors this process; without one it does nothing.

    Parameters
    ----------
    monitor : object, optional
        Something with perun's ``mark_event(region)``; by default the perun of this process.
    """

    def __init__(self, monitor: Any = None):
        self._monitor = running_perun() if monitor is None else monitor
        self._host = socket.gethostname()
        self._open: set[str] = set()

    def record(self, record: Mapping[str, Any]) -> None:
        """Take a record of the journal: ``started`` begins a region, ``told`` or ``attempt`` ends it."""
        if self._monitor is None or record["type"] not in ("started", "told", "attempt"):
            return
        name = f"trial{record['trial']:05d}.{record.get('attempt') or 0}"
        begins = record["type"] == "started"
        if begins == (name in self._open) or (begins and record.get("host") != self._host):
            return  # its other end is of another host, or of another run of the program
        self._monitor.mark_event(name)
        (self._open.add if begins else self._open.discard)(name)


def running_perun() -> Any:
    """Return the perun whose application this process is; None if there is none. Imports nothing."""
    core = sys.modules.get("perun.core")
    try:
        return None if core is None else core.Perun.getInstance()
    except (KeyError, ValueError):  # it was loaded and never started
        return None
