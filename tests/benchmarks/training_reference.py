"""The reference: fine-tuning in the usual style, with DataLoader, PIL, torchvision transforms and eager 32-bit floats.

Written as most published scripts are, and as fast as that style allows: workers for the loader, pinned memory, cuDNN's
own choice of algorithms. Nothing of autode is in it but the shape of the data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def transform(resolution: int, source: int, *, training: bool) -> Callable[[Image.Image], torch.Tensor]:
    """Resize where needed, distort as `autode.training.augmentation` does at strength 0.3, normalise."""
    steps: list[Any] = [transforms.Resize(resolution)] if resolution != source else []
    if training:
        distortion = transforms.RandomAffine(6, translate=(0.036, 0.036), scale=(0.94, 1.06), shear=3.4)
        steps.append(distortion)
    return transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])


class Pictures(Dataset):
    """Images in memory that are decoded to PIL one by one, as data sets of files are."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, change: Callable[[Image.Image], torch.Tensor]):
        self._images = [Image.fromarray(one.permute(1, 2, 0).squeeze(-1).numpy()).convert("RGB") for one in images]
        self._labels, self._change = labels.tolist(), change

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self._change(self._images[index]), self._labels[index]


def loader(
    images: torch.Tensor, labels: torch.Tensor, resolution: int, batch: int, *, training: bool, workers: int
) -> Any:
    """Make the loader of one split; images are uint8 (n, channels, height, width) on the CPU."""
    data = Pictures(images, labels, transform(resolution, images.shape[-1], training=training))
    return DataLoader(
        data,
        batch_size=batch,
        shuffle=training,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
    )


def train_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Any, device: torch.device) -> float:
    """Train for one epoch; the mean loss."""
    model.train()
    criterion, total = nn.CrossEntropyLoss(), 0.0
    for images, labels in batches:
        images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(batches)


@torch.no_grad()
def accuracy(model: nn.Module, batches: Any, device: torch.device) -> float:
    """Share of right answers."""
    model.eval()
    right = count = 0
    for images, labels in batches:
        right += int((model(images.to(device)).argmax(1).cpu() == labels).sum())
        count += len(labels)
    return right / count


def make_optimizer(model: nn.Module, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
