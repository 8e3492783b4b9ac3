"""ResNet-18 and -34 of any width, with torchvision's module names, so that state dicts are exchangeable at width 1."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

#: Blocks in each of the four stages (He et al. 2016, table 1).
BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}


class Conv2d(nn.Conv2d):
    """Convolution that becomes a matrix product where its output is a single pixel.

    At 32 px the last stage works on maps of one pixel, where eight of nine taps of a 3x3 kernel only ever see padding.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Convolve (n, inputs, height, width)."""
        height, width = images.shape[2:]
        kernel, stride, padding = self.kernel_size[0], self.stride[0], int(self.padding[0])
        if max(height, width) + 2 * padding - kernel >= stride:  # more than one pixel comes out
            return super().forward(images)
        # the output pixel meets input pixel (i, j) at tap (i + padding, j + padding)
        rows, columns = min(height, kernel - padding), min(width, kernel - padding)
        if rows == columns == 1:
            taps, pixels = self.weight.flatten(2)[:, :, padding * (kernel + 1)], images[:, :, 0, 0]
        else:
            taps = self.weight[:, :, padding : padding + rows, padding : padding + columns].flatten(1)
            pixels = images[:, :, :rows, :columns].flatten(1)
        return self._product(pixels, taps)[:, :, None, None]

    def _product(self, pixels: Tensor, taps: Tensor) -> Tensor:
        """Multiply (n, inputs) by (outputs, inputs)."""
        return functional.linear(pixels, taps)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2016, figure 5 left).

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    stride : int
        Of the first convolution and of the shortcut.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.conv1 = Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        shortcut = images if self.downsample is None else self.downsample(images)
        features = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(images)))))
        return cast("Tensor", self.relu(features.add_(shortcut)))


def _stage(blocks: int, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Make one stage: the first block changes width and resolution, the others keep both."""
    return nn.Sequential(
        BasicBlock(inputs, outputs, stride), *(BasicBlock(outputs, outputs) for _ in range(blocks - 1))
    )


class ResNet(nn.Module):
    """Residual network of basic blocks (He et al. 2016) with all channel counts scaled.

    Parameters
    ----------
    blocks : tuple of int
        Blocks in each of the four stages.
    width : float
        Factor on the channels 64, 128, 256, 512; a multiple of 1/4.
    classes : int
        Size of the output.

    Raises
    ------
    ValueError
        If the width is no positive multiple of 1/4.
    """

    def __init__(self, blocks: tuple[int, int, int, int], width: float, classes: int):
        super().__init__()
        # With fewer channels than a CPU's vectors hold (8 or 16), oneDNN's gradient of a 1x1 convolution with stride 2
        # writes outside its memory (uxlfoundation/oneDNN issue 6035).
        if width <= 0 or 4 * width != round(4 * width):
            raise ValueError(f"width = {width}: expected a positive multiple of 1/4")
        stem = round(64 * width)
        self.conv1 = Conv2d(3, stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _stage(blocks[0], stem, stem, 1)
        self.layer2 = _stage(blocks[1], stem, 2 * stem, 2)
        self.layer3 = _stage(blocks[2], 2 * stem, 4 * stem, 2)
        self.layer4 = _stage(blocks[3], 4 * stem, 8 * stem, 2)
        self.fc = nn.Linear(8 * stem, classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, 3, height, width) to logits (n, classes)."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        features = self.layer4(self.layer3(self.layer2(self.layer1(features))))
        return cast("Tensor", self.fc(features.mean(dim=(2, 3))))
