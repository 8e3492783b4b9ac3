"""Warm-up and cosine."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.training.schedule import warmup_cosine


def test_without_warmup_the_first_step_is_full_and_the_middle_half():
    assert warmup_cosine(0, 10, 0) == 1.0
    assert warmup_cosine(5, 10, 0) == pytest.approx(0.5)


def test_warmup_rises_in_equal_steps_to_one():
    assert [warmup_cosine(step, 100, 4) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_the_last_step_is_nearly_zero_but_not_wasted():
    assert warmup_cosine(99, 100, 0) == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.99)))
    assert warmup_cosine(99, 100, 0) > 0


@given(steps=st.integers(1, 500), share=st.floats(0, 0.5))
def test_the_factor_rises_then_falls_and_stays_in_its_range(steps, share):
    warmup = int(share * steps)
    factors = [warmup_cosine(step, steps, warmup) for step in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)
    assert factors[: warmup + 1] == sorted(factors[: warmup + 1])
    assert factors[warmup:] == sorted(factors[warmup:], reverse=True)
