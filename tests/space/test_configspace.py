"""Spaces of the ConfigSpace library become spaces of ours."""

from __future__ import annotations

import pytest

from autode import Categorical, Float, Int, Ordinal, Space

ConfigSpace = pytest.importorskip("ConfigSpace")


@pytest.fixture
def configspace():
    space = ConfigSpace.ConfigurationSpace(
        {"layers": (1, 4), "optimizer": ["sgd", "adamw", "lion"], "seed": ConfigSpace.Constant("seed", 3)}
    )
    space.add(ConfigSpace.Float("lr", (1e-4, 1.0), log=True), ConfigSpace.OrdinalHyperparameter("batch", [16, 32, 64]))
    return space


def test_every_kind_has_its_counterpart(configspace):
    assert Space.from_configspace(configspace).hyperparameters == {
        "layers": Int(1, 4),
        "optimizer": Categorical(["sgd", "adamw", "lion"]),
        "seed": Categorical([3]),
        "lr": Float(1e-4, 1.0, log=True),
        "batch": Ordinal([16, 32, 64]),
    }


def test_conditions_are_kept(configspace):
    momentum, beta = ConfigSpace.Float("momentum", (0, 0.9)), ConfigSpace.Float("beta", (0.8, 0.99))
    configspace.add(momentum, beta)
    configspace.add(ConfigSpace.EqualsCondition(momentum, configspace["optimizer"], "sgd"))
    configspace.add(
        ConfigSpace.AndConjunction(
            ConfigSpace.InCondition(beta, configspace["optimizer"], ["adamw", "lion"]),
            ConfigSpace.EqualsCondition(beta, configspace["batch"], 64),
        )
    )
    space = Space.from_configspace(configspace)
    assert space.hyperparameters["momentum"] == Float(0.0, 0.9, when={"optimizer": "sgd"})
    assert space.hyperparameters["beta"].when == {"optimizer": ["adamw", "lion"], "batch": 64}
    for configuration in configspace.sample_configuration(30):
        space.check(dict(configuration))  # both agree on what is active


def test_what_has_no_counterpart_is_refused(configspace):
    depth = ConfigSpace.Float("depth", (0, 1))
    configspace.add(depth)
    configspace.add(ConfigSpace.GreaterThanCondition(depth, configspace["layers"], 2))
    with pytest.raises(ValueError, match="has a GreaterThanCondition; expected that a parent equals"):
        Space.from_configspace(configspace)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ConfigSpace.NormalFloatHyperparameter("x", 0, 1, lower=-2, upper=2),
            "x: the ConfigSpace has a Normal",
        ),
        (lambda: ConfigSpace.CategoricalHyperparameter("x", ["a", "b"], weights=[1, 3]), "has weighted choices"),
    ],
)
def test_other_distributions_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        Space.from_configspace(ConfigSpace.ConfigurationSpace({"x": make()}))


def test_forbidden_clauses_are_refused(configspace):
    configspace.add(ConfigSpace.ForbiddenEqualsClause(configspace["optimizer"], "lion"))
    with pytest.raises(ValueError, match="forbidden clauses"):
        Space.from_configspace(configspace)
