"""The series that a node leaves in a study's folder: exact over a wrap and failed reads, and cheap."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import orjson

from autode.energy.conformance.powercap import DRAM, PACKAGE, PACKAGE_RANGE_J, PowercapTree
from autode.energy.conformance.verdict import Verdict
from autode.energy.node_series import NodeRecorder, NodeRows, read_node_series
from autode.energy.rapl import open_rapl

_STEPS, _STEP_J = 40, 25.0
_PATIENCE_S = 10.0


def series_verdicts(folder: Path) -> Iterator[Verdict]:
    """Judge the joules that a node's rows hold, and what a row costs."""
    yield _exact(folder)
    yield _cheap(folder)


def _exact(folder: Path) -> Verdict:
    place = folder / "series-rows"
    with PowercapTree.of_a_node(folder / "series") as tree:
        tree.add(PACKAGE, PACKAGE_RANGE_J - 1000.0 - _STEPS * _STEP_J / 2)  # wraps half-way
        recorder = NodeRecorder(place, meters=[open_rapl(tree.root)], period_s=0.005)
        end = time.monotonic() + _PATIENCE_S
        while not read_node_series(place) and time.monotonic() < end:
            time.sleep(0.005)
        for step in range(_STEPS):
            tree.add(PACKAGE, _STEP_J)
            tree.add(DRAM, _STEP_J / 4)
            if step % 10 == 5:
                (tree.root / PACKAGE / "energy_uj").write_text("")  # cannot be read until the next joules
            time.sleep(0.012)
        recorder.close()
    found = read_node_series(place)
    joules = sum(float(one.energy_uj[-1].sum()) for one in found) * 1e-6 if found else None
    case = "rows of a second with a wrap and four failed reads"
    return Verdict("series", case, 1.25 * _STEPS * _STEP_J, joules, detail=f"{len(found)} file(s)")


def _cheap(folder: Path, rows: int = 100) -> Verdict:
    with PowercapTree.of_a_node(folder / "series-cost") as tree, (folder / "cost.jsonl").open("wb") as file:
        meter = open_rapl(tree.root)
        made = NodeRows([meter])
        begun = time.thread_time()
        for _ in range(rows):
            file.write(orjson.dumps(made.now()) + b"\n")
            file.flush()
        share = (time.thread_time() - begun) / rows
        meter.close()
    return Verdict("series", "CPU of one row a second, 0.5 % at most", 0.0, share, 0.005, "of a core")
