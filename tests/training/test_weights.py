"""The embedded weights are those of the recipe, and a damaged file is noticed."""

import json
import struct

import pytest
import torch

from autode.training import weights
from autode.training.pretrain import RECIPE
from autode.training.resnet import BLOCKS, ResNet


def recipe_of(path):
    """What a safetensors header says: its length in eight bytes, then JSON."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["recipe"])


def test_the_embedded_file_is_the_one_named_in_the_code():
    assert weights.sha256_of(weights.EMBEDDED_FILE) == weights.EMBEDDED_SHA256
    assert weights.EMBEDDED_FILE.stat().st_size < 1_500_000


def test_the_file_says_how_it_was_made():
    facts = recipe_of(weights.EMBEDDED_FILE)
    assert facts["version"] == RECIPE
    assert set(facts) == {"version", "seed", "steps", "torch"}


def test_the_file_is_the_whole_backbone_and_no_head():
    state = weights.load_backbone()
    model = ResNet(BLOCKS["resnet18"], weights.EMBEDDED_WIDTH, 10)
    expected = {name for name in model.state_dict() if not name.startswith("fc.") and "num_batches" not in name}
    assert set(state) == expected
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in state.values())


def test_what_is_saved_is_loaded_at_half_precision(tmp_path):
    model, path = ResNet(BLOCKS["resnet18"], 0.25, 3), tmp_path / "w.safetensors"
    weights.save_backbone(model, path, {"steps": 3})
    state = weights.load_backbone(path, weights.sha256_of(path))
    for name, value in state.items():
        assert torch.equal(value, model.state_dict()[name].half().float())
    assert recipe_of(path) == {"steps": 3}
    assert list(tmp_path.iterdir()) == [path]


def test_one_changed_byte_is_noticed(tmp_path):
    content = bytearray(weights.EMBEDDED_FILE.read_bytes())
    content[-1] ^= 1
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged\.safetensors is damaged: its SHA-256 is .*, expected"):
        weights.load_backbone(damaged)
