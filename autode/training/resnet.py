"""ResNet-18 and -34 of any width, with torchvision's module names, so that state dicts are exchangeable at width 1."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

#: Blocks in each of the four stages (He et al. 2016, table 1).
BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}


def _stage(blocks: int, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Make one stage: the first block changes width and resolution, the others keep both."""
    shortcut = None
    if stride != 1 or inputs != outputs:
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    first = BasicBlock(inputs, outputs, stride, shortcut)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs) for _ in range(blocks - 1)))


class ResNet(nn.Module):
    """Residual network of basic blocks (He et al. 2016) with all channel counts scaled.

    Parameters
    ----------
    blocks : tuple of int
        Blocks in each of the four stages.
    width : float
        Factor on the channels 64, 128, 256, 512; ``64 * width`` must be a whole number.
    classes : int
        Size of the output.

    Raises
    ------
    ValueError
        If ``64 * width`` is not a positive whole number.
    """

    def __init__(self, blocks: tuple[int, int, int, int], width: float, classes: int):
        super().__init__()
        stem = round(64 * width)
        if stem < 1 or stem != 64 * width:
            raise ValueError(
                f"width {width} is impossible: 64 times the width must be a positive whole number of channels"
            )
        self.conv1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _stage(blocks[0], stem, stem, 1)
        self.layer2 = _stage(blocks[1], stem, 2 * stem, 2)
        self.layer3 = _stage(blocks[2], 2 * stem, 4 * stem, 2)
        self.layer4 = _stage(blocks[3], 4 * stem, 8 * stem, 2)
        self.fc = nn.Linear(8 * stem, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, 3, height, width) to logits (n, classes)."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        features = self.layer4(self.layer3(self.layer2(self.layer1(features))))
        return cast("Tensor", self.fc(features.mean(dim=(2, 3))))
