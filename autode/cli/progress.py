"""Progress of a run: one live block on a terminal, plain lines with times where output is redirected (Slurm logs)."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autode.cli.wording import duration, joules, number
from autode.execution.evaluate import utc_now
from autode.study import confirm
from autode.study.session import Listener, Outcome
from autode.study.summary import Summary, summarize

if TYPE_CHECKING:
    from autode.execution import Executor
    from autode.study.history import History
    from autode.study.journal import Record
    from autode.study.workflow import Workflow

_LINE_EVERY_S = 10.0
_BLOCK_EVERY_S = 0.25


def progress_listener(folder: Path) -> Listener:
    """Return the listener that fits standard output."""
    return LiveBlock(folder) if sys.stdout.isatty() else PlainLines(folder)


def tell(summary: Summary, metric: str) -> str:
    """Return where a study stands as one line."""
    parts = [f"{summary.done}/{summary.evaluations} done", f"{summary.running} running", f"{summary.failed} failed"]
    if summary.retrained or (summary.retrainings and summary.done >= summary.evaluations):
        parts.append(f"{summary.retrained}/{summary.retrainings} re-trained")
    if summary.best_value is not None:
        parts.append(f"best {metric} {number(summary.best_value)} (trial {summary.best_trial})")
    parts.append(joules(summary.measured_j, summary.estimated_j))
    return ", ".join(parts)


class _Progress(Listener):
    """What both forms share: the run that is watched."""

    def __init__(self, folder: Path):
        self.folder = folder

    def begin(self, workflow: Workflow, history: History, executor: Executor) -> None:
        """Remember what to summarize."""
        self.workflow, self.history, self.executor = workflow, history, executor
        self.tables = workflow.to_dict()
        self.evaluations = workflow.evaluations
        self._earlier_s, self._since = history.seconds, time.monotonic()

    def elapsed_s(self) -> float:
        """Return the wall time of all runs, this one up to now."""
        return self._earlier_s + time.monotonic() - self._since

    def summary(self) -> Summary:
        """Return where the study stands now."""
        return summarize(self.history, self.tables, self.evaluations, self.executor.slots)

    def heading(self) -> str:
        """Return what is run, on what, and whether it goes on."""
        workers = f"{self.executor.slots} {'rank' if self.executor.kind == 'mpi' else 'worker'}"
        workers += "s" if self.executor.slots > 1 else ""
        if self.executor.ranks > self.executor.slots:
            size = self.executor.ranks // self.executor.slots
            workers = f"{self.executor.slots} group{'s' if self.executor.slots > 1 else ''} of {size} ranks"
        earlier = len(self.history.runs)
        again = f", going on after {earlier} earlier run{'s' if earlier > 1 else ''}" if earlier else ""
        return (
            f"{self.workflow.name}: {self.workflow.search['algorithm']}, {self.evaluations} evaluations, "
            f"{self.workflow.execution['schedule']} on {workers}{again}"
        )


class PlainLines(_Progress):
    """A line at the start, at the end, every few seconds, and for every failure."""

    def begin(self, workflow: Workflow, history: History, executor: Executor) -> None:
        """Say what is run."""
        super().begin(workflow, history, executor)
        self._last = time.monotonic()
        self._say(f"{self.heading()}; output in {self.folder}")

    def record(self, record: Record) -> None:
        """Say what matters at once, the rest now and then."""
        if record["type"] == "told" and record["state"] == "failed":
            self._say(f"trial {record['trial']} failed: {record['error']}")
        if record["type"] == "told" and time.monotonic() - self._last >= _LINE_EVERY_S:
            self._last = time.monotonic()
            summary = self.summary()
            left = "" if summary.left_s is None else f", {duration(summary.left_s)} left"
            self._say(tell(summary, self.workflow.metric) + left)

    def end(self, outcome: Outcome) -> None:
        """Say how it ended."""
        summary = self.summary()
        self._say(f"{outcome}: {tell(summary, self.workflow.metric)}, {duration(self.elapsed_s())} in all")
        for line in confirm.describe(self.history):
            self._say(line)

    def _say(self, text: str) -> None:
        print(f"{utc_now()} {text}", flush=True)


class LiveBlock(_Progress):
    """A block of lines at the bottom of the terminal that is kept up to date."""

    def begin(self, workflow: Workflow, history: History, executor: Executor) -> None:
        """Start drawing."""
        from rich.console import Console
        from rich.live import Live
        from rich.progress import BarColumn, Progress, TextColumn

        super().begin(workflow, history, executor)
        self._console = Console(highlight=False)
        self._bar = Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"))
        total = self.evaluations + self.summary().retrainings
        self._task = self._bar.add_task("", total=total, count="")
        self._drawn = 0.0
        self._console.print(f"[bold]{self.heading()}[/bold]\noutput in {self.folder}")
        self._live = Live(self._block(), console=self._console, refresh_per_second=4)
        self._live.start()

    def record(self, record: Record) -> None:
        """Print failures above the block."""
        if record["type"] == "told" and record["state"] == "failed":
            from rich.markup import escape

            self._live.console.print(f"[yellow]trial {record['trial']} failed:[/yellow] {escape(record['error'])}")

    def tick(self) -> None:
        """Draw the block anew."""
        if time.monotonic() - self._drawn >= _BLOCK_EVERY_S:
            self._drawn = time.monotonic()
            self._live.update(self._block())

    def end(self, outcome: Outcome) -> None:
        """Leave the last state on the screen."""
        self._live.update(self._block())
        self._live.stop()
        for line in confirm.describe(self.history):
            self._console.print(line)
        self._console.print(str(outcome))

    def _block(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        summary = self.summary()
        count = f"{summary.done}/{summary.evaluations}  generation {summary.generation}"
        self._bar.update(self._task, completed=summary.done + summary.retrained, count=count)
        left = f", {duration(summary.left_s)} left" if summary.left_s else ""
        starting = "" if summary.running or summary.done else ", workers are starting"
        times = f"{duration(self.elapsed_s())} elapsed{left}{starting}"
        return Group(self._bar, Text(tell(summary, self.workflow.metric)), Text(times))
