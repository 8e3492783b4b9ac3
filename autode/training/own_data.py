"""Data of the user's own: images in one folder a class, or arrays in an ``.npz`` file.

A folder has either ``train/CLASS/IMAGE`` and ``test/CLASS/IMAGE``, or ``CLASS/IMAGE``; then the test images are set
aside by the split's seed. An ``.npz`` file has ``x_train``, ``y_train`` and perhaps ``x_test``, ``y_test`` (the names
of Keras), or ``train_images``, ``train_labels``, ``test_images``, ``test_labels`` (those of MedMNIST).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
#: Names of images and labels in an ``.npz`` file, for its training and its test part.
_NAMES = {
    True: (("x_train", "y_train"), ("train_images", "train_labels")),
    False: (("x_test", "y_test"), ("test_images", "test_labels")),
}

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]


def has_test_part(path: Path) -> bool:
    """Whether a folder or file sets its own test images apart."""
    if path.is_dir():
        return (path / "train").is_dir() and (path / "test").is_dir()
    with _open(path) as file:
        return any(set(pair) <= set(file.files) for pair in _NAMES[False])


def class_names(folder: Path) -> list[str]:
    """Names of the classes of a folder of images, in the order of their labels."""
    folder = folder / "train" if (folder / "train").is_dir() else folder
    if not folder.is_dir():
        raise ValueError(f"path: {folder} is no folder; dataset = 'folder' needs one with a folder of images a class")
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def read_folder(folder: Path, size: int, train: bool) -> Arrays:
    """Read the images of one part, each cut to its central square and scaled bilinearly.

    Parameters
    ----------
    folder : pathlib.Path
    size : int
        Side of the images kept, in pixels.
    train : bool
        The training part (or all images where there is one part), or the test part.

    Returns
    -------
    images : numpy.ndarray
        uint8, shape (n, 1, size, size) if all are grey, else (n, 3, size, size).
    labels : numpy.ndarray
        int64, shape (n,): positions in `class_names`.

    Raises
    ------
    ValueError
        If there are fewer than two classes, a class has no images, a test class is unknown or an image is damaged.
    """
    names = class_names(folder)
    if len(names) < 2:
        raise ValueError(f"path: {folder} holds {len(names)} folders, expected one of images for each class")
    part = (folder / ("train" if train else "test")) if (folder / "train").is_dir() else folder
    unknown = {entry.name for entry in part.iterdir() if entry.is_dir() and entry.name[0] != "."} - set(names)
    if unknown:
        raise ValueError(f"path: {part} has the class {min(unknown)!r}, which has no training images")
    found = [(path, label) for label, name in enumerate(names) for path in _images(part / name, required=train)]
    images = [_decode(path, size) for path, _ in found]
    if any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else np.stack([image] * 3) for image in images]
    stacked = np.stack(images)
    labels = np.array([label for _, label in found], dtype=np.int64)
    return (stacked if stacked.ndim == 4 else stacked[:, None]), labels


def _images(folder: Path, *, required: bool) -> Iterator[Path]:
    """Yield the image files of a class in the order of their names, in folders within it too."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if required and not files:
        raise ValueError(f"path: {folder} has no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    yield from files


def _decode(path: Path, size: int) -> NDArray[np.uint8]:
    """Read one image: (size, size) if it is grey, else (3, size, size)."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            grey = image.mode in ("1", "L", "LA", "I", "I;16")
            square = ImageOps.fit(image.convert("L" if grey else "RGB"), (size, size), Image.Resampling.BILINEAR)
    except OSError as error:
        raise ValueError(f"path: {path} is no readable image ({error})") from error
    pixels = np.asarray(square, dtype=np.uint8)
    return pixels if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def read_arrays(path: Path, train: bool) -> Arrays:
    """Read one part of an ``.npz`` file.

    Parameters
    ----------
    path : pathlib.Path
    train : bool
        The training part, or the test part.

    Returns
    -------
    images : numpy.ndarray
        uint8, shape (n, channels, height, width).
    labels : numpy.ndarray
        int64, shape (n,).

    Raises
    ------
    ValueError
        If the arrays are missing or have other types or shapes: images are bytes of shape (n, height, width) or
        (n, height, width, 1 or 3), labels whole numbers from 0, of shape (n,) or (n, 1).
    """
    with _open(path) as file:
        names = next((pair for pair in _NAMES[train] if set(pair) <= set(file.files)), None)
        if names is None:
            raise ValueError(f"path: {path} has {', '.join(file.files)}; expected {' and '.join(_NAMES[train][0])}")
        images, labels = file[names[0]], file[names[1]]
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)):
        raise ValueError(
            f"path: {names[0]} of {path} is {images.dtype} of shape {images.shape}; "
            "expected uint8 of shape (n, height, width) or (n, height, width, 1 or 3)"
        )
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu" or (len(labels) and labels.min() < 0):
        raise ValueError(
            f"path: {names[1]} of {path} is {labels.dtype} of shape {labels.shape}; "
            f"expected {len(images)} whole numbers from 0"
        )
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images), labels.astype(np.int64)


def _open(path: Path) -> np.lib.npyio.NpzFile:
    """Open an ``.npz`` file; arrays of Python objects, whose loading could run code, are refused by numpy."""
    try:
        file = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise ValueError(f"path: {path} is missing") from None
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"path: {path} is no .npz file ({error})") from error
    if not isinstance(file, np.lib.npyio.NpzFile):
        raise ValueError(f"path: {path} holds a single array, expected an .npz file")
    return file
