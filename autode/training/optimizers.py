"""The optimizers a trial can choose from, fused where torch has it, with a learning rate for each part of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn, optim

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
        optimizer = DirectSGD(groups, lr=base, momentum=momentum, nesterov=momentum > 0, fused=True)
    else:
        optimizer = DirectAdamW(groups, lr=base, betas=(momentum, beta2), fused=True)
    for group in optimizer.param_groups:
        group["base_lr"] = group["lr"]
    return optimizer


class _Direct(optim.Optimizer):
    """An optimizer that calls torch's fused kernels itself.

    Around the same kernels torch sorts tensors, looks for what may be special about them and writes a record for its
    profiler; on a small network that takes as long as the kernels. State and figures are those of torch's own class.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take one step; parameters without a gradient stay as they are."""
        for hook in self._optimizer_step_pre_hooks.values():
            hook(self, (), {})
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if parameters:
                self._move(parameters, [cast("Tensor", parameter.grad) for parameter in parameters], group)

    step.hooked = True  # type: ignore[attr-defined]  # or torch wraps it in its profiler's record

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def _move(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        """Move the parameters of one group."""
        raise NotImplementedError

    def _kept(self, parameters: list[Tensor], name: str, *, scalar: bool = False) -> list[Tensor]:
        """Return the state under a name for each parameter: zeros at first, of its shape or a single one."""
        states = [self.state[parameter] for parameter in parameters]
        for parameter, state in zip(parameters, states, strict=True):
            if name not in state:
                single = torch.zeros((), device=parameter.device)
                state[name] = single if scalar else torch.zeros_like(parameter)
        return [state[name] for state in states]


class DirectSGD(_Direct, optim.SGD):
    """`torch.optim.SGD` with ``fused=True``."""

    def _move(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        velocities = self._kept(parameters, "momentum_buffer") if group["momentum"] else []
        chosen = {name: group[name] for name in ("lr", "momentum", "weight_decay", "dampening", "nesterov", "maximize")}
        torch._fused_sgd_(parameters, gradients, velocities, is_first_step=False, **chosen)


class DirectAdamW(_Direct, optim.AdamW):
    """`torch.optim.AdamW` with ``fused=True``."""

    def _move(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        means, squares = (self._kept(parameters, name) for name in ("exp_avg", "exp_avg_sq"))
        steps = self._kept(parameters, "step", scalar=True)
        torch._foreach_add_(steps, 1)
        (beta1, beta2), names = group["betas"], ("lr", "weight_decay", "eps", "maximize")
        chosen = {name: group[name] for name in names}
        torch._fused_adamw_(
            parameters, gradients, means, squares, [], steps, amsgrad=False, beta1=beta1, beta2=beta2, **chosen
        )


def _groups(
    model: nn.Module, lr: float, weight_decay: float, factor: Callable[[str], float]
) -> list[dict[str, object]]:
    """Group the trainable parameters by learning rate, weight decay and type, in the order of the model."""
    groups: dict[tuple[float, bool, torch.dtype], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((lr * factor(name), parameter.ndim > 1, parameter.dtype), []).append(parameter)
    return [
        {"params": members, "lr": rate, "weight_decay": weight_decay if decayed else 0.0}
        for (rate, decayed, _), members in groups.items()
    ]


def set_lr_factor(optimizer: optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to `factor` times its base."""
    for group in optimizer.param_groups:
        group["lr"] = factor * group["base_lr"]
