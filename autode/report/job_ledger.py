"""From a job's accounted joules to its trials: the ledger of every run of a job, and the readings that it gives."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from autode.energy import EnergyReading, is_measured
from autode.energy.ledger import LOST, OVERHEAD, TRIAL, Entry, Ledger, Meter, Work, apportion
from autode.energy.ledger_shares import Series
from autode.energy.node_series import NodeSeries
from autode.energy.reconciliation import Reconciliation, reconcile
from autode.energy.steps_alone import apportion_steps
from autode.report.node_ledger import hosts, nodes_ledger
from autode.report.quantities import is_missing
from autode.study.history import RUNNING, Attempt, History, RunHistory, readings_of
from autode.trial import LOST as LOST_STATE

if TYPE_CHECKING:
    import pandas as pd

#: Slurm's source of energy -> assurance and what it covers. Of others, nothing is known but that it was sampled.
_PLUGINS: dict[str, tuple[str, tuple[str, ...]]] = {
    "pm_counters": ("A", ("node_dc",)),
    "ipmi": ("C", ("node_dc",)),
    "xcc": ("A", ("node_dc",)),
    "ibmaem": ("A", ("node_dc",)),
    "rapl": ("B", ("cpu_pkg", "dram")),
    "gpu": ("C", ("gpu",)),
}
_UNKNOWN_PLUGIN: tuple[str, tuple[str, ...]] = ("C", ())


@dataclass(frozen=True)
class JobLedger:
    """The ledger of one run of a job.

    Attributes
    ----------
    job : str
        Number and restart count, ``"7.0"``.
    ledger : Ledger
    reading : EnergyReading
        What Slurm accounted for the whole job.
    reconciliation : Reconciliation or None
        Against the meters on its nodes; None unless all of its nodes had one.
    """

    job: str
    ledger: Ledger
    reading: EnergyReading
    reconciliation: Reconciliation | None = None

    @property
    def u_j(self) -> float:
        """Standard uncertainty of the whole job's joules: its counter's."""
        return Meter.u_rel * (self.reading.energy_j or 0.0)


def live_joules(history: History) -> dict[tuple[str, int], float]:
    """Return what ``sstat`` said of every run of a job while it lived, joules by job and restart count."""
    pieces: dict[int, float] = {}
    for record in history.energy:
        if record.get("scope") == "job":
            joules = sum(reading.energy_j or 0.0 for reading in readings_of(record))
            pieces[record["run"]] = pieces.get(record["run"], 0.0) + joules
    found: dict[tuple[str, int], float] = {}
    for run in history.runs:  # every start of the program in one job begins with what the job had used by then
        if run.record["run"] in pieces:
            found[_job_of(run)] = max(found.get(_job_of(run), 0.0), pieces[run.record["run"]])
    return found


def _job_of(run: RunHistory) -> tuple[str, int]:
    slurm = run.record.get("slurm") or {}
    return str(slurm.get("job_id")), int(slurm.get("restart_count") or 0)


def job_ledgers(
    history: History, accounting: pd.DataFrame | None, series: Sequence[NodeSeries] = ()
) -> list[JobLedger]:
    """Book the joules of every finished run of a job that Slurm has joules for.

    Where every node of the job left the series of its counters, these say who used what and when, and what they did not
    see of the job's joules is ``unattributed``. Else only the total is known, so time counts: of every slot, while the
    job ran. A GPU's own counter is booked first to the attempt that had the GPU. Time of the job outside of the program
    is ``overhead``, of a slot without a trial ``idle``, of attempts that died ``lost``.

    Parameters
    ----------
    history : History
    accounting : pandas.DataFrame or None
        From `autode.study.accounting.job_accounting`.
    series : sequence of NodeSeries
        Of all nodes of all runs.
    """
    if accounting is None:
        return []
    runs: dict[tuple[str, int], list[RunHistory]] = {}
    for run in history.runs:
        runs.setdefault(_job_of(run), []).append(run)
    finished = [one for one in accounting.to_dict("records") if _is_bookable(one)]
    found = []
    for one in finished:
        key = str(one["job"]), int(one["run"])
        own = [each for each in series if (each.job, int(each.restart or 0)) == key]
        found.append(_job_ledger(history, one, runs.get(key, []), own))
    return found


def with_job_readings(history: History, ledgers: Sequence[JobLedger]) -> History:
    """Give every attempt its part of its job's joules as one more reading; what its own meters measured still leads."""
    parts: dict[str, list[EnergyReading]] = {}
    for one in ledgers:
        entries: dict[str, list[Entry]] = {}
        for entry in one.ledger.entries:
            if entry.account in (TRIAL, LOST):
                entries.setdefault(entry.name, []).append(entry)
        for name, booked in entries.items():
            parts.setdefault(name, []).append(_part(one, booked))
    for attempt in history.attempts:
        if found := parts.get(_name(attempt)):
            attempt.readings = [*attempt.readings, *found]  # the journal's own record stays as it is
            attempt.__dict__.pop("reading", None)
    return history


