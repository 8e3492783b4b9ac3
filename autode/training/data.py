"""Images as tensors: read once a process, split by a fixed seed, kept as bytes on the device that trains."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from autode.training import own_data
from autode.training.catalogue import ARRAYS, EMBEDDED_TASK, FOLDER, OWN_DATA
from autode.training.presence import cache_folder
from autode.training.settings import facts_of

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
    classes : int
        Number of classes of the data set; 0 if unknown.
    """

    images: Tensor
    labels: Tensor
    classes: int = 0

    def __len__(self) -> int:
        return len(self.labels)


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


@dataclass(frozen=True)
class Source:
    """Where the images of a trial come from and how they are split.

    Attributes
    ----------
    name : str
        A data set of `autode.training.catalogue`.
    path : str
        Folder or file of the user's own data.
    image_size : int
        Side at which the images of a folder are kept, in pixels.
    test_samples : int or None
        Images to set aside where the data have no test part; None: a tenth.
    split_seed : int
        Seed of the split.
    """

    name: str
    path: str = ""
    image_size: int = 64
    test_samples: int | None = None
    split_seed: int = SPLIT_SEED

    def read(self, train: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Read images (n, channels, height, width) and labels (n,): the training part, or all, or the test part."""
        if self.name == EMBEDDED_TASK:
            return _read_digits()
        if self.name == FOLDER:
            return own_data.read_folder(Path(self.path), self.image_size, train)
        if self.name == ARRAYS:
            return own_data.read_arrays(Path(self.path), train)
        return _read_torchvision(self.name, train)

    def set_aside(self, count: int) -> int:
        """Tell how many of so many images, the first in the order of the split, are test images; 0 if others are."""
        if self.name == EMBEDDED_TASK:
            return DIGITS_TEST_SAMPLES
        if self.name not in OWN_DATA or own_data.has_test_part(Path(self.path)):
            return 0
        return max(count // 10, 1) if self.test_samples is None else self.test_samples

    def order(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Order of all images, in which the splits are contiguous."""
        return stratified_order(labels, np.random.default_rng(self.split_seed))

    def classes(self, labels: NDArray[np.int64]) -> int:
        """Tell the number of classes."""
        if self.name == FOLDER:
            return len(own_data.class_names(Path(self.path)))
        known = facts_of(self.name).classes
        return int(labels.max()) + 1 if known is None else known


@functools.lru_cache(maxsize=2)
def load_training(
    source: Source | str, train_samples: int | None, validation_samples: int | None, device: str
) -> tuple[Split, Split]:
    """Load the training and validation splits, once a process.

    Parameters
    ----------
    source : Source or str
        What to read; a name stands for a source with the defaults.
    train_samples : int or None
        Size of the training split; None: all that validation leaves.
    validation_samples : int or None
        Size of the validation split; None: a tenth.
    device : str
        Where the tensors should be.

    Returns
    -------
    training, validation : Split

    Raises
    ------
    ValueError
        If the data are missing, damaged or too few for the wanted sizes.
    """
    source = Source(source) if isinstance(source, str) else source
    images, labels = source.read(train=True)
    order = source.order(labels)[source.set_aside(len(labels)) :]
    held_out = max(len(order) // 10, 1) if validation_samples is None else validation_samples
    wanted = len(order) - held_out if train_samples is None else train_samples
    if wanted < 2 or held_out + wanted > len(order):
        raise ValueError(
            f"dataset {source.name!r} has {len(order)} images for training and validation, too few for "
            f"train_samples = {max(wanted, 2)} and validation_samples = {held_out}"
        )
    parts = (order[held_out : held_out + wanted], order[:held_out])
    training, validation = (_resident(images, labels, part, source.classes(labels), device) for part in parts)
    return training, validation


@functools.lru_cache(maxsize=1)
def load_test(source: Source | str, device: str) -> Split:
    """Load the test split, which no search may see; arguments and errors as for `load_training`."""
    source = Source(source) if isinstance(source, str) else source
    images, labels = source.read(train=source.name in OWN_DATA and not own_data.has_test_part(Path(source.path)))
    count = source.set_aside(len(labels))
    order = source.order(labels)[:count] if count else np.arange(len(labels))
    return _resident(images, labels, order, source.classes(labels), device)


def _resident(
    images: NDArray[np.uint8], labels: NDArray[np.int64], index: NDArray[np.int64], classes: int, device: str
) -> Split:
    return Split(torch.from_numpy(images[index]).to(device), torch.from_numpy(labels[index]).to(device), classes)


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
