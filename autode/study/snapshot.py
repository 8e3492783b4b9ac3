"""A snapshot beside the journal, so that a long study goes on without replaying all of it.

The journal stays the only truth: a snapshot names the bytes of the journal that it stands for and their checksum. One
that is cut short, stale, of another version, or of a journal that has changed is ignored, which costs time and nothing
else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from autode._version import __version__
from autode.search import Search, make_search
from autode.study.fitness import searched_fitness
from autode.study.folder import JOURNAL_NAME, load_records
from autode.study.history import RUNNING, History, RunHistory, TrialHistory
from autode.study.journal import Journal, Record, decode, encode, read_on
from autode.study.workflow import Workflow
from autode.trial import LOST

SNAPSHOT_NAME = "snapshot.json"
#: one is written after so many results: replaying fewer takes less than a second
RESULTS_BETWEEN = 1000
_BEST_KEPT = 100
#: A converged search can come to one configuration thousands of times; its mean is known from fewer.
_MOST_ALIKE = 100
_SUMS = ("measured_j", "estimated_j", "done", "failed", "generation")

State = tuple[Search, History, dict[int, int]]


def take(workflow: Workflow, journal: Journal, run: int, state: State) -> bytes:
    """Return a snapshot's file content.

    Parameters
    ----------
    workflow : Workflow
    journal : Journal
        Holds everything that went into the state, and nothing else.
    run : int
        Number of the present run.
    state : tuple of (Search, History, dict of int to int)
        The last maps a trial's number to the search's id of its proposal.
    """
    search, history, proposals = state
    return encode(
        {
            "type": "snapshot",
            "autode": __version__,
            "size": journal.size,
            "checksum": journal.checksum,
            "run": run,
            "study": history.study,
            "best_kept": max(_BEST_KEPT, _needed(workflow)),
            "history": _condensed(history, max(_BEST_KEPT, _needed(workflow))),
            "search": search.state_dict(),
            "proposals": [[t.number, proposals[t.number]] for t in history.unfinished if t.number in proposals],
        }
    )


def read_snapshot(path: Path, workflow: Workflow) -> Record | None:
    """Return a snapshot that this version can go on from; None if there is none that is whole."""
    snapshot = _whole_snapshot(path)
    return None if snapshot is None or snapshot["best_kept"] < _needed(workflow) else snapshot


def _whole_snapshot(path: Path) -> Record | None:
    """Return a snapshot of this version; None if there is none that is whole."""
    try:
        snapshot = decode(path.read_bytes().removesuffix(b"\n"))
    except (OSError, ValueError):
        return None
    return None if snapshot is None or snapshot.get("autode") != __version__ else snapshot


def load_history(folder: Path) -> History:
    """Return where a study stands, which may be running; of trials behind a snapshot only sums and the best ones.

    Raises
    ------
    UserError
        If there is no study, or its journal is damaged.
    """
    with suppress(
        OSError, KeyError, TypeError, ValueError
    ):  # whatever is wrong with a snapshot, the journal has it all
        content = read_on(folder / JOURNAL_NAME, _whole_snapshot(folder / SNAPSHOT_NAME))
        if content.snapshot is not None:
            history = _expanded(content.snapshot["history"])
            for record in content.records:
                history.add(record)
            return history
    return History.of(load_records(folder))


def resume(workflow: Workflow, snapshot: Record | None, records: Iterable[Record]) -> State:
    """Return the state that a snapshot and the records after it lead to; without a snapshot, all records.

    Raises
    ------
    ValueError
        If the search proposes something else than the journal says, or the snapshot is not of this search.
    """
    search = make_search(workflow.space, workflow.search, workflow.seed, workflow.execution["schedule"])
    history, proposals = History(), {}
    if snapshot is not None:
        history = _expanded(snapshot["history"])
        search.load_state_dict(snapshot["search"])
        proposals = dict(snapshot["proposals"])
    for record in records:
        history.add(record)
        replay(search, proposals, record)
    return search, history, proposals


def replay(search: Search, proposals: dict[int, int], record: Record) -> None:
    """Bring a search one record of the journal further.

    Raises
    ------
    ValueError
        If the search proposes something else than the journal says: its code or settings have changed.
    """
    kind, number = record["type"], record.get("trial")
    if kind == "asked" and record["role"] == "search":
        proposal = next(iter(search.repeat(record["point"])), None)
        if proposal is None or list(proposal.point) != record["point"]:
            raise ValueError(f"trial {number} of the journal is not what this version of the search proposes")
        proposals[record["trial"]] = proposal.id
    elif kind == "told" and number in proposals:
        search.tell([proposals[record["trial"]]], [searched_fitness(record)])


def _condensed(history: History, best: int) -> Record:
    """Return what a run must know of a history: sums, runs, and the records of open trials and of the best ones."""
    ranked = [trial for first in history.best(best) for trial in history.same_as(first)[:_MOST_ALIKE]]
    kept = {trial.number: trial for trial in (*ranked, *history.confirmations, *history.unfinished)}
    return {
        "sums": {name: getattr(history, name) for name in _SUMS},
        "runs": [vars(run) for run in history.runs],
        "recent_seconds": list(history.recent_seconds),
        "forgotten": history.asked - len(kept),
        "records": [history.study, *(record for number in sorted(kept) for record in _records(kept[number]))],
    }


def _records(trial: TrialHistory) -> Iterator[Record]:
    """Yield the records that make a trial what it is; of epochs only the time of the last."""
    yield trial.asked
    for attempt in trial.attempts:
        yield from filter(None, (attempt.start, attempt.end))
        if attempt.last_sign and attempt.state in (RUNNING, LOST):  # the end of a lost one tells of no epochs
            epoch = {"type": "epoch", "trial": trial.number, "attempt": attempt.number}
            yield {**epoch, "epoch": attempt.reported, "time": attempt.last_sign}


def _expanded(state: Record) -> History:
    """Return the history that `_condensed` made small."""
    history = History.of(state["records"])
    for name in _SUMS:
        setattr(history, name, state["sums"][name])
    history.runs = [RunHistory(**run) for run in state["runs"]]
    history.recent_seconds.clear()
    history.recent_seconds.extend(state["recent_seconds"])
    history.forgotten = state["forgotten"]
    return history


def _needed(workflow: Workflow) -> int:
    """How many of the best trials a run may still ask for."""
    candidates: Any = workflow.confirm.get("candidates", 1)
    return int(candidates)
