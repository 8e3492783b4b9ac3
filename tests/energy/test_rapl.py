import pytest

from autode.energy import open_meters
from autode.energy.meter import MeterUnavailableError
from autode.energy.rapl import open_rapl

PACKAGE, DRAM = "intel-rapl:0", "intel-rapl:0/intel-rapl:0:0"


@pytest.fixture
def rapl(tree):
    with open_meters(["rapl"]) as meters:
        yield meters


def test_packages_and_memory_are_added_and_nothing_else(tree, rapl):
    window = rapl.window()
    for zone, joules in {PACKAGE: 90.0, DRAM: 10.0}.items():
        tree.add(zone, joules)
    tree.add("intel-rapl:0/intel-rapl:0:1", 70.0)  # cores: inside the package
    tree.add("intel-rapl:1", 150.0)  # psys: contains the package
    tree.add("intel-rapl-mmio:0", 90.0)  # the same package through another door
    (reading,) = window.stop()
    assert reading.energy_j == pytest.approx(100.0)
    assert (reading.method, reading.assurance, reading.source) == ("measured_counter", "B", "rapl")
    assert reading.domains == ("cpu_pkg", "dram")
    assert (reading.share_rule, reading.share, reading.coverage) == ("node_exclusive", 1.0, 1.0)
    assert reading.flags == ()


def test_subzones_listed_beside_their_package_count_once(tree):
    (tree.root / "intel-rapl:0:0").symlink_to(tree.root / DRAM)
    assert [sensor.name for sensor in open_rapl(tree.root).sensors] == ["intel-rapl:0", "intel-rapl:0:0"]


def test_more_than_ten_packages_are_found(tree):
    tree.zone("intel-rapl:12", "package-12-die-0")
    assert "intel-rapl:12" in [sensor.name for sensor in open_rapl(tree.root).sensors]


def test_a_counter_that_wraps_inside_the_window(tree, rapl):
    tree.write(PACKAGE, tree.ranges[PACKAGE] - 20_000_000)
    window = rapl.window()
    tree.add(PACKAGE, 50.0)
    (reading,) = window.stop()
    assert reading.energy_j == pytest.approx(50.0)
    assert reading.wraps == 1


def test_a_trial_shorter_than_the_period_is_read_at_both_edges(tree, rapl):
    assert rapl.meters[0].period_s > 1.0
    with rapl.window() as window:
        tree.add(PACKAGE, 0.25)
    assert window.readings[0].energy_j == pytest.approx(0.25)


def test_windows_nest_and_overlap(tree, rapl):
    outer = rapl.window()
    tree.add(PACKAGE, 1.0)
    inner = rapl.window()
    tree.add(PACKAGE, 2.0)
    (outer_reading,) = outer.stop()
    tree.add(PACKAGE, 4.0)
    (inner_reading,) = inner.stop()
    assert (outer_reading.energy_j, inner_reading.energy_j) == (pytest.approx(3.0), pytest.approx(6.0))


def test_a_sensor_that_fails_for_good_leaves_the_rest_and_says_so(tree, rapl):
    tree.fail(DRAM)
    window = rapl.window()
    tree.add(PACKAGE, 9.0)
    (reading,) = window.stop()
    assert reading.energy_j == pytest.approx(9.0)
    assert reading.domains == ("cpu_pkg",)
    assert "partial" in reading.flags
    assert reading.rejected_samples > 0


def test_all_reads_failing_is_unavailable_and_not_zero(tree, rapl):
    window = rapl.window()
    tree.fail(PACKAGE)
    tree.fail(DRAM)
    (reading,) = window.stop()
    assert reading.energy_j is None
    assert "no two good samples" in reading.reason


def test_a_reset_is_flagged_and_not_counted_as_a_wrap(tree, rapl):
    tree.write(PACKAGE, 200_000_000_000)
    window = rapl.window()
    tree.write(PACKAGE, 5_000_000)
    (reading,) = window.stop()
    assert reading.resets == 1
    assert reading.energy_j < 10.0
    assert {"counter_reset", "partial"} <= set(reading.flags)


def test_the_period_stays_below_the_time_to_wrap(tree):
    tree.zone("intel-rapl:2", "package-1", range_j=600.0)
    assert open_rapl(tree.root).period_s == pytest.approx(600.0 / 1500.0 / 4)


def test_no_tree_is_unavailable_with_its_reason(tmp_path):
    with pytest.raises(MeterUnavailableError, match="no RAPL packages"):
        open_rapl(tmp_path / "nowhere")


def test_counters_that_may_not_be_read_are_unavailable_with_the_reason(tree):
    tree.fail(PACKAGE)
    tree.fail(DRAM)
    with pytest.raises(MeterUnavailableError, match="only root may"):
        open_rapl(tree.root)
