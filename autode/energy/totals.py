"""Adding joules: which records may meet in one figure, and what that figure may then be called.

Rules (energy provenance, classes A to E):

1. An estimate (modelled, constant) is never added to a measured or apportioned figure, unless the caller asks for it;
   the sum then is an estimate and says ``"mixed"``.
2. A sum takes the worst method and the worst assurance of its parts.
3. One joule is counted once: two sources that cover the same domain of the same host and device (RAPL and perun's
   RAPL, a package counter and the node's own meter) are alternatives. Domains that do not overlap (cpu_pkg, dram, gpu)
   are parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from autode.energy.record import METHODS, EnergyReading, is_available, is_estimate, unavailable

_WHOLE_NODE = {"node_dc", "node_ac"}


class MixedEnergyError(ValueError):
    """Raised when estimated joules would silently join measured ones."""


def total(readings: Iterable[EnergyReading], allow_mixed: bool = False) -> EnergyReading:
    """Add the joules of several records, e.g. of all trials of a study.

    The caller answers for the parts being disjoint (different trials, or parts chosen by `headline`).

    Parameters
    ----------
    readings : iterable of EnergyReading
        The parts. Unavailable ones add nothing and mark the sum ``"partial"``.
    allow_mixed : bool
        Whether estimates may join measured figures; the sum is then an estimate and marked ``"mixed"``.

    Returns
    -------
    EnergyReading
        The sum with the worst method and assurance of its parts; unavailable if no part has joules.

    Raises
    ------
    MixedEnergyError
        If measured (or apportioned) and estimated joules meet and ``allow_mixed`` is False.
    """
    everything = list(readings)
    parts = [reading for reading in everything if is_available(reading)]
    if not parts:
        reason = "; ".join(_distinct(reading.reason for reading in everything)) or "no readings"
        return unavailable(_joined(reading.source for reading in everything), reason, scope=_scope(everything))
    mixed = len({is_estimate(reading) for reading in parts}) == 2
    if mixed and not allow_mixed:
        raise MixedEnergyError(
            "measured and estimated joules are not added into one figure; "
            "total them apart, or pass allow_mixed=True for a sum that counts as an estimate"
        )
    flags = _distinct(flag for reading in parts for flag in reading.flags)
    flags += ["mixed"] * mixed + ["partial"] * (len(parts) < len(everything) and "partial" not in flags)
    return _summed(parts, tuple(flags))


def _summed(parts: Sequence[EnergyReading], flags: tuple[str, ...]) -> EnergyReading:
    """Add parts that may be added; the intervals of estimates add end by end, as their errors have a common cause."""
    estimated = any(is_estimate(reading) for reading in parts)
    length = sum(reading.seconds for reading in parts)
    covered = sum((1.0 if reading.coverage is None else reading.coverage) * reading.seconds for reading in parts)
    return EnergyReading(
        energy_j=sum(reading.energy_j or 0.0 for reading in parts),
        method=max((reading.method for reading in parts), key=METHODS.index),
        source=_joined(reading.source for reading in parts),
        assurance=max(reading.assurance for reading in parts),
        domains=tuple(_distinct(domain for reading in parts for domain in reading.domains)),
        scope=_scope(parts),
        energy_low_j=sum(_either(part.energy_low_j, part.energy_j) for part in parts) if estimated else None,
        energy_high_j=sum(_either(part.energy_high_j, part.energy_j) for part in parts) if estimated else None,
        host=_joined(reading.host for reading in parts),
        device=_joined(reading.device for reading in parts),
        t_start=min(reading.t_start for reading in parts),
        t_end=max(reading.t_end for reading in parts),
        seconds=length,
        n_samples=sum(reading.n_samples for reading in parts),
        coverage=covered / length if length > 0 else None,
        wraps=sum(reading.wraps for reading in parts),
        resets=sum(reading.resets for reading in parts),
        rejected_samples=sum(reading.rejected_samples for reading in parts),
        share_rule=_joined(reading.share_rule for reading in parts),
        flags=flags,
    )


def headline(readings: Iterable[EnergyReading]) -> EnergyReading | None:
    """Choose the one figure that stands for a trial (or any other single scope and time).

    The best records come first: measured before apportioned before modelled, then by assurance, then by how much they
    cover. Each further record joins if it covers something that no chosen one covers (same host and device, rule 3
    above) and is of the same kind: estimates stand only where nothing at all was measured or apportioned.

    Parameters
    ----------
    readings : iterable of EnergyReading
        The records of one scope over one window, as `Window.stop` returns them.

    Returns
    -------
    EnergyReading or None
        One record, or the marked sum of several; None if no joules are available.

    Raises
    ------
    ValueError
        If the records are of different scopes.
    """
    candidates = [reading for reading in readings if is_available(reading)]
    if len({reading.scope for reading in candidates}) > 1:
        scopes = ", ".join(sorted({reading.scope for reading in candidates}))
        raise ValueError(f"a headline stands for one scope, but these readings have {scopes}")
    if not all(is_estimate(reading) for reading in candidates):
        candidates = [reading for reading in candidates if not is_estimate(reading)]
    chosen: list[EnergyReading] = []
    for reading in sorted(candidates, key=_preference):
        if not any(_overlap(reading, other) for other in chosen):
            chosen.append(reading)
    if len(chosen) < 2:
        return chosen[0] if chosen else None
    # parts of one window: the joules add, its length does not
    return replace(total(chosen), seconds=max(reading.seconds for reading in chosen))


def _preference(reading: EnergyReading) -> tuple[int, str, int, str]:
    kind = 0 if METHODS.index(reading.method) < METHODS.index("apportioned") else METHODS.index(reading.method)
    return kind, reading.assurance, -len(reading.domains), reading.source


def _overlap(one: EnergyReading, other: EnergyReading) -> bool:
    """Whether two records may count the same joule."""
    if one.host and other.host and one.host != other.host:
        return False
    if not _WHOLE_NODE.isdisjoint(one.domains + other.domains):
        return True
    common = set(one.domains) & set(other.domains)
    if common == {"gpu"} and one.device and other.device:
        return one.device == other.device
    return bool(common)


def _scope(readings: Sequence[EnergyReading]) -> str:
    scopes = _distinct(reading.scope for reading in readings)
    return scopes[0] if len(scopes) == 1 else "total"


def _either(value: float | None, otherwise: float | None) -> float:
    return value if value is not None else otherwise or 0.0


def _distinct(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]


def _joined(values: Iterable[str]) -> str:
    return "+".join(_distinct(values))
