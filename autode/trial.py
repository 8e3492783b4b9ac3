"""What a trial is: a configuration goes in, metrics and joules come out. Data only; nothing here runs or stores."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

#: A trial ended well; was ended early on purpose; ended by an error; or vanished with its process or node.
COMPLETED, STOPPED, FAILED, LOST = "completed", "stopped", "failed", "lost"
#: Not a final state: the run was asked to end; the trial has its checkpoint and continues in the next run.
INTERRUPTED = "interrupted"

#: Classes of errors, the first word of ``TrialResult.error``.
ERROR_CLASSES = ("exception", "nan", "cuda_oom", "host_oom", "timeout", "preempted", "node_fail")


def derive_seed(*parts: int | str) -> int:
    """Derive a seed below 2**63 from identifying parts: the same on every machine, in every order of execution."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True)
class TrialTask:
    """An order to run one trial: everything a worker must know, as plain data that crosses process borders.

    Attributes
    ----------
    number : int
        The trial's number in its study, from 0.
    params : mapping of str to value
        The active hyperparameters.
    seed : int
        Seed of the trial; the same for every attempt.
    directory : str
        The trial's own folder (checkpoint, log); created by the worker that needs it.
    epochs : int or None
        Fidelity; None leaves it to the objective.
    attempt : int
        0 for the first try; counts up when a trial is continued after it was lost or interrupted.
    role : str
        ``"search"`` (counts as an evaluation) or ``"confirm"`` (re-training after the search, with a fresh seed).
    timeout_s : float
        Seconds this attempt may take; 0 means no limit.
    """

    number: int
    params: Mapping[str, Any]
    seed: int
    directory: str
    epochs: int | None = None
    attempt: int = 0
    role: str = "search"
    timeout_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the task as a JSON-ready dict."""
        return asdict(self)


@dataclass(frozen=True)
class TrialResult:
    """What came out of one attempt at a trial.

    Attributes
    ----------
    state : str
        ``completed``, ``stopped``, ``failed``, ``lost``, or ``interrupted`` (to be continued).
    metrics : mapping of str to float
        What the objective returned; ``{"value": x}`` for a plain number.
    epochs : int
        Epochs finished, over all attempts.
    seconds : float
        Wall time of this attempt.
    cpu_seconds : float or None
        CPU time of this attempt's process and its children; None if unknown.
    energy : tuple of dict
        One JSON-ready ``autode.energy.EnergyReading`` per source, for this attempt.
    started, finished : str
        ISO 8601, UTC.
    error : str
        Empty, or ``"<class>: <message>"`` with a class from `ERROR_CLASSES`.
    traceback : str
        The whole traceback, if there was one.
    """

    number: int
    attempt: int
    state: str
    metrics: Mapping[str, float]
    epochs: int
    seconds: float
    started: str
    finished: str
    host: str
    rank: int
    cpu_seconds: float | None = None
    energy: tuple[dict[str, Any], ...] = ()
    error: str = ""
    traceback: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a JSON-ready dict."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> TrialResult:
        """Build a result from a dict that may carry further keys."""
        names = cls.__dataclass_fields__
        known = {key: value for key, value in record.items() if key in names}
        return cls(**{**known, "energy": tuple(known.get("energy", ()))})


class TrialInterrupted(Exception):  # noqa: N818 - a signal to unwind, not an error
    """Raised by an objective that saved its checkpoint because `Trial.should_stop` told it that the run must end."""


class TrialStopped(Exception):  # noqa: N818
    """Raised by an objective that ended early on purpose; ``metrics`` is its result so far."""

    def __init__(self, metrics: Mapping[str, float]):
        super().__init__("stopped early")
        self.metrics = dict(metrics)


@dataclass
class Trial:
    """The handle an objective is called with.

    Attributes
    ----------
    number : int
        The trial's number in its study.
    params : dict
        Active hyperparameters by name.
    seed : int
        Seed for everything random in the trial; equal in every attempt, different between trials.
    device : str
        Where to compute: ``"cpu"`` or ``"cuda:0"``.
    folder : pathlib.Path
        Where `directory` is made.
    epochs : int or None
        Fidelity: how many epochs to train; None if the study leaves it to the objective.
    comm : object or None
        MPI communicator of this trial when it has several ranks: all of them run the objective with the same
        parameters and seed, and what its rank 0 reports and returns counts.
    attempt : int
        0, or how often this trial was started before.
    """

    number: int
    params: dict[str, Any]
    seed: int
    folder: Path
    device: str = "cpu"
    epochs: int | None = None
    comm: Any = None
    attempt: int = 0
    role: str = "search"
    on_report: Callable[[int, dict[str, float]], None] | None = field(default=None, repr=False)
    stop_requested: Callable[[], bool] | None = field(default=None, repr=False)

    @property
    def directory(self) -> Path:
        """The trial's own folder, made when first asked for; files in it survive a restart: checkpoints belong here."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder

    def leave(self) -> None:
        """Remove the folder if nothing is in it: clusters count files."""
        with suppress(OSError):
            self.folder.rmdir()

    def report(self, epoch: int, **metrics: float) -> None:
        """Tell the study what one epoch brought.

        Parameters
        ----------
        epoch : int
            Number of the finished epoch, from 1.
        **metrics : float
            Any named figures, e.g. ``val_error=0.12``.
        """
        if self.on_report is not None:
            self.on_report(int(epoch), {name: float(value) for name, value in metrics.items()})

    def should_stop(self) -> bool:
        """Whether the trial should end now: save a checkpoint, then raise `TrialInterrupted`.

        In a trial on several ranks it is a collective call: all ranks must make it equally often, and all get the same
        answer.
        """
        return self.stop_requested is not None and self.stop_requested()
