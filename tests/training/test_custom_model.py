"""Networks of the user's own."""

import sys

import pytest
import torch
from torch import nn

from autode.training import custom_model, models
from autode.training.finetune import Finetune
from autode.trial import Trial

MODULE = """
import torch
from torch import nn
from torchvision.models import resnet18

def fixed():
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 7))

def told(classes):
    maps = nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, classes, 3))
    return nn.Sequential(maps, nn.AdaptiveAvgPool2d(1), nn.Flatten())

def torchvisions(num_classes):
    return resnet18(num_classes=num_classes)

def lazy():
    return nn.Sequential(nn.LazyConv2d(4, 3, 2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(7))

def maps():
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Linear(15, 10))

def headless():
    return nn.Conv2d(3, 4, 3)

def nothing():
    return None

number = 3
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a module of the user's, which leaves no trace in this process."""
    (tmp_path / "custom_nets.py").write_text(MODULE)
    yield str(tmp_path)
    sys.path[:] = [place for place in sys.path if place != str(tmp_path)]
    sys.modules.pop("custom_nets", None)


def objective(function, folder, **table):
    small = {"train_samples": 32, "validation_samples": 20, "epochs": 1, "batch_size": 16}
    return Finetune({"model": f"custom_nets:{function}", **small, **table}, folder)


@pytest.mark.parametrize("function", ["fixed", "told", "torchvisions", "lazy"])
def test_a_network_of_ones_own_is_trained(tmp_path, folder, function):
    subject = objective(function, folder)
    subject.prepare("cpu")
    metrics = subject(Trial(0, {"dropout": 0.2, "layer_decay": 0.5, "freeze_depth": 1}, 5, tmp_path / "trial"))
    assert 0 <= metrics["val_error"] <= 1


def test_a_head_of_another_size_is_replaced(folder):
    model = models.make_model("custom_nets:fixed", "none", 1.0, 10, seed=1, folder=folder)
    assert model[4].out_features == 10
    same = models.make_model("custom_nets:fixed", "none", 1.0, 7, seed=1, folder=folder)
    assert same[4].out_features == 7


def test_the_seed_decides_the_weights(folder):
    first, again, other = (
        models.make_model("custom_nets:fixed", "none", 1.0, 7, seed, folder=folder).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["0.weight"], other["0.weight"])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nets_that_are_nowhere:small", r"cannot be imported \(No module named"),
        ("custom_nets:smal", r"cannot be imported \(module 'custom_nets' has no attribute 'smal'\)"),
        ("custom_nets:number", "is no function"),
        ("custom_nets:nothing", r"returned NoneType, expected a torch\.nn\.Module"),
        ("custom_nets:headless", "has no linear layer to replace: give its function a parameter 'classes'"),
    ],
)
def test_what_makes_no_network_is_named(folder, name, sentence):
    with pytest.raises(ValueError, match=sentence):
        custom_model.build(name, folder, 10, seed=0)


def test_a_network_that_gives_no_logits_is_refused_before_the_first_trial(folder):
    with pytest.raises(ValueError, match=r"gives \(2, 4, 15, 10\) for two images, expected \(2, 10\)"):
        objective("maps", folder).prepare("cpu")


def test_the_parts_cover_what_comes_before_the_head_in_order():
    blocks = [nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(7)]
    model = nn.ModuleDict({"stem": nn.Linear(2, 2), "body": nn.Sequential(*blocks), "head": nn.Linear(2, 3)})
    assert custom_model.head(model) == "head"
    parts = custom_model.parts(model)
    assert len(parts) == 5
    assert [path for part in parts for path in part] == ["stem", *(f"body.{n}" for n in range(7))]
    frozen = models.freeze(model, "nets:any", 5)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert (len(frozen), trained) == (8, ["head.weight", "head.bias"])


def test_a_head_within_a_classifier_leaves_the_layers_before_it_to_the_parts():
    model = nn.ModuleDict({"body": nn.Linear(2, 2), "classifier": nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))})
    assert custom_model.head(model) == "classifier.1"
    assert [path for part in custom_model.parts(model) for path in part] == ["body", "classifier.0"]
