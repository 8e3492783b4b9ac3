"""The optimizers a trial can choose from, fused where torch has it."""

from __future__ import annotations

from torch import nn, optim

#: AdamW's steps do not scale with the gradient: the one learning-rate axis of the space is divided by this for it.
ADAMW_LR_DIVISOR = 10.0


def make_optimizer(model: nn.Module, name: str, lr: float, weight_decay: float, momentum: float) -> optim.Optimizer:
    """Make an optimizer over the trainable parameters; weight decay spares biases and normalisation parameters.

    Parameters
    ----------
    model : torch.nn.Module
        Parameters that need no gradient are left out.
    name : str
        ``"sgd"``: SGD with Nesterov momentum (Sutskever et al. 2013). ``"adamw"``: AdamW (Loshchilov and Hutter 2019)
        with ``lr / 10`` and beta1 = `momentum`, beta2 = 0.999.
    lr, weight_decay, momentum : float
        Base learning rate, weight decay (coupled for SGD, decoupled for AdamW) and momentum.

    Returns
    -------
    torch.optim.Optimizer
        Each parameter group carries its base learning rate as ``"base_lr"``.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trainable if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trainable if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer: optim.Optimizer
    if name == "sgd":
        optimizer = optim.SGD(groups, lr=lr, momentum=momentum, nesterov=momentum > 0, fused=True)
    elif name == "adamw":
        optimizer = optim.AdamW(groups, lr=lr / ADAMW_LR_DIVISOR, betas=(momentum, 0.999), fused=True)
    else:
        raise ValueError(f"unknown optimizer {name!r}: expected 'sgd' or 'adamw'")
    for group in optimizer.param_groups:
        group["base_lr"] = group["lr"]
    return optimizer


def set_lr_factor(optimizer: optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to `factor` times its base."""
    for group in optimizer.param_groups:
        group["lr"] = factor * group["base_lr"]
