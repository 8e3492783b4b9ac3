"""Every family of models goes the whole way: weights from torchvision's cache, training, checkpoint, resume, result."""

import pytest
import torch
from torchvision.models import get_model

from autode.training import checkpoint, features, models
from autode.training.catalogue import smallest_resolution
from autode.training.finetune import Finetune
from autode.trial import Trial, TrialInterrupted

# Names and freeze depths. The hidden layers of VGG's classifier hold 119 million weights: half a gigabyte a checkpoint.
ZOO = [
    ("resnet18", 0),
    ("resnet50", 2),
    ("densenet121", 0),
    ("convnext_tiny", 0),
    ("convnext_tiny", 3),
    ("vgg11", 5),
    pytest.param(("vgg11", 4), marks=pytest.mark.slow),
]
TASK = {"weights": "imagenet", "train_samples": 16, "validation_samples": 10, "batch_size": 8, "lr": 0.01}
TASK |= {"step_checkpoint_interval_s": 600.0}


@pytest.fixture(params=ZOO, ids=lambda one: f"{one[0]}-{one[1]}")
def model(request, tmp_path, monkeypatch):
    """A name and a freeze depth, with weights of our own making where torchvision's cache has the published ones."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    models._pretrained.cache_clear()
    path, _ = models.imagenet_file(request.param[0])
    path.parent.mkdir(parents=True)
    torch.save(some_weights(request.param[0]), path)
    yield request.param
    models._pretrained.cache_clear()
    path.unlink()  # half a gigabyte


def some_weights(name):
    """Return a state dict that keeps activations finite; drawn from few numbers, to be quick."""
    with torch.device("meta"):
        state = get_model(name, weights=None).state_dict()
    drawn = torch.randn(4099, generator=torch.Generator().manual_seed(1)) * 0.03

    def fill(key, value):
        if not value.is_floating_point():
            return torch.zeros(value.shape, dtype=value.dtype)
        values = drawn.repeat(value.numel() // len(drawn) + 1)[: value.numel()].view(value.shape)
        return 1 + values.abs() if key.endswith("running_var") or value.ndim == 1 else values

    return {key: fill(key, value) for key, value in state.items()}


def run(model, folder, **given):
    epochs, (name, depth) = [], model
    params = {"freeze_depth": depth}
    if name == "vgg11":  # a momentum takes as much again; without normalisation made-up weights need small steps
        params |= {"momentum": 0.0, "lr": 1e-4}
    attempt = Trial(0, params, 5, folder, on_report=lambda epoch, _: epochs.append(epoch), **given)
    return Finetune(TASK | {"model": name})(attempt), epochs


def test_a_model_trains_checkpoints_resumes_and_reports(model, tmp_path):
    whole, epochs = run(model, tmp_path / "whole")
    assert epochs == [1, 2]
    assert set(whole) == {"val_error", "val_loss", "train_loss"}
    with pytest.raises(TrialInterrupted, match="interrupted after epoch 1 of 2"):
        run(model, tmp_path / "pieces", stop_requested=lambda: True)
    assert (tmp_path / "pieces" / checkpoint.FILE_NAME).stat().st_size < 500e6
    pieces, epochs = run(model, tmp_path / "pieces")
    assert epochs == [2]
    assert pieces == whole
    check_that_the_pieces_of_the_network_make_up_the_whole(*model)


def check_that_the_pieces_of_the_network_make_up_the_whole(name, depth):
    network = models.make_model(name, "imagenet", 1.0, 10, seed=1)
    frozen = models.freeze(network, name, depth or 3)
    before, after = features.split(network.eval(), name, frozen)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        assert torch.equal(after(before(images)), network(images))
    assert not any(parameter.requires_grad for parameter in before.parameters())
    trained = {parameter for parameter in network.parameters() if parameter.requires_grad}
    assert {parameter for parameter in after.parameters() if parameter.requires_grad} == trained


@pytest.mark.parametrize("name", ["densenet121", "convnext_small", "vgg11", "vgg11_bn"])
def test_the_smallest_resolution_is_not_chosen_at_will(name):
    with torch.device("meta"):
        network = models._build(name, 1.0).eval()
        least = smallest_resolution(name)
        assert network(torch.empty(1, 3, least, least)).shape == (1, 1000)
        with pytest.raises(RuntimeError):
            network(torch.empty(1, 3, 28, 28))
