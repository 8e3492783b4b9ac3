"""Which device each worker of a node computes on."""

from __future__ import annotations

import os
from contextlib import suppress


def gpu_count() -> int:
    """Return how many NVIDIA GPUs this process may use, without starting CUDA (0 where there are none)."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([one for one in visible.split(",") if one.strip() not in ("", "-1", "NoDevFiles")])
    with suppress(Exception):  # no driver, no library, no permission: there is no GPU for us
        import pynvml

        pynvml.nvmlInit()
        try:
            return int(pynvml.nvmlDeviceGetCount())
        finally:
            pynvml.nvmlShutdown()
    return 0


def device_of(slot: int, gpus: int) -> str:
    """Return the device of a node's worker ``slot``: the GPUs in turn, or the CPU."""
    return f"cuda:{slot % gpus}" if gpus else "cpu"


def usable_cores() -> int:
    """Return how many cores this process may run on (its affinity, which Slurm sets)."""
    return len(os.sched_getaffinity(0))
