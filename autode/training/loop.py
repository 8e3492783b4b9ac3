"""One epoch of training and one evaluation. All randomness comes from the trial's seed and the number of the epoch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn, optim
from torch.nn import functional

from autode.training.augmentation import random_affine, warp
from autode.training.data import Split
from autode.training.optimizers import set_lr_factor
from autode.training.schedule import warmup_cosine
from autode.training.settings import Hyperparameters
from autode.trial import derive_seed

EVALUATION_BATCH = 512
#: Share of all steps over which the learning rate rises.
WARMUP_SHARE = 0.1
#: On a GPU, reading the loss waits for the device, so it is read only every so many steps.
CUDA_CHECK_INTERVAL = 50


class Inputs:
    """Turns byte images into network inputs: float, distorted, resized, normalised, three channels, channels_last.

    Parameters
    ----------
    size : int
        Side of the network's input.
    mean, std : sequence of float
        Of the three channels, for pixels in [0, 1].
    device : torch.device
        Where the images are.
    """

    def __init__(self, size: int, mean: Sequence[float], std: Sequence[float], device: torch.device):
        self.size = size
        self.scale = torch.tensor([1 / (255 * s) for s in std], device=device)
        self.offset = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=device)

    def __call__(self, images: Tensor, maps: Tensor | None = None) -> Tensor:
        """Map uint8 (n, 1 or 3, h, w), through affine maps (n, 2, 3) if given, to floats (n, 3, size, size)."""
        pixels = images.to(torch.float32)
        if maps is not None:
            pixels = warp(pixels, maps, self.size)
        elif pixels.shape[-2:] != (self.size, self.size):
            pixels = functional.interpolate(pixels, size=self.size, mode="bilinear", align_corners=False)
        # the channel axis last: one operation normalises, spreads grey over three channels and lays out channels_last
        normalised = torch.addcmul(self.offset, pixels.permute(0, 2, 3, 1), self.scale)
        return normalised.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Learner:
    """A network under training with what its steps need.

    Attributes
    ----------
    model : torch.nn.Module
        The network, on its device.
    frozen : list of torch.nn.Module
        Parts that stay in evaluation mode.
    optimizer : torch.optim.Optimizer
        From `autode.training.optimizers.make_optimizer`.
    inputs : Inputs
        Preparation of images.
    flips : bool
        Whether augmentation may mirror images.
    """

    model: nn.Module
    frozen: list[nn.Module]
    optimizer: optim.Optimizer
    inputs: Inputs
    flips: bool


def _autocast(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """16-bit brain floats on a GPU; on a CPU plain 32 bits, which is faster for maps as small as these."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def _require_finite(loss: Tensor, place: str) -> float:
    """Read a loss; raise FloatingPointError if it is NaN or infinite."""
    value = float(loss)
    if not math.isfinite(value):
        raise FloatingPointError(f"training diverged: the loss is {value} {place}")
    return value


def batch_bounds(samples: int, batch_size: int) -> list[tuple[int, int]]:
    """Start and end of each batch; a last batch of one image is dropped, as batch statistics need two."""
    starts = range(0, samples, batch_size)
    return [(start, min(start + batch_size, samples)) for start in starts if samples - start > 1]


def train_epoch(learner: Learner, data: Split, settings: Hyperparameters, epoch: int, seed: int) -> float:
    """Train for one epoch.

    Parameters
    ----------
    learner : Learner
        Changed in place.
    data : Split
        Training images.
    settings : Hyperparameters
        The trial's hyperparameters.
    epoch : int
        Number of the epoch, from 1.
    seed : int
        The trial's seed.

    Returns
    -------
    float
        Mean training loss of the epoch, with label smoothing.

    Raises
    ------
    FloatingPointError
        If the loss is not finite.
    """
    device = data.labels.device
    generator = torch.Generator().manual_seed(derive_seed(seed, "epoch", epoch))
    order = torch.randperm(len(data), generator=generator).to(device)
    maps = None
    if settings.augmentation > 0 or learner.flips:
        maps = random_affine(len(data), settings.augmentation, generator, flip=learner.flips).to(device)
    learner.model.train()
    for module in learner.frozen:
        module.eval()
    bounds = batch_bounds(len(data), settings.batch_size)
    steps = len(bounds) * settings.epochs
    total = torch.zeros((), device=device)
    for number, (start, end) in enumerate(bounds):
        index = order[start:end]
        with torch.no_grad():
            images = learner.inputs(data.images[index], None if maps is None else maps[start:end])
        with _autocast(device):
            logits = learner.model(images)
        loss = functional.cross_entropy(logits.float(), data.labels[index], label_smoothing=settings.label_smoothing)
        torch.autograd.backward(loss)
        step = len(bounds) * (epoch - 1) + number
        set_lr_factor(learner.optimizer, warmup_cosine(step, steps, int(WARMUP_SHARE * steps)))
        learner.optimizer.step()
        learner.optimizer.zero_grad()
        total += loss.detach() * (end - start)
        if device.type == "cpu" or number % CUDA_CHECK_INTERVAL == 0:
            _require_finite(loss.detach(), f"in epoch {epoch}")
    return _require_finite(total, f"in epoch {epoch}") / bounds[-1][1]


@torch.inference_mode()
def evaluate(learner: Learner, data: Split) -> tuple[float, float]:
    """Mean cross-entropy (without smoothing) and share of wrong answers.

    Parameters
    ----------
    learner : Learner
        Its model is put into evaluation mode.
    data : Split
        Images to judge.

    Returns
    -------
    loss, error : float

    Raises
    ------
    FloatingPointError
        If the loss is not finite.
    """
    learner.model.eval()
    device = data.labels.device
    loss, wrong = torch.zeros((), device=device), torch.zeros((), device=device)
    for start in range(0, len(data), EVALUATION_BATCH):
        labels = data.labels[start : start + EVALUATION_BATCH]
        with _autocast(device):
            logits = learner.model(learner.inputs(data.images[start : start + EVALUATION_BATCH]))
        loss += functional.cross_entropy(logits.float(), labels, reduction="sum")
        wrong += (logits.argmax(dim=1) != labels).sum()
    return _require_finite(loss, "on held-out images") / len(data), float(wrong) / len(data)
