"""Fetching on a node with internet access what a batch node must find in the cache."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autode.training.data import TORCHVISION_CLASSES, cache_folder
from autode.training.models import imagenet_file
from autode.training.settings import resolve


def prefetch(settings: Mapping[str, Any]) -> list[Path]:
    """Fetch data set and weights of an ``[objective]`` table into the caches that `Finetune` reads.

    Data sets go to `autode.training.data.cache_folder`, weights to torch's own cache (``$TORCH_HOME``). Downloads are
    checked against the checksums that torchvision publishes; what is there already is not fetched again.

    Parameters
    ----------
    settings : mapping
        As for `autode.training.finetune.Finetune`.

    Returns
    -------
    list of pathlib.Path
        Folder of the data set and file of the weights, if the settings need any.

    Raises
    ------
    ValueError
        If a setting is wrong.
    ConnectionError
        If something cannot be fetched, or arrives with a wrong checksum.
    """
    resolved = resolve(settings)
    try:
        return _prefetch_data(resolved["dataset"]) + _prefetch_weights(resolved["model"], resolved["weights"])
    except (RuntimeError, OSError) as error:
        raise ConnectionError(f"prefetching for dataset {resolved['dataset']!r} failed: {error}") from error


def _prefetch_data(name: str) -> list[Path]:
    """Fetch both parts of a torchvision data set; the embedded task needs nothing."""
    from torchvision import datasets

    if name not in TORCHVISION_CLASSES:
        return []
    for train in (True, False):
        getattr(datasets, TORCHVISION_CLASSES[name])(cache_folder(), train=train, download=True)
    return [cache_folder()]


def _prefetch_weights(model: str, weights: str) -> list[Path]:
    """Fetch ImageNet weights; the last part of torchvision's file names is the start of the checksum."""
    import torch

    if weights != "imagenet":
        return []
    path, url = imagenet_file(model)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=path.stem.rsplit("-", 1)[1], progress=False)
    return [path]
