"""Features of frozen parts are computed once, and the result is that of computing them every time."""

import pytest
import torch
from torch import nn

from autode.training import features, finetune, models
from autode.training.data import Split
from autode.training.finetune import Finetune
from autode.training.loop import Inputs, Learner
from autode.trial import Trial

SMALL = {"train_samples": 96, "validation_samples": 60, "batch_size": 32, "augmentation": 0.0}


def run(folder, table, params, **given):
    return Finetune(SMALL | table)(Trial(0, params, 5, folder, **given))


@pytest.mark.parametrize("depth", [1, 4, 5])
def test_kept_features_change_the_result_by_rounding_only(tmp_path, depth):
    params = {"freeze_depth": depth, "epochs": 2}
    kept = run(tmp_path, {}, params, role="confirm")
    computed = run(tmp_path, {"feature_cache_mb": 0}, params, role="confirm")
    assert kept == pytest.approx(computed, rel=1e-4)


def test_training_calls_only_what_is_not_frozen(tmp_path, monkeypatch):
    batches = []
    forward = models.ResNet.forward
    monkeypatch.setattr(models.ResNet, "forward", lambda self, x: batches.append(len(x)) or forward(self, x))
    run(tmp_path, {}, {"freeze_depth": 3})
    assert batches == []
    run(tmp_path, {}, {"freeze_depth": 0})
    assert batches


@pytest.mark.parametrize(
    ("table", "params"),
    [
        ({}, {"freeze_depth": 3, "augmentation": 0.1}),
        ({"feature_cache_mb": 1, "train_samples": 400}, {"freeze_depth": 1}),
        ({}, {}),
    ],
    ids=["augmentation", "memory", "nothing frozen"],
)
def test_features_are_not_kept_where_they_change_or_do_not_fit(tmp_path, monkeypatch, table, params):
    asked = []
    monkeypatch.setattr(finetune, "features", lambda *arguments: asked.append(arguments))
    run(tmp_path, table, {"epochs": 1, **params})
    assert asked == []


def test_the_cut_stands_before_what_has_chance_or_memory_of_its_own():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(4, 4, 3), nn.Flatten())
    before, after = features.split(network, "nets:any", [network[0].requires_grad_(False)])
    assert list(before) == [network[0], network[1]]
    assert list(after) == [network[2], network[3], network[4]]
    assert features.split(network, "nets:any", []) is None
    assert features.split(nn.ModuleList([network]), "nets:any", [network]) is None


def test_memory_is_told_by_two_images():
    network = models.make_model("resnet18", "embedded", 0.25, 10, 0)
    frozen = models.freeze(network, "resnet18", 5)
    before, _ = features.split(network, "resnet18", frozen)
    inputs = Inputs(32, (0.3,) * 3, (0.3,) * 3, torch.device("cpu"))
    optimizer = torch.optim.SGD(network.fc.parameters(), lr=0.1)
    learner = Learner(network, frozen, optimizer, inputs, flips=False)
    images = Split(torch.zeros(3, 1, 32, 32, dtype=torch.uint8), torch.zeros(3, dtype=torch.long))
    assert features.megabytes(before, learner, images, 2**20) == pytest.approx(128 * 4)
