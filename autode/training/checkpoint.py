"""A trial's own checkpoint: what continues it to the same bit, written atomically, read without unpickling code."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

FILE_NAME = "checkpoint.pt"
_log = logging.getLogger(__name__)


def save(folder: Path, identity: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a checkpoint so that a kill at any instant leaves the old or the new one, whole.

    Parameters
    ----------
    folder : pathlib.Path
        The trial's folder; made if it does not exist.
    identity : mapping
        What must be the same for a continuation to make sense: plain values only.
    state : mapping
        Tensors, numbers, strings, lists and dicts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / (FILE_NAME + ".tmp")
    with temporary.open("wb") as file:
        torch.save({"identity": dict(identity), "state": dict(state)}, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / FILE_NAME)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load(folder: Path, identity: Mapping[str, Any], device: torch.device) -> dict[str, Any] | None:
    """Read the checkpoint of a trial, if there is one.

    Parameters
    ----------
    folder : pathlib.Path
        The trial's folder.
    identity : mapping
        The identity of the trial that wants to continue.
    device : torch.device
        Where tensors should be.

    Returns
    -------
    dict or None
        The state; None if there is no checkpoint or it cannot be read (which is logged).

    Raises
    ------
    ValueError
        If the checkpoint belongs to another trial; the sentence names the difference.
    """
    path = folder / FILE_NAME
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        found, state = dict(content["identity"]), dict(content["state"])
    except FileNotFoundError:
        return None
    except (RuntimeError, EOFError, OSError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        _log.warning("checkpoint %s cannot be read (%s): the trial starts afresh", path, error)
        return None
    for name in [*identity, *found]:
        if name not in found or name not in identity or found[name] != identity[name]:
            raise ValueError(
                f"{path} belongs to another trial: its {name} is {found.get(name)!r}, "
                f"expected {identity.get(name)!r}; delete it to start afresh"
            )
    return state


def delete(folder: Path) -> None:
    """Remove the checkpoint of a trial that is done."""
    (folder / FILE_NAME).unlink(missing_ok=True)
