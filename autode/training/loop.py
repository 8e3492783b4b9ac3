"""One epoch of training and one evaluation. All randomness comes from the trial's seed and the number of the epoch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn, optim
from torch.nn import functional

from autode.training.augmentation import random_affine, warp
from autode.training.data import Split
from autode.training.optimizers import set_lr_factor
from autode.training.replay import Replay
from autode.training.schedule import lr_factor
from autode.training.settings import Hyperparameters
from autode.trial import derive_seed

#: Images in a batch that is only judged, up to 64 px; of larger ones as many as have so many pixels.
EVALUATION_BATCH, EVALUATION_SIZE = 512, 64
#: Pixels to prepare at once for training, many small batches together: what fills a GPU, what a CPU's caches hold.
PREPARED_PIXELS = {"cuda": 512 * 64**2, "cpu": 128 * 32**2}
#: On a GPU, reading the loss waits for the device, so it is read only every so many steps.
CUDA_CHECK_INTERVAL = 50


class Inputs:
    """Turns byte images into network inputs: float, distorted, resized, normalised, channels_last.

    Parameters
    ----------
    size : int
        Side of the network's input.
    mean, std : sequence of float
        Of the network's channels (three, or one), for pixels in [0, 1].
    device : torch.device
        Where the images are.
    """

    def __init__(self, size: int, mean: Sequence[float], std: Sequence[float], device: torch.device):
        self.size = size
        self.scale = torch.tensor([1 / (255 * s) for s in std], device=device)
        self.offset = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=device)

    def __call__(self, images: Tensor, maps: Tensor | None = None) -> Tensor:
        """Map uint8 (n, 1 or 3, h, w), through affine maps (n, 2, 3) if given, to floats (n, channels, size, size)."""
        pixels = images.to(torch.float32)
        if maps is not None:
            pixels = warp(pixels, maps, self.size)
        elif pixels.shape[-2:] != (self.size, self.size):
            pixels = functional.interpolate(pixels, size=self.size, mode="bilinear", align_corners=False)
        if images.device.type == "cpu" and pixels.shape[1] < len(self.scale):
            normalised = self._spread(pixels[:, 0])
        else:
            # the channel axis last: one operation normalises, spreads grey over channels and lays out channels_last
            normalised = torch.addcmul(self.offset, pixels.permute(0, 2, 3, 1), self.scale)
        return normalised.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)

    def _spread(self, pixels: Tensor) -> Tensor:
        """Normalise grey pixels (n, h, w) to (n, h, w, channels), one channel at a time: on a CPU that is faster."""
        normalised = pixels.new_empty(*pixels.shape, len(self.scale))
        for channel, (offset, scale) in enumerate(zip(self.offset, self.scale, strict=True)):
            torch.addcmul(offset, pixels, scale, out=normalised[..., channel])
        return normalised

    def at_once(self, batch_size: int) -> int:
        """How many training batches to prepare at once."""
        pixels = PREPARED_PIXELS["cpu" if self.scale.device.type == "cpu" else "cuda"]
        return max(pixels // (self.size**2 * batch_size), 1)


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
    averaged : torch.nn.Module or None
        The network with averaged weights, which is judged instead.
    precision : str
        ``"float32"``, ``"bfloat16"`` (where torch deems it safe), or ``"auto"``: the latter on a GPU, and on a CPU
        plain 32 bits, which is faster for maps as small as these.
    replay : Replay or None
        Runs the network's steps as CUDA graphs.
    """

    model: nn.Module
    frozen: list[nn.Module]
    optimizer: optim.Optimizer
    inputs: Inputs
    flips: bool
    averaged: nn.Module | None = None
    precision: str = "auto"
    replay: Replay | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Map the inputs of a training step (n, ...) to logits (n, classes)."""
        with self.autocast(images.device):
            logits = self.model(images) if self.replay is None else self.replay(images)
        return cast("Tensor", logits.float())

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager[object]:
        """Compute in 16-bit brain floats inside, if so chosen."""
        if self.precision == "bfloat16" or (self.precision == "auto" and device.type == "cuda"):
            # a graph would replay reading the cache of cast weights, and not the weights
            return torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=self.replay is None)
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


def _batches(
    learner: Learner, data: Split, plan: tuple[Tensor, Tensor | None], bounds: list[tuple[int, int]]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Network inputs and labels of each batch; what an image becomes does not depend on what is prepared with it."""
    order, maps = plan
    several = learner.inputs.at_once(bounds[0][1] - bounds[0][0]) if bounds else 1
    for number in range(0, len(bounds), several):
        block = bounds[number : number + several]
        rows = slice(block[0][0], block[-1][1])
        with torch.no_grad():
            index = order[rows]
            images = learner.inputs(_rows(data.images, index), None if maps is None else maps[rows])
            labels = data.labels.index_select(0, index)
        for start, end in block:
            some = slice(start - rows.start, end - rows.start)
            yield images[some], labels[some]


def _rows(images: Tensor, index: Tensor) -> Tensor:
    """Take some images; kept features are channels_last and stay so, which the faster way would undo."""
    return images.index_select(0, index) if images.is_contiguous() else images[index]


