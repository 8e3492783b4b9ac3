"""Batch normalisation over the images of all ranks of a trial (Ioffe and Szegedy 2015, over the whole batch)."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm


class GlobalBatchNorm(_BatchNorm):
    """Batch normalisation whose statistics are those of all ranks' rows together, as if one rank had the whole batch.

    Works on the default process group of the moment, of any backend, and on ranks that have no row at all. Parameters
    are those of `torch.nn.BatchNorm2d`.
    """

    @classmethod
    def like(cls, other: nn.BatchNorm2d) -> GlobalBatchNorm:
        """Take over parameters and buffers of an ordinary batch normalisation."""
        module = cls(other.num_features, other.eps, other.momentum, other.affine, other.track_running_stats)
        module._parameters, module._buffers, module.training = other._parameters, other._buffers, other.training
        return module

    def _check_input_dim(self, input: Tensor) -> None:
        """Take any shape with channels on axis 1."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise this rank's rows (n, channels, ...)."""
        if not self.training and self.running_mean is not None:
            return super().forward(input)
        count, mean, variance = _statistics(input)
        if self.training and self.running_mean is not None and self.running_var is not None:
            self._update(count, mean, variance)
        return cast("Tensor", _Normalise.apply(input, mean, variance, count, self.eps, self.weight, self.bias))

    @torch.no_grad()
    def _update(self, count: Tensor, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics, the variance without bias, as torch's own does."""
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        momentum = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_((variance * (count / (count - 1))).to(self.running_var.dtype), momentum)


def _axes(values: Tensor) -> list[int]:
    return [axis for axis in range(values.ndim) if axis != 1]


def _spread(vector: Tensor, like: Tensor) -> Tensor:
    """Shape a vector (channels,) so that it meets axis 1."""
    return vector.view(1, -1, *[1] * (like.ndim - 2))


@torch.no_grad()
def _statistics(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Count, mean and biased variance of each channel over all ranks, in 32 bits or more; one message.

    Each rank's own moments are joined by the rule of Chan, Golub and LeVeque (1983), which loses no digits as sums of
    squares would.
    """
    exact = torch.promote_types(values.dtype, torch.float32)
    own = values.new_zeros(2 * values.shape[1] + 1, dtype=exact)
    if len(values):
        variance, mean = torch.var_mean(values.to(exact), _axes(values), correction=0)
        own = torch.cat([mean, variance, mean.new_tensor([values.numel() // values.shape[1]])])
    size = dist.get_world_size()
    parts = own.new_empty(size * len(own))
    dist.all_gather_into_tensor(parts, own)
    parts = parts.view(size, -1)
    channels = values.shape[1]
    means, variances, counts = parts[:, :channels], parts[:, channels:-1], parts[:, -1:]
    count = counts.sum()
    mean = (counts * means).sum(0) / count
    variance = (counts * (variances + (means - mean).square())).sum(0) / count
    return count, mean, variance


class _Normalise(torch.autograd.Function):
    """``weight * (x - mean) / sqrt(variance + eps) + bias``, where mean and variance depend on all ranks' rows."""

    @staticmethod
    def forward(
        context: Any, x: Tensor, mean: Tensor, variance: Tensor, count: Tensor, eps: float, weight: Any, bias: Any
    ) -> Tensor:
        context.save_for_backward(x, mean, torch.rsqrt(variance + eps), count, weight)
        return functional.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        x, mean, scale, count, weight = context.saved_tensors
        dy = gradients[0].to(mean.dtype)
        normal = (x.to(mean.dtype) - _spread(mean, x)) * _spread(scale, x)
        dbias, dweight = dy.sum(_axes(x)), (dy * normal).sum(_axes(x))
        sums = torch.cat([dbias, dweight])
        dist.all_reduce(sums)  # through the statistics every row depends on every other
        mean_dy, mean_dy_normal = (sums / count).chunk(2)
        dx = dy - _spread(mean_dy, x) - normal * _spread(mean_dy_normal, x)
        dx = (dx * _spread(scale if weight is None else scale * weight, x)).to(x.dtype)
        # parameters' gradients are this rank's share, like those of all other layers; they are added up with them
        return (dx, None, None, None, None, *((None, None) if weight is None else (dweight, dbias)))
