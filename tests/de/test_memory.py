"""Success-history memory on cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from autode.de.memory import SuccessHistory, improvement_weights, weighted_lehmer, weighted_mean

F, CR, DELTA = np.array([0.2, 0.8]), np.array([0.0, 0.5]), np.array([1.0, 3.0])


def test_weights_are_in_proportion_to_the_improvement():
    assert improvement_weights(DELTA) == pytest.approx([1 / 3, 1])


def test_an_infinite_improvement_counts_as_the_largest_finite_one():
    assert improvement_weights(np.array([1.0, 3.0, np.inf])) == pytest.approx([1 / 3, 1, 1])
    assert improvement_weights(np.array([np.inf, np.inf])).tolist() == [1, 1]
    assert improvement_weights(np.array([0.0, np.inf])).tolist() == [0, 1]


def test_weights_of_huge_and_tiny_improvements_are_finite():
    assert improvement_weights(np.array([1.5e308, 1.5e308])).tolist() == [1, 1]
    assert improvement_weights(np.array([5e-324, 5e-324])).tolist() == [1, 1]
    assert improvement_weights(np.array([0.0, 0.0])).tolist() == [0, 0]


def test_the_two_means():
    w = improvement_weights(DELTA)
    assert weighted_mean(F, w) == pytest.approx(0.25 * 0.2 + 0.75 * 0.8)
    assert weighted_lehmer(F, w) == pytest.approx((0.25 * 0.04 + 0.75 * 0.64) / (0.25 * 0.2 + 0.75 * 0.8))


def test_shade_stores_lehmer_f_and_arithmetic_cr_in_the_next_slot():
    memory = SuccessHistory(2)
    memory.update(F, CR, DELTA)
    assert pytest.approx([0.49 / 0.65, 0.5]) == memory.F
    assert pytest.approx([0.375, 0.5]) == memory.CR
    assert memory.position == 1


def test_lshade_stores_lehmer_cr():
    memory = SuccessHistory(2, lehmer_CR=True)
    memory.update(F, CR, DELTA)
    assert pytest.approx([0.5, 0.5]) == memory.CR  # 0.75*0.25 / (0.75*0.5)


def test_without_success_nothing_moves():
    memory = SuccessHistory(3)
    memory.update(np.empty(0), np.empty(0), np.empty(0))
    assert memory.position == 0 and (memory.F == 0.5).all() and (memory.CR == 0.5).all()


def test_the_position_goes_round():
    memory = SuccessHistory(2)
    for _ in range(3):
        memory.update(F, CR, DELTA)
    assert memory.position == 1


@pytest.mark.parametrize(("lock", "expected"), [(True, np.nan), (False, 0.5)])
def test_a_slot_is_terminal_when_all_successful_cr_were_zero_and_the_lock_decides_whether_it_stays(lock, expected):
    memory = SuccessHistory(1, lehmer_CR=True, lock_terminal=lock)
    memory.update(F, np.zeros(2), DELTA)
    assert np.isnan(memory.CR[0])
    memory.update(F, CR, DELTA)
    assert memory.CR[0] == pytest.approx(expected, nan_ok=True)


def test_the_state_is_taken_over():
    memory, other = SuccessHistory(4), SuccessHistory(4)
    memory.update(F, CR, DELTA)
    other.load(memory.state())
    np.testing.assert_array_equal(other.F, memory.F)
    np.testing.assert_array_equal(other.CR, memory.CR)
    assert other.position == memory.position


def test_a_fixed_slot_is_drawn_from_but_never_updated():
    memory = SuccessHistory(2, 0.3, 0.8, fixed=0.9, average=True, lehmer_CR=True)
    assert memory.size == 3
    for _ in range(5):
        memory.update(F, CR, DELTA)
        assert (memory.F[-1], memory.CR[-1]) == (0.9, 0.9)
    assert memory.position == 1  # the two others take turns


def test_averaging_takes_the_middle_of_the_old_value_and_the_new_mean():
    memory = SuccessHistory(1, 0.3, 0.8, average=True, lehmer_CR=True)
    memory.update(F, CR, DELTA)
    assert pytest.approx([(0.3 + 0.49 / 0.65) / 2]) == memory.F
    assert pytest.approx([(0.8 + 0.5) / 2]) == memory.CR


@pytest.mark.parametrize(("lock", "after"), [(True, np.nan), (False, 0.5)])
def test_averaging_never_turns_the_terminal_value_into_a_rate(lock, after):
    memory = SuccessHistory(1, 0.3, 0.8, average=True, lehmer_CR=True, lock_terminal=lock)
    memory.update(F, np.zeros(2), DELTA)
    assert np.isnan(memory.CR[0])  # not the middle of 0.8 and a code for "terminal"
    memory.update(F, CR, DELTA)
    assert memory.CR[0] == pytest.approx(after, nan_ok=True)


def test_without_a_terminal_value_successes_at_rate_zero_give_the_fallback():
    memory = SuccessHistory(1, 0.2, 0.2, lehmer_CR=True, undefined=0.5)
    memory.update(F, np.zeros(2), DELTA)
    assert memory.CR[0] == 0.5


def test_successes_without_weight_teach_nothing():
    memory = SuccessHistory(2)
    memory.update(F, CR, np.zeros(2))
    assert memory.position == 0 and (memory.F == 0.5).all()
