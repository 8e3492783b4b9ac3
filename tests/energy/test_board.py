"""A node's joules booked as time goes by: between processes, by what each used, on a clock that is ours."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autode.energy import board as board_module
from autode.energy import open_meters
from autode.energy.board import Board
from autode.energy.conformance.powercap import DRAM, PACKAGE, PowercapTree
from autode.energy.meter import Meter
from autode.energy.processes import ProcessTrees
from autode.energy.rapl import open_rapl


class Node:
    """A node whose time, joules and CPU seconds go as the test says; its processes are numbers."""

    def __init__(self, tree: PowercapTree, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.tree, self.folder, self.now = tree, folder, 100.0
        self.cpu: dict[int, float] = {}
        self.others = 0.0
        self._patch = monkeypatch
        monkeypatch.setattr(board_module, "node_cpu_seconds", lambda: sum(self.cpu.values()) + self.others)
        monkeypatch.setattr(os, "cpu_count", lambda: 10)
        monkeypatch.setattr(
            ProcessTrees,
            "seconds",
            lambda trees, roots, fresh=False: {pid: self.cpu[pid] for pid in roots if pid in self.cpu},
        )

    def meter(self) -> Meter:
        meter = open_rapl(self.tree.root)
        meter.clock = lambda: self.now
        return meter

    def board(self) -> Board:
        """Open the board as another process would."""
        return Board(self.meter(), self.folder)

    def look(self, pid: int = 0, board: Board | None = None) -> Any:
        """Look as a process that runs a trial, or as nobody."""
        self._patch.setattr(os, "getpid", lambda: pid)
        return (board or self.board()).look(join=pid > 0, tries=4)

    def second(self, watts: float, cpu: dict[int, float] | None = None, others: float = 0.0) -> None:
        self.now += 1.0
        self.tree.add(PACKAGE, watts)
        self.others += others
        for pid, seconds in (cpu or {}).items():
            self.cpu[pid] += seconds


@pytest.fixture
def node(tree: PowercapTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(tree, tmp_path / "board", monkeypatch)


def test_joules_go_by_cpu_time(node: Node) -> None:
    node.cpu = {1: 0.0, 2: 50.0}
    node.look(1), node.look(2)
    node.second(100.0, {1: 3.0, 2: 1.0})
    account = node.look()
    assert account.dynamic_j == {"1": 75.0, "2": 25.0}
    assert (account.joules, account.idle_j) == (100.0, 0.0)


def test_pieces_of_time_are_booked_by_the_use_in_them_and_not_by_the_whole(node: Node) -> None:
    """One works alone at 40 W, then another alone at 160 W: each gets its own, though both used as much CPU time."""
    node.cpu = {1: 0.0, 2: 0.0}
    node.look(1), node.look(2)
    for _ in range(10):
        node.second(40.0, {1: 1.0})
        node.look()
    for _ in range(10):
        node.second(160.0, {2: 1.0})
        node.look()
    assert node.look().dynamic_j == {"1": pytest.approx(400.0), "2": pytest.approx(1600.0)}


def test_idle_power_is_measured_when_the_node_is_idle_and_taken_off_first(node: Node) -> None:
    node.cpu = {1: 0.0}
    node.look(1)
    for _ in range(5):
        node.second(90.0, {1: 0.01})
        node.look()
    account = node.look()
    assert account.idle_power_w == pytest.approx(90.0)
    idle, own = account.idle_j, account.dynamic_j["1"]
    node.second(150.0, {1: 2.0}, others=1.0)
    account = node.look()
    assert account.idle_j - idle == pytest.approx(90.0)
    assert account.dynamic_j["1"] - own == pytest.approx(40.0), "two thirds of what is above idle; the rest is others'"


def test_a_busy_node_has_no_idle_power(node: Node) -> None:
    node.look()
    for _ in range(5):
        node.second(90.0, others=0.5)
        node.look()
    assert node.look().idle_power_w is None


def test_two_processes_on_one_account_read_every_joule_once(node: Node) -> None:
    node.cpu = {1: 0.0, 2: 0.0}
    one, two = node.board(), node.board()
    node.look(1, one), node.look(2, two)
    for turn in range(20):
        node.second(100.0, {1: 1.0, 2: 1.0})
        node.look(0, (one, two)[turn % 2])
    account = node.look(0, one)
    assert account.joules == pytest.approx(2000.0)
    assert account.dynamic_j == {"1": pytest.approx(1000.0), "2": pytest.approx(1000.0)}
    assert account.covered_s == pytest.approx(20.0)


def test_wraps_and_failed_reads_are_undone_across_processes(node: Node) -> None:
    one, two = node.board(), node.board()
    node.tree.write(PACKAGE, node.tree.ranges[PACKAGE] - 150_000_000)
    node.look(0, one)
    node.second(100.0)
    node.tree.fail(PACKAGE)
    node.look(0, two)
    node.tree.write(PACKAGE, node.tree.counts[PACKAGE])
    node.second(100.0)
    account = node.look(0, one)
    assert account.joules == pytest.approx(200.0)
    assert (account.wraps, account.rejected) == (1, 4)  # an edge is tried four times
    assert account.covered_s == pytest.approx(2.0)


def test_an_account_that_nobody_kept_is_begun_anew_with_the_idle_power_it_had(node: Node) -> None:
    for _ in range(5):
        node.second(90.0)
        before = node.look()
    node.now += 3600.0
    after = node.look()
    assert after.identity != before.identity
    assert after.joules == 0.0
    assert after.idle_power_w == before.idle_power_w


def test_a_damaged_account_is_begun_anew(node: Node) -> None:
    before = node.look()
    (node.folder / "account").write_text("{torn")
    assert node.look().identity != before.identity


def test_a_process_that_is_gone_is_booked_no_more(node: Node) -> None:
    node.cpu = {1: 0.0, 2: 0.0}
    node.look(1), node.look(2)
    del node.cpu[2]
    node.second(100.0, {1: 1.0})
    assert node.look().dynamic_j == {"1": 100.0}


# --- windows


def test_the_windows_of_two_trials_share_the_node(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four slots, two in use; idle is 80 W, of which each slot has a quarter."""
    monkeypatch.setattr("autode.energy.board._place", lambda meter: node.folder)
    monkeypatch.setattr("autode.energy.meterset.open_rapl", node.meter)
    monkeypatch.setattr(Board, "serve", lambda self: None)
    node.cpu = {1: 0.0, 2: 0.0}
    for _ in range(5):
        node.second(80.0)
        node.look()
    windows = {}
    for pid in (1, 2):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        meters = open_meters(["rapl"], slots=4)
        windows[pid] = meters.window(), meters
    for _ in range(60):
        node.second(180.0, {1: 3.0, 2: 1.0})
        node.look()
    readings = {}
    for pid, (window, meters) in windows.items():
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        (readings[pid],) = window.stop()
        meters.close()
    assert readings[1].energy_j == pytest.approx(60 * (20.0 + 75.0))
    assert readings[2].energy_j == pytest.approx(60 * (20.0 + 25.0))
    assert {reading.share_rule for reading in readings.values()} == {"idle_share+cpu_time"}
    assert readings[1].share == pytest.approx(95.0 / 180.0)
    assert (readings[1].method, readings[1].assurance, readings[1].domains) == ("apportioned", "C", ("cpu_pkg", "dram"))
    assert readings[1].coverage == pytest.approx(1.0)


