"""The optimizers do what their names say."""

import copy

import pytest
import torch
from torch import nn

from autode.training.optimizers import make_optimizer, set_lr_factor


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


def step(model, optimizer, times=3):
    for number in range(times):
        images = torch.full((5, 4), 0.1 * number) + torch.arange(5)[:, None]
        torch.autograd.backward(model(images).square().mean())
        optimizer.step()
        optimizer.zero_grad()
    return [parameter.detach().clone() for parameter in model.parameters()]


def reference(model, name, fused=False):
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    spared = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": spared, "weight_decay": 0.0}]
    if name == "sgd":
        return torch.optim.SGD(groups, lr=0.05, momentum=0.8, nesterov=True, fused=fused)
    return torch.optim.AdamW(groups, lr=0.005, betas=(0.8, 0.999), fused=fused)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_the_fused_optimizer_equals_torchs_plain_one(name):
    model = network()
    twin = copy.deepcopy(model)
    ours = step(model, make_optimizer(model, name, lr=0.05, weight_decay=0.1, momentum=0.8))
    theirs = step(twin, reference(twin, name))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_calling_the_kernels_gives_torchs_own_figures_and_state_to_the_bit(name):
    model = network()
    twin = copy.deepcopy(model)
    ours, theirs = (
        make_optimizer(model, name, lr=0.05, weight_decay=0.1, momentum=0.8),
        reference(twin, name, fused=True),
    )
    for mine, other in zip(step(model, ours), step(twin, theirs), strict=True):
        assert torch.equal(mine, other)
    for mine, other in zip(ours.state_dict()["state"].values(), theirs.state_dict()["state"].values(), strict=True):
        assert mine.keys() == other.keys()
        assert all(torch.equal(mine[key], other[key]) and mine[key].dtype == other[key].dtype for key in mine)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_parameters_without_a_gradient_stay_and_other_types_have_their_own_step(name):
    model = network()
    model.add_module("idle", nn.Linear(2, 2))
    model.register_parameter("twofold", nn.Parameter(torch.ones(2, dtype=torch.float64)))
    before = model.get_submodule("idle").weight.clone()
    optimizer = make_optimizer(model, name, lr=0.05, weight_decay=0.1, momentum=0.8)
    torch.autograd.backward(model[2](model[1](model[0](torch.rand(5, 4)))).sum() + model.twofold.sum())
    optimizer.step()
    assert torch.equal(model.get_submodule("idle").weight, before)
    assert (model.twofold < 1).all()


def test_hooks_run_once_before_a_step():
    calls = []
    model = network()
    optimizer = make_optimizer(model, "sgd", lr=0.05, weight_decay=0.1, momentum=0.8)
    optimizer.register_step_pre_hook(lambda *arguments: calls.append(1))
    step(model, optimizer, times=2)
    assert calls == [1, 1]


def test_biases_and_normalisation_are_not_decayed():
    model = network()
    decayed, spared = make_optimizer(model, "sgd", 0.1, 0.5, 0.9).param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.5, 0.0)
    assert all(parameter.ndim == 1 for parameter in spared["params"])
    assert len(decayed["params"]) + len(spared["params"]) == len(list(model.parameters()))


def test_frozen_parameters_are_left_out():
    model = network()
    model[0].requires_grad_(False)
    groups = make_optimizer(model, "adamw", 0.1, 0.5, 0.9).param_groups
    assert sum(len(group["params"]) for group in groups) == 4


def test_the_factor_scales_the_base_rate_and_not_the_last_one():
    optimizer = make_optimizer(network(), "adamw", 1.0, 0.0, 0.9)
    for factor in (0.5, 0.5, 1.0):
        set_lr_factor(optimizer, factor)
        assert [group["lr"] for group in optimizer.param_groups] == [0.1 * factor] * 2


def test_zero_momentum_is_plain_gradient_descent():
    model = network()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = make_optimizer(model, "sgd", 0.1, 0.0, 0.0)
    torch.autograd.backward(model(torch.rand(5, 4)).square().mean())
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    optimizer.step()
    for old, gradient, new in zip(before, gradients, model.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), old - 0.1 * gradient)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="unknown optimizer 'lion': expected 'sgd' or 'adamw'"):
        make_optimizer(network(), "lion", 0.1, 0.0, 0.9)


def test_each_part_has_its_own_rate_and_the_schedule_scales_them_all():
    model = network()
    rates = {"0": 0.25, "1": 0.5, "2": 2.0}
    optimizer = make_optimizer(model, "sgd", 0.1, 0.01, 0.9, factor=lambda name: rates[name[0]])
    set_lr_factor(optimizer, 0.5)
    found = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    for name, parameter in model.named_parameters():
        assert found[id(parameter)] == pytest.approx(0.1 * 0.5 * rates[name[0]])
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.01, 0.0}


def test_adamw_has_a_beta2():
    optimizer = make_optimizer(network(), "adamw", 0.1, 0.0, 0.8, beta2=0.9)
    assert all(group["betas"] == (0.8, 0.9) for group in optimizer.param_groups)
