"""Features of frozen parts, computed once: without augmentation every epoch would compute the same ones again."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from autode.training.data import Split
from autode.training.loop import EVALUATION_SIZE, Inputs, Learner, evaluation_batch
from autode.training.resnet import ResNet


class Mean(nn.Module):
    """Mean over the map, as `ResNet` takes it."""

    def forward(self, features: Tensor) -> Tensor:
        """Map (n, channels, height, width) to (n, channels)."""
        return features.mean(dim=(2, 3))


class Kept(Inputs):
    """Gives kept features to the rest of the network as they are."""

    def __init__(self) -> None:
        """Nothing is to be prepared; features of an image count as those of a small one."""
        self.size = EVALUATION_SIZE

    def __call__(self, images: Tensor, maps: Tensor | None = None) -> Tensor:
        """Return the features (n, ...)."""
        return images

    def at_once(self, batch_size: int) -> int:
        """One batch: there is nothing to prepare."""
        return 1


def chain(model: nn.Module, name: str) -> list[nn.Module] | None:
    """Return modules that give, one after the other, what the model gives; None if its forward pass is not known.

    Parameters
    ----------
    model : torch.nn.Module
    name : str
        Its name, as for `autode.training.models.make_model`.
    """
    child = dict(model.named_children())
    if name.startswith("resnet"):
        end: list[nn.Module] = [Mean()] if isinstance(model, ResNet) else [child["avgpool"], nn.Flatten()]
        stages = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
        return [*(child[stage] for stage in stages), *end, child["fc"]]
    if name.startswith("densenet"):
        end = [nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), child["classifier"]]
        return [*child["features"].children(), *end]
    if name.startswith("convnext"):
        return [*child["features"].children(), child["avgpool"], *child["classifier"].children()]
    if name.startswith("vgg"):
        return [*child["features"].children(), child["avgpool"], nn.Flatten(), *child["classifier"].children()]
    return list(model.children()) if type(model) is nn.Sequential else None


def split(model: nn.Module, name: str, frozen: list[nn.Module]) -> tuple[nn.Module, nn.Module] | None:
    """Cut a network where its frozen parts end.

    Parameters
    ----------
    model : torch.nn.Module
        Not changed; the pieces share its modules.
    name : str
        Its name.
    frozen : list of torch.nn.Module
        From `autode.training.models.freeze`.

    Returns
    -------
    before, after : torch.nn.Module
        Or None if nothing is frozen or the cut cannot be made.
    """
    modules = chain(model, name)
    covered = {id(module) for part in frozen for module in part.modules()}
    cut = 0
    for module in modules or []:
        if not (id(module) in covered or _is_plain(module)):
            break
        cut += 1
    if modules is None or not any(id(module) in covered for module in modules[:cut]):
        return None
    return nn.Sequential(*modules[:cut]), nn.Sequential(*modules[cut:])


def _is_plain(module: nn.Module) -> bool:
    """Whether a module has no weights, no memory and no chance in it."""
    known = type(module) is Mean or type(module).__module__.startswith("torch.nn.modules")
    return known and not any(True for _ in module.children()) and not module.state_dict() and not _drops(module)


def _drops(module: nn.Module) -> bool:
    return type(module).__module__ == "torch.nn.modules.dropout"


@torch.no_grad()
def features(before: nn.Module, learner: Learner, data: Split) -> Split:
    """Compute the features of all images of a split, in batches of their own, so that they never depend on training.

    Parameters
    ----------
    before : torch.nn.Module
        First piece of `split`, frozen.
    learner : Learner
        Of the whole network: tells how images are prepared.
    data : Split
        Images.

    Returns
    -------
    Split
        With features (n, ...) in place of images.
    """
    before.eval()
    batch = evaluation_batch(learner.inputs)
    starts = range(0, len(data), batch)
    with learner.autocast(data.images.device):
        pieces = [before(learner.inputs(data.images[start : start + batch])) for start in starts]
    return Split(torch.cat(pieces), data.labels, data.classes)


@torch.no_grad()
def megabytes(before: nn.Module, learner: Learner, data: Split, images: int) -> float:
    """Memory that the features of so many images would take, in units of 2**20 bytes, told by two images."""
    before.eval()
    with learner.autocast(data.images.device):
        sample = cast("Tensor", before(learner.inputs(data.images[:2])))
    return sample.nbytes / len(sample) * images / 2**20
