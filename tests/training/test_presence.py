"""What a trial will not find is known from paths alone, without torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from autode.training import models
from autode.training.presence import absent


@pytest.fixture
def caches(cache, tmp_path, monkeypatch):
    """Empty caches for data and weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


def test_the_embedded_task_needs_nothing(caches):
    assert absent({}) == []


@pytest.mark.parametrize("dataset", ["mnist", "fashion-mnist", "cifar10", "cifar100"])
def test_a_data_set_that_was_not_fetched_is_named(caches, dataset):
    (said,) = absent({"dataset": dataset, "weights": "none"})
    assert said.startswith(f"the data set {dataset} is not in ")


def test_a_data_set_that_was_fetched_is_found(caches, write_mnist):
    write_mnist("FashionMNIST", 10, 10)
    assert absent({"dataset": "fashion-mnist", "weights": "none"}) == []


@pytest.mark.parametrize("model", ["resnet18", "densenet121", "convnext_small", "vgg11"])
def test_weights_are_looked_for_where_torch_keeps_them(caches, model):
    (said,) = absent({"model": model, "weights": "imagenet"})
    assert said.startswith(f"the ImageNet weights of {model} are not in ")
    path, _ = models.imagenet_file(model)
    path.parent.mkdir(parents=True)
    path.touch()
    assert absent({"model": model, "weights": "imagenet"}) == []


def test_the_weights_of_vgg11_are_not_those_with_batch_norm(caches):
    path, _ = models.imagenet_file("vgg11_bn")
    path.parent.mkdir(parents=True)
    path.touch()
    assert len(absent({"model": "vgg11", "weights": "imagenet"})) == 1


def test_data_of_ones_own_are_looked_for_beside_the_workflow(caches):
    settings = {"dataset": "arrays", "path": "own.npz", "weights": "none"}
    assert absent(settings, str(caches)) == [f"there is no {caches / 'own.npz'}"]
    (caches / "own.npz").touch()
    assert absent(settings, str(caches)) == []


def test_torch_is_not_loaded_for_it():
    script = "import sys, autode.training.presence; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
