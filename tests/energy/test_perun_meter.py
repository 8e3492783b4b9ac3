"""perun's own back-ends over a synthetic powercap tree, and power sensors of a back-end registered with perun."""

import pytest

from autode.energy import headline, open_meters
from autode.energy.meter import MeterUnavailableError
from autode.energy.perun_meter import open_perun

backends = pytest.importorskip("perun.backend")
PACKAGE, DRAM = "intel-rapl:0", "intel-rapl:0/intel-rapl:0:0"


@pytest.fixture(autouse=True)
def described_processor(monkeypatch):
    """perun asks py-cpuinfo for a description of the processor, which takes two seconds and no part in any figure."""
    monkeypatch.setattr("cpuinfo.get_cpu_info", lambda: {"brand_raw": "test"})


def test_perun_counts_the_joules_of_the_tree(tree):
    with open_meters(["perun"]) as meters:
        window = meters.window()
        tree.add(PACKAGE, 90.0)
        tree.add(DRAM, 10.0)
        (reading,) = window.stop()
    assert reading.energy_j == pytest.approx(100.0)
    assert (reading.method, reading.assurance, reading.source) == ("measured_counter", "B", "perun:powercap_rapl")
    assert set(reading.domains) == {"cpu_pkg", "dram"}


def test_a_read_that_perun_calls_zero_is_missing_and_makes_no_phantom_joules(tree):
    with open_meters(["perun"]) as meters:
        window = meters.window()
        tree.add(PACKAGE, 30.0)
        counts = tree.counts[PACKAGE]
        tree.fail(PACKAGE)
        meters.meters[0].poll()
        tree.write(PACKAGE, counts)
        (reading,) = window.stop()
    assert reading.energy_j == pytest.approx(30.0)
    assert (reading.rejected_samples, reading.wraps) == (1, 0)


def test_its_counters_wrap(tree):
    tree.write(PACKAGE, tree.ranges[PACKAGE] - 1_000_000)
    with open_meters(["perun"]) as meters:
        window = meters.window()
        tree.add(PACKAGE, 3.0)
        (reading,) = window.stop()
    assert (reading.energy_j, reading.wraps) == (pytest.approx(3.0), 1)


def test_rapl_twice_is_not_twice_the_energy(tree):
    with open_meters(["rapl", "perun"]) as meters:
        window = meters.window()
        tree.add(PACKAGE, 90.0)
        readings = window.stop()
    assert len(readings) == 2
    assert headline(readings).energy_j == pytest.approx(90.0)


@pytest.fixture
def steady_gpu(monkeypatch):
    """A back-end of perun that reads 250 W from one GPU and 400 W from a socket that contains other sensors."""
    import numpy as np
    from perun.data_model.measurement_type import Magnitude, MetricMetaData, Unit
    from perun.data_model.sensor import DeviceType, Sensor

    class SteadyBackend(backends.Backend):
        id, name, description = "steady", "Steady", "constant power"

        def setup(self):
            about = MetricMetaData(Unit.WATT, list(Magnitude)[2], np.dtype("uint64"), 0, 10**12, 0)  # micro
            self.found = {
                name: Sensor(name, kind, {"uuid": uuid}, about, lambda watts=watts: np.uint64(watts * 1e6))
                for name, kind, uuid, watts in [
                    ("CUDA:0_POWER", DeviceType.GPU, "GPU-a", 250),
                    ("CUDA:1_POWER", DeviceType.GPU, "GPU-b", 90),
                    ("socket_0", DeviceType.SOCKET, "", 400),
                ]
            }

        def close(self):
            pass

        def availableSensors(self):  # noqa: N802
            return {name: (self.id, sensor.type, sensor.dataType.unit) for name, sensor in self.found.items()}

        def getSensors(self, names):  # noqa: N802
            return [self.found[name] for name in names]

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setitem(backends.available_backends, "SteadyBackend", SteadyBackend)


def test_watts_are_integrated_over_the_window(tree, steady_gpu):
    with open_meters(["perun"], devices=["cuda:0"]) as meters:
        meter = meters.meters[0]
        start, end = meter.edge(), meter.edge()
        gpu = next(reading for reading in meter.readings(start, end) if reading.domains == ("gpu",))
    assert gpu.energy_j == pytest.approx(250.0 * (end - start), rel=1e-6)
    assert (gpu.method, gpu.assurance, gpu.device) == ("measured_power_integrated", "C", "GPU-a")
    assert "short_run" in gpu.flags


def test_only_the_gpus_of_the_trial_and_no_sensor_that_contains_others(tree, steady_gpu):
    assert {sensor.device for sensor in open_perun(["GPU-b"]).sensors if sensor.domain == "gpu"} == {"GPU-b"}
    assert {sensor.device for sensor in open_perun(["cpu"]).sensors} == {""}
    assert len(open_perun().sensors) == 4  # package, memory, two GPUs


def test_no_sensor_is_unavailable_and_every_back_end_says_why(tmp_path):
    with pytest.raises(MeterUnavailableError, match=r"powercap_rapl: .*nowhere does not exist"):
        open_perun(root=tmp_path / "nowhere")
