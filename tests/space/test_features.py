"""What an objective sees of a point, as numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode import Categorical, Float, Int, Ordinal, Space

SPACE = Space(
    {
        "optimizer": Categorical(["sgd", "adamw", "lion"]),
        "lr": Float(1e-4, 1.0, log=True),
        "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "warmup": Int(0, 4),
        "decay": Int(1, 64, log=True, when={"warmup": [0, 2]}),
        "batch": Ordinal([16, 32, 64, 128]),
        "nesterov": Categorical([True, False], when={"momentum": 0.5}),
    }
)
POINTS = st.lists(st.floats(0.0, 1.0), min_size=SPACE.dimension, max_size=SPACE.dimension)


@given(st.lists(POINTS, min_size=2, max_size=6))
def test_equal_features_are_equal_configurations(points):
    points = np.array(points)
    features, params = SPACE.features(points), SPACE.decode_many(points)
    for i in range(len(points)):
        for j in range(i):
            same = SPACE.key({**params[i], "lr": 0}) == SPACE.key({**params[j], "lr": 0})
            discrete = np.delete(features[[i, j]], 3, axis=1)  # lr is seen as it is
            if same and "momentum" not in params[i]:
                np.testing.assert_allclose(discrete[0], discrete[1])
            if np.array_equal(features[i], features[j]):
                assert params[i] == pytest.approx(params[j])


@given(POINTS)
def test_the_active_genes_are_those_of_the_decoded_configuration(point):
    active = SPACE.active_genes(np.array([point]))[0]
    assert [name for name, on in zip(SPACE.names, active, strict=True) if on] == list(SPACE.decode(point))


@given(POINTS)
def test_a_point_moved_in_its_inactive_genes_only_is_seen_as_the_same(point):
    point = np.array([point])
    moved = np.where(SPACE.active_genes(point), point, 1.0 - point)
    np.testing.assert_array_equal(SPACE.features(moved), SPACE.features(point))


def test_different_categories_are_at_distance_one():
    features = SPACE.features(np.array([[0.1, *[0.5] * 6], [0.9, *[0.5] * 6]]))[:, :3]
    assert np.linalg.norm(features[0] - features[1]) == pytest.approx(1.0)


def test_the_columns_know_their_hyperparameter():
    assert SPACE.feature_groups.tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6, 6]
    assert SPACE.features(np.full((3, 7), 0.4)).shape == (3, 10)


@pytest.mark.parametrize("h", [Int(-3, 9), Int(1, 100, log=True), Int(2, 11, step=4), Ordinal(["abc", 1, 2])])
def test_snapped_coordinates_are_those_of_the_value(h):
    units = np.linspace(0, 1, 57)
    expected = [h.to_unit(h.from_unit(u)) for u in units.tolist()]
    np.testing.assert_allclose(h.snap(units), expected, rtol=1e-12, atol=1e-12)


def test_a_space_of_real_numbers_without_conditions_is_continuous():
    assert Space({"x": Float(0, 1), "y": Float(1, 2, log=True)}).continuous
    assert not SPACE.continuous
    assert not Space({"x": Float(0, 1), "n": Int(0, 9)}).continuous
    assert not Space({"x": Float(0, 1), "y": Float(0, 1, when={"x": 0.5})}).continuous
