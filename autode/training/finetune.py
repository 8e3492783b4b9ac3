"""The fine-tuning objective: a trial's hyperparameters go in, errors and losses come out."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from autode.training import checkpoint
from autode.training.data import Split, load_test, load_training
from autode.training.distributed import connect, from_leader, leads, on_all_ranks, several, with_global_batch_norm
from autode.training.loop import Inputs, Learner, evaluate, train_epoch
from autode.training.models import freeze, make_model
from autode.training.optimizers import make_optimizer
from autode.training.settings import DATASETS, HYPERPARAMETERS, SETTINGS, Hyperparameters, hyperparameters, resolve
from autode.training.weights import NORMALISATION
from autode.trial import Trial, TrialInterrupted, derive_seed


def cpu_threads() -> int:
    """Threads a trial may use on a CPU: ``$AUTODE_THREADS``, by default 1.

    Raises
    ------
    ValueError
        If the variable is not a positive whole number.
    """
    text = os.environ.get("AUTODE_THREADS", "1")
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"AUTODE_THREADS = {text!r}: expected a positive whole number")
    return int(text)


class Finetune:
    """Objective that fine-tunes a network on a data set.

    Parameters
    ----------
    settings : mapping
        The ``[objective]`` table of a workflow: keys of `SETTINGS`, and of `HYPERPARAMETERS` where a value is fixed.

    Raises
    ------
    ValueError
        If a key or value is wrong.
    """

    SETTINGS = SETTINGS
    HYPERPARAMETERS = HYPERPARAMETERS

    def __init__(self, settings: Mapping[str, Any]):
        self.settings = resolve(settings)

    def prepare(self, device: str) -> None:
        """Load what all trials of this process share: data and pretrained weights.

        Parameters
        ----------
        device : str
            Where the trials will compute.

        Raises
        ------
        ValueError
            If data or weights are missing.
        """
        torch.set_num_threads(cpu_threads())
        self._splits(device)
        if self.settings["weights"] != "none":
            make_model(self.settings["model"], self.settings["weights"], self.settings["width"], classes=2, seed=0)

    def __call__(self, trial: Trial) -> dict[str, float]:
        """Train one trial, from its checkpoint if it has one.

        Parameters
        ----------
        trial : Trial
            Its params may hold any of `HYPERPARAMETERS`; its seed decides everything random.

        Returns
        -------
        dict of str to float
            ``val_error``, ``val_loss``, ``train_loss`` of the last epoch; with role ``"confirm"`` also ``test_error``
            and ``test_accuracy``, from the test split that is touched only then.

        Raises
        ------
        TrialInterrupted
            If the trial was asked to stop; its checkpoint is saved.
        FloatingPointError
            If training diverged.
        ValueError
            If a hyperparameter is out of range, data or weights are missing, or the checkpoint is another trial's.
        """
        torch.set_num_threads(cpu_threads())
        values = hyperparameters(self.settings, trial.params, trial.epochs)
        (training, validation), learner = on_all_ranks(
            trial.comm, lambda: (self._data(trial, values), self._learner(trial, values))
        )
        with connect(trial.comm, trial.device) as ranks:
            learner = learner if ranks is None else ranks.share(learner)
            metrics = self._train(trial, values, learner, training, validation)
            if trial.role == "confirm":
                _, error = evaluate(learner, load_test(self.settings["dataset"], trial.device))
                metrics |= {"test_error": error, "test_accuracy": 1.0 - error}
        if leads(trial.comm):
            checkpoint.delete(trial.folder)
        return metrics

    def _data(self, trial: Trial, values: Hyperparameters) -> tuple[Split, Split]:
        """Load both splits and check that a batch fits."""
        training, validation = self._splits(trial.device)
        if values.batch_size > len(training):
            raise ValueError(f"batch_size = {values.batch_size}: expected at most the {len(training)} training images")
        return training, validation

    def _splits(self, device: str) -> tuple[Split, Split]:
        """Training and validation images, read once a process."""
        wanted = (self.settings["dataset"], self.settings["train_samples"], self.settings["validation_samples"])
        return load_training(*wanted, device)

    def _learner(self, trial: Trial, values: Hyperparameters) -> Learner:
        """Build network and optimizer in their initial state."""
        chosen, facts = self.settings, DATASETS[self.settings["dataset"]]
        device = torch.device(trial.device)
        seed = derive_seed(trial.seed, "initial")
        model = make_model(chosen["model"], chosen["weights"], chosen["width"], facts.classes, seed)
        model = with_global_batch_norm(model) if several(trial.comm) else model
        # cuDNN wants its kernels in channels_last too; on a CPU that layout only slows the optimizer down
        layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format
        model = model.to(device).to(memory_format=layout)
        frozen = freeze(model, chosen["model"], values.freeze_depth)
        optimizer = make_optimizer(model, values.optimizer, values.lr, values.weight_decay, values.momentum)
        inputs = Inputs(chosen["resolution"], *NORMALISATION[chosen["weights"]], device)
        return Learner(model, frozen, optimizer, inputs, facts.flips)

    def _identity(self, trial: Trial, values: Hyperparameters) -> dict[str, Any]:
        """Everything that a continuation must share with the attempts before it."""
        fixed = {
            name: value
            for name, value in self.settings.items()
            if name in self.SETTINGS and name != "checkpoint_interval_s"
        }
        place = {"seed": trial.seed, "device": torch.device(trial.device).type, "threads": torch.get_num_threads()}
        place["ranks"] = trial.comm.size if several(trial.comm) else 1
        return {**fixed, **asdict(values), **place}

    def _train(
        self, trial: Trial, values: Hyperparameters, learner: Learner, training: Split, validation: Split
    ) -> dict[str, float]:
        """Run the epochs that are left, report each, and keep the checkpoint fresh."""
        identity = self._identity(trial, values)
        done, metrics = _restore(trial, identity, learner)
        saved_at = time.monotonic()
        for epoch in range(done + 1, values.epochs + 1):
            started = time.monotonic()
            train_loss = train_epoch(learner, training, values, epoch, trial.seed)
            val_loss, val_error = evaluate(learner, validation)
            metrics = {"val_error": val_error, "val_loss": val_loss, "train_loss": train_loss}
            trial.report(epoch, **metrics, seconds=time.monotonic() - started)
            if epoch == values.epochs:
                break
            stop = trial.should_stop()
            due = stop or time.monotonic() - saved_at >= self.settings["checkpoint_interval_s"]
            if due and leads(trial.comm):
                checkpoint.save(trial.directory, identity, _state(epoch, metrics, learner))
                saved_at = time.monotonic()
            if stop:
                raise TrialInterrupted(f"interrupted after epoch {epoch} of {values.epochs}")
        return metrics


def _state(epoch: int, metrics: dict[str, float], learner: Learner) -> dict[str, Any]:
    """State at the end of an epoch; no random state, as each epoch derives its own from the seed."""
    model, optimizer = learner.model.state_dict(), learner.optimizer.state_dict()
    return {"epoch": epoch, "metrics": metrics, "model": model, "optimizer": optimizer}


def _restore(trial: Trial, identity: Mapping[str, Any], learner: Learner) -> tuple[int, dict[str, float]]:
    """Load the checkpoint into the learner if there is one; epochs done and the metrics of the last."""
    device = torch.device("cpu" if several(trial.comm) else trial.device)
    state = from_leader(trial.comm, lambda: checkpoint.load(trial.folder, identity, device))
    if state is None:
        return 0, {}
    learner.model.load_state_dict(state["model"])
    learner.optimizer.load_state_dict(state["optimizer"])
    return state["epoch"], state["metrics"]
