"""One account of a node's joules for all processes on it: who had which part, booked as time goes by.

Every process that runs trials reads the same node-wide counters. The board is one small file in the node's memory that
they share: one of them, whoever is first, samples once a second for all; the others only look in when a trial begins or
ends, which takes a sample, too. With every sample the joules since the last one are booked: measured idle power times
time is ``idle``, and what is above goes to the process trees by the CPU time that each used in just that piece of time.
So concurrency that changes, and trials of unequal appetite, are followed to the second.

Idle power is measured whenever the node does nothing: it is the median power of those seconds. As long as there were
none, everything goes by CPU time.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import statistics
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from autode.energy.cputime import node_cpu_seconds
from autode.energy.meter import Meter
from autode.energy.processes import ProcessTrees
from autode.energy.tracks import POWER_LIMIT_W, CounterTrack

PERIOD_S = 1.0
#: CPU seconds of the node that must have passed to be shared out, at an edge of a window and otherwise: the clock of
#: /proc ticks every 10 ms.
_LEAST_CPU_S = (0.01, 0.05)
#: A node that uses less than this share of its processors is idle; so many such seconds make a median.
_IDLE_SHARE, _IDLE_SECONDS = 0.02, (3, 60)
#: Seconds between two attempts to sample for all, of processes that do not.
_STAND_BY_S = 5.0


@dataclass
class Account:
    """What the board holds; times are monotonic seconds of this boot.

    Attributes
    ----------
    joules : float
        Of the node since the board began.
    idle_j : float
        Part of ``joules``: measured idle power times time.
    dynamic_j : dict of str to float
        Part of ``joules`` above idle, by process id.
    pending_j, booked : float
        Joules that no CPU time has told apart yet, and since when.
    cpu_s : dict of str to float
        CPU seconds of the process trees when they were last booked; ``node`` is the whole node.
    idle_w : list of float
        Powers seen while the node was idle, watts.
    sensors : list
        Where the tracks of the counters stand, and the seconds between good samples of each.
    samples, wraps, resets, rejected : int
    """

    identity: str = ""
    t: float = 0.0
    joules: float = 0.0
    idle_j: float = 0.0
    dynamic_j: dict[str, float] = field(default_factory=dict)
    pending_j: float = 0.0
    booked: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    idle_w: list[float] = field(default_factory=list)
    sensors: list[Any] = field(default_factory=list)
    samples: int = 0
    wraps: int = 0
    resets: int = 0
    rejected: int = 0

    @property
    def covered_s(self) -> float:
        """Seconds between good samples since the board began, of the counter that has least."""
        return float(min((covered for *_, covered in self.sensors), default=0.0))

    @property
    def idle_power_w(self) -> float | None:
        """Measured idle power, watts; None before there was an idle moment."""
        return statistics.median(self.idle_w) if len(self.idle_w) >= _IDLE_SECONDS[0] else None


class Board:
    """The access of a process to the node's account of one meter.

    Parameters
    ----------
    meter : Meter
        Its sensors are read by all processes alike.
    folder : pathlib.Path, optional
        Where the account lies; by default one of this user in the node's memory, by what the meter reads.
    """

    def __init__(self, meter: Meter, folder: Path | None = None):
        self.meter = meter
        self._folder = _place(meter) if folder is None else folder
        self._trees = ProcessTrees()
        self._thread: threading.Thread | None = None
        self._lead: int | None = None
        self._leave = threading.Event()
        self._longest_s = _longest_gap(meter)
        _BOARDS.add(self)

    @property
    def source(self) -> str:
        """What the records name as their source."""
        return self.meter.sensors[0].source

    def look(self, join: bool = False, tries: int = 1) -> Account:
        """Sample the counters now, book what has passed, and return the account.

        Parameters
        ----------
        join : bool
            Whether this process is to be booked from here on.
        tries : int
            How often to read a counter that fails.
        """
        with self._locked() as file:
            account = self._load(file)
            now = self.meter.clock()
            self._sample(account, now, tries)
            own = {str(os.getpid())} if join else set()
            self._book(account, now, fresh=join or tries > 1, joining=own)
            _store(file, account)
        return account

    def _sample(self, account: Account, now: float, tries: int) -> None:
        tracks = [sensor.track for sensor in self.meter.sensors]
        states = account.sensors if len(account.sensors) == len(tracks) else [(None, None, 0.0)] * len(tracks)
        gained = 0.0
        account.sensors = []
        for track, (*state, covered) in zip(tracks, states, strict=True):
            track.resume(state)
            track.poll(now, tries)
            gained += track.joules[-1] if track.joules else 0.0
            account.sensors.append([*track.state, covered + (track.covered[-1] if track.covered else 0.0)])
        events = [event for track in tracks for _, event in track.events]
        account.joules += gained
        account.pending_j += gained
        account.samples += 1
        account.wraps += events.count("wrap")
        account.resets += events.count("reset")
        account.rejected += events.count("rejected")
        account.t, account.booked = now, account.booked or now

    def _book(self, account: Account, now: float, fresh: bool, joining: set[str]) -> None:
        """Share out the pending joules, once there is CPU time to share them by."""
        roots = {int(pid) for pid in [*account.dynamic_j, *joining]}
        cpu = {str(pid): seconds for pid, seconds in self._trees.seconds(roots, fresh).items()}
        cpu["node"] = node_cpu_seconds() or 0.0
        account.cpu_s = cpu | account.cpu_s  # who is new begins here
        used = {name: max(0.0, seconds - account.cpu_s[name]) for name, seconds in cpu.items()}
        node, length = used.pop("node"), now - account.booked
        if node >= _LEAST_CPU_S[0 if fresh else 1] or length >= PERIOD_S / 2:
            self._note_idle(account, node, length)
            idle_w = account.idle_power_w
            idle = 0.0 if idle_w is None else min(idle_w * length, account.pending_j)
            above, everybody = account.pending_j - idle, max(node, sum(used.values()))
            account.idle_j += idle
            for pid, seconds in used.items():
                account.dynamic_j[pid] = account.dynamic_j.get(pid, 0.0) + above * seconds / (everybody or 1.0)
            account.pending_j, account.booked, account.cpu_s = 0.0, now, cpu
        account.dynamic_j = {pid: account.dynamic_j.get(pid, 0.0) for pid in used}

    def _note_idle(self, account: Account, node_s: float, length: float) -> None:
        if length >= PERIOD_S / 2 and node_s < _IDLE_SHARE * length * (os.cpu_count() or 1) and account.pending_j > 0:
            account.idle_w = [*account.idle_w, account.pending_j / length][-_IDLE_SECONDS[1] :]

    # --- sampling for all

    def serve(self) -> None:
        """Sample for all from here on, as soon as nobody else does: when one who did is gone, the next one follows."""
        if self._thread is None:
            self._leave.clear()
            self._thread = threading.Thread(target=self._serve, name="autode-board", daemon=True)
            self._thread.start()

    @property
    def leads(self) -> bool:
        """Whether this process samples for all."""
        return self._lead is not None

    def _serve(self) -> None:
        period = min(PERIOD_S, self.meter.period_s or PERIOD_S)
        while True:
            with suppress(OSError):  # a full or swept folder must not end the sampling for good
                self._lead = self._lead or self._take_lead()
                if self._lead is not None:
                    self.look()
            if self._leave.wait(period if self.leads else _STAND_BY_S):
                return

    def _take_lead(self) -> int | None:
        """Return an open file whose lock, which ends with this process, is the lead; None if another has it."""
        file = os.open(self._path("lead"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return None
        return file

    def disown(self) -> None:
        """Be nobody in a forked child, which has no such thread: a lock is inherited, its owner is not."""
        if self._lead is not None:
            os.close(self._lead)
        self._lead = self._thread = None

    def close(self) -> None:
        """Stop sampling; the last to go leaves nothing behind."""
        self._leave.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
            self._thread = None
        if self._lead is not None:
            os.close(self._lead)
            self._lead = None
        with suppress(OSError), self._locked() as file:
            account = self._load(file)
            account.dynamic_j.pop(str(os.getpid()), None)
            if self._trees.seconds(map(int, account.dynamic_j)):
                _store(file, account)
            else:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._folder / name

    @contextmanager
    def _locked(self) -> Iterator[int]:
        file = os.open(self._path("account"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)

    def _load(self, file: int) -> Account:
        """Return the account; a new one if there is none, it is damaged, or nobody has sampled for too long."""
        try:
            account = Account(**json.loads(os.pread(file, os.fstat(file).st_size, 0)))
        except (ValueError, TypeError):
            return Account(identity=os.urandom(8).hex())
        # after longer than this a counter may have wrapped unseen; later than now means before the last boot
        stale = not 0 <= self.meter.clock() - account.t <= self._longest_s
        return Account(identity=os.urandom(8).hex(), idle_w=account.idle_w) if stale else account


#: All boards of this process, for the moment of a fork.
_BOARDS: weakref.WeakSet[Board] = weakref.WeakSet()


def _disown_all() -> None:
    for board in _BOARDS:
        board.disown()


os.register_at_fork(after_in_child=_disown_all)


def _longest_gap(meter: Meter) -> float:
    """Return the seconds in which no counter of a meter can wrap twice."""
    tracks = [sensor.track for sensor in meter.sensors if isinstance(sensor.track, CounterTrack)]
    return min([600.0, *(track.counts_max * track.unit_j / POWER_LIMIT_W for track in tracks if track.counts_max)])


def _place(meter: Meter) -> Path:
    """Return the folder for what a meter reads: the same for all processes of this user on this node."""
    names = [meter.name, meter.root, *(sensor.name for sensor in meter.sensors)]
    memory = Path("/dev/shm")
    root = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    with suppress(OSError):  # process ids mean nothing outside of their namespace
        names.append(str(Path("/proc/self/ns/pid").readlink()))
    reads = "\n".join(names)
    return root / f"autode-{os.getuid()}" / hashlib.sha256(reads.encode()).hexdigest()[:16]


def _store(file: int, account: Account) -> None:
    data = json.dumps(asdict(account)).encode()
    os.pwrite(file, data, 0)
    os.ftruncate(file, len(data))
