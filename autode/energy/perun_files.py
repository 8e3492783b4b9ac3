"""The joules in perun's result files, from its raw samples.

perun stores no energy per region and, above its sensors, energy with overhead and PUE already in it, and a failed read
as a counter of zero, which it then takes for a wrap. So nothing that perun computed is used: counters are unwrapped
again without their failed reads, watts are integrated over the real times, and regions get the difference of the
cumulative energy between their edges.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autode.energy.perun_tree import FloatArray, Host, Round, Series, perun_rounds
from autode.energy.tracks import CounterTrack, PowerTrack, Span

#: perun's groups of sensors -> domain. Sockets, system I/O and others may contain the first three: never in the total.
_DOMAINS = {"cpu": "cpu", "ram": "dram", "gpu": "gpu"}
_PARTS = ("cpu", "dram", "gpu", "other")
_COUNTER, _POWER = "measured_counter", "measured_power_integrated"
COLUMNS = (
    "scope", "run_id", "round", "host", "region", "rank", "domain", "energy_j", "seconds", "method", "coverage",
    "flags", "calls", "samples", "sampling_period_s", "perun_version", "app",
)  # fmt: skip


def read_perun(path: str | Path) -> pd.DataFrame:
    """Read a result of perun, HDF5 or JSON, of perun 0.8 to 1.x.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.

    Returns
    -------
    pandas.DataFrame
        One row per scope and domain. ``round`` is missing for a run that failed. ``scope`` is ``run`` (all hosts of one
        round), ``node`` or ``region`` (one rank's calls of it, with the joules of the whole host in that time: never
        add ranks of one host). ``domain``: ``cpu``, ``dram``, ``gpu``, ``other`` (sensors that may contain the others)
        and ``total`` (cpu, dram and gpu). ``energy_j`` is raw, without perun's overhead and PUE; NaN if there is no
        sensor. ``seconds`` is the length of the samples, of a region the length of its calls; ``coverage`` the part of
        it between good samples. ``calls`` and ``samples`` count; edges of short scopes are uncertain by half a
        ``sampling_period_s`` (perun's sampler starts late). ``flags``, joined by ``;``: ``whole_node`` (more than one
        rank shares the host), ``failed_reads``, ``counter_reset``, ``short_run`` (integrated power, below 60 samples),
        ``partial`` (coverage below 99.5 %), ``failed_run``.

    Raises
    ------
    ValueError
        If perun did not write the file or it is damaged.
    FileNotFoundError
        If there is no such file.
    """
    rows = [row for one in perun_rounds(Path(path)) for row in _round_rows(one)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    whole = dict.fromkeys(("round", "rank", "calls"), "Int64")
    return frame.astype({"energy_j": float, "seconds": float, "coverage": float, **whole})


def _round_rows(one: Round) -> Iterable[dict[str, Any]]:
    """Yield the rows of one round: the run, its nodes, its regions."""
    about = {
        "run_id": one.run_id,
        "round": int(one.round) if one.round.isdigit() else None,
        "app": one.app,
        "perun_version": one.settings.get("perun_version", ""),
        "sampling_period_s": float(one.settings.get("monitor.sampling_period", "nan")),
    }
    failed = ["failed_run"] if one.round == "failed" else []
    meters = [_HostMeter(host) for host in one.hosts]
    nodes = [(meter, meter.rows(meter.whole())) for meter in meters]
    for row in _added([rows for _, rows in nodes]):
        yield _finished({**about, "scope": "run", **row}, failed)
    for meter, rows in nodes:
        for row in rows:
            yield _finished({**about, "scope": "node", "host": meter.host.name, **row}, failed)
    for region, ranks in one.regions.items():
        for rank, calls in ranks.items():
            homes = [each for each in meters if rank in each.host.ranks] or meters[:1] * (len(meters) == 1)
            if not homes:
                continue  # a rank of a host that recorded nothing
            meter = homes[0]
            shared = [*failed, *(["whole_node"] if len(meter.host.ranks) > 1 else [])]
            for row in meter.rows(calls):
                place = {"scope": "region", "host": meter.host.name, "region": region, "rank": rank}
                yield _finished({**about, **place, **row, "calls": len(calls)}, shared)


class _HostMeter:
    """The sensors of one host, ready to be asked for the joules of any stretch of time."""

    def __init__(self, host: Host):
        self.host = host
        self.tracks = [(_DOMAINS.get(series.group, "other"), _track(series)) for series in host.series]
        self.end = max((float(series.times[-1]) for series in host.series if len(series.times)), default=host.runtime_s)

    def whole(self) -> FloatArray:
        """Return the time from the first to the last sample as one stretch, shape (1, 2)."""
        return np.array([[0.0, self.end]])

    def rows(self, stretches: FloatArray) -> list[dict[str, Any]]:
        """Return one row a domain, then their total, for stretches of time of shape (n, 2), seconds."""
        seconds = float((stretches[:, 1] - stretches[:, 0]).sum())
        rows = []
        for domain in _PARTS:
            tracks = [track for each, track in self.tracks if each == domain]
            if tracks:
                rows.append(_row(domain, tracks, stretches, seconds))
        return [*rows, _total([row for row in rows if row["domain"] != "other"], seconds)]


def _track(series: Series) -> CounterTrack | PowerTrack:
    """Play the samples of a sensor back. perun writes 0 where a read failed; no running counter or device is at
    exactly 0.
    """
    values = iter([value if value > 0 else None for value in series.values.tolist()])
    track: CounterTrack | PowerTrack
    if series.unit == "J":
        track = CounterTrack(values.__next__, series.magnitude, series.counts_max)
    else:
        magnitude = series.magnitude
        track = PowerTrack(lambda: None if (value := next(values)) is None else value * magnitude)
    for t in series.times.tolist():
        track.poll(t)
    return track


def _row(domain: str, tracks: list[CounterTrack | PowerTrack], stretches: FloatArray, seconds: float) -> dict[str, Any]:
    spans = [[track.between(start, end) for start, end in stretches.tolist()] for track in tracks]
    joules = [_joules(of_track) for of_track in spans]
    counter = all(isinstance(track, CounterTrack) for track in tracks)
    known = [value for value in joules if value is not None]
    everything = [span for of_track in spans for span in of_track]
    samples = min(sum(span.n_samples for span in of_track) for of_track in spans)
    covered = min(sum(span.covered_s for span in of_track) for of_track in spans)
    return {
        "domain": domain,
        "energy_j": sum(known) if known else float("nan"),
        "seconds": seconds,
        "method": ("unavailable" if not known else _COUNTER if counter else _POWER),
        "coverage": covered / seconds if seconds > 0 else float("nan"),
        "samples": samples,
        "marks": [
            *(["failed_reads"] if any(span.rejected for span in everything) else []),
            *(["counter_reset"] if any(span.resets for span in everything) else []),
            *(["short_run"] if not counter and samples < 60 else []),
        ],
    }


def _joules(spans: list[Span]) -> float | None:
    """Add the stretches that are known, for the coverage tells the rest; None if none is."""
    known = [span.joules for span in spans if span.joules is not None]
    return sum(known) if known else None


def _total(rows: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Add domains of one host over one time."""
    known = [row for row in rows if row["method"] != "unavailable"]
    if not known:
        return {"domain": "total", "energy_j": float("nan"), "seconds": seconds, "method": "unavailable"}
    return {
        "domain": "total",
        "energy_j": sum(row["energy_j"] for row in known),
        "seconds": seconds,
        "method": _POWER if any(row["method"] == _POWER for row in known) else _COUNTER,
        "coverage": min(row["coverage"] for row in known),
        "samples": min(row["samples"] for row in known),
        "marks": [*(mark for row in known for mark in row["marks"]), *(["partial"] if len(known) < len(rows) else [])],
    }


def _added(hosts: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Add the same domain of several hosts; the length is that of the longest."""
    rows = []
    for domain in (*_PARTS, "total"):
        found = [row for host in hosts for row in host if row["domain"] == domain]
        if found:
            row = _total(found, max(row["seconds"] for row in found))
            rows.append({**row, "domain": domain})
    return rows


def _finished(row: dict[str, Any], more: list[str]) -> dict[str, Any]:
    """Fill in what a row lacks and write its marks as flags."""
    blank = {"host": "", "region": "", "rank": None, "calls": None, "coverage": float("nan"), "samples": 0}
    marks = [*row.pop("marks", []), *more]
    known = row["method"] != "unavailable"
    if known and row["coverage"] < 0.995:
        marks.append("partial")
    return {**blank, **row, "flags": ";".join(dict.fromkeys(marks if known else more))}
