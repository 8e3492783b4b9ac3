"""The search space: points of the unit cube become configurations, and back."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode import Categorical, Float, Int, Ordinal, Space

UNIT = st.floats(0.0, 1.0)
CHOICES = ["sgd", "adamw", True, 1.5, 7]


@st.composite
def floats(draw: st.DrawFn) -> Float:
    log = draw(st.booleans())
    low = draw(st.floats(1e-12, 1e6) if log else st.floats(-1e6, 1e6))
    width = draw(st.floats(1e-3, 1e6))
    return Float(low, low + width, log=log)


@st.composite
def ints(draw: st.DrawFn) -> Int:
    log = draw(st.booleans())
    low = draw(st.integers(1 if log else -1000, 1000))
    return Int(low, low + draw(st.integers(1, 2000)), log=log, step=draw(st.integers(1, 50)))


@st.composite
def choices(draw: st.DrawFn) -> Ordinal:
    kind = draw(st.sampled_from([Ordinal, Categorical]))
    return kind(draw(st.lists(st.sampled_from(CHOICES), min_size=1, unique_by=lambda x: (type(x), x))))


HYPERPARAMETERS = st.one_of(floats(), ints(), choices())


# --- every coordinate gives a value of the range, and every value has a coordinate


@given(HYPERPARAMETERS, UNIT)
def test_every_coordinate_decodes_to_a_value_of_the_range(h: Any, u: float) -> None:
    assert h.contains(h.from_unit(u))


@given(st.one_of(ints(), choices()), UNIT)
def test_discrete_values_survive_encoding_exactly(h: Any, u: float) -> None:
    value = h.from_unit(u)
    assert 0.0 <= h.to_unit(value) <= 1.0
    assert h.from_unit(h.to_unit(value)) == value


@given(floats(), UNIT)
def test_real_values_survive_encoding_up_to_rounding(h: Float, u: float) -> None:
    value = h.from_unit(u)
    scale = abs(value) if h.log else max(abs(h.low), abs(h.high))
    assert h.from_unit(h.to_unit(value)) == pytest.approx(value, rel=1e-9, abs=1e-12 * scale)


@given(HYPERPARAMETERS, UNIT, UNIT)
def test_order_is_kept(h: Any, u: float, v: float) -> None:
    a, b = h.from_unit(min(u, v)), h.from_unit(max(u, v))
    if isinstance(h, Ordinal):
        assert h.to_unit(a) <= h.to_unit(b)
    else:
        assert a <= b


@given(HYPERPARAMETERS)
def test_the_ends_of_the_range_are_reached(h: Any) -> None:
    if isinstance(h, Ordinal):
        assert (h.from_unit(0.0), h.from_unit(1.0)) == (h.choices[0], h.choices[-1])
    elif isinstance(h, Float):
        assert h.from_unit(0.0) == pytest.approx(h.low)
        assert h.from_unit(1.0) == pytest.approx(h.high)
    else:
        assert h.from_unit(0.0) == h.low
        assert h.high - h.step < h.from_unit(1.0) <= h.high


# --- room for each value


@given(st.one_of(choices(), ints().filter(lambda h: not h.log)))
def test_each_value_owns_a_bin_of_equal_width(h: Any) -> None:
    n = len(h.choices) if isinstance(h, Ordinal) else (h.high - h.low) // h.step + 1
    per_bin = 4
    units = (np.arange(n * per_bin) + 0.5) / (n * per_bin)  # away from the borders of bins
    counts = Counter(repr(h.from_unit(float(u))) for u in units)
    assert len(counts) == n
    assert set(counts.values()) == {per_bin}


def test_a_log_scale_gives_each_decade_the_same_room() -> None:
    lr = Float(1e-4, 1.0, log=True)
    assert [lr.from_unit(u) for u in (0.0, 0.25, 0.5, 0.75, 1.0)] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])


def test_small_integers_get_more_room_on_a_log_scale() -> None:
    width = Int(1, 1024, log=True)
    decoded = [width.from_unit(u) for u in np.linspace(0, 1, 10_001)]
    below_32 = sum(value < 32 for value in decoded) / len(decoded)
    assert 0.4 < below_32 < 0.6
    assert set(range(1, 33)) <= set(decoded)


def test_an_integer_with_a_step_ends_at_the_last_step() -> None:
    h = Int(2, 11, step=4)
    assert {h.from_unit(u) for u in np.linspace(0, 1, 100)} == {2, 6, 10}
    assert not h.contains(11)
    assert not h.contains(4)


# --- membership


@pytest.mark.parametrize(
    ("h", "inside", "outside"),
    [
        (Float(0, 1), [0, 0.5, 1, np.float32(0.25)], [-0.1, 1.1, math.nan, math.inf, "0.5", True, None]),
        (Int(0, 9), [0, 9, 3.0, np.int64(4)], [10, -1, 2.5, math.nan, math.inf, "3", False, None]),
        (Ordinal([0, 1]), [0, 1, 1.0], [True, False, 2, "1", None]),
        (Categorical([True, "a"]), [True, "a"], [1, "b", None]),
    ],
)
def test_membership(h: Any, inside: list[Any], outside: list[Any]) -> None:
    assert [value for value in inside if not h.contains(value)] == []
    assert [value for value in outside if h.contains(value)] == []


# --- lattices of a grid


def test_a_lattice_spreads_values_on_the_scale_of_the_hyperparameter() -> None:
    assert Float(1e-3, 1e-1, log=True).lattice(3) == pytest.approx([1e-3, 1e-2, 1e-1])
    assert Float(0, 1).lattice(1) == [0.5]
    assert Int(1, 3).lattice(10) == [1, 2, 3]
    assert Ordinal([16, 32, 64]).lattice(2) == [16, 32, 64]


# --- conditions


CONDITIONAL = Space(
    {
        "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "optimizer": Categorical(["sgd", "adamw", "lion"]),
        "nesterov": Categorical([True, False], when={"optimizer": ["sgd"], "warm": [True]}),
        "beta": Float(0.8, 0.99, when={"optimizer": ["adamw", "lion"]}),
        "warm": Categorical([True, False], when={"optimizer": "sgd"}),
    }
)


def test_only_active_hyperparameters_are_decoded_in_the_order_of_declaration() -> None:
    assert list(CONDITIONAL.decode([0.5, 0.1, 0.5, 0.5, 0.0])) == ["momentum", "optimizer", "nesterov", "warm"]
    assert list(CONDITIONAL.decode([0.5, 0.1, 0.5, 0.5, 0.9])) == ["momentum", "optimizer", "warm"]
    assert list(CONDITIONAL.decode([0.5, 0.5, 0.5, 0.5, 0.0])) == ["optimizer", "beta"]


def test_a_child_of_an_inactive_parent_is_inactive() -> None:
    assert "nesterov" not in CONDITIONAL.decode([0.5, 0.9, 0.0, 0.5, 0.0])


@given(st.lists(UNIT, min_size=5, max_size=5))
def test_a_decoded_configuration_is_valid_and_encodes_to_a_point_that_decodes_to_it(point: list[float]) -> None:
    params = CONDITIONAL.decode(point)
    CONDITIONAL.check(params)
    again = CONDITIONAL.encode(params)
    assert again.shape == (5,)
    assert CONDITIONAL.decode(again) == pytest.approx(params)


def test_many_points_are_decoded_like_one() -> None:
    points = np.random.default_rng(0).random((20, 5))
    assert CONDITIONAL.decode_many(points) == [CONDITIONAL.decode(point) for point in points]


def test_equal_configurations_have_equal_keys() -> None:
    a, b = CONDITIONAL.decode([0.1, 0.5, 0.2, 0.5, 0.3]), CONDITIONAL.decode([0.9, 0.5, 0.8, 0.5, 0.7])
    assert CONDITIONAL.key(a) == CONDITIONAL.key(b)  # they differ in inactive coordinates only
    assert CONDITIONAL.key(a) != CONDITIONAL.key(CONDITIONAL.decode([0.1, 0.5, 0.2, 0.6, 0.3]))


def test_true_and_one_are_different_choices() -> None:
    space = Space({"x": Categorical([True, 1])})
    assert space.decode([0.25])["x"] is True
    assert space.key({"x": True}) != space.key({"x": 1})


def test_the_bounds_are_the_unit_cube() -> None:
    assert CONDITIONAL.dimension == 5
    assert CONDITIONAL.bounds == [(0.0, 1.0)] * 5


def test_a_space_is_written_as_the_tables_of_a_workflow_file() -> None:
    space = Space(
        {
            "lr": Float(1e-4, 1.0, log=True),
            "layers": Int(1, 9, step=2),
            "size": Ordinal([16, 32]),
            "opt": Categorical(["a", "b"], when={"size": [16]}),
        }
    )
    assert space.to_dict() == {
        "lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
        "layers": {"type": "int", "low": 1, "high": 9, "step": 2},
        "size": {"type": "ordinal", "choices": [16, 32]},
        "opt": {"type": "categorical", "choices": ["a", "b"], "when": {"size": [16]}},
    }


# --- what is refused, and in which words


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(1, 1), "the range [1, 1] is empty; expected low < high"),
        (lambda: Float(2, 1), "the range [2, 1] is empty"),
        (lambda: Float(0, 1, log=True), "a log scale needs low > 0, not 0"),
        (lambda: Float(math.nan, 1), "low must be a finite number, not nan"),
        (lambda: Float(0, math.inf), "high must be a finite number, not inf"),
        (lambda: Float("0", 1), "low must be a finite number, not '0'"),
        (lambda: Float(False, 1), "low must be a finite number, not False"),
        (lambda: Float(-1e308, 1e308), "wider than a floating-point number can hold"),
        (lambda: Float(0.1, 1, log="yes"), "log must be true or false, not 'yes'"),
        (lambda: Int(0, 1.5), "high must be a whole number of 64 bits, not 1.5"),
        (lambda: Int(0, 5, step=0), "step must be at least 1, not 0"),
        (lambda: Int(0, 5, log=True), "a log scale needs low > 0, not 0"),
        (lambda: Int(5, 5), "the range [5, 5] is empty"),
        (lambda: Ordinal([]), "choices must be a list of at least one value, not []"),
        (lambda: Ordinal("abc"), "choices must be a list of at least one value, not 'abc'"),
        (lambda: Ordinal([1, 2, 1]), "choices has 1 twice"),
        (lambda: Categorical([math.nan]), "the choice nan is not a text, a finite number, true or false"),
        (lambda: Categorical([print]), "is not a text, a finite number"),
        (lambda: Space({}), "the space is empty; expected at least one hyperparameter"),
        (lambda: Space({"a": Float(0, 1, when={"b": 1})}), "a: when names 'b', which is not another hyperparameter"),
        (lambda: Space({"a": Float(0, 1, when={"a": 0.5})}), "a: when names 'a', which is not another hyperparameter"),
        (
            lambda: Space({"o": Categorical(["x"]), "a": Float(0, 1, when={"o": "y"})}),
            "a: when o = 'y' can never be, as it lies outside its range",
        ),
        (
            lambda: Space({"o": Int(0, 3), "a": Float(0, 1, when={"o": math.inf})}),
            "a: when o = inf can never be",
        ),
        (lambda: Space({"o": Categorical(["x"]), "a": Float(0, 1, when={"o": []})}), "a would never be active"),
        (lambda: Space({"a": Float(0, 1, when=3)}), "a: when must be a table"),
        (
            lambda: Space({"a": Int(0, 1, when={"b": 1}), "b": Int(0, 1, when={"a": 1})}),
            "the conditions form a circle: a, b",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(make: Any, message: str) -> None:
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"optimizer": "adam", "beta": 0.9}, "optimizer = 'adam' lies outside [sgd, adamw, lion]"),
        ({"optimizer": "lion", "beta": 1.0}, "beta = 1.0 lies outside [0.8, 0.99]"),
        ({"optimizer": "lion"}, "no value for beta"),
        ({"optimizer": "lion", "beta": 0.9, "lr": 1}, "lr is not in the space, which has momentum, optimizer"),
        ({"optimizer": "lion", "beta": 0.9, "momentum": 0.5}, "momentum is not active beside these values"),
        ({}, "no value for optimizer"),
    ],
)
def test_a_configuration_outside_the_space_is_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        CONDITIONAL.encode(params)
    assert message in str(error.value)
