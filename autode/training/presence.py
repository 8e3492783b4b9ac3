"""Whether what trials will read is on this machine, by names of files: a run asks before its first trial."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autode.training import own_data
from autode.training.catalogue import ARRAYS, FOLDER, OWN_DATA
from autode.training.settings import resolve

_IDX = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
#: Folder and files of each of torchvision's data sets, as it unpacks them.
DATA_FILES = {
    "mnist": ("MNIST/raw", _IDX),
    "fashion-mnist": ("FashionMNIST/raw", _IDX),
    "cifar10": ("cifar-10-batches-py", (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")),
    "cifar100": ("cifar-100-python", ("train", "test", "meta")),
}
#: The end of the sentence about anything that is not there.
REMEDY = "run 'autode prefetch WORKFLOW' on a machine with internet access"


def cache_folder() -> Path:
    """Folder of downloaded data sets: ``$AUTODE_CACHE/data``, by default ``~/.cache/autode/data``."""
    return Path(os.environ.get("AUTODE_CACHE", Path.home() / ".cache" / "autode")) / "data"


def weights_folder() -> Path:
    """Folder of torchvision's weights: ``hub/checkpoints`` in ``$TORCH_HOME``, as `torch.hub` looks for it."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub" / "checkpoints"


def absent(settings: Mapping[str, Any], folder: str = "") -> list[str]:
    """Say which data and weights of an ``[objective]`` table are not here; reading them shows whether they are whole.

    Parameters
    ----------
    settings : mapping
        As for `autode.training.finetune.Finetune`.
    folder : str
        Where relative paths in the settings start.

    Returns
    -------
    list of str
        A sentence each that names what is missing and how to get it.
    """
    resolved = resolve(settings)
    dataset, model = resolved["dataset"], resolved["model"]
    sentences = []
    if dataset in OWN_DATA:
        try:
            require_own_data(dataset, Path(folder) / resolved["path"])
        except ValueError as error:
            sentences.append(str(error))
    place, names = DATA_FILES.get(dataset, ("", ()))
    if any(not (cache_folder() / place / name).is_file() for name in names):
        sentences.append(f"dataset {dataset!r} is missing or incomplete in {cache_folder()}: {REMEDY}")
    # the last part of torchvision's names is the start of the file's checksum
    if resolved["weights"] == "imagenet" and not any(weights_folder().glob(f"{model}-????????.pth")):
        sentences.append(f"the ImageNet weights of {model} are not in the cache ({weights_folder()}): {REMEDY}")
    return sentences


def require_own_data(kind: str, path: Path) -> None:
    """Check that data of the user's own can be opened.

    Raises
    ------
    ValueError
        If they cannot.
    """
    if kind == FOLDER and len(names := own_data.class_names(path)) < 2:
        raise ValueError(f"path: {path} holds {len(names)} folders, expected one of images for each class")
    if kind == ARRAYS:
        own_data.has_test_part(path)