def _is_bookable(one: dict[Any, Any]) -> bool:
    return not is_missing(one["energy_j"]) and one["elapsed_s"] > 0 and "unfinished" not in one["flags"].split(";")


def _job_ledger(
    history: History, one: dict[Any, Any], runs: Sequence[RunHistory], series: Sequence[NodeSeries]
) -> JobLedger:
    elapsed, numbers = float(one["elapsed_s"]), {run.record["run"] for run in runs}
    zero = _start_of(one, runs)
    attempts = [a for a in history.attempts if _run_of(a) in numbers and a.started and a.state != RUNNING]
    works = [_work(attempt, zero, elapsed) for attempt in attempts]
    slots = max([float(run.record.get("slots") or 1) for run in runs] or [1.0])
    outside = _outside(runs, zero, elapsed, slots)
    counter = Series.steady(0.0, elapsed, round(one["energy_j"] * 1e6))
    reading = _job_reading(one, series)
    gpus = _gpu_counters(attempts, zero, elapsed) if "node_dc" in reading.domains else {}
    meter = Meter(f"{one['job']}.{one['run']}", counter, slots, gpus=gpus, by_time_only=True)
    everything = [*works, *outside]
    nodes = len(hosts(series)) if len(hosts(series)) == one["node_count"] else 0  # a part of them tells too little
    at_work = list(zip(attempts, works, strict=True))
    metered = _by_nodes(series, at_work, outside, slots / nodes, zero) if nodes else None
    closed, seen = (None, None) if metered is None else reconcile(metered, counter.whole_between(0.0, elapsed))
    ledger = _by_steps(meter, everything, attempts, one, everybody=True)
    ledger = ledger or (None if seen is None or seen.flags else closed)  # what does not fit decides nothing
    ledger = ledger or _by_steps(meter, everything, attempts, one) or apportion(meter, everything)
    return JobLedger(meter.name, ledger, reading, seen or _reconciled(history, numbers, one))


def _by_nodes(
    series: Sequence[NodeSeries],
    attempts: Sequence[tuple[Attempt, Work]],
    outside: Sequence[Work],
    slots: float,
    zero: float,
) -> Ledger | None:
    """Book what the counters of the nodes saw, each to who was at work on it; ``slots`` are those of one node."""
    works = {host: [replace(work, slots=slots) for work in outside] for host in hosts(series)}
    for attempt, work in attempts:
        used = attempt.end.get("cpu_seconds")
        cpu = Series.steady(work.start, work.end, float(used)) if used and work.end > work.start else None
        works.setdefault(str(attempt.start.get("host") or attempt.end.get("host")), []).append(replace(work, cpu=cpu))
    return nodes_ledger(series, works, slots=slots, zero=zero)


def _by_steps(
    meter: Meter, works: Sequence[Work], attempts: Sequence[Attempt], one: dict[Any, Any], everybody: bool = False
) -> Ledger | None:
    """Book by the accounted joules of steps, for the attempts whose step had a node to itself.

    None if no step had; with ``everybody`` also if a single one had not.
    """
    alone = one["steps_alone"]
    if not alone or "shared_node" in one["flags"].split(";"):
        return None
    step = {_name(attempt): str(attempt.start.get("step", "")).rpartition(".")[2] for attempt in attempts}
    own = {name: alone[number] for name, number in step.items() if number in alone}
    if everybody and len(own) < len(step):
        return None
    a_node = meter.slots / max(float(one["node_count"]), 1.0)
    return (
        apportion_steps(meter, [replace(work, slots=a_node) if work.name in own else work for work in works], own)
        if own
        else None
    )


def _job_reading(one: dict[Any, Any], series: Sequence[NodeSeries]) -> EnergyReading:
    plugin = str(one["plugin"]).rpartition("/")[2]
    assurance, domains = _PLUGINS.get(plugin, _UNKNOWN_PLUGIN)
    by_nodes = one["energy_from"] == "nodes"  # Slurm has nothing of it: on-chip counters, as the nodes saw them
    if by_nodes:
        assurance, domains = "B", tuple(dict.fromkeys(sensor.domain for each in series for sensor in each.sensors))
    return EnergyReading(
        float(one["energy_j"]),
        "measured_counter" if by_nodes else "scheduler_counter",
        one["energy_from"] if one["energy_from"] in ("sstat", "nodes") else f"sacct:{one['energy_from']}",
        assurance,
        domains,
        scope="job",
        seconds=float(one["elapsed_s"]),
        flags=tuple(filter(None, one["flags"].split(";"))),
    )


