"""CPU seconds of this process tree and of the whole node, from /proc: the key by which shared node counters are
apportioned.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

#: Columns of the first line of /proc/stat that are work of this node: user, nice, system, irq, softirq. Not idle,
#: iowait, steal; guest time is in user already (proc(5)).
_BUSY_COLUMNS = (0, 1, 2, 5, 6)


@dataclass(frozen=True)
class CpuSeconds:
    """CPU seconds used by this process with all its descendants, and by the node; None where /proc cannot
    tell.
    """

    own: float
    node: float | None


def cpu_seconds() -> CpuSeconds:
    """Read both clocks now."""
    return CpuSeconds(tree_cpu_seconds(), node_cpu_seconds())


def tree_cpu_seconds(proc: Path = Path("/proc")) -> float:
    """Return the CPU seconds of this process, of its living descendants and of all that any of them has waited for.

    The sum does not fall when a child ends, because its time moves to the parent that waits for it.
    """
    own = os.times()
    seconds = time.process_time() + own.children_user + own.children_system
    tick = os.sysconf("SC_CLK_TCK")
    children = _children(proc)
    todo = list(children.get(os.getpid(), ()))
    while todo:
        pid, ticks = todo.pop()
        seconds += ticks / tick
        todo.extend(children.get(pid, ()))
    return seconds


def _children(proc: Path) -> dict[int, list[tuple[int, int]]]:
    """Map every parent to its children as (pid, clock ticks of the child and of those it has waited for)."""
    children: dict[int, list[tuple[int, int]]] = {}
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # the command in brackets may hold anything, blanks and brackets too: the fields begin after the last one
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        parent, ticks = int(fields[1]), sum(int(field) for field in fields[11:15])
        children.setdefault(parent, []).append((int(entry.name), ticks))
    return children


def node_cpu_seconds(proc: Path = Path("/proc")) -> float | None:
    """Return the busy CPU seconds of the node since boot, over all processors; None without /proc/stat."""
    try:
        with (proc / "stat").open() as stat:
            columns = stat.readline().split()[1:]
        return sum(int(columns[column]) for column in _BUSY_COLUMNS) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None


def cpu_used(start: CpuSeconds, end: CpuSeconds) -> CpuSeconds:
    """Return the CPU seconds used between two instants."""
    node = None if start.node is None or end.node is None else max(0.0, end.node - start.node)
    return CpuSeconds(max(0.0, end.own - start.own), node)


def cpu_share(used: CpuSeconds) -> float | None:
    """Return this process tree's share of the node's busy CPU time, 0..1.

    None if /proc/stat could not be read or if less than one clock tick was worked on the whole node.
    """
    return min(1.0, used.own / used.node) if used.node else None
