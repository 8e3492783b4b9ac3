"""The ledger of a job's nodes, each cut along its trials by the series of its counters in the study's folder."""

from __future__ import annotations

import functools
import operator
import statistics
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from autode.energy.ledger import Ledger, Meter, Work, apportion
from autode.energy.ledger_shares import Series
from autode.energy.node_series import NodeSeries, SensorOfNode
from autode.energy.record import EnergyReading

#: A node that uses less than this share of its processors is idle, and so many such pieces make a median.
_IDLE_SHARE, _IDLE_PIECES = 0.02, 3


def nodes_ledger(
    series: Sequence[NodeSeries], works: Mapping[str, Sequence[Work]], *, slots: float, zero: float
) -> Ledger | None:
    """Book the joules that the counters of all nodes saw.

    Parameters
    ----------
    series : sequence of NodeSeries
        Of one run of a job.
    works : mapping of str to sequence of Work
        Who was at work on each host, in seconds since the job began.
    slots : float
        Of one node.
    zero : float
        When the job began, POSIX seconds.

    Returns
    -------
    Ledger or None
        None if no node has two rows.
    """
    usable = [one for one in series if len(one.times) > 1]
    idle_w = {host: _idle_w([one for one in usable if one.host == host]) for host in hosts(usable)}
    ledgers = [
        # what a process sampled is a meter of its own: between two of them nothing is known, and nothing is booked
        apportion(_meter(one, slots, zero, idle_w[one.host]), list(works.get(one.host, ())))
        for one in usable
    ]
    return functools.reduce(operator.add, ledgers) if ledgers else None


def node_joules(series: Sequence[NodeSeries]) -> dict[tuple[str, int], float]:
    """Return what the counters of the nodes saw of every run of a job, joules by job and restart count."""
    found: dict[tuple[str, int], float] = {}
    for one in series:
        key = one.job, int(one.restart or 0)
        found[key] = found.get(key, 0.0) + int(one.energy_uj[-1].sum()) * 1e-6
    return found


def node_reading(series: NodeSeries, sensor: SensorOfNode) -> EnergyReading:
    """Return what one sensor of a series saw."""
    seconds = float(series.times[-1] - series.times[0])
    coverage = min(float(series.covered_s[-1]) / seconds, 1.0) if seconds > 0 else None
    return EnergyReading(
        int(series.energy_uj[-1, series.sensors.index(sensor)]) * 1e-6,
        "measured_counter",
        sensor.source,
        "B",
        (sensor.domain,),
        scope="node",
        host=series.host,
        device=sensor.device,
        seconds=seconds,
        n_samples=len(series.times),
        coverage=coverage,
        share_rule="node_exclusive",
        flags=("partial",) if coverage is not None and coverage < 0.995 else (),
    )


def hosts(series: Sequence[NodeSeries]) -> list[str]:
    """Return the hosts of some series, each once."""
    return list(dict.fromkeys(one.host for one in series))


def _meter(series: NodeSeries, slots: float, zero: float, idle_w: float | None) -> Meter:
    times = tuple((series.times - zero).tolist())

    def counter(values: npt.NDArray[np.float64]) -> Series:
        return Series(times, tuple(values.tolist()))

    gpus = sorted({sensor.device for sensor in series.sensors if sensor.device})
    return Meter(
        series.host,
        counter(_energy(series)),
        slots,
        idle_w=idle_w,
        cpu=counter(series.cpu_s) if series.cpu_s[-1] > 0 else None,
        gpus={device: counter(_energy(series, device)) for device in gpus},
        gpus_inside=False,
    )


def _energy(series: NodeSeries, device: str = "") -> npt.NDArray[np.float64]:
    """Return the microjoules of a GPU, or of what is no GPU's."""
    chosen = [place for place, sensor in enumerate(series.sensors) if sensor.device == device]
    return np.asarray(series.energy_uj[:, chosen].sum(axis=1), dtype=np.float64)


def _idle_w(series: Sequence[NodeSeries]) -> float | None:
    """Return the median power of the pieces in which the node did next to nothing; None if there were too few."""
    watts: list[float] = []
    for one in series:
        length, energy, cpu = np.diff(one.times), np.diff(_energy(one)), np.diff(one.cpu_s)
        idle = (cpu < _IDLE_SHARE * one.cores * length) & (energy > 0) & (one.cpu_s[-1] > 0)
        watts += (energy[idle] / length[idle] * 1e-6).tolist()
    return statistics.median(watts) if len(watts) >= _IDLE_PIECES else None
