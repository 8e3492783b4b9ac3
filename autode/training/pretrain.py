"""The recipe of the embedded weights: ``python -m autode.training.pretrain [--out FILE] [--steps N] [--seed N]``.

A ResNet-18 of a quarter of the width learns to tell rendered letters and punctuation apart (`autode.training.glyphs`;
no digit is among them). Most batches are degraded to 8x8 pixels of 17 grey levels, the format of the target task.
Only the backbone is kept. Bitwise repeatable with one torch version on one kind of CPU; statistically elsewhere.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from autode.training import glyphs
from autode.training.augmentation import random_affine, warp
from autode.training.optimizers import make_optimizer, set_lr_factor
from autode.training.resnet import BLOCKS, ResNet
from autode.training.schedule import warmup_cosine
from autode.training.weights import EMBEDDED_FILE, EMBEDDED_WIDTH, NORMALISATION, save_backbone, sha256_of

#: Counts up whenever the recipe changes, so that a weights file tells how it was made.
RECIPE = 1
BATCH, SIZE, DEGRADED_SHARE = 128, 32, 0.6


def degrade(images: Tensor) -> Tensor:
    """Reduce (n, 1, 32, 32) images in [0, 1] to 8x8 counts of ink, 17 levels, and scale them back bilinearly."""
    counts = functional.avg_pool2d((images > 0.5).float(), 4)
    return functional.interpolate(counts, size=SIZE, mode="bilinear", align_corners=False)


def vary_stroke(images: Tensor, generator: torch.Generator) -> Tensor:
    """Make strokes of (n, 1, h, w) images in [0, 1] thinner or thicker, differently for each image."""
    level = 0.2 + 0.4 * torch.rand(len(images), 1, 1, 1, generator=generator)
    blurred = functional.avg_pool2d(images, 3, 1, 1)
    return ((blurred - level) * 6 + 0.5).clamp_(0, 1)


def make_batch(images: Tensor, generator: torch.Generator) -> Tensor:
    """Distort uint8 glyphs (n, 1, 48, 48) into normalised network inputs (n, 3, 32, 32)."""
    maps = random_affine(len(images), 1.0, generator) * 0.9
    pixels = vary_stroke(warp(images.float() / 255, maps, SIZE), generator)
    if torch.rand((), generator=generator) < DEGRADED_SHARE:
        pixels = degrade(pixels)
    else:
        noise = 0.1 * torch.rand((), generator=generator)
        pixels = pixels + noise * torch.randn(pixels.shape, generator=generator)
    mean, std = NORMALISATION["embedded"]
    return ((pixels - mean[0]) / std[0]).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def train(steps: int, seed: int) -> ResNet:
    """Train the network on glyphs and print the running accuracy.

    Parameters
    ----------
    steps : int
        Number of batches of 128.
    seed : int
        Seed of initial weights, sampling and distortion.

    Returns
    -------
    ResNet
        The trained network, on the CPU.
    """
    rendered, classes = glyphs.render_all()
    images, labels = torch.from_numpy(rendered), torch.from_numpy(classes)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ResNet(BLOCKS["resnet18"], EMBEDDED_WIDTH, len(glyphs.CLASSES)).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(model, "sgd", lr=0.2, weight_decay=5e-4, momentum=0.9)
    correct, start = 0.0, time.monotonic()
    for step in range(steps):
        index = torch.randint(len(images), (BATCH,), generator=generator)
        logits = model(make_batch(images[index], generator))
        loss = functional.cross_entropy(logits, labels[index], label_smoothing=0.1)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        set_lr_factor(optimizer, warmup_cosine(step, steps, steps // 20))
        optimizer.step()
        correct += 0.01 * ((logits.argmax(1) == labels[index]).float().mean().item() - correct)
        if (step + 1) % 250 == 0:
            print(f"step {step + 1}: accuracy {correct:.3f}, {time.monotonic() - start:.0f} s", flush=True)
    return model


def main() -> None:
    """Run the recipe from the command line."""
    parser = argparse.ArgumentParser(prog="python -m autode.training.pretrain", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=EMBEDDED_FILE, help="weights file to write (default: the embedded one)"
    )
    parser.add_argument("--steps", type=int, default=2500, help="batches of 128 (default: 2500)")
    parser.add_argument("--seed", type=int, default=420, help="seed (default: 420)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = train(arguments.steps, arguments.seed)
    facts = {"version": RECIPE, "seed": arguments.seed, "steps": arguments.steps, "torch": str(torch.__version__)}
    save_backbone(model, arguments.out, facts)
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes, sha256 {sha256_of(arguments.out)}")


if __name__ == "__main__":
    main()
