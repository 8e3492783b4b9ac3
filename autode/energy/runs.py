"""The joules of each run of a job, from the rows that Slurm printed for it.

Every row counts whole nodes, and rows of one run overlap, so one row (or rows that provably do not overlap) stands for
the run:

``extern``  all nodes from the first to the last second: the truth wherever the site sets ``PrologFlags=Contain``. If
another single
            row of the run has clearly more, its record is incomplete (a node died) and the rules below apply.
``batch``   the first node for all the time: the truth on one node.
``steps``   numbered steps that do not overlap in time on the same nodes, added. Of overlapping ones, the largest sum of
steps that do
            not overlap: a lower bound.
``job``     the job's own line, where nothing else is known, or where the steps that are printed leave out some of its
time or nodes:
            it is no sum of theirs, and the nodes can have used it at the power that the steps had. Without Contain it
            is the sum of all steps, overlapping ones too.
``none``    no row has joules.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import pandas as pd

from autode.energy.sacct import joined_flags

#: Rows of one run agree to this fraction: they begin and end at slightly different instants, and may be rounded.
_TOLERANCE = 0.05
#: The rest of a job may have drawn more than its steps did, by this factor; a line that counts a node twice has more.
_POSSIBLE = 1.25
_UNFINISHED = ("RUNNING", "PENDING", "SUSPENDED", "CONFIGURING", "COMPLETING", "REQUEUE_HOLD", "RESIZING", "STOPPED")
_CARRIED = ("absurd_energy", "implausible_power", "low_power")


def job_runs(rows: pd.DataFrame) -> pd.DataFrame:
    """Choose the best figure that the rows allow for every run of every job.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `read_sacct`.

    Returns
    -------
    pandas.DataFrame
        One row a run: ``job``, ``run``, ``state``, ``submit``, ``start``, ``end``, ``elapsed_s``, ``nodes``,
        ``node_count``, ``energy_j`` (NaN: unknown), ``energy_from`` (see above), ``mean_power_w`` over all nodes (for
        as long as the step that counted it lived), ``mean_node_power_w``, ``cpu_efficiency`` and ``mem_efficiency``
        (0..1, NaN where the query had no such fields), ``job_name``, ``partition``, ``user``, ``cluster``, ``flags``.
        Flags: ``unfinished``, ``partial`` (a node's share is lost), ``extern_incomplete``, ``first_node_only``,
        ``overlapping_steps`` (lower bound), ``job_row_only``, ``steps_incomplete`` (the job's line has more, rightly),
        ``double_count_suspected`` (the job's line has more than its nodes can have used),
        ``zero_energy``, ``rounded``, and those of the rows about absurd values.
    """
    gid, first = _grouped(rows)
    count = len(first)
    step = rows["step"].to_numpy(dtype=object)
    own, extern = step == "", step == "extern"
    batch = (step == "batch") | (step == "interactive")
    numbered = ~(own | extern | batch)
    energy = rows["energy_j"].to_numpy()
    job_j, extern_j, batch_j = (_at(energy, gid, mask, count) for mask in (own, extern, batch))
    steps_j, overlapping = _steps_energy(rows, gid, numbered, count)
    head = _heads(rows, gid, own, extern, count)
    nodes = head["node_count"].to_numpy()
    possible_j = _possible_j(rows, gid, ~own, head["elapsed_s"].to_numpy() * nodes)
    all_j = np.bincount(gid[~own & ~extern], np.nan_to_num(energy[~own & ~extern]), minlength=count)
    more = (job_j < possible_j) & (np.abs(job_j - all_j) > _TOLERANCE * job_j)
    chosen, source, marks = _choose(np.where(more, job_j, np.nan), job_j, extern_j, batch_j, steps_j, nodes)
    marks["overlapping_steps"] = overlapping & (source == "steps")
    marks |= _row_marks(rows, gid, count, head["state"].to_numpy(dtype=object), chosen, source)
    runs = head.assign(energy_j=chosen, energy_from=source, flags=joined_flags(marks, count))
    with np.errstate(invalid="ignore", divide="ignore"):
        seconds = _metered_seconds(runs["elapsed_s"].to_numpy(), rows, gid, {"extern": extern, "batch": batch}, source)
        runs["mean_power_w"] = runs["energy_j"] / seconds
        runs["mean_node_power_w"] = runs["mean_power_w"] / np.where(runs["node_count"] > 0, runs["node_count"], np.nan)
    _efficiencies(runs, rows, gid, own, count)
    runs[["energy_from", "flags"]] = runs[["energy_from", "flags"]].astype("str")
    return runs[[*_COLUMNS]]


_COLUMNS = (
    "job", "run", "state", "submit", "start", "end", "elapsed_s", "nodes", "node_count", "energy_j", "energy_from",
    "mean_power_w", "mean_node_power_w", "cpu_efficiency", "mem_efficiency", "job_name", "partition", "user", "cluster",
    "flags",
)  # fmt: skip


def _grouped(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each row's run, in order of appearance, and the position of each run's first row."""
    jobs = pd.factorize(rows["job"])[0].astype(np.int64)
    clusters = pd.factorize(rows["cluster"])[0]
    span = int(rows["run"].max()) + 1 if len(rows) else 1
    key = (clusters * (jobs.max(initial=0) + 1) + jobs) * span + rows["run"].to_numpy()
    gid, distinct = pd.factorize(key)
    first = np.full(len(distinct), -1)
    first[gid[::-1]] = np.arange(len(rows))[::-1]
    return gid, first


def _at(values: np.ndarray, gid: np.ndarray, mask: np.ndarray, count: int) -> np.ndarray:
    """Return the masked row's value of each run; the largest if there are several, NaN if there is none."""
    result = np.full(count, -np.inf)
    good = mask & ~np.isnan(values)
    np.maximum.at(result, gid[good], values[good])
    return np.where(np.isneginf(result), np.nan, result)


def _heads(rows: pd.DataFrame, gid: np.ndarray, own: np.ndarray, extern: np.ndarray, count: int) -> pd.DataFrame:
    """Return what describes each run: its own line, else its extern step, else its first line."""
    rank = np.where(own, 0, np.where(extern, 1, 2))
    order = np.lexsort((np.arange(len(rows)), rank, gid))
    leading = order[np.unique(gid[order], return_index=True)[1]]
    head = rows.iloc[leading].reset_index(drop=True)
    elapsed = rows["elapsed_s"].to_numpy()
    longest = _at(elapsed, gid, np.ones(len(rows), dtype=bool), count)
    head["elapsed_s"] = np.where(np.isnan(head["elapsed_s"]), longest, head["elapsed_s"])
    return head.drop(columns=["flags", "energy_j"])


def _metered_seconds(
    elapsed: np.ndarray, rows: pd.DataFrame, gid: np.ndarray, steps: dict[str, np.ndarray], source: np.ndarray
) -> np.ndarray:
    """Return how long each run's figure was counted for; NaN if unknown.

    A node's failure ends the job's own line; on the nodes that live, the step that counts is ended some time later.
    """
    longest = elapsed
    for name, mask in steps.items():
        counted = _at(rows["elapsed_s"].to_numpy(), gid, mask, len(elapsed))
        longest = np.where(source == name, np.fmax(longest, counted), longest)
    return np.where(longest > 0, longest, np.nan)


def _possible_j(rows: pd.DataFrame, gid: np.ndarray, steps: np.ndarray, node_seconds: np.ndarray) -> np.ndarray:
    """Return what each run's nodes can have used, by the largest power of a node in its steps; NaN if unknown."""
    with np.errstate(invalid="ignore", divide="ignore"):
        watts = (rows["energy_j"] / rows["elapsed_s"] / rows["node_count"]).to_numpy()
    known = steps & np.isfinite(watts)
    most: np.ndarray = _POSSIBLE * _at(watts, gid, known, len(node_seconds)) * node_seconds
    return most


def _choose(
    whole_j: np.ndarray,
    job_j: np.ndarray,
    extern_j: np.ndarray,
    batch_j: np.ndarray,
    steps_j: np.ndarray,
    nodes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Apply the rules of this module; all arrays have one value a run.

    ``whole_j`` is the job's own line where it can be the truth beside steps that have less, else NaN.
    """
    slack = 1.0 + _TOLERANCE
    batch, steps = np.nan_to_num(batch_j, nan=-1.0), np.nan_to_num(steps_j, nan=-1.0)
    inside = np.maximum(batch, steps)
    has_extern = ~np.isnan(extern_j)
    incomplete = has_extern & (inside > slack * np.nan_to_num(extern_j))
    use_extern = has_extern & ~incomplete
    several = nodes > 1
    use_batch = ~use_extern & (batch > 0) & np.where(several, batch > steps, batch * slack >= steps)
    use_steps = ~use_extern & ~use_batch & (steps > 0)
    use_whole = ~has_extern & (inside > 0) & (whole_j > slack * np.where(use_batch, batch, steps))
    use_batch, use_steps = use_batch & ~use_whole, use_steps & ~use_whole
    use_job = ~use_extern & ~use_batch & ~use_steps & ~np.isnan(job_j)
    conditions = [use_extern, use_batch, use_steps, use_job]
    chosen = np.select(conditions, [extern_j, batch_j, steps_j, job_j], default=np.nan)
    source = np.select(conditions, ["extern", "batch", "steps", "job"], default="none").astype(object)
    with np.errstate(invalid="ignore"):
        more = ~use_job & (job_j > slack * chosen)
    return chosen, source, {
        "extern_incomplete": incomplete,
        "first_node_only": use_batch & several,
        "job_row_only": use_job & ~use_whole,
        "steps_incomplete": use_whole,
        "double_count_suspected": more & (use_extern | ~several | (np.abs(job_j - batch - steps) < _TOLERANCE * job_j)),
    }  # fmt: skip


def _steps_energy(
    rows: pd.DataFrame, gid: np.ndarray, numbered: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the joules of the numbered steps of each run without counting one twice, and whether they overlap."""
    good = numbered & rows["energy_j"].notna().to_numpy()
    joules = np.bincount(gid[good], weights=rows["energy_j"].to_numpy()[good], minlength=count).astype(float)
    number = np.bincount(gid[good], minlength=count)
    total = np.where(number > 0, joules, np.nan)
    overlapping = np.zeros(count, dtype=bool)
    doubtful = good & (number[gid] > 1)
    if not doubtful.any():
        return total, overlapping
    lengths = _at(rows["elapsed_s"].to_numpy(), gid, (rows["step"] == "").to_numpy(), count)
    steps = rows.loc[doubtful, ["energy_j", "elapsed_s", "start", "end", "nodes"]].assign(gid=gid[doubtful])
    for run, group in steps.groupby("gid", sort=False):
        total[run], overlapping[run] = _run_steps(group, lengths[run])
    return total, overlapping


def _run_steps(steps: pd.DataFrame, run_s: float) -> tuple[float, bool]:
    joules = steps["energy_j"].to_numpy()
    if steps[["start", "end"]].notna().to_numpy().all():
        starts, ends = (steps[name].to_numpy("datetime64[s]").astype(np.int64) for name in ("start", "end"))
        nodes = steps["nodes"].tolist()
        single = all(name and "[" not in name and "," not in name for name in nodes)
        places = np.array(nodes) if single else np.full(len(steps), "")
        best = sum(
            heaviest_apart(starts[places == place], ends[places == place], joules[places == place])
            for place in np.unique(places)
        )
        return best, best < joules.sum() * (1 - 1e-9)
    spent = float(steps["elapsed_s"].sum())
    if spent <= run_s + len(steps):  # one after the other they fit; each length is cut to whole seconds
        return float(joules.sum()), False
    return float(joules.max()), True


def heaviest_apart(starts: Sequence[float], ends: Sequence[float], weights: Sequence[float]) -> float:
    """Return the largest sum of weights of intervals of which no two overlap (weighted interval scheduling).

    Parameters
    ----------
    starts, ends, weights : sequence of float
        One of each per interval; touching intervals do not overlap.
    """
    order = np.argsort(ends, kind="stable")
    finished, best = [-np.inf], [0.0]
    for index in order:
        before = best[bisect_right(finished, starts[index]) - 1]
        finished.append(ends[index])
        best.append(max(best[-1], before + float(weights[index])))
    return best[-1]


def _row_marks(
    rows: pd.DataFrame, gid: np.ndarray, count: int, state: np.ndarray, chosen: np.ndarray, source: np.ndarray
) -> dict[str, np.ndarray]:
    """Carry over what the rows of a run say about its figure."""
    flags = rows["flags"]

    def any_row(name: str) -> np.ndarray:
        found = np.zeros(count, dtype=bool)
        found[gid[flags.str.contains(name, regex=False).to_numpy(dtype=bool)]] = True
        return found

    plain = not any(flags.unique())  # most accounting has nothing to say
    never = np.zeros(count, dtype=bool)
    known = ~np.isnan(chosen)
    return {
        "unfinished": np.isin(state, _UNFINISHED),
        "partial": known & (state == "NODE_FAIL"),
        "zero_energy": never if plain else any_row("zero_energy") & ~known,
        "rounded": never if plain else any_row("rounded") & known,
        **{name: never if plain else any_row(name) for name in _CARRIED},
    }


def _efficiencies(runs: pd.DataFrame, rows: pd.DataFrame, gid: np.ndarray, own: np.ndarray, count: int) -> None:
    """Add the used share of the allocated processor time and memory."""
    used = rows["cpu_used_s"].to_numpy()
    of_job = _at(used, gid, own, count)
    of_steps = np.bincount(gid[~own], weights=np.nan_to_num(used[~own]), minlength=count).astype(float)
    of_steps[np.isnan(_at(used, gid, ~own, count))] = np.nan
    cpu = np.fmax(of_job, of_steps)  # the job's own line may lack what its steps used
    allowed = np.where(np.isnan(runs["cpu_time_s"]), runs["cpus"] * runs["elapsed_s"], runs["cpu_time_s"])
    memory = _at(rows["mem_used_bytes"].to_numpy(), gid, ~own, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        runs["cpu_efficiency"] = np.where(allowed > 0, cpu / allowed, np.nan)
        runs["mem_efficiency"] = memory / np.where(runs["mem_allocated_bytes"] > 0, runs["mem_allocated_bytes"], np.nan)
