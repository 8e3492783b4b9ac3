"""The series that every node leaves: exact, one writer a file, whole after a kill at any instant."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from autode.energy import node_series
from autode.energy.conformance.powercap import DRAM, PACKAGE, PACKAGE_RANGE_J, PowercapTree
from autode.energy.node_series import NodeRecorder, read_node_series
from autode.energy.rapl import open_rapl

CHILD = """
import sys, time
from pathlib import Path
from autode.energy.node_series import NodeRecorder
recorder = NodeRecorder(Path(sys.argv[1]), ["rapl"], period_s=0.002)
time.sleep(60)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[PowercapTree]:
    with PowercapTree.of_a_node(tmp_path / "powercap") as tree:
        yield tree


def wait_for(what: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)


def rows(folder: Path) -> int:
    return sum(len(one.times) for one in read_node_series(folder))


def test_known_joules_come_back_with_wraps_and_failed_reads(tree: PowercapTree, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    tree.add(PACKAGE, PACKAGE_RANGE_J - 1100.0)  # 100 J before its wrap
    recorder = NodeRecorder(folder, meters=[open_rapl(tree.root)], period_s=0.005)
    wait_for(lambda: rows(folder) >= 1)
    before = dict(tree.spent_j)
    for step in range(40):
        tree.add(PACKAGE, 5.0)
        tree.add(DRAM, 1.25)
        if step == 20:
            (tree.root / PACKAGE / "energy_uj").write_text("")  # reads of it fail until the next joules
        time.sleep(0.02 if step == 20 else 0.003)
    recorder.close()
    (series,) = read_node_series(folder)
    assert [(one.source, one.domain) for one in series.sensors] == [("rapl", "cpu_pkg"), ("rapl", "dram")]
    spent = [tree.spent_j[zone] - before[zone] for zone in (PACKAGE, DRAM)]
    assert spent == [200.0, 50.0]
    assert series.energy_uj[-1].tolist() == [200_000_000, 50_000_000], "the last row is written when it closes"
    assert (np.diff(series.times) > 0).all()
    assert (np.diff(series.energy_uj, axis=0) >= 0).all()
    # of the three figures each is written to the millisecond
    assert series.covered_s[-1] == pytest.approx(series.times[-1] - series.times[0], abs=1.5e-3 + 1e-6)
    assert abs(series.times[-1] - time.time()) < 5


def test_one_process_samples_and_the_next_takes_over(
    tree: PowercapTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_series, "_STAND_BY_S", 0.01)
    folder = tmp_path / "series"
    first = NodeRecorder(folder, meters=[open_rapl(tree.root)], period_s=0.01)
    wait_for(lambda: first.leads)
    second = NodeRecorder(folder, meters=[open_rapl(tree.root)], period_s=0.01)
    elsewhere = NodeRecorder(tmp_path / "another", meters=[open_rapl(tree.root)], period_s=0.01)
    wait_for(lambda: elsewhere.leads)
    assert not second.leads
    first.close()
    wait_for(lambda: second.leads and rows(folder) > 3)
    second.close()
    elsewhere.close()
    assert len(list(folder.glob("*.jsonl"))) == 2
    earlier, later = read_node_series(folder)
    assert earlier.times[-1] <= later.times[0] + 0.01


@pytest.mark.parametrize("delay", [0.0, 0.013, 0.05, 0.111])
def test_a_kill_at_any_instant_loses_no_row(tree: PowercapTree, tmp_path: Path, delay: float) -> None:
    folder = tmp_path / "series"
    environment = {**os.environ, "AUTODE_POWERCAP": str(tree.root), "SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": "1"}
    with subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], env=environment) as child:
        wait_for(lambda: rows(folder) >= 5)
        time.sleep(delay)
        seen = rows(folder)
        tree.add(PACKAGE, 50.0)
        wait_for(lambda: read_node_series(folder)[0].energy_uj[-1, 0] == 50_000_000)
        child.send_signal(signal.SIGKILL)
    (series,) = read_node_series(folder)
    assert len(series.times) > seen
    assert series.energy_uj[-1, 0] == 50_000_000
    assert (series.job, series.restart) == ("7", "1")


@pytest.mark.parametrize("torn", [b"[3.0, 1.2", b"\0" * 64, b"\0" * 64 + b"\n", b"[3.0,1.2,3.0]\n", b"[1.0,9,9,9,9]\n"])
def test_what_a_dying_node_half_wrote_is_left_out(tmp_path: Path, torn: bytes) -> None:
    head = (
        b'{"series":1,"host":"n1","time":1000.0,"sensors":[{"source":"rapl","domain":"cpu_pkg","device":""},'
        b'{"source":"nvml:total_energy","domain":"gpu","device":"GPU-1"}]}\n'
    )
    (tmp_path / "a.jsonl").write_bytes(head + b"[0.0,0.0,0.0,0,0]\n[2.0,1.0,2.0,400000000,7]\n" + torn)
    (tmp_path / "b.jsonl").write_bytes(b"")
    (tmp_path / "c.jsonl").write_bytes(head[:20])
    (tmp_path / "d.jsonl").write_bytes(head)
    (series,) = read_node_series(tmp_path)
    assert series.times.tolist() == [1000.0, 1002.0]
    assert series.energy_uj.tolist() == [[0, 0], [400_000_000, 7]]


def test_rows_come_ever_more_seldom(tree: PowercapTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After as many rows as of the first period have been written the period is twice as long, up to the longest."""
    monkeypatch.setattr(node_series, "ROWS_OF_A_PERIOD", 8)
    monkeypatch.setattr(node_series, "LONGEST_S", 0.04)
    recorder = NodeRecorder(tmp_path / "series", meters=[open_rapl(tree.root)], period_s=0.01)
    wait_for(lambda: rows(tmp_path / "series") >= 28)
    recorder.close()
    (series,) = read_node_series(tmp_path / "series")
    gaps = np.diff(series.times)
    assert gaps[:7].min() < gaps[17:26].min()
    assert gaps[8:15].min() >= 0.0195
    assert gaps[17:26].min() >= 0.0395


def test_where_nothing_can_be_counted_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODE_POWERCAP", str(tmp_path / "none"))
    recorder = NodeRecorder(tmp_path / "series", ["rapl", "estimate"])
    recorder.close()
    assert not (tmp_path / "series").exists()
    assert read_node_series(tmp_path / "series") == []
