"""Trials that differ in their numbers only (rates, decay, smoothing, seed, ...) trained as one network, step by step.

Each trial sees its own images in its own order and has its own optimizer, schedule, average and checkpoint, so it ends
as if it had been trained alone, to the rounding of other kernels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from autode.training import finetune
from autode.training.data import Split
from autode.training.finetune import Finetune
from autode.training.fused import Fused, can_fuse
from autode.training.loop import Learner, _plan, _require_finite, _update, batch_bounds, evaluate
from autode.training.progress import Keeper
from autode.training.replay import Replay, pays
from autode.training.settings import Hyperparameters, hyperparameters
from autode.trial import Trial

#: What comes of a trial: its metrics, or what its objective would have raised.
Outcome = dict[str, float] | Exception


@dataclass
class Member:
    """One of the trials that are trained as one.

    Attributes
    ----------
    trial : Trial
    values : Hyperparameters
    learner : Learner
        Its network and optimizer.
    keeper : Keeper
        Its checkpoint.
    data : tuple of Split
        Training and validation images, the same for all.
    outcome : dict, Exception or None
        None while it trains.
    """

    trial: Trial
    values: Hyperparameters
    learner: Learner
    keeper: Keeper
    data: tuple[Split, Split]
    outcome: Outcome | None = None

    def settle(self, act: Callable[[], Outcome | None]) -> None:
        """Do something unless the outcome is known; it is what comes back, if anything does, or what is raised."""
        if self.outcome is None:
            try:
                self.outcome = act()
            except Exception as error:
                self.outcome = error

    @property
    def shape(self) -> Hashable:
        """What must be equal for trials to be trained as one: the shapes of all tensors, and the step."""
        values, progress = self.values, self.keeper.progress
        sizes = values.batch_size, values.resolution, values.freeze_depth, values.epochs
        return (*sizes, progress.epoch, progress.step)

    @property
    def may_join(self) -> bool:
        """Whether it gains by it: features of frozen parts that never change are better kept than computed again."""
        kept = self.values.freeze_depth > 0 and self.values.augmentation == 0
        return can_fuse(self.learner.model) and not kept


def train_together(objective: Finetune, trials: Sequence[Trial]) -> list[Outcome]:
    """Run several trials in this process, those of one shape as one network, the others one by one.

    Parameters
    ----------
    objective : Finetune
        Whose settings all trials share.
    trials : sequence of Trial
        On one device, with one rank each.

    Returns
    -------
    list of dict or Exception
        For each trial what ``objective(trial)`` would have returned or raised, TrialInterrupted and TrialStopped
        included. Metrics are those of the trial alone up to rounding, which training enlarges; a trial that diverges
        is noticed at the end of the epoch only.
    """
    outcomes: dict[int, Outcome] = {}
    groups: dict[Hashable, list[tuple[int, Member]]] = {}
    for index, trial in enumerate(trials):
        try:
            member = _begin(objective, trial)
        except Exception as error:
            outcomes[index] = error
        else:
            groups.setdefault(member.shape if member.may_join else index, []).append((index, member))
    for group in groups.values():
        if len(group) == 1:
            index, member = group[0]
            outcomes[index] = _alone(objective, member.trial)
        else:
            _train(objective, [member for _, member in group])
            outcomes.update({index: member.outcome for index, member in group if member.outcome is not None})
    return [outcomes[index] for index in range(len(trials))]


def _begin(objective: Finetune, trial: Trial) -> Member:
    """Build a trial's network, as far as it had come."""
    values = hyperparameters(objective.settings, trial.params, trial.epochs)
    data, learner = objective.begin(trial, values)
    learner = finetune.with_average(learner, values)
    return Member(trial, values, learner, objective.keeper(trial, values, learner), data)


def _alone(objective: Finetune, trial: Trial) -> Outcome:
    try:
        return objective(trial)
    except Exception as error:
        return error


def _train(objective: Finetune, members: list[Member]) -> None:
    """Train to the end of the last epoch, or until every member has its outcome."""
    first = members[0]
    network, stop = _network(objective, members), Stop([member.trial for member in members])
    begun = first.keeper.progress.epoch + 1
    for epoch in range(begun, first.values.epochs + 1):
        started = time.monotonic()
        sums = _train_epoch(members, network, stop, epoch, resumed=epoch == begun)
        share = (time.monotonic() - started) / len(members)
        stop.ask()
        for member, loss_sum in zip(members, sums, strict=True):
            member.settle(partial(_end_epoch, objective, member, epoch, loss_sum, share))
        if all(member.outcome is not None for member in members):
            return
    for member in members:
        member.settle(partial(_finish, objective, member))


@dataclass(frozen=True)
class Network:
    """The members' networks as one, and how a step calls it."""

    fused: Fused
    call: Callable[[Tensor], Tensor]


