"""Networks trained as one: each ends as it would have alone."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.models import get_model

from autode.training.fused import Fused, can_fuse
from autode.training.models import freeze, make_model
from autode.training.optimizers import make_optimizer

SIZE = 3


def networks(name="resnet18", width=0.25, count=SIZE):
    return [make_model(name, "none", width, 10, seed) for seed in range(count)]


def batches(seed=0, images=4, size=32):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(SIZE, images, 3, size, size, generator=generator), torch.randint(10, (SIZE, images))


def side_by_side(images):
    return images.transpose(0, 1).flatten(1, 2)


def step_alone(model, optimizer, images, labels):
    torch.autograd.backward(functional.cross_entropy(model(images), labels))
    optimizer.step()
    optimizer.zero_grad()


def step_together(fused, optimizers, images, labels):
    logits = fused(side_by_side(images)).unflatten(1, (SIZE, -1)).transpose(0, 1)
    losses = [functional.cross_entropy(one, wanted) for one, wanted in zip(logits, labels, strict=True)]
    torch.autograd.backward(sum(losses))
    fused.hand_out_gradients()
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("size", [32, 40], ids=["a last map of one pixel", "of four"])
def test_members_take_the_steps_that_they_would_have_taken_alone(size):
    """In double precision, with an optimizer of its own for each, so that only a mistake could make a difference."""
    alone = [model.double() for model in networks()]
    together = copy.deepcopy(alone)
    chosen = [("sgd", 0.05, 5e-4, 0.9), ("sgd", 0.01, 0.0, 0.5), ("adamw", 0.01, 1e-2, 0.8)]
    ours = [make_optimizer(model, *one) for model, one in zip(together, chosen, strict=True)]
    fused = Fused(together)
    theirs = [make_optimizer(model, *one) for model, one in zip(alone, chosen, strict=True)]
    for seed in (0, 1):
        images, labels = batches(seed, size=size)
        step_together(fused, ours, images.double(), labels)
        for one in zip(alone, theirs, images.double(), labels, strict=True):
            step_alone(*one)
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(dict(one.state_dict()), dict(other.state_dict()), atol=1e-9, rtol=1e-9)


def test_members_stay_networks_of_their_own():
    members = networks()
    before = [{name: value.clone() for name, value in member.state_dict().items()} for member in members]
    fused = Fused(members)
    for member, state in zip(members, before, strict=True):
        torch.testing.assert_close(dict(member.state_dict()), state, atol=0, rtol=0)
    members[1].fc.bias.data.fill_(7.0)  # what is written into a member is what the whole computes with
    assert fused.network.fc.bias.view(SIZE, -1)[1].eq(7.0).all()
    assert not fused.network.fc.bias.view(SIZE, -1)[0].eq(7.0).any()


def test_a_member_that_breaks_leaves_the_others_alone():
    members = networks()
    fused = Fused(members)
    with torch.no_grad():
        members[0].conv1.weight.fill_(torch.nan)
    images, labels = batches()
    step_together(fused, [make_optimizer(one, "sgd", 0.1, 0.0, 0.9) for one in members], images, labels)
    broken, *others = ([value.isfinite().all() for value in one.state_dict().values()] for one in members)
    assert not all(broken)
    assert all(all(one) for one in others)


def test_frozen_parts_neither_learn_nor_take_statistics():
    members = networks()
    for member in members:
        freeze(member, "resnet18", 2)
    before = copy.deepcopy(members[2].state_dict())
    fused = Fused(members)
    fused.rest(["conv1", "bn1", "layer1"])
    images, labels = batches()
    step_together(fused, [make_optimizer(one, "sgd", 0.1, 0.0, 0.9) for one in members], images, labels)
    changed = {name.split(".")[0] for name, value in members[2].state_dict().items() if not value.equal(before[name])}
    assert changed == {"layer2", "layer3", "layer4", "fc"}


def test_torchvisions_resnets_fuse_too():
    members = [get_model("resnet50", weights=None, num_classes=10).eval() for _ in range(2)]
    images = torch.randn(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        alone = torch.cat([member(one) for member, one in zip(members, images, strict=True)], dim=1)
        fused = Fused(members).eval()
        torch.testing.assert_close(fused(side_by_side(images)), alone, atol=1e-4, rtol=1e-4)


def test_only_what_treats_each_channel_alike_can_be_fused():
    assert can_fuse(networks(count=1)[0])
    assert not can_fuse(make_model("resnet18", "none", 0.25, 10, 0, dropout=0.5))
    assert not can_fuse(nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)))
    assert not can_fuse(nn.Sequential(nn.LayerNorm(3)))

    class Own(nn.Linear):
        """A subclass may do anything."""

    assert not can_fuse(Own(3, 3))


def test_what_cannot_be_fused_is_refused():
    with pytest.raises(ValueError, match="Dropout has parts that cannot be trained as one with others"):
        Fused([nn.Dropout(), nn.Dropout()])
    with pytest.raises(ValueError, match="must have the same shapes and the same frozen parts"):
        Fused([make_model("resnet18", "none", 0.25, classes, 0) for classes in (2, 3)])
    frozen, free = networks(count=2)
    freeze(frozen, "resnet18", 1)
    with pytest.raises(ValueError, match="the same frozen parts"):
        Fused([frozen, free])
