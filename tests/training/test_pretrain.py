"""The recipe of the embedded weights is a command that can be run again."""

import subprocess
import sys

import pytest
import torch

from autode.training.pretrain import degrade, make_batch, vary_stroke
from autode.training.weights import load_backbone, sha256_of


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_degraded_images_are_8x8_counts_of_17_levels():
    degraded = degrade(torch.rand(20, 1, 32, 32))
    counts = degraded[:, :, 1:-1, 1:-1].unfold(
        2, 2, 4
    )  # bilinear scaling by four keeps no original pixel, but its range
    assert degraded.shape == (20, 1, 32, 32)
    assert (counts.min() >= 0) & (counts.max() <= 1)
    flat = degrade(torch.ones(1, 1, 32, 32) * torch.tensor([0.4, 0.6]).repeat(16))
    assert torch.allclose(flat, torch.full_like(flat, 0.5))


def test_strokes_become_thicker_and_thinner():
    line = torch.zeros(64, 1, 32, 32)
    line[:, :, :, 14:18] = 1
    ink = vary_stroke(line, generator()).sum(dim=(1, 2, 3)) / 32
    assert (ink.min() < 4) & (ink.max() > 4)


def test_batches_are_repeatable_and_of_both_kinds():
    images = torch.randint(0, 256, (8, 1, 48, 48), dtype=torch.uint8, generator=generator())
    batches = [make_batch(images, generator(seed)) for seed in range(20)]
    assert batches[0].shape == (8, 3, 32, 32)
    assert torch.equal(batches[3], make_batch(images, generator(3)))
    assert all(torch.equal(batch[:, 0], batch[:, 2]) for batch in batches)


@pytest.mark.slow
def test_the_command_writes_the_same_file_twice(tmp_path):
    files = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for path in files:
        command = [sys.executable, "-m", "autode.training.pretrain", "--steps", "2", "--seed", "1", "--out", str(path)]
        shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert sha256_of(path) in shown
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len(load_backbone(files[0], sha256_of(files[0]))) == 100
