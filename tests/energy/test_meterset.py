import json
import os
import subprocess
import sys
import threading
import time
from datetime import datetime

import pytest

from autode.energy import METERS, headline, open_meters

PACKAGE = "intel-rapl:0"


def test_auto_takes_what_is_there_and_never_the_estimate(tree):
    with open_meters() as meters:
        report = {each.name: each for each in meters.availability()}
    assert list(report) == list(METERS)
    assert report["rapl"].available
    assert report["rapl"].domains == ("cpu_pkg", "dram")
    assert not report["estimate"].available
    assert all(each.available or each.reason for each in report.values())


def test_nothing_measurable_is_one_record_that_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTODE_POWERCAP", str(tmp_path))
    with open_meters(["rapl"]) as meters:
        (reading,) = meters.window().stop()
    assert reading.energy_j is None
    assert (reading.method, reading.scope) == ("unavailable", "trial")
    assert "rapl: no RAPL packages" in reading.reason


def test_a_meter_asked_for_that_does_not_work_is_reported_and_no_error():
    with open_meters(["slurm", "estimate"]) as meters:
        slurm, estimate = meters.availability()
        readings = meters.window().stop()
    assert not slurm.available
    assert "sacct" in slurm.reason
    assert estimate.available
    assert [reading.method for reading in readings] == ["modelled"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ["rpl"]}, "unknown energy meter 'rpl'; did you mean 'rapl'?"),
        ({"names": "estimates"}, "did you mean 'estimate'"),
        ({"names": []}, "no energy meter is named"),
        ({"slots": 0}, "slots must be at least 1"),
    ],
)
def test_wrong_input_is_one_sentence(arguments, message):
    with pytest.raises(ValueError) as caught:
        open_meters(**arguments)
    assert message in str(caught.value)


def test_unknown_scope_and_share(tree):
    with open_meters(["rapl"]) as meters:
        with pytest.raises(ValueError, match="unknown scope 'job'"):
            meters.window(scope="job")
        with pytest.raises(ValueError, match="unknown share 'all'"):
            meters.window(share="all")
    with pytest.raises(ValueError, match="closed"):
        meters.window()


def test_a_trial_on_a_shared_node_gets_its_part_of_the_cpu_time(tree):
    """Another process works as much as this one: about half of the node's joules are ours, and the node has all."""
    rival = "import time\nprint(flush=True)\nwhile True: pass"
    with (
        open_meters(["rapl"], slots=2) as meters,
        subprocess.Popen(["setsid", "-f", sys.executable, "-c", f"import os; print(os.getpid(), flush=True)\n{rival}"],
                         stdout=-1) as starter,
    ):  # fmt: skip
        pid = int(starter.stdout.readline())  # of nobody's child: it left the tree of this process
        try:
            node, trial = meters.window(scope="node"), meters.window()
            clock = time.process_time()
            while time.process_time() < clock + 0.5:
                pass
            tree.add(PACKAGE, 100.0)
            (mine,), (whole,) = trial.stop(), node.stop()
        finally:
            os.kill(pid, 9)
    assert (mine.method, mine.assurance, mine.share_rule) == ("apportioned", "C", "cpu_time")
    assert 0.02 < mine.share < 0.98  # other work on this machine is its own affair
    assert mine.energy_j == pytest.approx(100.0 * mine.share)
    assert (whole.scope, whole.method, whole.energy_j) == ("node", "measured_counter", pytest.approx(100.0))


def test_one_trial_at_a_time_has_the_node_for_itself(tree):
    with open_meters(["rapl"]) as meters:
        window = meters.window()
        tree.add(PACKAGE, 5.0)
        (reading,) = window.stop()
    assert (reading.method, reading.energy_j) == ("measured_counter", pytest.approx(5.0))


def test_stop_answers_the_same_twice_and_the_record_is_complete(tree):
    with open_meters(["rapl"]) as meters, meters.window() as window:
        tree.add(PACKAGE, 1.0)
    assert window.stop() is window.readings
    (reading,) = window.readings
    start, end = datetime.fromisoformat(reading.t_start), datetime.fromisoformat(reading.t_end)
    assert (end - start).total_seconds() == pytest.approx(reading.seconds, abs=0.05)
    assert start.tzinfo is not None
    assert reading.host
    json.dumps(reading.to_dict())
    assert headline(window.readings) == reading


class TestTheSampler:
    def test_one_thread_for_all_meters_and_sets_and_none_afterwards(self, tree):
        def samplers():
            return [thread for thread in threading.enumerate() if thread.name == "autode-energy"]

        with open_meters(["rapl", "perun"]) as one, open_meters(["rapl"]) as two:
            windows = [one.window(), one.window(), two.window()]
            assert len(samplers()) == 1
            assert samplers()[0].daemon
            for window in windows:
                window.stop()
        assert samplers() == []

    def test_it_sees_wraps_that_the_edges_cannot(self, tree):
        tree.zone("intel-rapl:2", "package-1", range_j=300.0)
        with open_meters(["rapl"]) as meters:
            window = meters.window()
            track = meters.meters[0].sensors[-1].track
            for _ in range(8):  # 800 J: between two and three times the range
                seen = len(track.times)
                tree.add("intel-rapl:2", 100.0)
                while len(track.times) == seen:
                    threading.Event().wait(0.001)
            (reading,) = window.stop()
        assert reading.energy_j == pytest.approx(800.0)
        assert reading.wraps == 2

    def test_sampling_is_cheap(self, tree):
        """Less than half a percent of one core at one sample a second."""
        with open_meters(["rapl"]) as meters:
            window, (meter,) = meters.window(), meters.meters
            clock = time.process_time()
            for _ in range(100):
                meter.poll()
            each = (time.process_time() - clock) / 100
            window.stop()
        assert each < 0.005

    def test_a_forked_child_measures_too(self, tree):
        with open_meters(["rapl"]) as outer:
            outer.window()
            pid = os.fork()
            if pid == 0:
                with open_meters(["rapl"]) as meters:
                    window = meters.window()
                    tree.add(PACKAGE, 3.0)
                    (reading,) = window.stop()
                os._exit(0 if abs(reading.energy_j - 3.0) < 1e-6 else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_the_room_imports_nothing_heavy():
    code = "import sys, autode.energy; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "numpy", "pynvml", "perun", "h5py", "torch", "mpi4py"} & set(loaded)
