"""What a trial takes beyond its network: whole trials by turns with nothing but the passes that they make.

The passes are those of the same network over as many images in batches of the same sizes: forward with the loss and
backward for training, forward for validation, every epoch, with all inputs prepared before. No part of a trial's loop
is in them: no data, no distortion, no optimizer, no checkpoint, no building of the network.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from autode.training.finetune import Finetune
from autode.training.loop import batch_bounds, evaluation_batch
from autode.training.settings import hyperparameters
from autode.trial import Trial


def pure_passes(objective: Finetune, trial: Trial) -> Callable[[], None]:
    """Prepare the passes of a trial on a CPU; calling what comes back makes them all."""
    values = hyperparameters(objective.settings, trial.params, trial.epochs)
    (training, validation), learner = objective.begin(trial, values)
    sizes = evaluation_batch(learner.inputs)
    bounds = (
        batch_bounds(len(training), values.batch_size),
        [(start, start + sizes) for start in range(0, len(validation), sizes)],
    )
    ready, held_out = (
        [(learner.inputs(data.images[start:end]), data.labels[start:end]) for start, end in pieces]
        for data, pieces in zip((training, validation), bounds, strict=True)
    )
    model, parameters = learner.model, list(learner.model.parameters())

    def run() -> None:
        for _ in range(values.epochs):
            model.train()
            for images, labels in ready:
                logits = model(images)
                functional.cross_entropy(logits, labels, label_smoothing=values.label_smoothing).backward()
                for parameter in parameters:
                    parameter.grad = None
            model.eval()
            with torch.inference_mode():
                for images, labels in held_out:
                    functional.cross_entropy(model(images), labels)

    return run


@dataclass(frozen=True)
class Overhead:
    """Of several pairs of a trial and its passes.

    Attributes
    ----------
    trial_s, passes_s : float
        CPU seconds, medians.
    ratios : list of float
        Of each pair, in rising order.
    """

    trial_s: float
    passes_s: float
    ratios: list[float]

    @property
    def ratio(self) -> float:
        """Median over the pairs."""
        return statistics.median(self.ratios)


def overhead(objective: Finetune, trial: Trial, pairs: int) -> Overhead:
    """Measure pairs of a trial and its passes, one behind the other, each first in every second pair."""
    works = (lambda: objective(trial)), pure_passes(objective, trial)
    for work in works:
        work()
    seen: list[tuple[float, float]] = []
    for number in range(pairs):
        order = (0, 1) if number % 2 else (1, 0)
        times = {which: _cpu_seconds(works[which]) for which in order}
        seen.append((times[0], times[1]))
    trials, passes = zip(*seen, strict=True)
    return Overhead(statistics.median(trials), statistics.median(passes), sorted(one / two for one, two in seen))


def _cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
