"""Fetching on a node with internet access what a batch node must find in the cache, with checksums of every file."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autode.training import own_data
from autode.training.catalogue import ARRAYS, FOLDER
from autode.training.data import TORCHVISION_CLASSES
from autode.training.models import imagenet_file
from autode.training.presence import cache_folder
from autode.training.settings import resolve
from autode.training.weights import sha256_of

_log = logging.getLogger(__name__)
#: In the data cache: SHA-256 of every file, as it was when it was first found there.
CHECKSUMS = "checksums.json"


def prefetch(settings: Mapping[str, Any], folder: str = "", warn: Callable[[str], None] = _log.warning) -> list[Path]:
    """Fetch data set and weights of an ``[objective]`` table into the caches that `Finetune` reads.

    Data sets go to `autode.training.presence.cache_folder`, weights to torch's own cache (``$TORCH_HOME``). Downloads
    are checked against the checksums that torchvision publishes. What is there already is not fetched again but
    compared with the checksums of the first time; data of the user's own are looked at.

    Parameters
    ----------
    settings : mapping
        As for `autode.training.finetune.Finetune`.
    folder : str
        Where relative paths in the settings start.
    warn : callable
        Told of weights that are not the published ones; they are used all the same.

    Returns
    -------
    list of pathlib.Path
        Folder of the data set and file of the weights, if the settings need any.

    Raises
    ------
    ValueError
        If a setting is wrong, data of the user's own are missing, or a file in the cache has changed.
    ConnectionError
        If something cannot be fetched, or arrives with a wrong checksum; says how to bring it by hand.
    """
    resolved = resolve(settings)
    if resolved["dataset"] in (FOLDER, ARRAYS):
        data = [_own_data(resolved["dataset"], Path(folder) / resolved["path"])]
    else:
        data = _prefetch_data(resolved["dataset"])
    return data + _prefetch_weights(resolved["model"], resolved["weights"], warn)


def _own_data(kind: str, path: Path) -> Path:
    """Look whether data of the user's own can be read."""
    if kind == FOLDER:
        own_data.class_names(path)
    else:
        own_data.has_test_part(path)
    return path


def _prefetch_data(name: str) -> list[Path]:
    """Fetch both parts of a torchvision data set; the embedded task needs nothing."""
    from torchvision import datasets

    if name not in TORCHVISION_CLASSES:
        return []
    loader: Any = getattr(datasets, TORCHVISION_CLASSES[name])
    try:
        for train in (True, False):
            loader(cache_folder(), train=train, download=True)
    except (RuntimeError, OSError) as error:
        addresses, place = _by_hand(loader)
        raise ConnectionError(
            f"prefetching for dataset {name!r} failed: {_one_line(error)}; on a machine with internet access fetch "
            f"{', '.join(addresses)}, put what you get into {place} and run this command again"
        ) from error
    _compare(cache_folder() / getattr(loader, "base_folder", TORCHVISION_CLASSES[name]))
    return [cache_folder()]


def _by_hand(loader: Any) -> tuple[list[str], Path]:
    """Addresses of a data set's files and the folder they belong into; torchvision unpacks them there."""
    if hasattr(loader, "resources"):
        return [loader.mirrors[0] + name for name, _ in loader.resources], cache_folder() / loader.__name__ / "raw"
    return [loader.url], cache_folder()


def _compare(folder: Path) -> None:
    """Compare the files of a data set with their checksums, and write down those that are new.

    Raises
    ------
    ValueError
        If a file is not what it was.
    """
    record = cache_folder() / CHECKSUMS
    known = json.loads(record.read_text()) if record.exists() else {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name, found = path.relative_to(cache_folder()).as_posix(), sha256_of(path)
        if known.setdefault(name, found) != found:
            raise ValueError(f"{path} has changed since it was fetched: delete it and run this command again")
    temporary = record.with_name(f"{record.name}.{os.getpid()}")
    with temporary.open("w") as file:
        json.dump(known, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(record)


def _prefetch_weights(model: str, weights: str, warn: Callable[[str], None]) -> list[Path]:
    """Fetch ImageNet weights; the last part of torchvision's file names is the start of the checksum."""
    import torch

    if weights != "imagenet":
        return []
    path, url = imagenet_file(model)
    start = path.stem.rsplit("-", 1)[1]
    if path.is_file():
        if not sha256_of(path).startswith(start):
            warn(f"{path} is not the published file: its SHA-256 does not start with {start}")
        return [path]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=start, progress=False)
    except (RuntimeError, OSError) as error:
        raise ConnectionError(
            f"prefetching the weights of {model!r} failed: {_one_line(error)}; fetch {url} on a machine with "
            f"internet access and put it at {path}"
        ) from error
    return [path]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
