"""Job steps that had their node to themselves: only their joules in accounting are their own.

A step's row carries the joules of its whole node, so of steps that ran at once on a node each has all of it. The joules
of a step beside which no other ran are those of its trial, whatever the slots say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from autode.energy.ledger import IDLE, UNATTRIBUTED, Entry, Ledger, Meter, Work
from autode.energy.ledger_shares import split

RULE = "step_exclusive"


def steps_alone(rows: pd.DataFrame) -> dict[tuple[str, int], dict[str, float]]:
    """Return the joules of the numbered steps that had a node to themselves, by job and run, then step.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `autode.energy.read_sacct`, with times and nodes. Steps on several nodes are left out; one that begins in
        the second in which another ends is alone.
    """
    steps = rows[rows["step"].str.isdigit() & rows["start"].notna() & rows["end"].notna() & (rows["nodes"] != "")]
    found: dict[tuple[str, int], dict[str, float]] = {}
    for _, group in steps.groupby(["job", "run"], sort=False):
        job, run = group["job"].iloc[0], group["run"].iloc[0]
        several = group["nodes"].str.contains(r"[\[,]").any()
        for _, here in group.sort_values(["start", "end"]).groupby("nodes", sort=False) if not several else ():
            earlier = here["end"].cummax().shift()
            later = here["start"].shift(-1)
            alone = ~(here["start"] < earlier) & ~(later < here["end"]) & here["energy_j"].notna()
            known = here[alone]
            joules = dict(zip(known["step"], known["energy_j"].astype(float), strict=True))
            found.setdefault((str(job), int(run)), {}).update(joules)
    return found


def apportion_steps(meter: Meter, works: Sequence[Work], steps: Mapping[str, float]) -> Ledger | None:
    """Book a job's total where the joules of some works are known from their steps.

    Parameters
    ----------
    meter : Meter
        Of the job; only its total counts.
    works : sequence of Work
        All of them, inside the meter's time; those in ``steps`` hold as many slots as their node has.
    steps : mapping of str to float
        Name of a work -> joules of its step.

    Returns
    -------
    Ledger or None
        The steps' joules to their works (``step_exclusive``), what is left of the total to the other works and the
        empty slots, by slots and time. None if the steps have more than the total: then they cannot be right.
    """
    begin, end = meter.counter.times[0], meter.counter.times[-1]
    total = meter.counter.whole_between(begin, end)
    own = {work.name: round(steps[work.name] * 1e6) for work in works if work.name in steps}
    rest = total - sum(own.values())
    if rest < 0:
        return None
    lengths = [max(min(work.end, end) - max(work.start, begin), 0.0) * work.slots for work in works]
    weights = {
        (work.account, work.name): length for work, length in zip(works, lengths, strict=True) if work.name not in own
    }
    weights[IDLE, "empty slots"] = max(meter.slots * (end - begin) - sum(lengths), 0.0)
    if not any(weights.values()):
        weights = {(UNATTRIBUTED, "beside the steps"): 1.0}
    parts = split(rest, list(weights.values()))
    booked = [(work.account, work.name, RULE, own[work.name]) for work in works if work.name in own]
    booked += [(*key, "core_seconds", part) for key, part in zip(weights, parts, strict=True) if part]
    return Ledger(tuple(_entry(meter, total, *one) for one in booked), total)


def _entry(meter: Meter, total: int, account: str, name: str, rule: str, energy: int) -> Entry:
    u_rel = meter.u_rel if rule == RULE else (meter.u_rel**2 + 0.30**2) ** 0.5
    return Entry(meter.name, account, name, rule, energy, energy / total if total else 0.0, u_rel * energy * 1e-6)
