"""The energy record: one figure in joules together with how it was obtained, so that no figure travels without its
method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

#: How a figure was obtained, best first.
METHODS = (
    "measured_counter",  # difference of an energy counter (RAPL, NVML energy)
    "measured_power_integrated",  # sampled watts integrated over time
    "scheduler_counter",  # the joules the batch system accounted (sacct, sstat)
    "apportioned",  # a share of a measured figure
    "modelled",  # activity times a model's watts
    "constant",  # time times a constant (TDP)
    "unavailable",  # nothing could be read; energy_j is None
)
MEASURED = METHODS[:3]
ESTIMATED = ("modelled", "constant")

#: A meter or BMC counter; on-chip counter; integrated samples or a share of A or B; model with live use; constant.
ASSURANCES = ("A", "B", "C", "D", "E")

#: What a figure may cover. ``node_dc`` and ``node_ac`` contain the parts inside the node.
DOMAINS = ("cpu_pkg", "dram", "gpu", "node_dc", "node_ac", "interconnect", "cooling")


@dataclass(frozen=True)
class EnergyReading:
    """The joules of one scope by one source, with their provenance.

    Attributes
    ----------
    energy_j : float or None
        Joules; None means unavailable. 0.0 is a measured zero and nothing else.
    method : str
        One of `METHODS`.
    source : str
        What was read, e.g. ``"rapl"``, ``"nvml:total_energy"``, ``"sacct:ConsumedEnergyRaw/.extern"``.
    assurance : str
        ``"A"`` (best) to ``"E"``; empty when unavailable.
    domains : tuple of str
        What the figure covers, from `DOMAINS`.
    scope : str
        ``"trial"``, ``"node"``, ``"job"``, ``"study"`` ...
    energy_low_j, energy_high_j : float or None
        Interval of an estimate, joules.
    host, device : str
        Node name; UUID of a GPU when the figure is one device's.
    t_start, t_end : str
        ISO 8601, UTC.
    seconds : float
        Wall time between them, by a monotonic clock.
    period_s : float or None
        Time between two samples, seconds.
    n_samples : int
        Successful samples inside, edges included.
    coverage : float or None
        Time covered by good samples / ``seconds``, 0..1.
    wraps, resets, rejected_samples : int
        Counter overflows that were undone; restarts of the counter; samples that could not be read or believed.
    share_rule, share : str, float or None
        ``"node_exclusive"``, ``"gpu_exclusive"``, ``"cpu_time"`` or ``"equal"``, and the share taken, 0..1.
    flags : tuple of str
        Warnings, e.g. ``"partial"``, ``"short_run"``, ``"gpu_not_measured"``.
    reason : str
        Why nothing is available.

    Raises
    ------
    ValueError
        For an unknown method, assurance or domain, a negative or non-finite energy, an unavailable figure with joules,
        or an available one without.
    """

    energy_j: float | None
    method: str
    source: str
    assurance: str = ""
    domains: tuple[str, ...] = ()
    scope: str = "trial"
    energy_low_j: float | None = None
    energy_high_j: float | None = None
    host: str = ""
    device: str = ""
    t_start: str = ""
    t_end: str = ""
    seconds: float = 0.0
    period_s: float | None = None
    n_samples: int = 0
    coverage: float | None = None
    wraps: int = 0
    resets: int = 0
    rejected_samples: int = 0
    share_rule: str = ""
    share: float | None = None
    flags: tuple[str, ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        _check_names(self)
        if (self.energy_j is None) != (self.method == "unavailable"):
            raise ValueError(f"energy_j={self.energy_j} does not go with method {self.method!r}: None is 'unavailable'")
        for value in (self.energy_j, self.energy_low_j, self.energy_high_j):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"energy must be finite joules >= 0, not {value}")

    def to_dict(self) -> dict[str, Any]:
        """Return the record as a JSON-ready dict, without the fields that say no more than their default."""
        record = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        return {name: value for name, value in record.items() if name not in _DEFAULTS or value != _DEFAULTS[name]}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> EnergyReading:
        """Build a record from a dict that may carry further keys."""
        known: dict[str, Any] = {name: value for name, value in record.items() if name in _NAMES}
        for name in ("domains", "flags"):
            if name in known:
                known[name] = tuple(known[name])
        return cls(**known)


_NAMES = frozenset(field.name for field in fields(EnergyReading))
_DEFAULTS = {
    field.name: list(field.default) if isinstance(field.default, tuple) else field.default
    for field in fields(EnergyReading)
    if field.default is not MISSING
}


def _check_names(reading: EnergyReading) -> None:
    if reading.method not in METHODS:
        raise ValueError(f"unknown energy method {reading.method!r}; expected one of {', '.join(METHODS)}")
    if reading.assurance not in ("", *ASSURANCES):
        raise ValueError(f"unknown assurance class {reading.assurance!r}; expected one of {', '.join(ASSURANCES)}")
    for domain in reading.domains:
        if domain not in DOMAINS:
            raise ValueError(f"unknown energy domain {domain!r}; expected some of {', '.join(DOMAINS)}")


def unavailable(source: str, reason: str, **fields_: Any) -> EnergyReading:
    """Return the record that says: there is no figure, and why."""
    return EnergyReading(None, "unavailable", source, reason=reason, **fields_)


def is_available(reading: EnergyReading) -> bool:
    """Whether the record carries joules at all."""
    return reading.energy_j is not None


def is_measured(reading: EnergyReading) -> bool:
    """Whether the joules were counted, integrated from sampled power, or accounted by the scheduler, for this
    scope alone.
    """
    return reading.method in MEASURED


def is_estimate(reading: EnergyReading) -> bool:
    """Whether the joules come from a model or a constant and not from any sensor (assurance D or E)."""
    return reading.method in ESTIMATED
