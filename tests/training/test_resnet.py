"""Our ResNet is torchvision's, at any width."""

import copy

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from autode.training.resnet import BLOCKS, Conv2d, ResNet, keep_used_taps


@given(
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    kernel=st.sampled_from([1, 3, 5, 7]),
    stride=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=60)
def test_the_convolution_equals_torchs_own_in_output_and_gradients(height, width, kernel, stride, seed):
    torch.manual_seed(seed)
    ours = Conv2d(16, 16, kernel, stride, kernel // 2, bias=False)
    theirs = nn.Conv2d(16, 16, kernel, stride, kernel // 2, bias=False)
    theirs.load_state_dict(ours.state_dict())
    inputs = torch.randn(2, 16, height, width)
    results = []
    for layer in (ours, theirs):
        images = inputs.clone().requires_grad_()
        output = layer(images)
        torch.autograd.backward(output.square().sum())
        results.append((output, images.grad, layer.weight.grad))
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("pixels", [32, 64])
@pytest.mark.parametrize("name", BLOCKS)
def test_at_full_width_it_is_torchvisions_network(name, pixels):
    theirs = torchvision.models.get_model(name, num_classes=7).eval()
    ours = ResNet(BLOCKS[name], 1.0, 7).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, pixels, pixels)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images), atol=1e-4, rtol=1e-4)


def test_a_quarter_of_the_width_has_a_sixteenth_of_the_weights():
    quarter = ResNet(BLOCKS["resnet18"], 0.25, 10)
    assert [quarter.conv1.out_channels, quarter.fc.in_features] == [16, 128]
    whole = ResNet(BLOCKS["resnet18"], 1.0, 10)
    quarter_size, whole_size = (
        sum(parameter.numel() for parameter in model.parameters()) for model in (quarter, whole)
    )
    assert whole_size / quarter_size == pytest.approx(16, rel=0.02)


@pytest.mark.parametrize("width", [0.3, 0.0, -0.25, 0.0625])
def test_the_width_comes_in_quarters(width):
    with pytest.raises(ValueError, match="expected a positive multiple of 1/4"):
        ResNet(BLOCKS["resnet18"], width, 10)


@pytest.mark.parametrize("size", [32, 40, 64], ids=["maps of one pixel", "of two", "none"])
def test_taps_that_meet_no_pixel_can_be_forgotten(size):
    """Outputs and the gradients of all that is left are the same to the bit."""
    whole = ResNet(BLOCKS["resnet18"], 0.25, 10)
    lean = copy.deepcopy(whole)
    keep_used_taps(lean, size)
    images = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(0))
    for model in (whole, lean):
        model(images).square().sum().backward()
    assert torch.equal(lean(images), whole(images))
    kept = dict(lean.named_parameters())
    for name, parameter in whole.named_parameters():
        gradient = parameter.grad
        if kept[name].ndim < parameter.ndim:
            used = gradient.flatten(2).abs().sum((0, 1)) > 0
            gradient = gradient.flatten(2)[:, :, used].flatten(1)
        assert torch.equal(kept[name].grad, gradient)
    counts = [sum(one.numel() for one in model.parameters()) for model in (whole, lean)]
    assert (counts[1] < counts[0] / 2) == (size == 32)


def test_forgetting_taps_leaves_modes_and_other_networks_as_they_are():
    model = ResNet(BLOCKS["resnet18"], 0.25, 10).train()
    model.layer4.requires_grad_(False)
    statistics = model.bn1.running_mean.clone()
    keep_used_taps(model, 32)
    assert model.training
    assert not any(parameter.requires_grad for parameter in model.layer4.parameters())
    assert torch.equal(model.bn1.running_mean, statistics)
    other = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3))
    keep_used_taps(other, 3)
    assert other[0].weight.shape == (2, 1, 3, 3)
