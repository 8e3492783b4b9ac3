"""RAPL: the energy counters of processor packages and their memory, from the kernel's powercap tree.

Each top-level zone ``intel-rapl:N`` that is a package counts the whole package (cores and caches inside); its subzone
``dram`` counts memory beside it. ``core`` and ``uncore`` are inside the package and ``psys`` contains it: neither is
added. AMD processors appear under the same names, without memory. A counter wraps to zero after
``max_energy_range_uj``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from autode.energy.meter import Meter, MeterUnavailableError, Sensor
from autode.energy.tracks import POWER_LIMIT_W, CounterTrack

#: Environment variable that names another powercap tree (tests, containers that mount the host's tree elsewhere).
ROOT_VARIABLE = "AUTODE_POWERCAP"
#: No longer between two samples, even where the counters would allow it.
LONGEST_PERIOD_S = 10.0
_ZONE = re.compile(r"intel-rapl:\d+$")
_SUBZONE = re.compile(r"intel-rapl:\d+:\d+$")


def powercap_root() -> Path:
    """Return the powercap tree to read: ``$AUTODE_POWERCAP`` or the kernel's."""
    return Path(os.environ.get(ROOT_VARIABLE) or "/sys/class/powercap")


def open_rapl(root: Path | None = None) -> Meter:
    """Open the package and memory counters.

    Parameters
    ----------
    root : pathlib.Path, optional
        A powercap tree; default `powercap_root`.

    Returns
    -------
    Meter
        Polled at a quarter of the time in which the fastest counter could wrap at `POWER_LIMIT_W`, at most every 10 s.

    Raises
    ------
    MeterUnavailableError
        If there is no such tree, no package in it, or its counters may not be read.
    """
    root = powercap_root() if root is None else root
    zones = _zones(root)
    if not zones:
        raise MeterUnavailableError(
            f"no RAPL packages in {root} (virtual machines and many non-x86 processors have none)"
        )
    sensors, refused = [], []
    for zone, domain in zones:
        sensor = _sensor(zone, domain)
        if sensor is None:
            refused.append(zone.name)
        else:
            sensors.append(sensor)
    if not sensors:
        raise MeterUnavailableError(
            f"{root}/{refused[0]}/energy_uj cannot be read (since Linux 5.10 only root may, unless the site opens it)"
        )
    meter = Meter("rapl", sensors, period_s=safe_period(sensors))
    meter.root = str(root)
    return meter


def safe_period(sensors: Iterable[Sensor]) -> float:
    """Return a period, seconds, at which no counter can wrap twice between two samples (a quarter of its shortest
    time to wrap).
    """
    tracks = [sensor.track for sensor in sensors if isinstance(sensor.track, CounterTrack)]
    ranges_j = [track.counts_max * track.unit_j for track in tracks if track.counts_max]
    return min([LONGEST_PERIOD_S, *(max(0.05, range_j / POWER_LIMIT_W / 4) for range_j in ranges_j)])


def _zones(root: Path) -> list[tuple[Path, str]]:
    """Return the zones to add up, with their domains. The kernel shows subzones in the root and in their package;
    each counts once.
    """
    try:
        entries = sorted(root.iterdir())
    except OSError:
        return []
    found: dict[str, tuple[Path, str]] = {}
    for zone in entries:
        if _SUBZONE.match(zone.name) and _zone_name(zone) == "dram":
            found.setdefault(zone.name, (zone, "dram"))
        if not _ZONE.match(zone.name):
            continue
        if _zone_name(zone).startswith("package"):
            found[zone.name] = (zone, "cpu_pkg")
        for subzone in sorted(zone.iterdir()):
            if _SUBZONE.match(subzone.name) and _zone_name(subzone) == "dram":
                found.setdefault(subzone.name, (subzone, "dram"))
    return list(found.values())


def _zone_name(zone: Path) -> str:
    try:
        return (zone / "name").read_text().strip()
    except OSError:
        return ""


def _sensor(zone: Path, domain: str) -> Sensor | None:
    read = _reader(zone / "energy_uj")
    if read() is None:
        return None
    try:
        counts_max: float | None = float((zone / "max_energy_range_uj").read_text())
    except (OSError, ValueError):
        counts_max = None  # without a range a decrease cannot be undone; the track then calls it a reset
    return Sensor(CounterTrack(read, 1e-6, counts_max), domain, zone.name, source="rapl")


def _reader(path: Path) -> Callable[[], float | None]:
    def read() -> float | None:
        try:
            return int(path.read_text())
        except (OSError, ValueError):
            return None

    return read
