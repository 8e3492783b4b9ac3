import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.energy.tracks import CounterTrack, PowerTrack

RANGE_J = 262_143.32885


def counter(values, counts_max=RANGE_J * 1e6):
    return CounterTrack(iter(values).__next__, 1e-6, counts_max)


def test_joules_are_the_difference_of_the_counter():
    track = counter([5e6, 25e6, 125e6])
    for t in (0.0, 1.0, 2.0):
        track.poll(t)
    assert track.between(0.0, 2.0).joules == pytest.approx(120.0)
    assert track.between(0.0, 1.0).joules == pytest.approx(20.0)
    assert track.between(0.0, 1.5).joules == pytest.approx(70.0)


def test_a_wrap_is_undone():
    track = counter([RANGE_J * 1e6 - 100e6, 50e6])
    track.poll(0.0)
    track.poll(1.0)
    span = track.between(0.0, 1.0)
    assert span.joules == pytest.approx(150.0)
    assert span.wraps == 1


def test_a_failed_read_is_missing_and_costs_no_joule():
    track = counter([100e6, None, 300e6])
    for t in (0.0, 1.0, 2.0):
        track.poll(t)
    span = track.between(0.0, 2.0)
    assert (span.joules, span.rejected, span.n_samples) == (pytest.approx(200.0), 1, 2)


def test_a_single_absurd_value_is_not_believed():
    track = counter([100_000e6, 0, 100_200e6])  # falls to zero for one sample: perun would count 262 kJ here
    for t in (0.0, 1.0, 2.0):
        track.poll(t)
    span = track.between(0.0, 2.0)
    assert (span.joules, span.rejected, span.resets, span.wraps) == (pytest.approx(200.0), 1, 0, 0)
    assert span.covered_s == 2.0


def test_a_reset_counter_leaves_a_gap_and_no_phantom_joules():
    track = counter([100_000e6, 0, 200e6, 400e6])
    for t in (0.0, 1.0, 2.0, 3.0):
        track.poll(t)
    span = track.between(0.0, 3.0)
    assert (span.resets, span.wraps) == (1, 0)
    assert span.joules == pytest.approx(400.0)  # what was seen after the reset
    assert span.covered_s == pytest.approx(1.0)


def test_an_edge_is_tried_again():
    track = counter([None, None, 7e6, 9e6])
    track.poll(0.0, tries=3)
    track.poll(1.0)
    assert track.between(0.0, 1.0).joules == pytest.approx(2.0)


def test_one_sample_is_no_measurement():
    track = counter([1e6])
    track.poll(0.0)
    assert track.between(0.0, 1.0).joules is None
    assert counter([]).between(0.0, 1.0).joules is None


def test_more_power_than_a_processor_can_draw_is_noted():
    track = counter([0, 50_000e6])
    track.poll(0.0)
    track.poll(1.0)
    assert track.between(0.0, 1.0).implausible == 1


def test_old_samples_are_forgotten_without_changing_what_follows():
    track = counter([i * 1e6 for i in range(100)])
    for t in range(100):
        track.poll(float(t))
    before = track.between(50.5, 99.0).joules
    track.forget(50.5)
    assert len(track.times) == 50
    assert track.between(50.5, 99.0).joules == pytest.approx(before)


@given(
    start=st.integers(0, int(RANGE_J * 1e6) - 1),
    steps=st.lists(
        st.tuples(st.floats(0.001, 60.0), st.floats(0.0, 1000.0), st.sampled_from(["good", "good", "failed"])),
        min_size=1,
        max_size=30,
    ),
)
def test_known_joules_come_back_through_wraps_and_missed_reads(start, steps):
    """Any power up to 1 kW, any steps up to a minute, missed reads: within a microjoule a step of the truth."""
    modulus = int(RANGE_J * 1e6)
    readings, counts, t, times, truth_uj = [start], start, 0.0, [0.0], 0
    for seconds, watts, kind in [*steps, (1.0, 100.0, "good")]:
        used = int(watts * seconds * 1e6)
        t, counts, truth_uj = t + seconds, (counts + used) % modulus, truth_uj + used
        times.append(t)
        readings.append(counts if kind == "good" else None)
    if sum(seconds for seconds, _, _ in steps) > 150:
        return  # several minutes of missed reads could hide more than one wrap
    track = counter(readings, modulus)
    for when in times:
        track.poll(when)
    assert track.between(0.0, t).joules == pytest.approx(truth_uj * 1e-6, rel=1e-9, abs=1e-6)


class TestPower:
    def test_watts_are_weighted_by_the_real_times(self):
        track = PowerTrack(iter([100.0, 100.0, 300.0, 300.0]).__next__)
        for t in (0.0, 1.0, 1.1, 4.1):
            track.poll(t)
        assert track.between(0.0, 4.1).joules == pytest.approx(100.0 + 20.0 + 900.0)

    def test_a_failed_read_is_bridged(self):
        track = PowerTrack(iter([100.0, None, 100.0]).__next__)
        for t in (0.0, 1.0, 2.0):
            track.poll(t)
        span = track.between(0.0, 2.0)
        assert (span.joules, span.rejected) == (pytest.approx(200.0), 1)
