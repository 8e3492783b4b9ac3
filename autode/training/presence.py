"""Whether data and weights are where a trial will look for them, seen from their paths alone. Free of torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autode.training.catalogue import MODELS, OWN_DATA
from autode.training.settings import resolve

_FETCH = "run autode prefetch with the same workflow where there is a network"
#: where torchvision keeps the files of a data set, below `cache_folder`
_FILES = {
    "mnist": "MNIST/raw",
    "fashion-mnist": "FashionMNIST/raw",
    "cifar10": "cifar-10-batches-py",
    "cifar100": "cifar-100-python",
}


def cache_folder() -> Path:
    """Folder of downloaded data sets: ``$AUTODE_CACHE/data``, by default ``~/.cache/autode/data``."""
    return Path(os.environ.get("AUTODE_CACHE", Path.home() / ".cache" / "autode")) / "data"


def absent(settings: Mapping[str, Any], folder: str = "") -> list[str]:
    """Say what is not there, a sentence each; what is there may still be damaged, which a trial finds out.

    Parameters
    ----------
    settings : mapping
        As for `autode.training.finetune.Finetune`.
    folder : str
        Where relative paths in the settings start.
    """
    resolved = resolve(settings)
    dataset, model = resolved["dataset"], resolved["model"]
    sentences = []
    if dataset in OWN_DATA and not (Path(folder) / resolved["path"]).exists():
        sentences.append(f"there is no {Path(folder) / resolved['path']}")
    if dataset in _FILES and not (cache_folder() / _FILES[dataset]).is_dir():
        sentences.append(f"the data set {dataset} is not in {cache_folder()}; {_FETCH}")
    if resolved["weights"] == "imagenet" and model in MODELS and not any(_checkpoints().glob(f"{model}-*.pth")):
        sentences.append(f"the ImageNet weights of {model} are not in {_checkpoints()}; {_FETCH}")
    return sentences


def _checkpoints() -> Path:
    """Return the folder of torch's own cache (`torch.hub.get_dir`) in which weights lie."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("TORCH_HOME", cache / "torch")) / "hub/checkpoints"
