"""Energy of attempts, trials and studies: readings added by the rules of `autode.energy`, never by our own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from autode.energy import EnergyReading, is_available, is_estimate, is_measured, total
from autode.report.quantities import APPORTIONED, ESTIMATED, MEASURED, UNAVAILABLE
from autode.study.history import RUNNING, Attempt


def energy_class(reading: EnergyReading) -> str:
    """Return measured, apportioned, estimated or unavailable: classes that never share an unmarked sum."""
    if reading.energy_j is None:
        return UNAVAILABLE
    if is_estimate(reading):
        return ESTIMATED
    return MEASURED if is_measured(reading) else APPORTIONED


#: Flag of a sum of measured joules beside which there are estimated ones.
LEFT_OUT = "estimates_left_out"


def add(readings: Sequence[EnergyReading], allow_mixed: bool = False) -> EnergyReading:
    """Add readings of different times; the sum has the worst method, and the flag ``partial`` if one is unavailable.

    Parameters
    ----------
    readings : sequence of EnergyReading
        At least one.
    allow_mixed : bool
        Whether estimates join measured joules: the sum then is an estimate flagged ``mixed``. Otherwise they are left
        out of it, which the flags ``partial`` and ``estimates_left_out`` say.
    """
    if len(readings) == 1:
        return readings[0]
    measured = [reading for reading in readings if not is_estimate(reading)]
    if allow_mixed or len(measured) == len(readings) or not any(map(is_available, measured)):
        return total(readings, allow_mixed=allow_mixed)
    reading = total(measured)
    return replace(reading, flags=tuple(dict.fromkeys([*reading.flags, "partial", LEFT_OUT])))


def trial_energy(attempts: Sequence[Attempt], allow_mixed: bool = False) -> dict[str, Any]:
    """Return the energy columns of a trial: the sum over its ended attempts, whatever became of them."""
    ended = [attempt.reading for attempt in attempts if attempt.state != RUNNING]
    return energy_cells(add(ended, allow_mixed)) if ended else {"energy_class": UNAVAILABLE}


def energy_cells(reading: EnergyReading) -> dict[str, Any]:
    """Return value, method, source, class, interval and flags of a reading as columns; None where unavailable."""
    return {
        "energy_j": reading.energy_j,
        "energy_wh": None if reading.energy_j is None else reading.energy_j / 3600.0,
        "energy_method": reading.method,
        "energy_source": reading.source,
        "energy_class": energy_class(reading),
        "energy_low_j": reading.energy_low_j,
        "energy_high_j": reading.energy_high_j,
        "energy_flags": " ".join(sorted(reading.flags)),
        "energy_reason": reading.reason,
    }


def source_row(readings: Sequence[EnergyReading]) -> dict[str, Any]:
    """Return one line of energy.csv for the readings of one source."""
    reading = add(readings)
    shares = {one.share for one in readings}
    return {
        "source": reading.source,
        "joules": reading.energy_j,
        "watt_hours": None if reading.energy_j is None else reading.energy_j / 3600.0,
        "joules_low": reading.energy_low_j,
        "joules_high": reading.energy_high_j,
        "method": reading.method,
        "assurance": reading.assurance or None,
        "domains": " ".join(reading.domains) or None,
        "coverage": reading.coverage,
        "share_rule": reading.share_rule or None,
        "share": shares.pop() if len(shares) == 1 else None,
        "seconds": reading.seconds,
        "device": reading.device or None,
        "samples": reading.n_samples,
        "wraps": reading.wraps,
        "rejected_samples": reading.rejected_samples,
        "flags": " ".join(sorted(reading.flags)) or None,
        "reason": reading.reason or None,
    }


def by_source(readings: Iterable[EnergyReading]) -> dict[tuple[str, str], list[EnergyReading]]:
    """Group readings by source and device, in order of appearance."""
    groups: dict[tuple[str, str], list[EnergyReading]] = {}
    for reading in readings:
        groups.setdefault((reading.source, reading.device), []).append(reading)
    return groups
