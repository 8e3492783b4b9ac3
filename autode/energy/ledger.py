"""The ledger: which trial used which joule of a node (or of a whole job), in whole microjoules that add up exactly.

Accounts: ``trial``, ``overhead`` (what runs the trials), ``lost`` (attempts that died), ``idle`` (slots nobody used),
``unattributed`` (used, and nobody knows by whom). Their sum is the counter, always.

Order of attribution, for every piece of time in which nothing begins or ends:

1. ``gpu_exclusive``: a GPU's own counter goes to the one who has it (``gpu_shared``: equally to those who share it).
2. ``node_exclusive``: the rest goes to the one who has the node to itself.
3. ``idle_share``: measured idle power times time, equally to all slots; the empty ones' part is ``idle``.
   ``cpu_time``: what is above idle, by the CPU time of each in that piece. Idle power is measured before the trials and
   not derived from use: a share of everything by use alone gives the idle joules to whoever is busiest.
4. ``core_seconds``: where CPU times are unknown or the counter has only a total, by slots and time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from autode.energy.ledger_shares import Series, split
from autode.energy.ledger_totals import book_total

TRIAL, OVERHEAD, LOST, IDLE, UNATTRIBUTED = ACCOUNTS = ("trial", "overhead", "lost", "idle", "unattributed")

#: Standard uncertainty of a share, relative. Priors of this project, not measurements: 0 where a counter is one user's
#: own; how far CPU time misses the differing watts of a second of it; slots say nothing about use.
SHARE_UNCERTAINTY = {
    "gpu_exclusive": 0.0,
    "node_exclusive": 0.0,
    "idle_share": 0.05,
    "cpu_time": 0.10,
    "gpu_shared": 0.30,
    "core_seconds": 0.30,
    "residual": 0.0,
}


@dataclass(frozen=True)
class Work:
    """Somebody at work on a node: an attempt at a trial, or what runs the trials.

    Attributes
    ----------
    name : str
        Who, e.g. ``"17.0"`` for the first attempt at trial 17.
    start, end : float
        Seconds on the counter's clock.
    account : str
        ``trial``, ``overhead`` or ``lost``.
    slots : float
        How many of the node's slots it takes; 0 for what runs beside the trials.
    cpu : Series or None
        CPU seconds so far; None if unknown.
    devices : tuple of str
        GPUs it uses, as the node's counters are named.

    Raises
    ------
    ValueError
        For an unknown account, an end before the start, or negative slots.
    """

    name: str
    start: float
    end: float
    account: str = TRIAL
    slots: float = 1.0
    cpu: Series | None = None
    devices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.account not in (TRIAL, OVERHEAD, LOST):
            raise ValueError(f"work is of the account trial, overhead or lost, not {self.account!r}")
        if not self.end >= self.start or not self.slots >= 0:
            raise ValueError(f"work {self.name!r} must end after it starts and take no negative number of slots")


@dataclass(frozen=True)
class Meter:
    """What was metered of a node, or of a whole job.

    Attributes
    ----------
    name : str
        Host, or job.
    counter : Series
        Microjoules so far.
    slots : float
        Trials that can run at once.
    idle_w : float or None
        Measured idle power, watts; None if it was not measured.
    cpu : Series or None
        CPU seconds of the whole node; what no work accounts for is ``unattributed``.
    gpus : dict of str to Series
        Microjoules so far of each GPU.
    gpus_inside : bool
        Whether the counter contains the GPUs (a node's own meter), or they come on top (RAPL).
    by_time_only : bool
        Whether the counter knows a total only, so that use cannot be told from time.
    u_rel : float
        Relative standard uncertainty of the counter (RAPL 0.05, node meters 0.02 to 0.05 unless calibrated).
    """

    name: str
    counter: Series
    slots: float = 1.0
    idle_w: float | None = None
    cpu: Series | None = None
    gpus: dict[str, Series] = field(default_factory=dict)
    gpus_inside: bool = True
    by_time_only: bool = False
    u_rel: float = 0.05


@dataclass(frozen=True)
class Entry:
    """One line of the ledger.

    Attributes
    ----------
    meter, account, name, share_rule : str
        Whose counter, which account, who, by which rule.
    energy_uj : int
        Microjoules; negative only in a residual.
    share : float
        Part of the meter's joules, 0..1.
    u_j : float
        Standard uncertainty, joules: counter, instants of start and end, and share (JCGM 100:2008, 5.1.2).
    flags : tuple of str
        ``gpu_exceeds_node``, ``negative_residual``.
    """

    meter: str
    account: str
    name: str
    share_rule: str
    energy_uj: int
    share: float
    u_j: float
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ledger:
    """The entries of one meter, or of several.

    Raises
    ------
    ValueError
        If the entries do not add up to the total.
    """

    entries: tuple[Entry, ...]
    total_uj: int

    def __post_init__(self) -> None:
        if (booked := sum(entry.energy_uj for entry in self.entries)) != self.total_uj:
            raise ValueError(f"the ledger has {booked} microjoules, its meters {self.total_uj}")

    def account_uj(self, account: str) -> int:
        """Return the microjoules of an account."""
        return sum(entry.energy_uj for entry in self.entries if entry.account == account)

    def by_name(self, account: str = TRIAL) -> dict[str, int]:
        """Return the microjoules of everybody in an account."""
        sums: dict[str, int] = {}
        for entry in self.entries:
            if entry.account == account:
                sums[entry.name] = sums.get(entry.name, 0) + entry.energy_uj
        return sums

    def __add__(self, other: Ledger) -> Ledger:
        """Return the ledger of both: the nodes of a job."""
        return Ledger(self.entries + other.entries, self.total_uj + other.total_uj)


_Key = tuple[str, str, str]  # account, name, rule


def apportion(meter: Meter, works: Sequence[Work]) -> Ledger:
    """Book every microjoule of a meter from its first to its last point.

    Parameters
    ----------
    meter : Meter
    works : sequence of Work
        Who was at work on it; only the part inside the meter's time counts.

    Returns
    -------
    Ledger
        One entry a name and rule; their sum is the counter's growth (and the GPUs', where they come on top).
    """
    booked: dict[_Key, int] = {}
    flagged: set[_Key] = set()
    begin, end = meter.counter.times[0], meter.counter.times[-1]
    inside = [work for work in works if work.end > begin and work.start < end]
    if meter.by_time_only and meter.idle_w is None and not meter.gpus and meter.slots > 0:
        empty = IDLE, "empty slots", "core_seconds"
        return _closed(book_total(meter.counter, meter.slots, inside, empty), flagged, meter, inside)
    edges = {begin, end} | {min(max(t, begin), end) for work in inside for t in (work.start, work.end)}
    times = sorted(edges)
    beginning = sorted(inside, key=lambda work: work.start)
    active: list[Work] = []
    place = 0
    for start, stop in itertools.pairwise(times):
        active = [work for work in active if work.end > start]
        while place < len(beginning) and beginning[place].start <= start:
            active.append(beginning[place])
            place += 1
        _book_piece(booked, flagged, meter, [work for work in active if work.end > start], start, stop)
    return _closed(booked, flagged, meter, inside)


def _book_piece(
    booked: dict[_Key, int], flagged: set[_Key], meter: Meter, active: list[Work], start: float, stop: float
) -> None:
    """Book the time between two events."""
    whole = meter.counter.whole_between(start, stop)
    gpu = {name: series.whole_between(start, stop) for name, series in meter.gpus.items()}
    exceeds = meter.gpus_inside and sum(gpu.values()) > whole
    if exceeds:  # counters err; what was not there cannot be booked
        gpu = dict(zip(gpu, split(whole, list(gpu.values())), strict=True))
    for name, energy in gpu.items():
        users = [work for work in active if name in work.devices]
        rule = "gpu_exclusive" if len(users) == 1 else "gpu_shared"
        keys = [(work.account, work.name, rule) for work in users] or [(IDLE, name, "gpu_exclusive")]
        _book(booked, keys, split(energy, [1.0] * len(keys)))
        flagged.update(keys if exceeds else ())
    rest = whole - sum(gpu.values()) if meter.gpus_inside else whole
    empty = max(meter.slots - sum(work.slots for work in active), 0.0)
    if len(active) == 1 and active[0].slots >= meter.slots:
        _book(booked, [(active[0].account, active[0].name, "node_exclusive")], [rest])
        return
    idle = 0 if meter.idle_w is None else min(rest, round(meter.idle_w * (stop - start) * 1e6))
    _by_slots(booked, active, empty, idle, "idle_share")
    _book_used(booked, meter, active, empty, rest - idle, start, stop)


def _book_used(
    booked: dict[_Key, int], meter: Meter, active: list[Work], empty: float, energy: int, start: float, stop: float
) -> None:
    """Book what is above idle: by CPU time where everybody's is known, else by slots."""
    used = [None if work.cpu is None else work.cpu.between(start, stop) for work in active]
    known = [seconds for seconds in used if seconds is not None]
    others = 0.0 if meter.cpu is None else max(meter.cpu.between(start, stop) - sum(known), 0.0)
    if not meter.by_time_only and len(known) == len(active) and sum(known) + others > 0:
        keys = [(work.account, work.name, "cpu_time") for work in active] + [(UNATTRIBUTED, "others", "cpu_time")]
        _book(booked, keys, split(energy, [*known, others]))
    elif meter.idle_w is None or active:
        # without a measured idle power the empty slots' time stands for it
        _by_slots(booked, active, empty if meter.idle_w is None else 0.0, energy, "core_seconds")
    else:
        _book(booked, [(UNATTRIBUTED, "above idle", "core_seconds")], [energy])


