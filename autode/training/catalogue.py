"""The models, data sets and initial weights that autode knows by name. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DataFacts:
    """What is known of a data set before it is read.

    Attributes
    ----------
    classes : int or None
        Number of classes; None: the data tell.
    train_samples : int or None
        Default size of the training split; None: everything that validation leaves.
    validation_samples : int or None
        Default size of the validation split; None: a tenth.
    resolution : int
        Default side of the network's input, in pixels.
    flips : bool
        Whether a mirrored image keeps its meaning.
    """

    classes: int | None
    train_samples: int | None
    validation_samples: int | None
    resolution: int
    flips: bool


EMBEDDED_TASK = "glyphs-to-digits"
ALIASES = {"digits": EMBEDDED_TASK}
DATASETS = {
    EMBEDDED_TASK: DataFacts(10, 800, 497, 32, False),
    "mnist": DataFacts(10, None, 5000, 64, False),
    "fashion-mnist": DataFacts(10, None, 5000, 64, True),
    "cifar10": DataFacts(10, None, 5000, 64, True),
    "cifar100": DataFacts(100, None, 5000, 64, True),
}
#: Data of the user's own: images in one folder a class, and arrays in an ``.npz`` file.
FOLDER, ARRAYS = "folder", "arrays"
OWN_DATA = {
    FOLDER: DataFacts(None, None, None, 64, False),
    ARRAYS: DataFacts(None, None, None, 64, False),
}

#: Models that exist at several widths; the others only as torchvision has them.
SCALABLE_MODELS = ("resnet18", "resnet34")
MODELS = (*SCALABLE_MODELS, "resnet50", "densenet121", "convnext_tiny", "convnext_small", "vgg11", "vgg11_bn")
WEIGHTS = ("embedded", "imagenet", "none")
EMBEDDED_MODEL, EMBEDDED_WIDTH = "resnet18", 0.25

#: Smallest side of an input: that of MNIST's images, and of five halvings without padding.
SMALLEST_RESOLUTION, FIVE_HALVINGS = 28, 32


def smallest_resolution(model: str) -> int:
    """Return the smallest input that a model's layers can halve as often as they do, in pixels."""
    halves = model.startswith(("densenet", "convnext", "vgg")) and model in MODELS
    return FIVE_HALVINGS if halves else SMALLEST_RESOLUTION
