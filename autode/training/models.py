"""Networks to fine-tune: built, given their initial weights, a new head, and frozen up to a depth."""

from __future__ import annotations

import functools
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from autode.training import custom_model
from autode.training.catalogue import SCALABLE_MODELS
from autode.training.presence import REMEDY
from autode.training.resnet import BLOCKS, ResNet
from autode.training.settings import is_custom
from autode.training.weights import load_backbone

# The parts that a freeze depth counts: stem and four stages, by the names of torchvision's modules.
_RESNET = (("conv1", "bn1"), ("layer1",), ("layer2",), ("layer3",), ("layer4",))
_DENSENET = (
    ("features.conv0", "features.norm0"),
    *((f"features.denseblock{i}", f"features.transition{i}") for i in (1, 2, 3)),
    ("features.denseblock4", "features.norm5"),
)
_CONVNEXT = (
    ("features.0",),
    ("features.1",),
    ("features.2", "features.3"),
    ("features.4", "features.5"),
    ("features.6", "features.7", "classifier.0"),
)
# Convolution blocks of VGG-11 between two poolings, as positions in ``features``; batch normalisation shifts them. The
# last part has the hidden layers of the classifier, too, and the dropout between them.
_VGG_HIDDEN = ("classifier.0", "classifier.2", "classifier.3")
_VGG_BLOCKS = {
    "vgg11": ((0,), (3,), (6, 8), (11, 13), (16, 18)),
    "vgg11_bn": ((0, 1), (4, 5), (8, 9, 11, 12), (15, 16, 18, 19), (22, 23, 25, 26)),
}
_HEAD = {"resnet": "fc", "densenet": "classifier", "convnext": "classifier.2", "vgg": "classifier.6"}


def parts(name: str, model: nn.Module | None = None) -> tuple[tuple[str, ...], ...]:
    """Names of the modules in each of a model's five freezable parts, from the input on; the user's own is asked."""
    if name in _VGG_BLOCKS:
        blocks = [tuple(f"features.{i}" for i in block) for block in _VGG_BLOCKS[name]]
        return (*blocks[:4], blocks[4] + _VGG_HIDDEN)
    if is_custom(name):
        assert model is not None
        return custom_model.parts(model)
    return {"resnet": _RESNET, "densenet": _DENSENET, "convnext": _CONVNEXT}[name.rstrip("0123456789").split("_")[0]]


def head(name: str, model: nn.Module | None = None) -> str:
    """Name of the module that maps features to classes; the user's own model is asked."""
    if is_custom(name):
        assert model is not None
        return custom_model.head(model)
    return next(module for family, module in _HEAD.items() if name.startswith(family))


def make_model(
    name: str, weights: str, width: float, classes: int, seed: int, dropout: float = 0.0, folder: str = ""
) -> nn.Module:
    """Build a network for a number of classes, on the CPU.

    Parameters
    ----------
    name : str
        One of `autode.training.settings.MODELS`, or ``module:function`` (see `autode.training.custom_model`).
    weights : str
        ``"embedded"``, ``"imagenet"`` or ``"none"``.
    width : float
        Factor on the channel counts.
    classes : int
        Number of classes.
    seed : int
        Seed of everything that starts at random: the head, and with ``"none"`` all weights.
    dropout : float
        Probability of dropout: where the model has such layers, theirs if not 0; else in front of the head.
    folder : str
        Where to look for the user's module, besides Python's path.

    Returns
    -------
    torch.nn.Module
        In torch's default memory format.

    Raises
    ------
    ValueError
        If the weights are not in the local cache, or damaged; or if the user's function does not make a network.
    """
    if is_custom(name):
        model = custom_model.build(name, folder, classes, seed)
    elif weights == "none":
        model = _seeded(name, width, seed)
    else:
        model = _copy(_pretrained(name, weights, width))
    path = head(name, model)
    if not (is_custom(name) and custom_model.fits(model, path, classes)):
        _replace_head(model, path, classes, seed)
    if dropout > 0:
        _add_dropout(model, path, dropout)
    return model


def _add_dropout(model: nn.Module, path: str, probability: float) -> None:
    """Set the model's own dropout layers, or put one in front of the head."""
    layers = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    for layer in layers:
        layer.p = probability
    if not layers:
        # a hook and no module: names in the state stay those of the model without
        model.get_submodule(path).register_forward_pre_hook(_Dropout(probability))


class _Dropout:
    """Drops a module's inputs while it is in training mode."""

    def __init__(self, probability: float):
        self.probability = probability

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (functional.dropout(inputs[0], self.probability, module.training), *inputs[1:])


def _build(name: str, width: float) -> nn.Module:
    """Build the bare network; its weights come from torch's global generator."""
    from torchvision.models import get_model

    if name in SCALABLE_MODELS:
        return ResNet(BLOCKS[name], width, classes=1)
    model: nn.Module = get_model(name, weights=None)
    return model


