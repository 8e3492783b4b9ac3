"""CPU seconds of several process trees at once, from /proc, without reading all of it every time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

#: The map of who is whose child is read again after so many seconds; a child born since then counts from there on.
_LOOK_AGAIN_S = 5.0


class ProcessTrees:
    """The trees below some processes, as they were when they were last looked at.

    Parameters
    ----------
    proc : pathlib.Path
        The kernel's /proc.
    """

    def __init__(self, proc: Path = Path("/proc")):
        self._proc = proc
        self._children: dict[int, list[int]] = {}
        self._looked = -_LOOK_AGAIN_S

    def seconds(self, roots: Iterable[int], fresh: bool = False) -> dict[int, float]:
        """Return the CPU seconds of every root that lives, with its descendants and all that they have waited for.

        Parameters
        ----------
        roots : iterable of int
            Process ids.
        fresh : bool
            Whether to look for children now, however lately that was done.
        """
        if fresh or time.monotonic() > self._looked + _LOOK_AGAIN_S:
            self._look()
        found = {root: self._tree(root) for root in roots}
        return {root: seconds for root, seconds in found.items() if seconds is not None}

    def _tree(self, root: int) -> float | None:
        own = self._process(root)
        if own is None:
            return None
        todo, seconds = list(self._children.get(root, ())), own
        while todo:
            child = todo.pop()
            seconds += self._process(child) or 0.0  # one that ended has given its time to who waited for it
            todo += self._children.get(child, ())
        return seconds

    def _process(self, pid: int) -> float | None:
        fields = self._fields(pid)
        # user and system time, of itself and of the children it has waited for (proc(5), fields 14 to 17)
        return None if fields is None else sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def _look(self) -> None:
        self._children, self._looked = {}, time.monotonic()
        for name in os.listdir(self._proc):  # noqa: PTH208 - a thousand names, no paths needed
            if name.isdigit() and (fields := self._fields(int(name))) is not None:
                self._children.setdefault(int(fields[1]), []).append(int(name))

    def _fields(self, pid: int) -> list[str] | None:
        """Return what stands behind the command's name, which may hold anything; None for a process that is gone."""
        try:
            with open(f"{self._proc}/{pid}/stat", "rb") as file:  # noqa: PTH123 - read often
                fields = file.read().rpartition(b")")[2].decode().split()
        except OSError:
            return None
        return None if fields[:1] == ["Z"] else fields
