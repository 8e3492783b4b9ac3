"""Weights without pickle: the embedded backbone, stored as 16-bit safetensors in the package and checked before use."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

#: The embedded backbone: ResNet-18 at this width, pretrained by ``python -m autode.training.pretrain``.
EMBEDDED_FILE = Path(__file__).parent / "weights" / "resnet18-w25-glyphs.safetensors"
EMBEDDED_WIDTH = 0.25
EMBEDDED_SHA256 = "c8632c2d1488dfe30c5202a5d15e3411c07d00dddd51ac088c8c34d12832dd8c"
#: Mean and standard deviation of each input channel that weights were trained with, for pixels in [0, 1].
NORMALISATION: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "embedded": ((0.3, 0.3, 0.3), (0.35, 0.35, 0.35)),
    "none": ((0.3, 0.3, 0.3), (0.35, 0.35, 0.35)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_backbone(model: nn.Module, path: Path, facts: Mapping[str, str | int]) -> None:
    """Write all floating-point state but the head ``fc`` as 16-bit safetensors, atomically.

    Parameters
    ----------
    model : torch.nn.Module
        The network, on the CPU.
    path : pathlib.Path
        File to write; its folder must exist.
    facts : mapping of str to str or int
        What the file's header should say about its making, stored as JSON under ``"recipe"``.
    """
    from safetensors.torch import save

    state = {
        name: value.half().contiguous()
        for name, value in model.state_dict().items()
        if value.is_floating_point() and not name.startswith("fc.")
    }
    # one key only: safetensors writes several in random order, and the file's checksum would change from run to run
    metadata = {"recipe": json.dumps(dict(facts), sort_keys=True)}
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(save(state, metadata))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_backbone(path: Path = EMBEDDED_FILE, sha256: str = EMBEDDED_SHA256) -> dict[str, Tensor]:
    """Read a backbone's state dict as 32-bit floats.

    Parameters
    ----------
    path : pathlib.Path
        A file written by `save_backbone`.
    sha256 : str
        The file's expected checksum.

    Returns
    -------
    dict of str to Tensor
        The state without the head and without BatchNorm's batch counters.

    Raises
    ------
    ValueError
        If the file's checksum differs.
    """
    from safetensors.torch import load

    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(f"{path} is damaged: its SHA-256 is {found}, expected {sha256}; reinstall autode")
    return {name: value.to(torch.float32) for name, value in load(content).items()}
