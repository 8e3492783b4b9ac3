import time

import pytest

from autode.energy import BusyCoreWatts, headline, is_estimate, open_meters
from autode.energy.estimate import busy_core_watts


def busy(seconds):
    clock = time.process_time()
    while time.process_time() < clock + seconds:
        pass


def test_a_busy_loop_costs_its_cpu_seconds_times_the_watts():
    with open_meters(["estimate"], estimate_watts=(2.0, 5.0, 11.0)) as meters:
        window = meters.window()
        busy(0.4)
        (reading,) = window.stop()
    assert reading.energy_j == pytest.approx(0.4 * 5.0, rel=0.1)
    assert reading.energy_low_j == pytest.approx(reading.energy_j * 2 / 5)
    assert reading.energy_high_j == pytest.approx(reading.energy_j * 11 / 5)
    assert is_estimate(reading)
    assert (reading.method, reading.assurance, reading.flags) == ("modelled", "D", ("estimated",))
    assert headline([reading]) == reading


def test_waiting_costs_nothing():
    with open_meters(["estimate"]) as meters, meters.window() as window:
        pass
    assert window.readings[0].energy_high_j < 1.0


def test_a_trial_on_a_gpu_says_that_its_gpu_is_not_in_the_figure():
    with open_meters(["estimate"], devices=["cuda:0"]) as meters:
        (reading,) = meters.window().stop()
    assert "gpu_not_measured" in reading.flags


def test_the_node_is_estimated_from_all_its_work():
    with open_meters(["estimate"]) as meters:
        trial, node = meters.window(), meters.window(scope="node")
        busy(0.3)
        (own,), (all_of_it,) = trial.stop(), node.stop()
    assert all_of_it.scope == "node"
    assert all_of_it.energy_j >= 0.9 * own.energy_j


@pytest.mark.parametrize(
    ("written", "low", "central", "high"),
    [
        (None, 0.74, 3.5, 8.0),
        (10.0, 6.0, 10.0, 14.0),
        ((2.0, 6.0), 2.0, 4.0, 6.0),
        ((1.0, 2.0, 9.0), 1.0, 2.0, 9.0),
        (BusyCoreWatts(1.0, 2.0, 3.0), 1.0, 2.0, 3.0),
    ],
)
def test_watts_as_a_user_writes_them(written, low, central, high):
    model = busy_core_watts(written)
    assert (model.low, model.central, model.high) == (low, central, high)


@pytest.mark.parametrize("written", [(3.0, 1.0), (-1.0, 1.0), (1.0,), (1, 2, 3, 4), -5.0, float("nan")])
def test_impossible_watts_are_refused(written):
    with pytest.raises(ValueError, match="watts per busy core"):
        open_meters(["estimate"], estimate_watts=written)
