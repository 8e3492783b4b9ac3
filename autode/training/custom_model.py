"""Networks of the user's own: ``model = "module:function"``, a function that returns a `torch.nn.Module`.

The function is called without arguments, or with the number of classes if it has a parameter ``classes`` or
``num_classes``. It may load weights. Its last linear layer is the head; one of another size is replaced. What comes
before the head is cut into five parts of about equally many modules, which the freeze depth counts.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter


def build(name: str, folder: str, classes: int, seed: int) -> nn.Module:
    """Call the user's function; what it draws from torch's global generator depends on the seed alone.

    Parameters
    ----------
    name : str
        ``module:function``.
    folder : str
        Where to look for the module, besides Python's path and the working directory.
    classes : int
        Number of classes of the data.
    seed : int
        Seed of torch's global generator meanwhile.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        If there is no such function, or it returns something else, or a network without a linear layer that was not
        told the number of classes.
    """
    function = _load(name, folder)
    known = inspect.signature(function).parameters
    told = {key: classes for key in ("classes", "num_classes") if key in known}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = function(**told)
    if not isinstance(model, nn.Module):
        raise ValueError(f"model {name!r} returned {type(model).__name__}, expected a torch.nn.Module")
    if not (told or _linears(model)):
        raise ValueError(f"model {name!r} has no linear layer to replace: give its function a parameter 'classes'")
    return model


def materialise(model: nn.Module, images: Tensor, seed: int) -> None:
    """Give lazy layers (`torch.nn.LazyConv2d` and the like) the sizes that these inputs (n, channels, h, w) call for.

    Their weights are drawn from torch's global generator, which depends on the seed alone meanwhile.
    """
    values = (*model.parameters(), *model.buffers())
    if any(isinstance(value, UninitializedParameter | UninitializedBuffer) for value in values):
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.default_generator.manual_seed(seed)
            model.eval()(images)
        model.train()


def _load(name: str, folder: str) -> Any:
    """Import the function."""
    module, _, attribute = name.partition(":")
    for place in ("", folder):
        if place not in sys.path:
            sys.path.insert(0, place)
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"model {name!r} cannot be imported ({error})") from error
    if not callable(function):
        raise ValueError(f"model {name!r} is no function")
    return function


def _linears(model: nn.Module) -> list[str]:
    """Paths of all linear layers, in the order of the model."""
    return [path for path, module in model.named_modules() if isinstance(module, nn.Linear) and path]


def head(model: nn.Module) -> str:
    """Path of the last linear layer, or without any of the last module that has parameters."""
    paths: list[str] = _linears(model)
    paths = paths or [path for path, module in model.named_modules() if path and list(module.parameters(recurse=False))]
    return paths[-1]


def fits(model: nn.Module, path: str, classes: int) -> bool:
    """Whether the head has as many outputs as there are classes, or is none that can be replaced."""
    module = model.get_submodule(path)
    return not isinstance(module, nn.Linear) or module.out_features == classes


def parts(model: nn.Module) -> tuple[tuple[str, ...], ...]:
    """Paths of the modules in each of five parts; parts can be empty in a model of few modules."""
    paths = _before(model, head(model))
    while len(paths) < 5:
        finer = [path for whole in paths for path in _children(model, whole)]
        if len(finer) == len(paths):
            break
        paths = finer
    count = len(paths)
    return tuple(tuple(paths[count * part // 5 : count * (part + 1) // 5]) for part in range(5))


def _before(model: nn.Module, last: str) -> list[str]:
    """Modules with parameters on the way to the head, as large as possible."""
    paths, owner, place = [], model, ""
    for step in last.split("."):
        for name, child in owner.named_children():
            if name == step:
                break
            if list(child.parameters()):
                paths.append(place + name)
        owner, place = owner.get_submodule(step), f"{place}{step}."
    return paths


def _children(model: nn.Module, path: str) -> list[str]:
    """Children with parameters; the module itself if it has parameters of its own or fewer than two such children."""
    module = model.get_submodule(path)
    below = [f"{path}.{name}" for name, child in module.named_children() if list(child.parameters())]
    return [path] if list(module.parameters(recurse=False)) or not below else below
