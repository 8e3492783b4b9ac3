"""How far a trial has come, kept in its checkpoint, so that another attempt ends with the same result to the bit."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from autode.training import checkpoint
from autode.training.distributed import from_leader, leads, several
from autode.training.loop import Learner
from autode.trial import Trial, TrialInterrupted


@dataclass
class Progress:
    """Where a trial stands.

    Attributes
    ----------
    epoch : int
        Epochs finished.
    step : int
        Steps done in the next epoch.
    loss_sum : Tensor or None
        Sum of the losses of the images of those steps.
    metrics : dict of str to float
        Of the last epoch finished.
    best : float
        Lowest validation error of all epochs finished.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: Tensor | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    best: float = math.inf


class Keeper:
    """Writes a trial's checkpoints and reads them back. No random state is in them: each step derives its own.

    Parameters
    ----------
    trial : Trial
    identity : mapping
        Everything that a continuation must share with the attempts before it.
    learner : Learner
        What is kept; its frozen parts are left out, as they are what they were at the start.
    epochs : int
        Of the whole trial.
    interval_s, step_interval_s : float
        Least seconds between two checkpoints at the ends of epochs, and within them.

    Attributes
    ----------
    epochs : int
        Of the whole trial.
    progress : Progress
        Of the trial, as of its last epoch; right after `resume` as of its checkpoint.
    """

    def __init__(
        self,
        trial: Trial,
        identity: Mapping[str, Any],
        learner: Learner,
        epochs: int,
        interval_s: float,
        step_interval_s: float,
    ):
        self._trial, self._identity, self._learner, self.epochs = trial, identity, learner, epochs
        self._interval_s, self._step_interval_s = interval_s, step_interval_s
        self._saved_at = time.monotonic()
        self.progress = Progress()

    def resume(self) -> None:
        """Load the checkpoint into the learner, if there is one.

        Raises
        ------
        ValueError
            If the checkpoint is another trial's, or farther than this one is to go.
        """
        comm = self._trial.comm
        device = torch.device("cpu" if several(comm) else self._trial.device)
        state = from_leader(comm, lambda: checkpoint.load(self._trial.folder, self._identity, device))
        if state is None:
            return
        self.progress = Progress(**{name: state[name] for name in Progress.__dataclass_fields__})
        if self.progress.epoch + (self.progress.step > 0) > self.epochs:
            raise ValueError(
                f"the checkpoint in {self._trial.folder} is {self.progress.epoch} epochs old, "
                f"expected at most {self.epochs}; delete it to start afresh"
            )
        self._load(state)

    def after_step(self, step: int, loss_sum: Tensor) -> None:
        """Save within a long epoch, and hear there whether the run must end; several ranks do so between epochs only.

        Raises
        ------
        TrialInterrupted
            If the trial is to stop; it is saved.
        """
        if self.is_step_due():
            self.save_step(step, loss_sum)

    def is_step_due(self) -> bool:
        """Whether it is time to save within an epoch."""
        return not several(self._trial.comm) and time.monotonic() - self._saved_at >= self._step_interval_s

    def save_step(self, step: int, loss_sum: Tensor) -> None:
        """Save within an epoch; arguments and errors as for `after_step`."""
        stop = self._trial.should_stop()
        self._save(replace(self.progress, step=step, loss_sum=loss_sum))
        if stop:
            epoch = self.progress.epoch + 1
            raise TrialInterrupted(f"interrupted after step {step} of epoch {epoch} of {self.epochs}")

    def after_epoch(self, epoch: int, metrics: dict[str, float], *, keep_last: bool) -> None:
        """Save if it is time to, or if the run must end.

        Parameters
        ----------
        epoch : int
            Epochs finished.
        metrics : dict of str to float
            Of this epoch.
        keep_last : bool
            Whether the last epoch, too, is worth a checkpoint.

        Raises
        ------
        TrialInterrupted
            If the trial is to stop before its last epoch; it is saved.
        """
        best = min(self.progress.best, metrics["val_error"])
        self.progress = Progress(epoch, metrics=metrics, best=best)
        if epoch == self.epochs:
            if keep_last:
                self._save(self.progress)
            return
        stop = self._trial.should_stop()
        if stop or time.monotonic() - self._saved_at >= self._interval_s:
            self._save(self.progress)
        if stop:
            raise TrialInterrupted(f"interrupted after epoch {epoch} of {self.epochs}")

    def _save(self, progress: Progress) -> None:
        """Write all that makes up the trial's state, on the first of its ranks."""
        if leads(self._trial.comm):
            average = self._learner.averaged
            learnt = {
                "model": self._changing(self._learner.model),
                "averaged": None if average is None else self._changing(average),
                "optimizer": self._learner.optimizer.state_dict(),
            }
            checkpoint.save(self._trial.directory, self._identity, {**vars(progress), **learnt})
        self._saved_at = time.monotonic()

    def _load(self, state: Mapping[str, Any]) -> None:
        """Set the learner back to a saved state."""
        for model, saved in ((self._learner.model, state["model"]), (self._learner.averaged, state["averaged"])):
            if model is not None:
                model.load_state_dict({**model.state_dict(), **saved})
        self._learner.optimizer.load_state_dict(state["optimizer"])

    def _changing(self, model: torch.nn.Module) -> dict[str, Tensor]:
        """State of a network without its frozen parts (by name, as the averaged network has copies of them)."""
        frozen = {id(module) for module in self._learner.frozen}
        names = tuple(f"{name}." for name, module in self._learner.model.named_modules() if id(module) in frozen)
        kept = {name: value for name, value in model.state_dict().items() if not name.startswith(names)}
        # cloned, as a network that is trained as one with others would drag their tensors into its file
        return {name: value.clone() for name, value in kept.items()}
