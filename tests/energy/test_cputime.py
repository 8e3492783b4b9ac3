import os
import subprocess
import sys
import time

import pytest

from autode.energy.cputime import CpuSeconds, cpu_share, cpu_used, node_cpu_seconds, tree_cpu_seconds

BUSY = "import time\nwhile time.process_time() < {seconds}: pass\n{after}"


def test_own_work_counts():
    before, clock = tree_cpu_seconds(), time.process_time()
    while time.process_time() < clock + 0.1:
        pass
    assert tree_cpu_seconds() - before == pytest.approx(0.1, abs=0.05)


def test_a_living_child_counts_and_keeps_counting_after_its_end():
    before = tree_cpu_seconds()
    code = BUSY.format(seconds=0.3, after="print(flush=True); input()")
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as child:
        child.stdout.readline()
        living = tree_cpu_seconds() - before
        child.communicate(b"\n")
    ended = tree_cpu_seconds() - before
    assert living > 0.25
    assert ended >= living - 0.02


def test_the_node_is_at_least_as_busy_as_this_process():
    node, own = node_cpu_seconds(), time.process_time()
    while time.process_time() < own + 0.3:
        pass
    assert node_cpu_seconds() - node >= 0.25


def test_the_first_line_of_proc_stat_without_idle_iowait_steal_and_guest(tmp_path):
    (tmp_path / "stat").write_text("cpu  100 20 30 4000 500 6 7 800 90 10\ncpu0 1 1 1 1\n")
    assert node_cpu_seconds(tmp_path) == pytest.approx((100 + 20 + 30 + 6 + 7) / os.sysconf("SC_CLK_TCK"))


def test_without_proc_stat_the_node_is_unknown(tmp_path):
    assert node_cpu_seconds(tmp_path) is None


@pytest.mark.parametrize(
    ("start", "end", "share"),
    [
        (CpuSeconds(1.0, 10.0), CpuSeconds(3.0, 18.0), 0.25),
        (CpuSeconds(1.0, 10.0), CpuSeconds(3.0, 11.0), 1.0),  # ticks of 10 ms may lag behind
        (CpuSeconds(1.0, 10.0), CpuSeconds(3.0, 10.0), None),
        (CpuSeconds(1.0, None), CpuSeconds(3.0, None), None),
    ],
)
def test_shares(start, end, share):
    assert cpu_share(cpu_used(start, end)) == share
