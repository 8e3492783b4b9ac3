"""The optimizers a trial can choose from, fused where torch has it, with a learning rate for each part of the model."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn, optim

#: AdamW's steps do not scale with the gradient: the one learning-rate axis of the space is divided by this for it.
ADAMW_LR_DIVISOR = 10.0


def make_optimizer(
    model: nn.Module,
    name: str,
    lr: float,
    weight_decay: float,
    momentum: float,
    beta2: float = 0.999,
    factor: Callable[[str], float] = lambda parameter: 1.0,
) -> optim.Optimizer:
    """Make an optimizer over the trainable parameters; weight decay spares biases and normalisation parameters.

    Parameters
    ----------
    model : torch.nn.Module
        Parameters that need no gradient are left out.
    name : str
        ``"sgd"``: SGD with Nesterov momentum (Sutskever et al. 2013). ``"adamw"``: AdamW (Loshchilov and Hutter 2019)
        with ``lr / 10`` and beta1 = `momentum`.
    lr, weight_decay, momentum, beta2 : float
        Base learning rate, weight decay (coupled for SGD, decoupled for AdamW), momentum, AdamW's beta2.
    factor : callable
        From a parameter's name to the factor on its learning rate.

    Returns
    -------
    torch.optim.Optimizer
        Each parameter group carries its base learning rate as ``"base_lr"``.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if name not in ("sgd", "adamw"):
        raise ValueError(f"unknown optimizer {name!r}: expected 'sgd' or 'adamw'")
    base = lr / ADAMW_LR_DIVISOR if name == "adamw" else lr
    groups = _groups(model, base, weight_decay, factor)
    optimizer: optim.Optimizer
    if name == "sgd":
        optimizer = optim.SGD(groups, lr=base, momentum=momentum, nesterov=momentum > 0, fused=True)
    else:
        optimizer = optim.AdamW(groups, lr=base, betas=(momentum, beta2), fused=True)
    for group in optimizer.param_groups:
        group["base_lr"] = group["lr"]
    return optimizer


def _groups(
    model: nn.Module, lr: float, weight_decay: float, factor: Callable[[str], float]
) -> list[dict[str, object]]:
    """Group the trainable parameters by learning rate and weight decay, in the order of the model."""
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((lr * factor(name), parameter.ndim > 1), []).append(parameter)
    return [
        {"params": members, "lr": rate, "weight_decay": weight_decay if decayed else 0.0}
        for (rate, decayed), members in groups.items()
    ]


def set_lr_factor(optimizer: optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to `factor` times its base."""
    for group in optimizer.param_groups:
        group["lr"] = factor * group["base_lr"]
