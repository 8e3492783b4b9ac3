"""What a piece of training costs: seconds, CPU seconds, joules where a meter works, and what the device could do."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from autode.energy import MeterSet, is_measured

#: Part of a GPU's name, dense 16-bit TFLOP/s and TB/s of its data sheet; the first that fits counts.
DATA_SHEET = (
    ("H200", 989.0, 4.8),
    ("H100 PCIe", 756.0, 2.0),
    ("H100 NVL", 835.0, 3.9),
    ("H100", 989.0, 3.35),
    ("A100-SXM4-80GB", 312.0, 2.039),
    ("A100", 312.0, 1.555),
)
#: Times that a training step passes over an activation, with all that can be fused being fused, and its bytes in bf16.
PASSES, BYTES = 5, 2


@dataclass(frozen=True)
class Cost:
    """Of one piece of work.

    Attributes
    ----------
    wall_s, cpu_s : float
        Seconds; CPU seconds of this process and of its children that have ended.
    joules : dict of str to float
        By source, measured figures only.
    """

    wall_s: float
    cpu_s: float
    joules: dict[str, float]

    def seconds(self, device: torch.device) -> float:
        """What counts: wall time of a GPU, which is ours; CPU seconds of a CPU, which others use too."""
        return self.wall_s if device.type == "cuda" else self.cpu_s

    def energy(self, device: torch.device) -> float | None:
        """Joules of the device: of the GPU where there is one, else of the CPU."""
        wanted = "nvml" if device.type == "cuda" else "rapl"
        return next((value for source, value in self.joules.items() if source.startswith(wanted)), None)


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


def measure(device: torch.device, meters: MeterSet, work: Callable[[], object]) -> Cost:
    """Do the work to its end on the device."""
    synchronize(device)
    window, wall, cpu = meters.window(scope="trial"), time.perf_counter(), _cpu_seconds()
    work()
    synchronize(device)
    wall, cpu = time.perf_counter() - wall, _cpu_seconds() - cpu
    readings = [one for one in window.stop() if is_measured(one)]
    return Cost(wall, cpu, {one.source: float(one.energy_j or 0.0) for one in readings})


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def flops_per_image(model: nn.Module, resolution: int) -> float:
    """Floating-point operations of forward and backward pass, two a multiplication with addition, by torch's counter.

    It counts the gradients of depth-wise convolutions several times over; no network needs more than three forwards.
    """
    model, images = _hollow(model, resolution)
    with FlopCounterMode(display=False) as counter:
        logits = model(images)
    forward = counter.get_total_flops()
    labels = torch.zeros(len(logits), dtype=torch.int64, device="meta")
    with FlopCounterMode(display=False) as counter:
        functional.cross_entropy(model(images), labels).backward()
    return min(counter.get_total_flops(), 3 * forward) / len(images)


def activations_per_image(model: nn.Module, resolution: int) -> float:
    """Numbers that the layers of a network give out in a forward pass."""
    model, images = _hollow(model, resolution)
    counts: list[int] = []
    for layer in model.modules():
        if not list(layer.children()):
            layer.register_forward_hook(lambda layer, inputs, output: counts.append(output.numel()))
    model(images)
    return sum(counts) / len(images)


def _hollow(model: nn.Module, resolution: int) -> tuple[nn.Module, torch.Tensor]:
    """Return the network and two images without numbers: counting needs none."""
    return copy.deepcopy(model).to("meta").float().train(), torch.zeros(2, 3, resolution, resolution, device="meta")


@dataclass(frozen=True)
class Limit:
    """What a device could do at most with a network.

    Attributes
    ----------
    flops : float
        Operations an image.
    peak_flops : float
        Operations a second.
    source : str
        How that is known.
    images_per_s : float
        By arithmetic alone, or on a GPU by the slower of arithmetic and memory.
    bound : str
        Which of them.
    """

    flops: float
    peak_flops: float
    source: str
    images_per_s: float
    bound: str

    def shares(self, rate: float) -> dict[str, float]:
        """Shares of the limit and of arithmetic alone that so many images a second are."""
        return {"share_of_limit": rate / self.images_per_s, "share_of_arithmetic": rate * self.flops / self.peak_flops}


def physical_limit(model: nn.Module, resolution: int, device: torch.device) -> Limit:
    """Tell what the device could do at most: arithmetic at its peak, or every activation through its memory."""
    flops, (peak, memory, source) = flops_per_image(model, resolution), peaks(device)
    arithmetic, traffic = peak / flops, float("inf")
    if memory is not None:
        traffic = memory / (PASSES * BYTES * activations_per_image(model, resolution))
    return Limit(flops, peak, source, min(arithmetic, traffic), "memory" if traffic < arithmetic else "arithmetic")


def peaks(device: torch.device) -> tuple[float, float | None, str]:
    """Operations and bytes a second that the device can do at most, and how that is known; a CPU has caches."""
    if device.type != "cuda":
        return matmul_flops(device), None, "measured matrix product"
    name = torch.cuda.get_device_name(device)
    for known, tera_flops, tera_bytes in DATA_SHEET:
        if known in name:
            return tera_flops * 1e12, tera_bytes * 1e12, f"{known} data sheet, bf16 dense"
    return matmul_flops(device), copied_bytes(device), "measured matrix product and copy"


def copied_bytes(device: torch.device) -> float:
    """Bytes a second that a GPU reads and writes in a large copy."""
    source = torch.zeros(2**30, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(5):
        synchronize(device)
        start = time.perf_counter()
        target.copy_(source)
        synchronize(device)
        best = min(best, time.perf_counter() - start)
    return 2 * source.numel() / best


def matmul_flops(device: torch.device) -> float:
    """Operations a second in a large matrix product, in 16 bits on a GPU."""
    size, dtype = (8192, torch.bfloat16) if device.type == "cuda" else (1024, torch.float32)
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(5):
        synchronize(device)
        start = time.perf_counter() if device.type == "cuda" else time.process_time()
        left @ right
        synchronize(device)
        best = min(best, (time.perf_counter() if device.type == "cuda" else time.process_time()) - start)
    return 2 * size**3 / best


def describe(device: torch.device) -> dict[str, Any]:
    """Facts of the device for the results file."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {"device": name, "torch": torch.__version__, "threads": torch.get_num_threads()}
