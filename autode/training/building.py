"""What a trial starts with: the network for its data, the optimizer of its parts, the preparation of its images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn, optim

from autode.training import custom_model
from autode.training.data import Split
from autode.training.loop import Inputs
from autode.training.models import lr_factors, make_model
from autode.training.optimizers import make_optimizer
from autode.training.settings import Hyperparameters, is_custom
from autode.training.weights import NORMALISATION

Settings = Mapping[str, Any]


def build_model(
    settings: Settings, folder: str, training: Split, seed: int, dropout: float = 0.0, resolution: int | None = None
) -> nn.Module:
    """Build the network for the classes of the data, on the CPU.

    Parameters
    ----------
    settings : mapping
        From `autode.training.settings.resolve`.
    folder : str
        Where to look for the user's modules.
    training : Split
        Tells the classes, and to a user's network the channels.
    seed : int
        Of everything that starts at random.
    dropout : float
        See `autode.training.models.make_model`.
    resolution : int or None
        Side of the input; None: as set.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        As `make_model`, or if the network takes another number of channels than the images have.
    """
    name, weights, width = settings["model"], settings["weights"], settings["width"]
    model = make_model(name, weights, width, training.classes, seed, dropout, folder)
    if is_custom(name):
        side = settings["resolution"] if resolution is None else resolution
        inputs = build_inputs(settings, model, training, side, torch.device("cpu"))
        custom_model.materialise(model, inputs(training.images[:2].cpu()), seed)
    return model


def try_model(settings: Settings, model: nn.Module, training: Split) -> None:
    """Refuse a network of the user's that does not give a number for each class.

    Raises
    ------
    ValueError
        Names what it gives, and what was expected.
    """
    device = training.images.device
    inputs = build_inputs(settings, model, training, settings["resolution"], device)
    with torch.inference_mode():
        logits = model.eval().to(device)(inputs(training.images[:2]))
    expected = (min(len(training), 2), training.classes)
    if getattr(logits, "shape", None) != expected:
        found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ValueError(f"model {settings['model']!r} gives {found} for two images, expected {expected}")


def build_optimizer(settings: Settings, values: Hyperparameters, model: nn.Module) -> optim.Optimizer:
    """Make the optimizer of a network whose frozen parts are frozen already."""
    return make_optimizer(
        model,
        values.optimizer,
        values.lr * batch_factor(values, settings["lr_reference_batch"]),
        values.weight_decay,
        values.momentum,
        values.beta2,
        lr_factors(model, settings["model"], values.layer_decay, values.head_lr_factor),
    )


def batch_factor(values: Hyperparameters, reference: int) -> float:
    """Factor on a learning rate that is meant for another batch size, 0 if for any.

    Linear for SGD (Goyal et al. 2017), the square root for AdamW (Malladi et al. 2022, on adaptive methods).
    """
    ratio = values.batch_size / reference if reference else 1.0
    return ratio if values.optimizer == "sgd" else ratio**0.5


def build_inputs(
    settings: Settings, model: nn.Module, training: Split, resolution: int, device: torch.device
) -> Inputs:
    """Make the preparation of images for the channels the network takes: three (grey is spread over them), or one.

    Raises
    ------
    ValueError
        If it takes one channel and the images are coloured, or any other number.
    """
    mean, std = NORMALISATION[settings["normalisation"]]
    first = next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None or first.in_channels in (0, 3):  # 0: a lazy layer takes what comes
        return Inputs(resolution, mean, std, device)
    if first.in_channels == 1 and training.images.shape[1] == 1:
        return Inputs(resolution, (sum(mean) / 3,), (sum(std) / 3,), device)
    channels = training.images.shape[1]
    raise ValueError(f"the model takes {first.in_channels} channels, but the images have {channels}")
