"""perun's sensors, read in this process: its back-ends are used, its sampling process and its ``perun monitor`` are
not.

That spares two seconds of CPU and a forked sampler per trial, and perun's known faults stay out: its failed reads
(returned as 0) are missing samples here, its counters are unwrapped as counters, and its samples begin and end with the
trial. Counters (powercap) are differences; watts (NVML, AMD SMI, hwmon of Grace) are integrated over time.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from autode.energy.meter import Meter, MeterUnavailableError, Sensor
from autode.energy.nvml import wanted_gpus
from autode.energy.rapl import powercap_root, safe_period
from autode.energy.tracks import CounterTrack, PowerTrack

PERIOD_S = 1.0
#: perun's device types. Sockets, system I/O and "other" contain or repeat the ones listed, so they are not added.
_DOMAINS = {"cpu": "cpu_pkg", "ram": "dram", "gpu": "gpu"}


class PerunMeter(Meter):
    """Meter over perun's back-ends, which are closed with it."""

    def __init__(self, sensors: Sequence[Sensor], period_s: float, backends: Sequence[Any]):
        super().__init__("perun", sensors, period_s)
        self._backends = backends

    def close(self) -> None:
        """Close perun's back-ends."""
        for backend in self._backends:
            backend.close()


def open_perun(devices: Sequence[str] = (), root: Path | None = None) -> PerunMeter:
    """Open every energy or power sensor that perun finds here.

    Parameters
    ----------
    devices : sequence of str
        GPUs in use, as for `autode.energy.nvml.open_nvml`; others on the node are left out.
    root : pathlib.Path, optional
        A powercap tree; default `autode.energy.rapl.powercap_root`.

    Raises
    ------
    MeterUnavailableError
        If perun is not installed or finds no such sensor; names what each back-end said.
    """
    try:
        from perun.backend import available_backends
    except ImportError:
        raise MeterUnavailableError("perun is not installed") from None
    # a failed read is counted in the record; perun would print its traceback wherever nobody has set up logging
    logging.getLogger("perun").addHandler(logging.NullHandler())
    sensors: list[Sensor] = []
    opened, refusals = [], []
    for backend_class in available_backends.values():
        if backend_class.id == "psutil":
            continue  # loads and traffic; no energy
        try:
            backend = _open(backend_class, powercap_root() if root is None else root)
            found = [sensor for raw in _energy_sensors(backend) if (sensor := _sensor(raw, backend.id, devices))]
        except (Exception, ImportWarning) as error:  # back-ends and vendor libraries raise whatever they like
            refusals.append(f"{backend_class.id}: {error}")
            continue
        opened.append(backend)
        sensors += found
    if not sensors:
        raise MeterUnavailableError(f"perun finds no energy or power sensor ({'; '.join(refusals)})")
    meter = PerunMeter(sensors, min(PERIOD_S, safe_period(sensors)), opened)
    meter.root = str(powercap_root() if root is None else root)
    return meter


def perun_reads_more() -> bool:
    """Whether perun may have sensors here that the other meters lack (AMD GPUs, Grace); costs no import of perun."""
    grace = any(Path("/sys/class/hwmon").glob("hwmon*/device/power*_average"))
    return grace or find_spec("amdsmi") is not None


def _open(backend_class: type[Any], root: Path) -> Any:
    module = vars(sys.modules[backend_class.__module__])
    if "RAPL_PATH" in module:
        module["RAPL_PATH"] = str(root)
    for path in (module[name] for name in ("RAPL_PATH", "HWMON_PATH") if name in module):
        if not Path(path).exists():  # the back-end would say so too, after a second spent on describing the processor
            raise MeterUnavailableError(f"{path} does not exist")
    # perun's back-ends are singletons by their metaclass; a meter needs one of its own, opened now
    return type.__call__(backend_class)


def _energy_sensors(backend: Any) -> list[Any]:
    """Return the perun sensors of a back-end that give joules or watts."""
    listed = backend.availableSensors()
    wanted = {name for name, about in listed.items() if about[2].value in ("J", "W")}
    return list(backend.getSensors(wanted)) if wanted else []


def _sensor(raw: Any, backend_id: str, devices: Sequence[str]) -> Sensor | None:
    """Wrap a perun sensor; None if it belongs to another trial's GPU or to no domain of ours."""
    domain = _DOMAINS.get(raw.type.value)
    if domain is None or (domain == "gpu" and not _is_wanted(raw, devices)):
        return None
    about = raw.dataType
    unit = float(about.mag.value)
    track: CounterTrack | PowerTrack
    if about.unit.value == "J":
        track = CounterTrack(_nonzero(raw.read), unit, float(about.max))
    else:
        track = PowerTrack(_nonzero(raw.read, unit))
    device = str(raw.metadata.get("uuid", raw.id)) if domain == "gpu" else ""
    return Sensor(track, domain, raw.id, source=f"perun:{backend_id}", device=device)


def _nonzero(read: Callable[[], Any], unit: float = 1.0) -> Callable[[], float | None]:
    """Read a perun sensor, whose 0 means that the read failed; a running counter or device is never at exactly 0."""

    def value() -> float | None:
        raw = float(read())
        return raw * unit if raw > 0 else None

    return value


def _is_wanted(raw: Any, devices: Sequence[str]) -> bool:
    """Whether a GPU sensor belongs to the devices in use; AMD's are known by UUID only, as perun keeps no order of
    them.
    """
    uuid = str(raw.metadata.get("uuid", ""))
    if raw.id.startswith("CUDA:"):
        index = raw.id.removeprefix("CUDA:").removesuffix("_POWER")
        return not {uuid, index}.isdisjoint(wanted_gpus(devices, count=int(index) + 1 if not devices else 64))
    return not devices or uuid in devices
