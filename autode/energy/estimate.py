"""An estimate of joules where nothing can be measured: CPU seconds times watts per busy core, as an interval.

It is never offered unasked, never mixed with measured joules, and credible models differ by a factor of four on one
machine, so the interval is the result and its middle is only a convenience. Idle power beyond what the table below
includes, and GPUs, are not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass

from autode.energy.record import EnergyReading


@dataclass(frozen=True)
class BusyCoreWatts:
    """Watts that one busy hardware thread costs, with the part of the server (memory too) that serves it.

    The defaults are constants of published models, per vCPU: ``central`` the mean at full load and ``low`` the mean at
    idle of the processors at Amazon, from SPECpower results of whole servers (Cloud Carbon Footprint, Methodology,
    "Compute": 3.5 and 0.74 W; Google 4.26 and 0.71, Microsoft 3.76 and 0.78); ``high`` twice the 4 W per thread that
    codecarbon 3.3 assumes for an unknown processor, as such constants are good to a factor of two.

    Raises
    ------
    ValueError
        Unless ``0 <= low <= central <= high``.
    """

    low: float = 0.74
    central: float = 3.5
    high: float = 8.0

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.central <= self.high < float("inf"):
            raise ValueError(
                f"watts per busy core must be 0 <= low <= central <= high, not {self.low}, {self.central}, {self.high}"
            )


def busy_core_watts(watts: float | tuple[float, ...] | list[float] | BusyCoreWatts | None) -> BusyCoreWatts:
    """Build the model from what a user may write: nothing, one number, (low, high) or (low, central, high).

    One number is taken with the ±40 % that measured studies found for such models (Fischer 2025, arXiv:2509.22092).

    Raises
    ------
    ValueError
        For another number of values, or values out of order.
    """
    if watts is None:
        return BusyCoreWatts()
    if isinstance(watts, BusyCoreWatts):
        return watts
    if isinstance(watts, (int, float)):
        return BusyCoreWatts(0.6 * watts, watts, 1.4 * watts)
    if len(watts) == 2:
        return BusyCoreWatts(watts[0], (watts[0] + watts[1]) / 2, watts[1])
    if len(watts) == 3:
        return BusyCoreWatts(*watts)
    raise ValueError(f"watts per busy core: expected one, two or three numbers, not {len(watts)}")


def estimate_reading(cpu_s: float, model: BusyCoreWatts) -> EnergyReading:
    """Return the modelled joules of ``cpu_s`` CPU seconds."""
    return EnergyReading(
        energy_j=cpu_s * model.central,
        method="modelled",
        source=f"estimate:{model.low:g}-{model.high:g}W_per_busy_core",
        assurance="D",
        domains=("cpu_pkg", "dram"),
        energy_low_j=cpu_s * model.low,
        energy_high_j=cpu_s * model.high,
        flags=("estimated",),
    )
