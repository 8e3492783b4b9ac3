"""Several networks of one shape trained as one: member k's channels are group k of every convolution.

A small network leaves a device idle: its kernels are short and there are many. K networks side by side need as many
kernels as one (horizontal fusion: Wang et al. 2021, HFTA, arXiv 2102.02344). Convolutions become grouped convolutions,
linear layers a batch of matrix products; batch normalisation and everything elementwise works on channels anyway.

The members stay networks of their own: their parameters and buffers become views of the fused ones, so optimizers,
averages, evaluation, state dicts and checkpoints work on each of them as if it were alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from autode.training import resnet

#: Modules whose own `forward` treats channels alike, whatever their number: it works on all members' at once.
_CHANNELWISE = (nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.AvgPool2d, nn.Identity, nn.Sequential)


def _containers() -> tuple[type[nn.Module], ...]:
    """Modules whose `forward` only passes channels on to their parts."""
    from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

    return (*_CHANNELWISE, resnet.ResNet, resnet.BasicBlock, ResNet, BasicBlock, Bottleneck)


def can_fuse(model: nn.Module) -> bool:
    """Whether a network is made of nothing but what `Fused` knows: the ResNets are, without dropout."""
    known = (nn.Conv2d, resnet.Conv2d, nn.BatchNorm2d, nn.Linear, *_containers())
    # not subclasses, which may do anything; hooks (dropout has one) would be lost
    return all(type(module) in known and not module._forward_pre_hooks for module in model.modules())


class Fused(nn.Module):
    """K networks of one shape as one network.

    Parameters
    ----------
    members : sequence of torch.nn.Module
        On one device; `can_fuse` each. Afterwards their parameters and buffers are views of this network's, so they
        must not be moved to another device or layout.

    Raises
    ------
    ValueError
        If a network cannot be fused, or they differ in shape or in what is frozen.
    """

    def __init__(self, members: Sequence[nn.Module]):
        super().__init__()
        shapes = [[(name, p.shape, p.requires_grad) for name, p in member.named_parameters()] for member in members]
        if any(one != shapes[0] for one in shapes[1:]):
            raise ValueError("networks that are trained as one must have the same shapes and the same frozen parts")
        if not all(map(can_fuse, members)):
            raise ValueError(f"{type(members[0]).__name__} has parts that cannot be trained as one with others")
        self.size = len(members)
        self.network = _fuse(members)
        self._shared = [
            (parameter, [dict(member.named_parameters())[name] for member in members])
            for name, parameter in self.network.named_parameters()
            if parameter.requires_grad
        ]

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, K * channels, height, width), the members' side by side, to logits (n, K * classes)."""
        return cast("Tensor", self.network(images))

    def hand_out_gradients(self) -> None:
        """Give each member its part of the gradients, for its own optimizer; this network's are empty afterwards."""
        for parameter, owners in self._shared:
            if parameter.grad is not None:
                for owner, gradient in zip(owners, parameter.grad.chunk(self.size), strict=True):
                    owner.grad = gradient.view_as(owner)
                parameter.grad = None

    def rest(self, names: Sequence[str]) -> None:
        """Put the named modules into evaluation mode."""
        for name in names:
            self.network.get_submodule(name).eval()


def _fuse(modules: Sequence[nn.Module]) -> nn.Module:
    """Make one module of the same modules of all members, under the same names."""
    first = modules[0]
    if isinstance(first, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
        return _share(modules, _layer(first, len(modules)))
    fused = _empty_like(first)
    for name, _ in first.named_children():
        fused.add_module(name, _fuse([module.get_submodule(name) for module in modules]))
    return fused


def _empty_like(module: nn.Module, kind: type[nn.Module] | None = None) -> nn.Module:
    """Copy a module, perhaps as another kind, without its parts and its tensors."""
    kind = kind or type(module)
    copy = kind.__new__(kind)
    copy.__dict__.update(module.__dict__)
    copy._modules, copy._parameters, copy._buffers = {}, {}, {}
    return copy


def _layer(first: nn.Module, size: int) -> nn.Module:
    """Make the layer for the channels of all members, still without tensors."""
    if isinstance(first, nn.Linear):
        return GroupedLinear(size)
    fused = _empty_like(first, GroupedConv2d if isinstance(first, resnet.Conv2d) else None)
    if isinstance(fused, nn.Conv2d):
        fused.in_channels, fused.out_channels = size * fused.in_channels, size * fused.out_channels
        fused.groups = size * fused.groups
    elif isinstance(fused, nn.BatchNorm2d):
        fused.num_features = size * fused.num_features
    return fused


@torch.no_grad()
def _share(modules: Sequence[nn.Module], fused: nn.Module) -> nn.Module:
    """Put the members' tensors one behind the other along their first axis, and let the members see their parts."""
    for name, parameter in modules[0]._parameters.items():
        parts = [module._parameters[name] for module in modules]
        whole = None if parameter is None else _join([cast("Tensor", part) for part in parts])
        fused.register_parameter(
            name, None if whole is None else nn.Parameter(whole, modules[0].get_parameter(name).requires_grad)
        )
    for name in modules[0]._buffers:
        fused.register_buffer(name, _join([cast("Tensor", module._buffers[name]) for module in modules]))
    return fused


def _join(parts: list[Tensor]) -> Tensor:
    """Concatenate tensors and make them views of the result; a counter is the same for all."""
    if parts[0].ndim == 0:
        whole = parts[0].clone()
        views: Sequence[Tensor] = [whole] * len(parts)
    else:
        whole = torch.cat(parts)
        views = whole.chunk(len(parts))
    for part, view in zip(parts, views, strict=True):
        part.data = view
    return whole


class GroupedLinear(nn.Module):
    """K linear layers: (n, K * inputs) to (n, K * outputs).

    Parameters
    ----------
    size : int
        K. Weight (K * outputs, inputs) and bias (K * outputs,) are set from outside.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, size: int):
        super().__init__()
        self.size = size

    def forward(self, features: Tensor) -> Tensor:
        """Map features of all members, side by side."""
        return _grouped_linear(features, self.weight, self.bias, self.size)


def _grouped_linear(features: Tensor, weight: Tensor, bias: Tensor | None, size: int) -> Tensor:
    """Multiply (n, K * inputs) by K matrices (outputs, inputs), given below each other; (n, K * outputs)."""
    rows = features.view(len(features), size, -1).transpose(0, 1)
    matrices = weight.view(size, -1, weight.shape[1]).transpose(1, 2)
    result = torch.bmm(rows, matrices).transpose(0, 1).flatten(1)
    return result if bias is None else result + bias


class GroupedConv2d(resnet.Conv2d):
    """K convolutions that become matrix products where their output is a single pixel, as `resnet.Conv2d` does."""

    def _product(self, pixels: Tensor, taps: Tensor) -> Tensor:
        """Multiply (n, K * inputs) by K matrices (outputs, inputs)."""
        return _grouped_linear(pixels, taps, None, self.groups)