def _by_slots(booked: dict[_Key, int], active: list[Work], empty: float, energy: int, rule: str) -> None:
    keys = [(work.account, work.name, rule) for work in active] + [(IDLE, "empty slots", rule)]
    weights = [*(work.slots for work in active), empty]
    if not any(weights):  # only what runs beside the trials is there, and nobody knows how many slots there are
        weights = [1.0] * len(active) + [0.0 if active else 1.0]
    _book(booked, keys, split(energy, weights))


def _book(booked: dict[_Key, int], keys: Sequence[_Key], parts: Sequence[int]) -> None:
    for key, part in zip(keys, parts, strict=True):
        if part:
            booked[key] = booked.get(key, 0) + part


def _closed(booked: dict[_Key, int], flagged: set[_Key], meter: Meter, works: Sequence[Work]) -> Ledger:
    counters = [meter.counter] if meter.gpus_inside else [meter.counter, *meter.gpus.values()]
    begin, end = meter.counter.times[0], meter.counter.times[-1]
    total = sum(counter.whole_between(begin, end) for counter in counters)
    seconds: dict[str, float] = {}
    blur: dict[str, float] = {}
    for work in works:
        seconds[work.name] = seconds.get(work.name, 0.0) + min(work.end, end) - max(work.start, begin)
        gaps = 0.0 if meter.by_time_only else meter.counter.gap(work.start) ** 2 + meter.counter.gap(work.end) ** 2
        blur[work.name] = blur.get(work.name, 0.0) + gaps
    entries = []
    for key, energy in booked.items():
        joules, length = energy * 1e-6, seconds.get(key[1], 0.0)
        # an end may lie anywhere between two points of the counter, evenly: watts * gap / sqrt(12), each
        ends = joules / length * math.sqrt(blur[key[1]] / 12.0) if length else 0.0
        u_j = math.hypot(meter.u_rel * joules, SHARE_UNCERTAINTY[key[2]] * joules, ends)
        flags = ("gpu_exceeds_node",) * (key in flagged)
        entries.append(Entry(meter.name, *key, energy, energy / total if total else 0.0, u_j, flags))
    return Ledger(tuple(entries), total)
