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
    """Marks the trials of this host, or of this rank, with the perun that monitors this process; else it does nothing.

    Under MPI every rank has a perun, which knows its own host only: each marks its own trials.

    Parameters
    ----------
    monitor : object, optional
        Something with perun's ``mark_event(region)``; by default the perun of this process.
    rank : int, optional
        Only the trials of this rank.
    """

    def __init__(self, monitor: Any = None, rank: int | None = None):
        self._monitor = running_perun() if monitor is None else monitor
        self._rank = rank
        self._host = socket.gethostname()
        self._open: set[str] = set()

    def record(self, record: Mapping[str, Any]) -> None:
        """Take a record of the journal: ``started`` begins a region, ``told`` or ``attempt`` ends it."""
        if self._monitor is None or record["type"] not in ("started", "told", "attempt"):
            return
        trial, attempt = int(record["trial"]), int(record.get("attempt") or 0)
        if record["type"] != "started":
            self.end(trial, attempt)
        elif record.get("host") == self._host and self._rank in (None, record.get("rank")):
            self.begin(trial, attempt)

    def begin(self, trial: int, attempt: int) -> None:
        """Begin the region of an attempt."""
        self._mark(f"trial{trial:05d}.{attempt}", True)

    def end(self, trial: int, attempt: int) -> None:
        """End it; nothing if it has not begun here."""
        self._mark(f"trial{trial:05d}.{attempt}", False)

    def end_all(self) -> None:
        """End what is under way: it is given up, or the program ends."""
        for name in sorted(self._open):
            self._mark(name, False)

    def _mark(self, name: str, begins: bool) -> None:
        if self._monitor is not None and begins != (name in self._open):
            self._monitor.mark_event(name)
            (self._open.add if begins else self._open.discard)(name)


def running_perun() -> Any:
    """Return the perun whose application this process is; None if there is none. Imports nothing."""
    core = sys.modules.get("perun.core")
    try:
        return None if core is None else core.Perun.getInstance()
    except (KeyError, ValueError):  # it was loaded and never started
        return None
