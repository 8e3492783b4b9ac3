"""NVML: the energy counter of each NVIDIA GPU (Volta and later), millijoules since the driver was loaded.

The counter is preferred to power samples: on A100 and H100 the power reading sees a quarter of the time only (Yang et
al., SC'24).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from autode.energy.meter import Meter, MeterUnavailableError, Sensor
from autode.energy.record import EnergyReading, unavailable
from autode.energy.tracks import CounterTrack


class NvmlMeter(Meter):
    """GPU energy counters. A counter that falls means that the driver was reloaded: its window has no joules."""

    def __init__(self, sensors: Sequence[Sensor], shutdown: Callable[[], None]):
        # edges suffice to measure; the slow poll is there to notice a reloaded driver
        super().__init__("nvml", sensors, period_s=10.0)
        self.close = shutdown  # type: ignore[method-assign]

    def readings(self, start: float, end: float) -> list[EnergyReading]:
        """Return one record per GPU."""
        return [
            unavailable(
                reading.source,
                "the GPU's energy counter fell: its driver was reloaded",
                device=reading.device,
                resets=reading.resets,
                flags=("driver_reload",),
            )
            if reading.resets
            else reading
            for reading in super().readings(start, end)
        ]


def open_nvml(devices: Sequence[str] = (), nvml: Any = None) -> NvmlMeter:
    """Open the energy counters of the GPUs a trial uses.

    Parameters
    ----------
    devices : sequence of str
        ``"cuda:0"`` or ``"0"`` (counted among the visible ones), or UUIDs ``"GPU-..."``. Empty: all visible ones.
        ``"cpu"`` is passed over. Visible is what ``CUDA_VISIBLE_DEVICES`` names, or all. Indices mean the order of the
        PCI bus: set ``CUDA_DEVICE_ORDER=PCI_BUS_ID`` on nodes with unequal GPUs.
    nvml : module, optional
        Something like `pynvml`; default the real one.

    Returns
    -------
    NvmlMeter
        One sensor per GPU.

    Raises
    ------
    MeterUnavailableError
        If there is no driver, no such GPU, or no counter (before Volta; MIG slices).
    """
    if devices and all(device == "cpu" for device in devices):
        raise MeterUnavailableError("the devices in use are CPUs only")
    nvml = _module() if nvml is None else nvml
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise MeterUnavailableError(f"no NVIDIA driver: {error}") from None
    try:
        found = [_sensor(nvml, name) for name in wanted_gpus(devices, nvml.nvmlDeviceGetCount())]
        sensors = list({sensor.device: sensor for sensor in found}.values())  # an index and a UUID may name one GPU
        if not sensors:
            raise MeterUnavailableError("no GPU is visible")
    except nvml.NVMLError as error:
        nvml.nvmlShutdown()
        raise MeterUnavailableError(f"the GPU has no energy counter or does not exist: {error}") from None
    except MeterUnavailableError:
        nvml.nvmlShutdown()
        raise
    return NvmlMeter(sensors, nvml.nvmlShutdown)


def wanted_gpus(devices: Sequence[str], count: int) -> list[str]:
    """Translate device names to NVML's: an index as text or a UUID, without repetition.

    Parameters
    ----------
    devices : sequence of str
        See `open_nvml`.
    count : int
        Number of GPUs that NVML sees.

    Raises
    ------
    MeterUnavailableError
        If a device is not among the visible ones.
    """
    setting = os.environ.get("CUDA_VISIBLE_DEVICES")
    listed = [str(index) for index in range(count)] if setting is None else setting.split(",")
    visible = [name.strip() for name in listed if name.strip() and name.strip() != "-1"]
    names = []
    for device in (device for device in devices if device != "cpu"):
        index = device.removeprefix("cuda:")
        if device == "cuda":
            index = "0"
        if not index.isdigit():
            names.append(device)
        elif int(index) < len(visible):
            names.append(visible[int(index)])
        else:
            raise MeterUnavailableError(f"device {device!r} is not among the {len(visible)} visible GPUs")
    return list(dict.fromkeys(names if devices else visible))


def _module() -> Any:
    try:
        import pynvml
    except ImportError:
        raise MeterUnavailableError("the package nvidia-ml-py (pynvml) is not installed") from None
    return pynvml


def _sensor(nvml: Any, name: str) -> Sensor:
    handle = nvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdigit() else nvml.nvmlDeviceGetHandleByUUID(name)
    uuid = nvml.nvmlDeviceGetUUID(handle)
    uuid = uuid.decode() if isinstance(uuid, bytes) else str(uuid)

    def read() -> float | None:
        try:
            return int(nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
        except nvml.NVMLError:
            return None

    nvml.nvmlDeviceGetTotalEnergyConsumption(handle)  # says now, and not in every window, that there is no counter
    return Sensor(CounterTrack(read, 1e-3, counts_max=None), "gpu", uuid, source="nvml:total_energy", device=uuid)
