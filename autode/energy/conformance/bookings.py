"""The ledger on a simulated node of which every trial's joules are known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autode.energy.conformance.verdict import Verdict
from autode.energy.ledger import Entry, Meter, Work, apportion
from autode.energy.ledger_shares import Series
from autode.energy.reconciliation import reconcile

_SLOTS, _IDLE_W, _GPU_IDLE_W = 4, 90.0, 40.0


def simulated_node(rng: np.random.Generator, seconds: int = 1800) -> tuple[Meter, list[Work], dict[str, float]]:
    """Return a node that runs four trials at a time, one after the other in each slot, and each trial's joules by name.

    Idle draws 90 W, which every slot has a quarter of. A second of CPU costs 35 W, give or take 3 % from trial to trial
    as their instructions differ; GPUs draw 40 W idle and up to 350 W. Use changes every second. The counter is read at
    1 Hz, half a period late at worst, with an error of 1 % of its watts; GPU counters are read at the same instants.
    """
    step = np.arange(seconds)
    power = np.full(seconds, _IDLE_W)
    truth: dict[str, float] = {}
    works, gpu_power = [], np.full((_SLOTS, seconds), _GPU_IDLE_W)
    for slot in range(_SLOTS):
        start = float(rng.uniform(0, 20))
        while start < seconds - 60:
            end = min(start + float(rng.uniform(90, 400)), seconds - 1.0)
            name = f"{slot}:{start:.0f}"
            active = np.clip(np.minimum(step + 1, end) - np.maximum(step, start), 0, 1)
            use = np.clip(rng.uniform(0.3, 1.0) + 0.2 * rng.standard_normal(seconds), 0.05, 1.0) * active
            cpu_w, gpu_w = 35.0 * (1 + 0.03 * rng.standard_normal()) * use, rng.uniform(100, 310) * use
            power += cpu_w
            gpu_power[slot] += gpu_w
            truth[name] = float((cpu_w + gpu_w + (_IDLE_W / _SLOTS + _GPU_IDLE_W) * active).sum())
            points = np.concatenate([[start], step[(step > start) & (step < end)], [end]])
            so_far = np.interp(points, np.arange(seconds + 1), np.concatenate([[0.0], np.cumsum(use)]))
            works.append(Work(name, start, end, cpu=Series(tuple(points), tuple(so_far)), devices=(f"GPU-{slot}",)))
            start = end + float(rng.uniform(0.5, 5))
    late = np.sort(np.arange(seconds + 1) + rng.uniform(0, 0.5, seconds + 1))
    late[[0, -1]] = 0, seconds

    def counter(watts: np.ndarray) -> Series:
        microjoules = np.concatenate([[0.0], np.cumsum(watts * 1e6)])
        read = np.interp(late, np.arange(seconds + 1), microjoules)
        return Series(tuple(np.arange(seconds + 1.0)), tuple(np.round(read)))

    gpus = {f"GPU-{slot}": counter(gpu_power[slot]) for slot in range(_SLOTS)}
    node = counter((power + gpu_power.sum(axis=0)) * (1 + 0.01 * rng.standard_normal(seconds)))
    return Meter("node1", node, _SLOTS, _IDLE_W, None, gpus), works, truth


def ledger_verdicts(seeds: int = 3) -> Iterator[Verdict]:
    """Judge the attribution (5 % of any trial at most), and that every microjoule is booked once."""
    for seed in range(seeds):
        meter, works, truth = simulated_node(np.random.default_rng(seed))
        ledger = apportion(meter, works)
        found = ledger.by_name()
        worst = max(truth, key=lambda name: abs(found[name] * 1e-6 - truth[name]) / truth[name])
        case = f"four trials at a time, node {seed}: the worst of {len(truth)} trials"
        yield Verdict("ledger", case, truth[worst], found[worst] * 1e-6, 0.05)
        booked = sum(entry.energy_uj for entry in ledger.entries)
        counter = meter.counter.values[-1]
        yield Verdict("ledger", f"node {seed}: booked microjoules are the counter's", counter, float(booked), 0.0, "µJ")
        within = [_u_j(ledger.entries, name) * 2 >= abs(found[name] * 1e-6 - truth[name]) for name in truth]
        share = float(np.mean(within))
        yield Verdict("ledger", f"node {seed}: two standard uncertainties hold 95 %", 1.0, share, 0.05, "of trials")
        job_uj = round(booked * 1.2)
        closed, _ = reconcile(ledger, job_uj)
        rest = sum(entry.energy_uj for entry in closed.entries)
        yield Verdict("ledger", f"node {seed}: with the residual, the job's", float(job_uj), float(rest), 0.0, "µJ")


def _u_j(entries: tuple[Entry, ...], name: str) -> float:
    return sum(entry.u_j for entry in entries if entry.name == name)
