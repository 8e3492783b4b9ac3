"""Energy: meters while a trial runs, readers of accounting afterwards, and the record every figure travels in."""

from autode.energy.estimate import BusyCoreWatts
from autode.energy.meterset import METERS, Availability, MeterSet, Window, open_meters
from autode.energy.record import EnergyReading, is_available, is_estimate, is_measured, unavailable
from autode.energy.totals import MixedEnergyError, headline, total

__all__ = [
    "METERS",
    "Availability",
    "BusyCoreWatts",
    "EnergyReading",
    "MeterSet",
    "MixedEnergyError",
    "Window",
    "headline",
    "is_available",
    "is_estimate",
    "is_measured",
    "open_meters",
    "total",
    "unavailable",
]
