import json

import pytest

from autode.energy import EnergyReading, is_available, is_estimate, is_measured, unavailable

RAPL = EnergyReading(12.5, "measured_counter", "rapl", "B", ("cpu_pkg", "dram"), flags=("partial",), n_samples=3)


def test_a_record_survives_json():
    again = EnergyReading.from_dict(json.loads(json.dumps(RAPL.to_dict())))
    assert again == RAPL


def test_unknown_keys_of_a_later_version_are_ignored():
    assert EnergyReading.from_dict({**RAPL.to_dict(), "carbon_g": 3}) == RAPL


def test_unavailable_is_none_and_says_why():
    reading = unavailable("rapl", "no such tree")
    assert reading.energy_j is None
    assert reading.to_dict()["energy_j"] is None
    assert (reading.method, reading.reason) == ("unavailable", "no such tree")
    assert not (is_available(reading) or is_measured(reading) or is_estimate(reading))


def test_a_measured_zero_is_available():
    assert is_available(EnergyReading(0.0, "measured_counter", "rapl"))


@pytest.mark.parametrize(
    ("method", "measured", "estimate"),
    [
        ("measured_counter", True, False),
        ("measured_power_integrated", True, False),
        ("scheduler_counter", True, False),
        ("apportioned", False, False),
        ("modelled", False, True),
        ("constant", False, True),
    ],
)
def test_methods_fall_into_three_kinds(method, measured, estimate):
    reading = EnergyReading(1.0, method, "x")
    assert (is_measured(reading), is_estimate(reading)) == (measured, estimate)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"method": "guessed"}, "unknown energy method 'guessed'"),
        ({"assurance": "F"}, "unknown assurance class 'F'"),
        ({"domains": ("cpu",)}, "unknown energy domain 'cpu'"),
        ({"energy_j": None}, "None is 'unavailable'"),
        ({"method": "unavailable"}, "None is 'unavailable'"),
        ({"energy_j": -1.0}, "finite joules >= 0"),
        ({"energy_j": float("nan")}, "finite joules >= 0"),
        ({"energy_high_j": float("inf")}, "finite joules >= 0"),
    ],
)
def test_an_impossible_record_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        EnergyReading(**{"energy_j": 1.0, "method": "measured_counter", "source": "x", **fields})
