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
        window = self._window(*images.shape[2:])
        if window is None:
            return super().forward(images)
        rows, columns = window
        pixels = images[:, :, 0, 0] if rows == columns == 1 else images[:, :, :rows, :columns].flatten(1)
        taps = self.weight if self.weight.ndim == 2 else self._taps(rows, columns)
        return self._product(pixels, taps)[:, :, None, None]

    def _window(self, height: int, width: int) -> tuple[int, int] | None:
        """Rows and columns of the input that the only output pixel sees; None if there are more output pixels."""
        kernel, stride, padding = self.kernel_size[0], self.stride[0], int(self.padding[0])
        if max(height, width) + 2 * padding - kernel >= stride:
            return None
        return min(height, kernel - padding), min(width, kernel - padding)

    def _taps(self, rows: int, columns: int) -> Tensor:
        """Return the taps that such a window meets, (outputs, inputs * taps): pixel (i, j) has tap (i, j) + padding."""
        padding = int(self.padding[0])
        if rows == columns == 1:
            return self.weight.flatten(2)[:, :, padding * (self.kernel_size[0] + 1)]
        return self.weight[:, :, padding : padding + rows, padding : padding + columns].flatten(1)

    def _product(self, pixels: Tensor, taps: Tensor) -> Tensor:
        """Multiply (n, inputs) by (outputs, inputs)."""
        return functional.linear(pixels, taps)

    def keep_used_taps(self, size: int) -> int:
        """Forget the taps that never meet a pixel of inputs of this side; returns the side of the output."""
        window = self._window(size, size)
        if window is not None:
            self.weight = nn.Parameter(self._taps(*window).detach().clone(), self.weight.requires_grad)
        return (size + 2 * int(self.padding[0]) - self.kernel_size[0]) // self.stride[0] + 1


def keep_used_taps(model: nn.Module, size: int) -> None:
    """Forget a `ResNet`'s taps that never meet a pixel, so that nothing is spent on their gradients and steps.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place, if it is a `ResNet`; for images of this size it computes what it did, and takes no others.
    size : int
        Side of the network's input.
    """
    if isinstance(model, ResNet):
        size = (model.conv1.keep_used_taps(size) - 1) // 2 + 1  # pooling halves it
        for block in model.modules():
            if isinstance(block, BasicBlock):
                if isinstance(block.downsample, nn.Sequential):
                    cast("Conv2d", block.downsample[0]).keep_used_taps(size)
                size = block.conv2.keep_used_taps(block.conv1.keep_used_taps(size))


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
