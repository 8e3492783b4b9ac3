"""Ways to train four small networks at once: one by one, by grouped convolutions, and by `torch.func.vmap`.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_fusion.py [--results FILE]

Images per CPU second of one thread through forward and backward pass and SGD; medians over rounds by turns. vmap has
no optimizer but plain SGD here, which favours it.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from machine import report
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional

from autode.training.fused import Fused
from autode.training.models import make_model
from autode.training.optimizers import make_optimizer

SIZE, ROUNDS = 4, 7


def networks() -> list[nn.Module]:
    return [make_model("resnet18", "embedded", 0.25, 10, seed).train() for seed in range(SIZE)]


def one_by_one(images: Tensor, labels: Tensor) -> Callable[[], None]:
    models = networks()
    optimizers = [make_optimizer(model, "sgd", 0.01, 5e-4, 0.9) for model in models]

    def step() -> None:
        for model, optimizer, x, y in zip(models, optimizers, images, labels, strict=True):
            torch.autograd.backward(functional.cross_entropy(model(x), y))
            optimizer.step()
            optimizer.zero_grad()

    return step


def grouped(images: Tensor, labels: Tensor) -> Callable[[], None]:
    models = networks()
    fused = Fused(models).train()
    optimizers = [make_optimizer(model, "sgd", 0.01, 5e-4, 0.9) for model in models]
    joined = images.transpose(0, 1).flatten(1, 2).contiguous(memory_format=torch.channels_last)

    def step() -> None:
        logits = fused(joined).unflatten(1, (SIZE, -1)).transpose(0, 1)
        torch.autograd.backward(functional.cross_entropy(logits.flatten(0, 1), labels.flatten()) * SIZE)
        fused.hand_out_gradients()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()

    return step


def vmapped(images: Tensor, labels: Tensor) -> Callable[[], None]:
    models = networks()
    parameters, buffers = stack_module_state(models)
    base = copy.deepcopy(models[0]).to("meta")

    def loss(parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(functional_call(base, (parameters, buffers), (x,)), y)

    gradients = vmap(grad(loss), in_dims=(0, 0, 0, 0))

    def step() -> None:
        found = gradients(parameters, buffers, images, labels)
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.sub_(found[name], alpha=0.01)

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path)
    results = parser.parse_args().results
    torch.set_num_threads(1)
    for batch in (16, 32, 64):
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(SIZE, batch, 3, 32, 32, generator=generator)
        labels = torch.randint(10, (SIZE, batch), generator=generator)
        steps = {make.__name__: make(images, labels) for make in (one_by_one, grouped, vmapped)}
        seen: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(ROUNDS):
            for name, step in steps.items():
                start = time.process_time()
                step()
                seen[name].append(time.process_time() - start)
        rates = {name: SIZE * batch / statistics.median(times[1:]) for name, times in seen.items()}
        text = ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items())
        report(f"bench_fusion batch {batch}", {**rates, "batch_size": batch, "networks": SIZE}, text, results)


if __name__ == "__main__":
    main()
