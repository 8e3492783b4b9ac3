"""Images as tensors: read once a process, split by a fixed seed, kept as bytes on the device that trains."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from autode.training.catalogue import EMBEDDED_TASK

#: Seed of the split into training, validation and test images; the same for every study, so that studies compare. For
#: the embedded task it was chosen among six after their test accuracies had been seen (a typical split, not the best
#: one), so absolute test figures on it may flatter by a few thousandths; comparisons on it do not.
SPLIT_SEED = 0
#: The embedded task's test images; scikit-learn's copy of the digits has no test set of its own.
DIGITS_TEST_SAMPLES = 500
#: Names of torchvision's classes.
TORCHVISION_CLASSES = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10", "cifar100": "CIFAR100"}


@dataclass(frozen=True)
class Split:
    """Labelled images on one device.

    Attributes
    ----------
    images : Tensor
        uint8, shape (n, channels, height, width); one channel for grey images.
    labels : Tensor
        int64, shape (n,).
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def cache_folder() -> Path:
    """Folder of downloaded data sets: ``$AUTODE_CACHE/data``, by default ``~/.cache/autode/data``."""
    return Path(os.environ.get("AUTODE_CACHE", Path.home() / ".cache" / "autode")) / "data"


def stratified_order(labels: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Shuffle so that every contiguous piece has nearly the class shares of the whole.

    Parameters
    ----------
    labels : numpy.ndarray
        Class of each sample, shape (n,).
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray
        A permutation of 0..n-1, shape (n,).
    """
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        position[members] = (generator.permutation(len(members)) + generator.random(len(members))) / len(members)
    return np.argsort(position, kind="stable")


@functools.lru_cache(maxsize=2)
def load_training(name: str, train_samples: int | None, validation_samples: int, device: str) -> tuple[Split, Split]:
    """Load the training and validation splits, once a process.

    Parameters
    ----------
    name : str
        One of `autode.training.settings.DATASETS`.
    train_samples : int or None
        Size of the training split; None: all that validation leaves.
    validation_samples : int
        Size of the validation split.
    device : str
        Where the tensors should be.

    Returns
    -------
    training, validation : Split

    Raises
    ------
    ValueError
        If the data are not in the local cache or too few for the wanted sizes.
    """
    images, labels = _read(name, train=True)
    order = stratified_order(labels, np.random.default_rng(SPLIT_SEED))
    order = order[DIGITS_TEST_SAMPLES:] if name == EMBEDDED_TASK else order
    wanted = len(order) - validation_samples if train_samples is None else train_samples
    if wanted < 2 or validation_samples + wanted > len(order):
        raise ValueError(
            f"dataset {name!r} has {len(order)} images for training and validation, too few for "
            f"train_samples = {max(wanted, 2)} and validation_samples = {validation_samples}"
        )
    training = order[validation_samples : validation_samples + wanted]
    return _resident(images, labels, training, device), _resident(images, labels, order[:validation_samples], device)


@functools.lru_cache(maxsize=1)
def load_test(name: str, device: str) -> Split:
    """Load the test split, which no search may see; arguments and errors as for `load_training`."""
    images, labels = _read(name, train=False)
    order = np.arange(len(labels))
    if name == EMBEDDED_TASK:
        order = stratified_order(labels, np.random.default_rng(SPLIT_SEED))[:DIGITS_TEST_SAMPLES]
    return _resident(images, labels, order, device)


def _resident(images: NDArray[np.uint8], labels: NDArray[np.int64], index: NDArray[np.int64], device: str) -> Split:
    return Split(torch.from_numpy(images[index]).to(device), torch.from_numpy(labels[index]).to(device))


def _read(name: str, train: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read images (n, channels, height, width) and labels (n,) of a data set's training or test part."""
    return _read_digits() if name == EMBEDDED_TASK else _read_torchvision(name, train)


def _read_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read scikit-learn's copy of the UCI optical digits: 8x8 counts from 0 to 16, scaled bilinearly to 32x32 bytes."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    counts = torch.from_numpy(digits.images).to(torch.float32)[:, None]
    pixels = functional.interpolate(counts, size=32, mode="bilinear", align_corners=False) * (255 / 16)
    return pixels.round().to(torch.uint8).numpy(), digits.target.astype(np.int64)


def _read_torchvision(name: str, train: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read a torchvision data set from the cache; never download."""
    from torchvision import datasets

    folder = cache_folder()
    try:
        found: Any = getattr(datasets, TORCHVISION_CLASSES[name])(folder, train=train, download=False)
    except RuntimeError as error:
        raise ValueError(
            f"dataset {name!r} is missing or incomplete in {folder}: "
            "run 'autode prefetch WORKFLOW' on a machine with internet access"
        ) from error
    images = np.asarray(found.data)
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images), np.asarray(found.targets, dtype=np.int64)