@contextlib.contextmanager
def _own_generators(device: torch.device) -> Iterator[list[torch.Generator]]:
    """Lend torch's global generators, which layers such as dropout draw from; they are given back as they were."""
    place = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=place):
        yield [torch.default_generator, *(torch.cuda.default_generators[index] for index in place)]


@torch.no_grad()
def _average(learner: Learner, decay: float, step: int) -> None:
    """Move the averaged weights towards the weights, faster at first; batch statistics are taken over as they are."""
    assert learner.averaged is not None
    share = 1 - min(decay, (1 + step) / (10 + step))
    pairs = zip(learner.averaged.parameters(), learner.model.parameters(), strict=True)
    trained = [(mean, parameter) for mean, parameter in pairs if parameter.requires_grad]
    if trained:
        means, parameters = map(list, zip(*trained, strict=True))
        torch._foreach_lerp_(means, parameters, share)  # one kernel on a GPU
    kept, current = list(learner.averaged.buffers()), list(learner.model.buffers())
    for kind in {buffer.dtype for buffer in current}:
        rows = [row for row, buffer in enumerate(current) if buffer.dtype == kind]
        torch._foreach_copy_([kept[row] for row in rows], [current[row] for row in rows])


def _plan(data: Split, settings: Hyperparameters, flips: bool, epoch: int, seed: int) -> tuple[Tensor, Tensor | None]:
    """Order of the images in an epoch, shape (n,), and their affine maps (n, 2, 3) if there is augmentation."""
    device = data.labels.device
    generator = torch.Generator().manual_seed(derive_seed(seed, "epoch", epoch))
    order = torch.randperm(len(data), generator=generator).to(device)
    if settings.augmentation == 0:
        return order, None
    return order, random_affine(len(data), settings.augmentation, generator, flip=flips).to(device)


def train_epoch(
    learner: Learner,
    data: Split,
    settings: Hyperparameters,
    epoch: int,
    seed: int,
    *,
    done: int = 0,
    loss_sum: Tensor | None = None,
    after_step: Callable[[int, Tensor], None] | None = None,
) -> float:
    """Train for one epoch, or for the rest of one.

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
    done : int
        Steps of this epoch that were done before.
    loss_sum : Tensor or None
        Sum of the losses of their images, as `after_step` was given it.
    after_step : callable or None
        Told the number of steps done in this epoch and the sum of the losses; what it raises ends the epoch.

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
    learner.model.train()
    for module in learner.frozen:
        module.eval()
    bounds = batch_bounds(len(data), settings.batch_size)
    batches = _batches(learner, data, _plan(data, settings, learner.flips, epoch, seed), bounds[done:])
    total = torch.zeros((), device=device) if loss_sum is None else loss_sum.to(device, copy=True)
    with _own_generators(device) as generators:
        for number, (images, labels) in enumerate(batches, start=done):
            for generator in generators:
                generator.manual_seed(derive_seed(seed, "step", epoch, number))
            loss = functional.cross_entropy(learner.forward(images), labels, label_smoothing=settings.label_smoothing)
            torch.autograd.backward(loss)
            _update(learner, settings, len(bounds), len(bounds) * (epoch - 1) + number)
            total += loss.detach() * len(labels)
            if device.type == "cpu" or number % CUDA_CHECK_INTERVAL == 0:
                _require_finite(loss.detach(), f"in epoch {epoch}")
            if after_step is not None:
                after_step(number + 1, total)
    return _require_finite(total, f"in epoch {epoch}") / bounds[-1][1]


def _update(learner: Learner, settings: Hyperparameters, steps_per_epoch: int, step: int) -> None:
    """Take one step of the optimizer and of the average."""
    factor = lr_factor(settings.schedule, step, steps_per_epoch, settings.epochs, settings.warmup)
    set_lr_factor(learner.optimizer, factor)
    learner.optimizer.step()
    learner.optimizer.zero_grad()
    if learner.averaged is not None:
        _average(learner, settings.ema, step)


def evaluation_batch(inputs: Inputs) -> int:
    """How many images to judge at once, so that their activations fit where those of a training step do."""
    return max(EVALUATION_BATCH * EVALUATION_SIZE**2 // max(inputs.size, EVALUATION_SIZE) ** 2, 1)


@torch.inference_mode()
def evaluate(learner: Learner, data: Split) -> tuple[float, float]:
    """Mean cross-entropy (without smoothing) and share of wrong answers.

    Parameters
    ----------
    learner : Learner
        Its model (the averaged one, if there is one) is put into evaluation mode.
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
    model = learner.model if learner.averaged is None else learner.averaged
    model.eval()
    device = data.labels.device
    loss, wrong = torch.zeros((), device=device), torch.zeros((), device=device)
    batch = evaluation_batch(learner.inputs)
    for start in range(0, len(data), batch):
        labels = data.labels[start : start + batch]
        with learner.autocast(device):
            logits = model(learner.inputs(data.images[start : start + batch]))
        loss += functional.cross_entropy(logits.float(), labels, reduction="sum")
        wrong += (logits.argmax(dim=1) != labels).sum()
    return _require_finite(loss, "on held-out images") / len(data), float(wrong) / len(data)
