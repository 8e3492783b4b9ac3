"""Images for the benchmarks, made from what every installation has, and learners as trials have them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from autode.training.augmentation import random_affine, warp
from autode.training.data import Split
from autode.training.finetune import Finetune
from autode.training.loop import Learner
from autode.training.settings import Hyperparameters, hyperparameters
from autode.trial import Trial


def noise(count: int, side: int, channels: int, device: torch.device) -> Split:
    """Random images of 10 classes: for throughput, what is on them does not matter."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, channels, side, side), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 10, (count,), generator=generator)
    return Split(images.to(device), labels.to(device), 10)


def distorted_digits(count: int, device: torch.device) -> Split:
    """More handwritten digits than there are: scikit-learn's, each drawn several times with distortion and noise."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = torch.from_numpy(digits.images).float()[:, None] * (255 / 16)
    labels = torch.from_numpy(digits.target).long()
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randint(len(labels), (count,), generator=generator)
    images = warp(pixels[chosen], random_affine(count, 1.0, generator), 32)
    images = (images + 25 * torch.randn(images.shape, generator=generator)).clamp_(0, 255)
    return Split(images.round().to(torch.uint8).to(device), labels[chosen].to(device), 10)


@dataclass(frozen=True)
class Bench:
    """A trial's parts, to be timed one by one.

    Attributes
    ----------
    objective : Finetune
    trial : Trial
    values : Hyperparameters
    learner : Learner
        Ready to train, with CUDA graphs where a trial would have them.
    """

    objective: Finetune
    trial: Trial
    values: Hyperparameters
    learner: Learner


def bench(folder: Path, device: torch.device, data: Split, seed: int = 0, **settings: Any) -> Bench:
    """Set a trial up as `Finetune` does, on given images; settings are those of the workflow's ``[objective]``."""
    names = Finetune.HYPERPARAMETERS
    params = {name: value for name, value in settings.items() if name in names}
    objective = Finetune({name: value for name, value in settings.items() if name not in names})
    trial = Trial(seed, params, seed, folder / str(seed), device=str(device))
    values = hyperparameters(objective.settings, params)
    learner = objective._learner(trial, values, data)
    learner = objective._accelerated(trial, learner, len(data), values)
    return Bench(objective, trial, values, learner)


def without_graphs(one: Bench) -> Bench:
    return replace(one, learner=replace(one.learner, replay=None))
