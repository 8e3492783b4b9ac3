"""Warm-up and cosine."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.training.schedule import lr_factor, warmup_cosine


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


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35])
def test_the_cosine_is_the_default_course(share):
    factors = [lr_factor("cosine", step, 25, 4, share) for step in range(100)]
    assert factors == [warmup_cosine(step, 100, int(share * 100)) for step in range(100)]


def test_the_line_falls_in_equal_steps():
    factors = [lr_factor("linear", step, 5, 2, 0.2) for step in range(10)]
    assert factors == pytest.approx([1 / 3, 2 / 3, *(1 - k / 8 for k in range(8))])


@given(epochs=st.integers(1, 50), more=st.integers(1, 50), step=st.integers(0, 1000))
def test_a_constant_rate_does_not_know_how_long_it_will_be_needed(epochs, more, step):
    assert lr_factor("constant", step, 20, epochs, 0.25) == lr_factor("constant", step, 20, epochs + more, 0.25)
    assert lr_factor("constant", step, 20, epochs, 0.25) == pytest.approx(min((step + 1) / 6, 1.0))