def _seeded(name: str, width: float, seed: int) -> nn.Module:
    """Build with random weights that depend on the seed alone; torch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return _build(name, width)


@functools.lru_cache(maxsize=4)
def _pretrained(name: str, weights: str, width: float) -> nn.Module:
    """Build once per process with pretrained weights, whatever their head; callers copy and replace the head."""
    with torch.device("meta"):  # drawing numbers that the weights replace at once would take longer than reading these
        model = _build(name, width)
    state = load_backbone() if weights == "embedded" else _imagenet_state(name)
    state = {key: value for key, value in state.items() if not key.startswith(head(name) + ".")}
    try:
        missing, unexpected = model.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as error:
        raise ValueError(f"the {weights} weights do not fit {name} at width {width}: {error}") from error
    optional = (head(name) + ".", "num_batches_tracked")
    lacking = [key for key in missing if not key.startswith(optional[0]) and not key.endswith(optional[1])]
    if lacking or unexpected:
        raise ValueError(f"the {weights} weights do not fit {name} at width {width}: {(lacking + unexpected)[0]}")
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.num_batches_tracked is not None:
            module.num_batches_tracked = torch.zeros((), dtype=torch.long)
    return model


def _copy(module: nn.Module) -> nn.Module:
    """Copy a network that has no hooks and uses no module twice: `copy.deepcopy` in a third of the time."""
    twin = type(module).__new__(type(module))
    for name, value in vars(module).items():
        twin.__dict__[name] = value.copy() if isinstance(value, dict | list | set) else value
    for name, parameter in module._parameters.items():
        twin._parameters[name] = (
            None if parameter is None else nn.Parameter(parameter.detach().clone(), parameter.requires_grad)
        )
    for name, buffer in module._buffers.items():
        twin._buffers[name] = None if buffer is None else buffer.clone()
    for name, child in module._modules.items():
        twin._modules[name] = None if child is None else _copy(child)
    return twin


def imagenet_file(name: str) -> tuple[Path, str]:
    """Where torchvision's cache keeps a model's default ImageNet weights, and their address."""
    from torchvision.models import get_model_weights

    url = get_model_weights(name).DEFAULT.url
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[1], url


def _imagenet_state(name: str) -> dict[str, Tensor]:
    """Read torchvision's default ImageNet weights from its cache; never download."""
    path, _ = imagenet_file(name)
    if not path.is_file():
        raise ValueError(f"the ImageNet weights of {name} are not in the cache ({path} is missing): {REMEDY}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it and run 'autode prefetch WORKFLOW' again") from error
    # DenseNet's file is older than its module names: "denselayer1.norm.1.weight" is now "denselayer1.norm1.weight"
    return {re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)", r"\1\2", key): value for key, value in state.items()}


def _replace_head(model: nn.Module, path: str, classes: int, seed: int) -> None:
    """Put a fresh linear layer in place of the head, uniform in +-1/sqrt(inputs) as torch's own default."""
    parent, _, child = path.rpartition(".")
    owner = model.get_submodule(parent)
    inputs = getattr(owner, child).in_features
    if inputs == 0:  # a lazy layer: `custom_model.materialise` draws its weights
        setattr(owner, child, nn.LazyLinear(classes))
        return
    linear = nn.Linear(inputs, classes, device="meta").to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in (linear.weight, linear.bias):
            parameter.uniform_(-1 / math.sqrt(inputs), 1 / math.sqrt(inputs), generator=generator)
    setattr(owner, child, linear)


def freeze(model: nn.Module, name: str, depth: int) -> list[nn.Module]:
    """Stop gradients of the first `depth` parts; returns their modules, which should stay in evaluation mode."""
    frozen = [model.get_submodule(module) for part in parts(name, model)[:depth] for module in part]
    for module in frozen:
        module.requires_grad_(False)
    return frozen


def lr_factors(model: nn.Module, name: str, layer_decay: float, head_factor: float) -> Callable[[str], float]:
    """Layer-wise learning rates (Howard and Ruder 2018, ULMFiT, section 3.2, by stages).

    Parameters
    ----------
    model : torch.nn.Module
    name : str
        As for `make_model`.
    layer_decay : float
        Factor from each of the five parts to the one before it; the last part has it once.
    head_factor : float
        Factor on the head's rate.

    Returns
    -------
    callable
        From a parameter's name to the factor on its learning rate.
    """
    last = head(name, model) + "."
    depth = {f"{module}.": index for index, part in enumerate(parts(name, model)) for module in part}

    def factor(parameter: str) -> float:
        if parameter.startswith(last):
            return head_factor
        index = next((index for module, index in depth.items() if parameter.startswith(module)), 0)
        return float(layer_decay ** (5 - index))

    return factor