def _network(objective: Finetune, members: list[Member]) -> Network:
    """Make one network of the members', replayed as CUDA graphs where that pays."""
    first = members[0]
    fused = Fused([member.learner.model for member in members])
    fused.train()
    frozen = {id(module) for module in first.learner.frozen}
    fused.rest([name for name, module in first.learner.model.named_modules() if id(module) in frozen])
    labels = first.data[0].labels
    steps = len(labels) // first.values.batch_size * first.values.epochs
    graphs = objective.settings["cuda_graphs"] and pays(labels.device, steps, known_model=True, ranks=1)
    return Network(fused, Replay(fused) if graphs else fused)


def _train_epoch(members: list[Member], network: Network, stop: Stop, epoch: int, *, resumed: bool) -> Tensor:
    """Train for one epoch, or the rest of one, all members at once; returns their sums of losses, shape (K,)."""
    first, data = members[0], members[0].data[0]
    device = data.labels.device
    plans = [_plan(data, one.values, one.learner.flips, epoch, one.trial.seed) for one in members]
    done, totals = first.keeper.progress.step if resumed else 0, torch.zeros(len(members), device=device)
    if done:
        totals += torch.stack([cast("Tensor", one.keeper.progress.loss_sum).to(device) for one in members])
    smoothing = torch.tensor([one.values.label_smoothing for one in members], device=device)
    bounds = batch_bounds(len(data), first.values.batch_size)
    for number, (start, end) in enumerate(bounds[done:], start=done):
        index = torch.stack([order[start:end] for order, _ in plans])
        with torch.no_grad():
            images = _images(members, data, index, [None if maps is None else maps[start:end] for _, maps in plans])
        with first.learner.autocast(device):
            logits = network.call(images)
        losses = _losses(logits.float().view(end - start, len(members), -1), data.labels[index].T, smoothing)
        torch.autograd.backward(losses.sum())
        network.fused.hand_out_gradients()
        for member in members:
            _update(member.learner, member.values, len(bounds), len(bounds) * (epoch - 1) + number)
        totals += losses.detach() * (end - start)
        if any(one.outcome is None and one.keeper.is_step_due() for one in members):
            stop.ask()
            for member, total in zip(members, totals, strict=True):
                member.settle(partial(member.keeper.save_step, number + 1, total))
            if stop.answer:
                break
    return totals


class Stop:
    """``trial.should_stop()`` of trials that are trained as one: one answer for all, so that they end at one step.

    Parameters
    ----------
    trials : sequence of Trial
        Are made to ask this object, which asks what they asked before.

    Attributes
    ----------
    answer : bool
    """

    def __init__(self, trials: Sequence[Trial]):
        self._asked = [trial.stop_requested for trial in trials if trial.stop_requested is not None]
        self.answer = False
        for trial in trials:
            trial.stop_requested = lambda: self.answer

    def ask(self) -> None:
        """Ask anew."""
        self.answer = self.answer or any(asked() for asked in self._asked)


def _images(members: list[Member], data: Split, index: Tensor, maps: list[Tensor | None]) -> Tensor:
    """Prepare the members' batches (K, n), side by side: (n, K * channels, size, size)."""
    prepare, count = members[0].learner.inputs, len(index)
    joined = [one for one in maps if one is not None]
    if len(joined) in (0, count):
        inputs = prepare(data.images[index.flatten()], torch.cat(joined) if joined else None)
    else:
        inputs = torch.cat([prepare(data.images[rows], one) for rows, one in zip(index, maps, strict=True)])
    inputs = inputs.view(count, -1, *inputs.shape[1:]).transpose(0, 1).flatten(1, 2)
    return inputs.contiguous(memory_format=torch.channels_last)


def _losses(logits: Tensor, labels: Tensor, smoothing: Tensor) -> Tensor:
    """Mean cross-entropy of each member with its own label smoothing (Szegedy et al. 2016, section 7).

    Parameters
    ----------
    logits : Tensor
        Shape (n, K, classes).
    labels : Tensor
        Shape (n, K).
    smoothing : Tensor
        Shape (K,).

    Returns
    -------
    Tensor
        Shape (K,).
    """
    surprise = -functional.log_softmax(logits, dim=-1)
    hard = surprise.gather(-1, labels[..., None])[..., 0].mean(dim=0)
    return (1 - smoothing) * hard + smoothing * surprise.mean(dim=(0, 2))


def _end_epoch(objective: Finetune, member: Member, epoch: int, loss_sum: Tensor, seconds: float) -> None:
    """Judge a member, report, and save if it is time to."""
    started, (training, validation) = time.monotonic(), member.data
    images = batch_bounds(len(training), member.values.batch_size)[-1][1]
    train_loss = _require_finite(loss_sum, f"in epoch {epoch}") / images
    val_loss, val_error = evaluate(member.learner, validation)
    metrics = {"val_error": val_error, "val_loss": val_loss, "train_loss": train_loss}
    objective.end_epoch(member.trial, member.keeper, epoch, metrics, seconds + time.monotonic() - started)


def _finish(objective: Finetune, member: Member) -> dict[str, float]:
    """Return what came of a member that was trained to its end."""
    metrics = dict(member.keeper.progress.metrics)
    if member.trial.role == "confirm":
        metrics |= finetune.tested(member.learner, objective.test_split(member.trial))
    objective.clear(member.trial)
    return metrics
