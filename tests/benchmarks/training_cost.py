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

#: Dense 16-bit TFLOP/s of the data sheets.
DATA_SHEET = {"H200": 989.0, "H100": 989.0, "A100": 312.0}


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
    model, images = copy.deepcopy(model).cpu().float().train(), torch.zeros(2, 3, resolution, resolution)
    with FlopCounterMode(display=False) as counter:
        logits = model(images)
    forward = counter.get_total_flops()
    with FlopCounterMode(display=False) as counter:
        functional.cross_entropy(model(images), torch.zeros(len(logits), dtype=torch.int64)).backward()
    return min(counter.get_total_flops(), 3 * forward) / len(images)


def peak_flops(device: torch.device) -> tuple[float, str]:
    """Operations a second that the device can do at most, and how that is known."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        for known, tera in DATA_SHEET.items():
            if known in name:
                return tera * 1e12, f"{known} data sheet, bf16 dense"
    return matmul_flops(device), "measured matrix product"


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