def _start_of(one: dict[Any, Any], runs: Sequence[RunHistory]) -> float:
    """Return the job's start as POSIX time; where its clock is not known, it ended with the program."""
    if one["utc"] and not is_missing(one["start"]):
        return float(one["start"].tz_localize("UTC").timestamp())
    return max((_posix(run.last_seen) for run in runs), default=0.0) - float(one["elapsed_s"])


def _posix(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _name(attempt: Attempt) -> str:
    return f"{attempt.trial}.{attempt.number}"


def _run_of(attempt: Attempt) -> Any:
    """Return the run in which an attempt began; the loss of one is written down by the next run."""
    return attempt.start.get("run", attempt.end.get("run"))


def _work(attempt: Attempt, zero: float, elapsed: float) -> Work:
    """Return an attempt as work on its job; one that was lost held its slot until its job ended."""
    lost = attempt.state == LOST_STATE
    start = min(max(_posix(str(attempt.started)) - zero, 0.0), elapsed)
    end = elapsed if lost or not attempt.end.get("finished") else _posix(attempt.end["finished"]) - zero
    devices = tuple(reading.device for reading in _gpu_readings(attempt))
    account = LOST if lost else TRIAL
    return Work(_name(attempt), start, min(max(end, start), elapsed), account, devices=devices)


def _outside(runs: Sequence[RunHistory], zero: float, elapsed: float, slots: float) -> list[Work]:
    """Return the times of the job in which the program did not run: loading, starting, reporting.

    A run without an end died with its job, later than its last record.
    """
    times = sorted(
        (_posix(run.record["time"]) - zero, _posix(run.last_seen) - zero if run.end else elapsed) for run in runs
    )
    edges = [0.0, *itertools.chain.from_iterable(times), elapsed]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [
        Work("outside of the program", max(start, 0.0), min(end, elapsed), OVERHEAD, slots)
        for start, end in gaps
        if min(end, elapsed) > max(start, 0.0)
    ]


def _gpu_readings(attempt: Attempt) -> list[EnergyReading]:
    """Return what the counters of GPUs that it had for itself say of an attempt."""
    return [one for one in attempt.readings if one.domains == ("gpu",) and one.device and is_measured(one)]


def _gpu_counters(attempts: Iterable[Attempt], zero: float, elapsed: float) -> dict[str, Series]:
    """Join the attempts' readings to one counter a GPU; between attempts nothing is known of it, so it stands still."""
    pieces: dict[str, list[tuple[float, float, float]]] = {}
    for attempt in attempts:
        if readings := _gpu_readings(attempt):
            work = _work(attempt, zero, elapsed)
            for reading in readings:
                pieces.setdefault(reading.device, []).append((work.start, work.end, (reading.energy_j or 0.0) * 1e6))
    return {device: series for device, found in pieces.items() if (series := _joined(sorted(found))) is not None}


def _joined(pieces: Sequence[tuple[float, float, float]]) -> Series | None:
    """Return the counter of pieces that do not overlap; None if they do: then the GPU was nobody's own."""
    points: dict[float, float] = {}
    total = 0.0
    for start, end, energy in pieces:
        if end <= start or (points and start < max(points)):
            return None
        points.setdefault(start, total)
        total += energy
        points[end] = total
    return Series(tuple(points), tuple(points.values()))


def _reconciled(history: History, runs: set[int], one: dict[Any, Any]) -> Reconciliation | None:
    """Compare the job with the meters of its nodes, if every node had one."""
    records = [record for record in history.energy if record.get("scope") == "node" and record.get("run") in runs]
    if len({record.get("host") for record in records}) != one["node_count"]:
        return None
    readings = [reading for record in records for reading in readings_of(record) if is_measured(reading)]
    if (
        not readings
        or len({(reading.host, reading.domains, reading.device) for reading in readings}) > one["node_count"]
    ):
        return None  # several meters of one node may see the same joule
    energy = round(sum(reading.energy_j or 0.0 for reading in readings) * 1e6)
    meter = Meter("nodes", Series.steady(0.0, 1.0, energy))
    return reconcile(apportion(meter, []), round(one["energy_j"] * 1e6))[1]


def _part(one: JobLedger, entries: Sequence[Entry]) -> EnergyReading:
    """Return an attempt's part of a job's joules, one entry a rule, as a reading."""
    energy = sum(entry.energy_uj for entry in entries)
    u_j = sum(entry.u_j for entry in entries)  # all hang on one counter: their errors go together
    joules = energy * 1e-6
    return replace(
        one.reading,
        energy_j=joules,
        method="apportioned",
        assurance="C",
        scope="trial",
        seconds=0.0,
        energy_low_j=max(joules - 2 * u_j, 0.0),
        energy_high_j=joules + 2 * u_j,
        share_rule="+".join(dict.fromkeys(entry.share_rule for entry in entries)),
        share=energy / one.ledger.total_uj if one.ledger.total_uj else None,
        flags=tuple(dict.fromkeys([*one.reading.flags, *(flag for entry in entries for flag in entry.flags)])),
    )
