"""The fine-tuning objective: a trial's hyperparameters go in, errors and losses come out."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from autode.training import checkpoint
from autode.training.building import build_inputs, build_model, build_optimizer, try_model
from autode.training.catalogue import OWN_DATA
from autode.training.data import Source, Split, load_test, load_training
from autode.training.distributed import connect, from_leader, leads, on_all_ranks, several, with_global_batch_norm
from autode.training.features import Kept, features, megabytes, split
from autode.training.loop import Learner, evaluate, train_epoch
from autode.training.median import MedianRule
from autode.training.memory import keep_freed_memory
from autode.training.models import freeze
from autode.training.progress import Keeper
from autode.training.replay import Replay, pays
from autode.training.resnet import keep_used_taps
from autode.training.settings import (
    HYPERPARAMETERS,
    NOT_IDENTITY,
    SETTINGS,
    Hyperparameters,
    hyperparameters,
    is_custom,
    resolve,
)
from autode.trial import Trial, TrialStopped, derive_seed


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


def set_up(device: str) -> None:
    """Make this process ready to train on a device: threads, the current GPU, memory that is kept once it is freed."""
    torch.set_num_threads(cpu_threads())
    place = torch.device(device)
    if place.type == "cuda" and place.index is not None:
        torch.cuda.set_device(place)  # the streams on which graphs are captured belong to the current GPU
    keep_freed_memory()


class Finetune:
    """Objective that fine-tunes a network on a data set.

    Parameters
    ----------
    settings : mapping
        The ``[objective]`` table of a workflow: keys of `SETTINGS`, and of `HYPERPARAMETERS` where a value is fixed.
    folder : str
        Where relative paths start and the user's modules are looked for: the workflow file's folder. By default the
        working directory.

    Raises
    ------
    ValueError
        If a key or value is wrong.
    """

    SETTINGS = SETTINGS
    HYPERPARAMETERS = HYPERPARAMETERS

    def __init__(self, settings: Mapping[str, Any], folder: str = ""):
        self.settings = resolve(settings)
        self.folder = folder
        chosen = self.settings
        path = str(Path(folder) / chosen["path"]) if chosen["dataset"] in OWN_DATA else ""
        self._source = Source(
            chosen["dataset"], path, chosen["image_size"], chosen["test_samples"], chosen["split_seed"]
        )
        self._median: MedianRule | None = None

    def prepare(self, device: str) -> None:
        """Load what all trials of this process share: data and pretrained weights.

        Parameters
        ----------
        device : str
            Where the trials will compute.

        Raises
        ------
        ValueError
            If data or weights are missing, or the user's function makes no network that fits the data.
        """
        set_up(device)
        training, _ = self._splits(device)
        if self.settings["weights"] != "none" or is_custom(self.settings["model"]):
            model = build_model(self.settings, self.folder, training, seed=0)
            if is_custom(self.settings["model"]):
                try_model(self.settings, model, training)

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
        TrialStopped
            If the median rule ended it.
        FloatingPointError
            If training diverged.
        ValueError
            If a hyperparameter is out of range, data or weights are missing, or the checkpoint is another trial's.
        """
        set_up(trial.device)
        values = hyperparameters(self.settings, trial.params, trial.epochs)
        data, whole = on_all_ranks(trial.comm, lambda: self.begin(trial, values))
        with connect(trial.comm, trial.device) as ranks:
            whole = whole if ranks is None else ranks.share(whole)
            learner, (training, validation), before = self._keep_features(trial, whole, data, values)
            learner = self._accelerated(trial, learner, len(training), values)
            metrics = self._train(trial, values, learner, training, validation)
            if trial.role == "confirm":
                test = self.test_split(trial)
                metrics |= tested(learner, test if before is None else features(before, whole, test))
        self.clear(trial)
        return metrics

    def clear(self, trial: Trial) -> None:
        """Delete the checkpoint of a trial that has ended well, unless it is to be kept."""
        if leads(trial.comm) and not self.settings["keep_checkpoint"]:
            checkpoint.delete(trial.folder)

    def test_split(self, trial: Trial) -> Split:
        """Load the images that no search may see."""
        return load_test(self._source, trial.device)

    def together(self, trials: Sequence[Trial]) -> list[dict[str, float] | Exception]:
        """Train several trials in this process at once, those of one shape as one network.

        Parameters
        ----------
        trials : sequence of Trial
            On one device, with one rank each.

        Returns
        -------
        list of dict or Exception
            For each trial what calling this object with it would have returned or raised.
        """
        from autode.training.fused_training import train_together

        for device in {trial.device for trial in trials}:
            set_up(device)
        return train_together(self, trials)

    def begin(self, trial: Trial, values: Hyperparameters) -> tuple[tuple[Split, Split], Learner]:
        """Load both splits, check that a batch fits, and build network and optimizer."""
        training, validation = self._splits(trial.device)
        if values.batch_size > len(training):
            raise ValueError(f"batch_size = {values.batch_size}: expected at most the {len(training)} training images")
        return (training, validation), self._learner(trial, values, training)

    def _splits(self, device: str) -> tuple[Split, Split]:
        """Training and validation images, read once a process."""
        return load_training(self._source, self.settings["train_samples"], self.settings["validation_samples"], device)

    def _learner(self, trial: Trial, values: Hyperparameters, training: Split) -> Learner:
        """Build network and optimizer in their initial state."""
        chosen, device = self.settings, torch.device(trial.device)
        seed = derive_seed(trial.seed, "initial")
        model = build_model(chosen, self.folder, training, seed, values.dropout, values.resolution)
        keep_used_taps(model, values.resolution)
        model = with_global_batch_norm(model) if several(trial.comm) else model
        # cuDNN wants its kernels in channels_last too; on a CPU that layout only slows the optimizer down
        layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format
        model = model.to(device).to(memory_format=layout)
        frozen = freeze(model, chosen["model"], values.freeze_depth)
        optimizer = build_optimizer(chosen, values, model)
        inputs = build_inputs(chosen, model, training, values.resolution, device)
        return Learner(model, frozen, optimizer, inputs, chosen["flips"], precision=chosen["precision"])

    def _keep_features(
        self, trial: Trial, learner: Learner, data: tuple[Split, Split], values: Hyperparameters
    ) -> tuple[Learner, tuple[Split, Split], nn.Module | None]:
        """Replace images by features of the frozen parts where these never change, and the network by the rest of it.

        Returns the learner, training and validation data, and what makes features of images, if anything does.
        """
        limit = self.settings["feature_cache_mb"]
        pieces = split(learner.model, self.settings["model"], learner.frozen)
        if values.augmentation > 0 or pieces is None or several(trial.comm) or limit == 0:
            return learner, data, None
        before, after = pieces
        if megabytes(before, learner, data[0], sum(map(len, data))) > limit:
            return learner, data, None
        training, validation = (features(before, learner, one) for one in data)
        return replace(learner, model=after, inputs=Kept()), (training, validation), before

    def _accelerated(self, trial: Trial, learner: Learner, images: int, values: Hyperparameters) -> Learner:
        """Add the average of the weights, and CUDA graphs where they pay."""
        learner = with_average(learner, values)
        full_steps = images // values.batch_size * values.epochs
        known, ranks = not is_custom(self.settings["model"]), trial.comm.size if several(trial.comm) else 1
        graphs = pays(torch.device(trial.device), full_steps, known_model=known, ranks=ranks)
        return replace(learner, replay=Replay(learner.model)) if graphs and self.settings["cuda_graphs"] else learner

    def _identity(self, trial: Trial, values: Hyperparameters) -> dict[str, Any]:
        """Everything that a continuation must share with the attempts before it.

        With a constant learning rate nothing that was done depends on how many epochs were to follow.
        """
        fixed = {name: self.settings[name] for name in self.SETTINGS if name not in NOT_IDENTITY}
        place = {"seed": trial.seed, "device": torch.device(trial.device).type, "threads": torch.get_num_threads()}
        place["ranks"] = trial.comm.size if several(trial.comm) else 1
        identity = {**fixed, **asdict(values), **place}
        if values.schedule == "constant":
            del identity["epochs"]
        return identity

    def _train(
        self, trial: Trial, values: Hyperparameters, learner: Learner, training: Split, validation: Split
    ) -> dict[str, float]:
        """Run the epochs that are left, report and checkpoint; returns the metrics of the last."""
        keeper = self.keeper(trial, values, learner)
        for epoch in range(keeper.progress.epoch + 1, values.epochs + 1):
            started, place = time.monotonic(), keeper.progress
            train_loss = train_epoch(
                learner,
                training,
                values,
                epoch,
                trial.seed,
                done=place.step,
                loss_sum=place.loss_sum,
                after_step=keeper.after_step,
            )
            val_loss, val_error = evaluate(learner, validation)
            metrics = {"val_error": val_error, "val_loss": val_loss, "train_loss": train_loss}
            self.end_epoch(trial, keeper, epoch, metrics, time.monotonic() - started)
        return keeper.progress.metrics

    def keeper(self, trial: Trial, values: Hyperparameters, learner: Learner) -> Keeper:
        """Make what keeps a trial's checkpoint, and continue from it if there is one."""
        intervals = self.settings["checkpoint_interval_s"], self.settings["step_checkpoint_interval_s"]
        keeper = Keeper(trial, self._identity(trial, values), learner, values.epochs, *intervals)
        keeper.resume()
        return keeper

    def end_epoch(self, trial: Trial, keeper: Keeper, epoch: int, metrics: dict[str, float], seconds: float) -> None:
        """Report an epoch, checkpoint if it is time to, and end the trial if it must end here."""
        trial.report(epoch, **metrics, seconds=seconds)
        keeper.after_epoch(epoch, metrics, keep_last=self.settings["keep_checkpoint"])
        if epoch < keeper.epochs and self._is_hopeless(trial, epoch, keeper.progress.best):
            checkpoint.delete(trial.folder)
            raise TrialStopped(metrics)

    def _is_hopeless(self, trial: Trial, epochs: int, best: float) -> bool:
        """Whether the median rule ends a trial of the search here; the first of its ranks decides."""
        chosen = self.settings
        if chosen["early_stop"] == "none" or trial.role != "search" or epochs < chosen["early_stop_after"]:
            return False
        self._median = self._median or MedianRule(trial.folder.parent.parent / "journal.jsonl", "val_error")
        rule = self._median
        return from_leader(trial.comm, lambda: rule.stops(epochs, best))


def with_average(learner: Learner, values: Hyperparameters) -> Learner:
    """Add the average of the weights if it is wanted."""
    return replace(learner, averaged=copy.deepcopy(learner.model)) if values.ema > 0 else learner


def tested(learner: Learner, test: Split) -> dict[str, float]:
    """Judge a network on the test images."""
    _, error = evaluate(learner, test)
    return {"test_error": error, "test_accuracy": 1.0 - error}
