"""CUDA graphs: at small batches a GPU waits for Python to launch kernels; a graph launches those of a step at once."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

#: Capturing costs about as much as some dozen steps, so that many of the same shape must follow.
LEAST_STEPS = 200


def pays(device: torch.device, full_steps: int, *, known_model: bool, ranks: int) -> bool:
    """Whether to capture a trial's steps.

    Parameters
    ----------
    device : torch.device
        Only GPUs have graphs.
    full_steps : int
        Steps of the full batch size in the whole trial.
    known_model : bool
        Whether the network is one of autode's: a user's may decide on the host what to launch.
    ranks : int
        Of the trial; the exchange between several is not captured.
    """
    return device.type == "cuda" and full_steps >= LEAST_STEPS and known_model and ranks == 1


class Replay:
    """A network's forward and backward pass, captured for the first shape that comes; other shapes run as usual.

    Parameters
    ----------
    model : torch.nn.Module
        In training mode whenever it is called through this object, on a GPU.
    """

    def __init__(self, model: nn.Module):
        self._model = model
        self._shape: torch.Size | None = None
        self._captured: Any = None

    def __call__(self, images: Tensor) -> Tensor:
        """Map images (n, ...) to logits (n, classes)."""
        if self._captured is None:
            self._shape, self._captured = images.shape, self._capture(images)
        run = self._captured if images.shape == self._shape else self._model
        return cast("Tensor", run(images))

    def _capture(self, images: Tensor) -> Any:
        """Capture, and undo what its trial runs do to batch statistics and to the generator."""
        buffers = [(buffer, buffer.clone()) for buffer in self._model.buffers()]
        state = torch.cuda.get_rng_state(images.device)
        # a module around the network: capturing replaces the forward method, which other shapes still need
        wrapped = _Whole(self._model)
        captured = torch.cuda.make_graphed_callables(wrapped, (images.clone(),), allow_unused_input=True)
        torch.cuda.set_rng_state(state, images.device)
        for buffer, before in buffers:
            buffer.copy_(before)
        for parameter in self._model.parameters():
            parameter.grad = None
        return captured


class _Whole(nn.Module):
    """The network as the only child of another module, which can be captured while the network stays as it is."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Map images to logits."""
        return cast("Tensor", self.model(images))