def test_a_window_over_a_hole_in_the_account_is_unavailable_and_not_wrong(tree: PowercapTree) -> None:
    with open_meters(["rapl"], slots=2) as meters:
        window = meters.window()
        (meters.boards[0]._folder / "account").write_text("")
        (reading,) = window.stop()
    assert reading.energy_j is None
    assert "nobody sampled" in reading.reason


def test_of_a_node_window_the_board_gives_everything(tree: PowercapTree) -> None:
    with open_meters(["rapl"], slots=2) as meters:
        window = meters.window(scope="node")
        tree.add(PACKAGE, 40.0)
        tree.add(DRAM, 2.0)
        (reading,) = window.stop()
    assert (reading.energy_j, reading.share_rule) == (pytest.approx(42.0), "node_exclusive")
    assert reading.method == "measured_counter"


def test_without_memory_to_share_every_process_reads_for_itself(
    tree: PowercapTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("autode.energy.board._place", lambda meter: tmp_path / "file" / "below")
    with open_meters(["rapl"], slots=2) as meters:
        assert meters.boards == []
        assert len(meters.meters) == 1


# --- processes

_MEMBER = """\
import sys
from autode.energy import open_meters
with open_meters(["rapl"], slots=2) as meters:
    (board,) = meters.boards
    while True:
        line = sys.stdin.readline()
        if not line:
            break
        if line == "leads\\n":
            print(int(board.leads), flush=True)
"""


class Member:
    """Another process with meters of its own on the same node."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", _MEMBER], stdin=-1, stdout=-1, text=True)

    def leads(self) -> bool:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print("leads", file=self.process.stdin, flush=True)
        return bool(int(self.process.stdout.readline()))

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_one_process_samples_for_all_and_the_next_takes_over_when_it_dies(
    tree: PowercapTree, monkeypatch: pytest.MonkeyPatch, wait_until: Any
) -> None:
    monkeypatch.setattr(board_module, "_STAND_BY_S", 0.05)
    first = Member()
    wait_until(first.leads, "the first leads")
    with open_meters(["rapl"], slots=2) as meters:
        (board,) = meters.boards
        assert not board.leads
        first.kill()
        wait_until(lambda: board.leads, "the second leads")
        folder = board._folder
        assert folder.is_dir()
    assert not folder.exists(), "the last to go leaves nothing behind"


def _is_leader(board: Board, answers: Any) -> None:
    answers.put(board.leads)


def test_a_forked_child_does_not_lead(tree: PowercapTree, tmp_path: Path, wait_until: Any) -> None:
    board = Board(open_rapl(tree.root), tmp_path / "board")
    board.serve()
    wait_until(lambda: board.leads, "it leads")
    answers = multiprocessing.get_context("fork").SimpleQueue()
    child = multiprocessing.get_context("fork").Process(target=_is_leader, args=(board, answers))
    child.start()
    child.join()
    assert answers.get() is False
    assert board.leads
    board.close()


def test_the_account_on_disk_is_plain_json(node: Node) -> None:
    node.look()
    assert json.loads((node.folder / "account").read_text())["samples"] == 1


# --- process trees


def test_the_cpu_time_of_a_child_counts_for_its_root() -> None:
    code = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True); input()"
    trees = ProcessTrees()
    before = trees.seconds([os.getpid()], fresh=True)[os.getpid()]
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = trees.seconds([os.getpid(), child.pid], fresh=True)
        assert found[child.pid] >= 0.25
        assert found[os.getpid()] - before >= 0.25
        child.communicate(b"\n")
    assert child.pid not in trees.seconds([child.pid])
