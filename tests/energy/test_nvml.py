import pytest

from autode.energy import open_meters
from autode.energy.meter import MeterUnavailableError
from autode.energy.nvml import open_nvml, wanted_gpus


def devices_of(meter):
    return [sensor.device for sensor in meter.sensors]


def test_one_record_per_gpu_from_its_energy_counter(nvml):
    with open_meters(["nvml"]) as meters:
        window = meters.window()
        nvml.millijoules["GPU-a"] += 12_345
        nvml.millijoules["GPU-b"] += 1_000
        first, second = window.stop()
    assert (first.device, first.energy_j) == ("GPU-a", pytest.approx(12.345))
    assert (second.device, second.energy_j) == ("GPU-b", pytest.approx(1.0))
    assert (first.method, first.assurance, first.source) == ("measured_counter", "B", "nvml:total_energy")
    assert nvml.sessions == 0


def test_only_the_devices_of_the_trial_are_read(nvml):
    assert devices_of(open_nvml(["cuda:1"])) == ["GPU-b"]
    assert devices_of(open_nvml(["GPU-a"])) == ["GPU-a"]
    assert devices_of(open_nvml(["1", "cuda:1", "GPU-b"])) == ["GPU-b"]


def test_visible_devices_are_honoured(nvml, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert devices_of(open_nvml()) == ["GPU-b"]
    assert devices_of(open_nvml(["cuda:0"])) == ["GPU-b"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-b,GPU-a")
    assert devices_of(open_nvml(["cuda:1"])) == ["GPU-a"]


@pytest.mark.parametrize(
    ("setting", "devices", "names"),
    [
        (None, (), ["0", "1", "2"]),
        ("2,0", ("cuda:0",), ["2"]),
        ("2,0", ("cuda",), ["2"]),
        ("0", ("cpu", "0"), ["0"]),
        ("", (), []),
        ("-1", (), []),
    ],
)
def test_names_are_counted_among_the_visible_gpus(monkeypatch, setting, devices, names):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if setting is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", setting)
    assert wanted_gpus(devices, 3) == names


def test_a_falling_counter_means_a_reloaded_driver(nvml):
    with open_meters(["nvml"], devices=["cuda:0"]) as meters:
        window = meters.window()
        nvml.millijoules["GPU-a"] = 10
        (reading,) = window.stop()
    assert reading.energy_j is None
    assert "driver_reload" in reading.flags
    assert "reloaded" in reading.reason


@pytest.mark.parametrize(
    ("devices", "reason"),
    [(["cuda:5"], "not among the 2 visible"), (["cpu"], "CPUs only"), (["GPU-z"], "does not exist")],
)
def test_what_cannot_be_read_says_why(nvml, devices, reason):
    with pytest.raises(MeterUnavailableError, match=reason):
        open_nvml(devices)
    assert nvml.sessions == 0


def test_a_gpu_without_the_counter_says_so(nvml):
    nvml.millijoules["GPU-a"] = None
    with pytest.raises(MeterUnavailableError, match="no energy counter"):
        open_nvml(["cuda:0"])


def test_an_exclusive_gpu_stays_measured_where_the_node_is_shared(nvml, tree):
    with open_meters(["nvml", "rapl"], devices=["cuda:0"], slots=4) as meters:
        window = meters.window(share="gpu_exclusive")
        nvml.millijoules["GPU-a"] += 100_000
        tree.add("intel-rapl:0", 10.0)
        sum(i * i for i in range(300_000))  # some CPU time, so that there is something to share by
        gpu, cpu = window.stop()
    assert (gpu.energy_j, gpu.method, gpu.share_rule) == (pytest.approx(100.0), "measured_counter", "gpu_exclusive")
    assert (cpu.method, cpu.share_rule, cpu.assurance) == ("apportioned", "cpu_time", "C")


def test_a_gpu_that_trials_share_is_split_equally(nvml):
    with open_meters(["nvml"], devices=["cuda:0"], slots=4) as meters:
        window = meters.window(share="cpu_time")
        nvml.millijoules["GPU-a"] += 100_000
        (gpu,) = window.stop()
    assert (gpu.energy_j, gpu.method, gpu.share_rule, gpu.share) == (pytest.approx(25.0), "apportioned", "equal", 0.25)
