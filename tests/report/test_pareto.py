"""Non-dominated points and hypervolume against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.report.pareto import dominated_share, hypervolume, non_dominated

# few different values, so that equal points and equal coordinates come up often
POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=30)


@given(POINTS)
def test_a_point_is_kept_unless_another_dominates_it(points: list[tuple[int, int]]) -> None:
    expected = [not any(a <= x and b <= y and (a, b) != (x, y) for a, b in points) for x, y in points]
    assert non_dominated(np.array(points, dtype=float).reshape(-1, 2)).tolist() == expected


@given(POINTS)
def test_the_hypervolume_is_the_number_of_dominated_unit_squares(points: list[tuple[int, int]]) -> None:
    squares = {(i, j) for x, y in points for i in range(x, 7) for j in range(y, 7)}
    assert hypervolume(np.array(points, dtype=float).reshape(-1, 2), (7.0, 7.0)) == pytest.approx(len(squares))


def test_points_beyond_the_reference_add_nothing() -> None:
    assert hypervolume([(0.5, 0.5), (2.0, 0.1)], (1.0, 1.0)) == pytest.approx(0.25)


def test_a_point_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="a point is NaN"):
        non_dominated([(0.0, np.nan)])


def test_the_share_of_the_box_does_not_depend_on_units() -> None:
    points = np.array([(0.0, 4.0), (1.0, 1.0), (4.0, 0.0), (4.0, 4.0)])
    assert dominated_share(points) == pytest.approx(9 / 16)
    assert dominated_share(points * (1e6, 0.01) + (5.0, -3.0)) == pytest.approx(9 / 16)
    assert np.isnan(dominated_share([(1.0, 2.0)]))
    assert np.isnan(dominated_share([(1.0, 2.0), (1.0, 3.0)]))
