"""Networks: initial weights, heads, frozen parts."""

import copy

import pytest
import torch
from torchvision.models import get_model

from autode.training import models
from autode.training.settings import MODELS

SMALL = ["resnet18", "densenet121"]


@pytest.fixture
def weights_cache(tmp_path, monkeypatch):
    """An empty torch cache; nothing stays loaded from it."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    models._pretrained.cache_clear()
    yield tmp_path / "hub" / "checkpoints"
    models._pretrained.cache_clear()


def save_imagenet_weights(name, folder):
    """Put a file with random weights where torchvision's cache has the ImageNet weights; returns the weights."""
    torch.manual_seed(1)
    state = get_model(name, weights=None).state_dict()
    path, _ = models.imagenet_file(name)
    assert path.parent == folder
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)
    return state


@pytest.mark.parametrize("name", MODELS)
def test_the_freezable_parts_and_the_head_make_up_the_model(name):
    with torch.device("meta"):
        model = models._build(name, 1.0)
    modules = dict(model.named_modules())
    named = [module for part in models.parts(name) for module in part]
    assert len(models.parts(name)) == 5
    assert set(named) | {models.head(name)} <= set(modules)
    assert isinstance(modules[models.head(name)], torch.nn.Linear)
    for parameter, _ in model.named_parameters():  # every parameter before the head belongs to exactly one part
        owners = [module for module in named if parameter.startswith(module + ".")]
        assert len(owners) == (0 if parameter.startswith(models.head(name) + ".") else 1), parameter


@pytest.mark.parametrize("depth", range(6))
def test_freezing_stops_the_gradients_of_the_first_parts(depth):
    model = models.make_model("resnet18", "embedded", 0.25, 10, seed=0)
    frozen = models.freeze(model, "resnet18", depth)
    trainable = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.requires_grad}
    stages = [{"conv1", "bn1"}, {"layer1"}, {"layer2"}, {"layer3"}, {"layer4"}, {"fc"}]
    assert trainable == set().union(*stages[depth:])
    assert len(frozen) == len(set().union(set(), *stages[:depth]))


def test_the_embedded_weights_arrive_and_the_head_is_fresh():
    first, second = (models.make_model("resnet18", "embedded", 0.25, 10, seed) for seed in (1, 2))
    assert torch.equal(first.layer1[0].conv1.weight, models.load_backbone()["layer1.0.conv1.weight"])
    assert torch.equal(first.layer4[1].bn2.running_var, second.layer4[1].bn2.running_var)
    assert not torch.equal(first.fc.weight, second.fc.weight)
    assert first.fc.weight.abs().max() <= 128**-0.5


def test_training_one_copy_leaves_the_next_untouched():
    model = models.make_model("resnet18", "embedded", 0.25, 10, seed=1)
    with torch.no_grad():
        model.conv1.weight.zero_()
    models.freeze(model, "resnet18", 5)
    fresh = models.make_model("resnet18", "embedded", 0.25, 10, seed=1)
    assert fresh.conv1.weight.any()
    assert fresh.conv1.weight.requires_grad


@pytest.mark.parametrize("name", SMALL)
def test_from_scratch_the_seed_decides_all_weights(name):
    same, again, other = (models.make_model(name, "none", 1.0, 3, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(same[key], again[key]) for key in same)
    assert any(not torch.equal(same[key], other[key]) for key in same)


def test_building_leaves_torchs_global_generator_alone():
    before = torch.get_rng_state()
    models.make_model("resnet18", "none", 0.25, 10, seed=3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", SMALL)
def test_imagenet_weights_come_from_torchvisions_cache(name, weights_cache):
    state = save_imagenet_weights(name, weights_cache)
    model = models.make_model(name, "imagenet", 1.0, 10, seed=0)
    loaded = model.state_dict()
    head = models.head(name)
    assert all(torch.equal(loaded[key], value) for key, value in state.items() if not key.startswith(head))
    assert loaded[f"{head}.weight"].shape[0] == 10


def test_densenets_file_has_older_names(weights_cache):
    state = save_imagenet_weights("densenet121", weights_cache)
    older = {
        key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2.") if "denselayer" in key else key: value
        for key, value in state.items()
    }
    assert set(older) != set(state)
    torch.save(older, models.imagenet_file("densenet121")[0])
    loaded = models.make_model("densenet121", "imagenet", 1.0, 10, seed=0).state_dict()
    key = "features.denseblock1.denselayer1.conv2.weight"
    assert torch.equal(loaded[key], state[key])


def test_missing_weights_name_the_file_and_the_command(weights_cache):
    with pytest.raises(ValueError, match=r"resnet18-\w+\.pth is missing\): run 'autode prefetch WORKFLOW'"):
        models.make_model("resnet18", "imagenet", 1.0, 10, seed=0)
    assert not weights_cache.exists()


def test_damaged_weights_are_named(weights_cache):
    save_imagenet_weights("resnet18", weights_cache)
    path, _ = models.imagenet_file("resnet18")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"resnet18-\w+\.pth is damaged"):
        models.make_model("resnet18", "imagenet", 1.0, 10, seed=0)


def test_weights_of_another_network_are_refused(weights_cache):
    save_imagenet_weights("resnet18", weights_cache)
    path, _ = models.imagenet_file("resnet18")
    path.rename(models.imagenet_file("resnet34")[0])
    with pytest.raises(ValueError, match=r"the imagenet weights do not fit resnet34 at width 1\.0: layer1\.2"):
        models.make_model("resnet34", "imagenet", 1.0, 10, seed=0)


def test_a_copy_of_a_network_is_one_of_its_own():
    original = models._pretrained("resnet18", "embedded", 0.25)
    twin, other = models._copy(original), copy.deepcopy(original)
    assert repr(twin) == repr(other)
    assert list(twin.state_dict()) == list(other.state_dict())
    kept = [name for name in twin.state_dict() if not name.startswith("fc.")]  # the head has no weights yet
    for name in kept:
        assert torch.equal(twin.state_dict()[name], other.state_dict()[name])
        assert twin.state_dict()[name].data_ptr() != original.state_dict()[name].data_ptr()
    twin.layer1[0].conv1.register_forward_hook(lambda *arguments: None)
    twin.eval().requires_grad_(False)
    assert original.training and original.conv1.weight.requires_grad
    assert not original.layer1[0].conv1._forward_hooks
