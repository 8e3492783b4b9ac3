"""The meters over counters of known power: wraps, missed reads, resets, short trials, on a clock that is ours."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from autode.energy.board import Board
from autode.energy.conformance.gpu_driver import SyntheticNvml
from autode.energy.conformance.powercap import DRAM, PACKAGE, PowercapTree
from autode.energy.conformance.verdict import Verdict
from autode.energy.meter import Meter, MeterUnavailableError
from autode.energy.nvml import open_nvml
from autode.energy.perun_meter import open_perun
from autode.energy.rapl import open_rapl
from autode.energy.record import EnergyReading

#: What the nodes of all cases draw, watts.
PACKAGE_W, DRAM_W = 100.0, 16.0
_HOUR_S = 3600.0


class Bench:
    """A meter over a synthetic tree, on a clock that goes as fast as we like.

    Parameters
    ----------
    tree : PowercapTree
    meter : Meter
        Its clock becomes this one's.
    """

    def __init__(self, tree: PowercapTree, meter: Meter):
        self.tree, self.meter, self.now = tree, meter, 0.0
        self.meter.clock = lambda: self.now
        tree.watts = {PACKAGE: PACKAGE_W, DRAM: DRAM_W}

    def measure(self, seconds: float, disturb: Callable[[int], None] = lambda poll: None) -> EnergyReading:
        """Return what the meter says of so many seconds, polled at its own period; ``disturb`` comes before each."""
        start, begun, poll = self.meter.edge(), self.now, 0
        while (left := begun + seconds - self.now) > 1e-9:
            step = min(self.meter.period_s or left, left)
            self.tree.advance(step)
            self.now += step
            if left > step:
                disturb(poll)
                self.meter.poll()
                self.tree.write(PACKAGE, self.tree.counts[PACKAGE])  # a failed read is over
            poll += 1
        (reading,) = self.meter.readings(start, self.meter.edge())
        return reading


def meter_verdicts(folder: Path) -> Iterator[Verdict]:
    """Judge the meters that read counters, and what reading them costs."""
    yield from powercap_verdicts(folder, "rapl", open_rapl)
    yield from _gpu_verdicts()
    try:
        yield from powercap_verdicts(folder, "perun", lambda root: open_perun(["cpu"], root))
    except MeterUnavailableError as error:
        yield Verdict("perun", f"not judged: {error}", None, None)
    yield sampler_verdict(folder)


def powercap_verdicts(folder: Path, name: str, open_meter: Callable[[Path], Meter]) -> Iterator[Verdict]:
    """Judge a meter of powercap counters, opened on a tree; see `meter_verdicts`."""
    watts = PACKAGE_W + DRAM_W
    chance = random.Random(420)

    def judged(case: str, seconds: float, disturb: str = "") -> Verdict:
        with PowercapTree.of_a_node(folder / f"{name}-{case}".replace(" ", "-")) as tree:
            meter = open_meter(tree.root)
            reading = Bench(tree, meter).measure(seconds, _disturbance(disturb, tree, chance))
            meter.close()
        note = f"{reading.wraps} wraps, {reading.rejected_samples} rejected, {reading.resets} resets"
        return Verdict(name, case, watts * seconds, reading.energy_j, detail=note)

    yield judged("an hour of constant power, the package wraps", _HOUR_S)
    yield judged("a trial shorter than the period", 0.25)
    yield judged("every fifth read fails", _HOUR_S, "fail")
    yield judged("single reads of zero", _HOUR_S, "zero")
    yield judged("the counters are reset once in an hour", _HOUR_S, "reset")


def _disturbance(kind: str, tree: PowercapTree, chance: random.Random) -> Callable[[int], None]:
    """Return what happens before a poll: nothing, a failed read, a read of zero, or one reset of all counters."""

    def disturb(poll: int) -> None:
        if kind == "fail" and chance.random() < 0.2:
            tree.fail(PACKAGE)
        if kind == "zero" and poll % 50 == 25:
            counts = tree.counts[PACKAGE]
            tree.write(PACKAGE, 0)
            tree.counts[PACKAGE] = counts  # it was only that one answer
        if kind == "reset" and poll == 100:
            for path in (PACKAGE, DRAM):
                tree.write(path, 1_000_000)

    return disturb


def _gpu_verdicts() -> Iterator[Verdict]:
    """Judge the GPUs' energy counters at 300 W."""
    driver = SyntheticNvml({"GPU-a": 5_000_000, "GPU-b": 7_000_000})

    def measured(joules: float, failed: bool = False) -> float | None:
        meter = open_nvml(["GPU-a"], driver)
        start = meter.edge()
        counts = driver.millijoules["GPU-a"]
        if failed:
            driver.millijoules["GPU-a"] = None
            meter.poll()
        driver.millijoules["GPU-a"] = round((counts or 0) + joules * 1e3)
        (reading,) = meter.readings(start, meter.edge())
        meter.close()
        return reading.energy_j

    yield Verdict("nvml", "an hour at 300 W", 300 * _HOUR_S, measured(300 * _HOUR_S))
    yield Verdict("nvml", "half a second at 300 W", 150.0, measured(150.0))
    yield Verdict("nvml", "a read fails in between", 300 * _HOUR_S, measured(300 * _HOUR_S, failed=True))
    yield Verdict("nvml", "the driver is reloaded: no joules", None, measured(-6_000_000.0))


def sampler_verdict(folder: Path, samples: int = 100) -> Verdict:
    """Judge what the node's one sampler costs at 1 Hz: CPU time of a sample and its booking, as a share of a second.

    Parameters
    ----------
    folder : pathlib.Path
    samples : int
        How many are timed together.
    """
    with PowercapTree.of_a_node(folder / "sampler") as tree:
        board = Board(open_rapl(tree.root), folder / "board")
        board.look(join=True)
        begun = time.thread_time()
        for _ in range(samples):
            board.look()
        share = (time.thread_time() - begun) / samples
        board.close()
    return Verdict("sampler", "CPU of one sample a second, 0.5 % at most", 0.0, share, 0.005, "of a core")
