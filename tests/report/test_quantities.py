"""How figures are written: digits, units, and the marks of an estimate."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.report import quantities as q


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0123456, "0.01235"),
        (1e-5, "1e-5"),
        (-0.5, "−0.5"),
        (128, "128"),
        (128.0, "128"),
        (2_500_000.0, "2.5e6"),
        ("sgd", "sgd"),
        (True, "True"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "inf"),
        (pd.NA, "–"),
    ],
)
def test_number(value: Any, text: str) -> None:
    assert q.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.021, "0.02100"), (1.0, "1.000"), (0.0, "0"), (3e-7, "3e-7"), (None, "–")]
)
def test_results_keep_the_zeros_at_their_end(value: Any, text: str) -> None:
    assert q.figure(value) == text


@pytest.mark.parametrize(
    ("joules", "kind", "text"),
    [
        (12.345, "measured", "12.35 J"),
        (3347.8, "measured", "3.348 kJ"),
        (3347.8, "apportioned", "3.348 kJ"),
        (3347.8, "estimated", "~ 3.3 kJ (est.)"),
        (19.3e6, "estimated", "~ 19 MJ (est.)"),
        (0.0, "measured", "0 J"),
        (None, "unavailable", "unavailable"),
        (math.nan, "estimated", "unavailable"),
    ],
)
def test_joules_carry_their_unit_and_their_mark(joules: Any, kind: str, text: str) -> None:
    assert q.joules(joules, kind) == text


@pytest.mark.parametrize(
    ("joules", "kind", "text"),
    [(3600.0, "measured", "1.000 Wh"), (7.2e6, "measured", "2.000 kWh"), (3600.0, "estimated", "~ 1.0 Wh (est.)")],
)
def test_watt_hours(joules: float, kind: str, text: str) -> None:
    assert q.watt_hours(joules, kind) == text


@given(st.floats(1e-6, 1e12))
def test_an_estimate_never_shows_more_than_two_significant_digits(joules: float) -> None:
    text = q.joules(joules, "estimated")
    assert text.startswith("~ ")
    assert text.endswith(" (est.)")
    assert len(text.split()[1].replace(".", "").strip("0")) <= 2


@given(st.floats(1e-3, 1e11))
def test_a_printed_measurement_is_within_its_last_digit(joules: float) -> None:
    value, unit = q.joules(joules).split()
    assert float(value) * {"J": 1, "kJ": 1e3, "MJ": 1e6, "GJ": 1e9}[unit] == pytest.approx(joules, rel=5.1e-4)


def test_an_interval_has_both_ends_in_one_unit() -> None:
    assert q.interval(340.0, 2800.0) == "0.34 to 2.8 kJ"
    assert q.interval(None, 2800.0) == ""


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (0.98, 0.00158, "0.9800 ± 0.0016"),
        (0.018, 0.0116, "0.018 ± 0.012"),
        (93.2, 11.4, "93 ± 11"),
        (0.5, 0.0, "0.5000 ± 0"),
    ],
)
def test_the_mean_has_as_many_places_as_its_deviation(mean: float, deviation: float, text: str) -> None:
    assert q.mean_and_deviation(mean, deviation) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (4.2123, "4.21 s"),
        (59.96, "60.0 s"),
        (200.0, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (7530.0, "2 h 06 min"),
        (None, "–"),
    ],
)
def test_duration(seconds: Any, text: str) -> None:
    assert q.duration(seconds) == text


def test_clock_and_plural() -> None:
    assert q.clock("2026-05-04T08:00:02.123Z") == "2026-05-04 08:00:02 UTC"
    assert q.clock(None) == "–"
    assert (q.plural(1, "trial"), q.plural(0, "trial")) == ("1 trial", "0 trials")
