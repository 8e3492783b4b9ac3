import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.energy import EnergyReading, MixedEnergyError, headline, total, unavailable


def reading(joules, method="measured_counter", source="rapl", assurance="B", domains=("cpu_pkg",), **more):
    return EnergyReading(joules, method, source, assurance, domains, host="n1", seconds=10.0, coverage=1.0, **more)


CPU = reading(100.0, domains=("cpu_pkg", "dram"))
GPU_A = reading(300.0, source="nvml:total_energy", domains=("gpu",), device="GPU-a")
GPU_B = reading(200.0, source="nvml:total_energy", domains=("gpu",), device="GPU-b")
SHARED_CPU = reading(40.0, "apportioned", "rapl", "C", ("cpu_pkg", "dram"), share_rule="cpu_time", share=0.4)
MODEL = reading(50.0, "modelled", "estimate", "D", ("cpu_pkg", "dram"), energy_low_j=10.0, energy_high_j=110.0)
NODE = reading(600.0, "scheduler_counter", "sacct", "A", ("node_dc",))


class TestTotal:
    def test_measured_joules_add(self):
        result = total([CPU, GPU_A])
        assert (result.energy_j, result.method, result.assurance) == (400.0, "measured_counter", "B")
        assert result.domains == ("cpu_pkg", "dram", "gpu")
        assert result.energy_low_j is None

    def test_the_sum_takes_the_worst_class(self):
        result = total([GPU_A, SHARED_CPU])
        assert (result.energy_j, result.method, result.assurance) == (340.0, "apportioned", "C")

    def test_estimated_and_measured_joules_are_not_added(self):
        with pytest.raises(MixedEnergyError, match="not added into one figure"):
            total([CPU, MODEL])

    def test_unless_asked_and_then_the_sum_is_an_estimate(self):
        result = total([CPU, MODEL], allow_mixed=True)
        assert (result.energy_j, result.method, result.assurance) == (150.0, "modelled", "D")
        assert (result.energy_low_j, result.energy_high_j) == (110.0, 210.0)
        assert "mixed" in result.flags

    def test_intervals_of_estimates_add(self):
        result = total([MODEL, MODEL])
        assert (result.energy_low_j, result.energy_j, result.energy_high_j) == (20.0, 100.0, 220.0)

    def test_a_missing_part_marks_the_sum_partial(self):
        result = total([CPU, unavailable("rapl", "gone")])
        assert result.energy_j == 100.0
        assert "partial" in result.flags

    def test_nothing_available_is_unavailable_and_never_zero(self):
        result = total([unavailable("rapl", "no tree"), unavailable("nvml", "no driver")])
        assert result.energy_j is None
        assert result.reason == "no tree; no driver"
        assert total([]).energy_j is None

    def test_coverage_is_weighted_by_time(self):
        half = EnergyReading(1.0, "measured_counter", "rapl", seconds=30.0, coverage=0.5)
        assert total([CPU, half]).coverage == pytest.approx((10 + 15) / 40)

    @given(st.lists(st.sampled_from([CPU, GPU_A, SHARED_CPU, NODE]), min_size=1))
    def test_the_sum_is_the_sum(self, parts):
        assert total(parts).energy_j == pytest.approx(sum(part.energy_j for part in parts))


class TestHeadline:
    def test_domains_that_do_not_overlap_add(self):
        result = headline([CPU, GPU_A, GPU_B])
        assert result.energy_j == 600.0
        assert result.seconds == 10.0

    def test_two_sources_of_one_domain_are_alternatives(self):
        again = reading(101.0, source="perun:powercap_rapl", domains=("cpu_pkg",))
        assert headline([again, CPU]).energy_j == 100.0

    def test_the_node_contains_its_parts(self):
        assert headline([CPU, GPU_A, NODE]).energy_j == 600.0

    def test_a_counter_of_the_trial_alone_comes_before_a_share_of_the_node(self):
        shared_node = reading(500.0, "apportioned", "sacct", "C", ("node_dc",))
        assert headline([shared_node, CPU, GPU_A]).energy_j == 400.0

    def test_a_measured_gpu_and_a_share_of_the_cpu_make_an_apportioned_figure(self):
        result = headline([SHARED_CPU, GPU_A])
        assert (result.energy_j, result.method) == (340.0, "apportioned")

    def test_an_estimate_never_joins_a_measured_figure(self):
        assert headline([MODEL, GPU_A]) == GPU_A

    def test_an_estimate_stands_where_there_is_nothing_else(self):
        assert headline([unavailable("rapl", "no tree"), MODEL]) == MODEL

    def test_nothing_is_none(self):
        assert headline([unavailable("rapl", "no tree")]) is None
        assert headline([]) is None

    def test_integrated_power_gives_way_to_the_counter_of_the_same_gpu(self):
        power = reading(280.0, "measured_power_integrated", "perun:nvml", "C", ("gpu",), device="GPU-a")
        assert headline([power, GPU_A, GPU_B]).energy_j == 500.0

    def test_scopes_do_not_mix(self):
        node = EnergyReading(1.0, "measured_counter", "rapl", scope="node")
        with pytest.raises(ValueError, match="one scope"):
            headline([CPU, node])
