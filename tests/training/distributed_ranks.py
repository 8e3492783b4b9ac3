"""The objective of a study whose trials have two ranks each: every trial is another scene, see `SCENES`.

All ranks play; what they saw is written to ``seen-NAME.json`` beside this module's copy in the study's folder.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from autode.training.distributed import Ranks, connect, from_leader, on_all_ranks, with_global_batch_norm
from autode.training.finetune import Finetune
from autode.trial import Trial, TrialInterrupted

#: 65 images in batches of 16 leave a last one of 1, which is dropped; in batches of 21, one of 2
SETTINGS = {"train_samples": 65, "validation_samples": 61, "epochs": 3}
PARAMS: dict[str, dict[str, Any]] = {
    "sgd": {"lr": 0.02, "batch_size": 16},
    "frozen": {"lr": 0.02, "batch_size": 21, "freeze_depth": 2},
}


def run(trial: Trial, name: str, **changes: Any) -> dict[str, float]:
    """Fine-tune with fixed hyperparameters instead of those that the search has chosen."""
    return Finetune(SETTINGS)(replace(trial, params=PARAMS[name], seed=5, role="confirm", **changes))


def normalised(rows: int, wrap: Any = lambda module: module, share: Any = slice(None)) -> list[torch.Tensor]:
    """Output, gradients and statistics of a batch normalisation in double precision, after one step on `rows` rows."""
    generator = torch.Generator().manual_seed(rows)
    images = torch.randn(rows, 5, 3, 3, generator=generator, dtype=torch.float64)[share].requires_grad_()
    wanted = torch.randn(rows, 5, 3, 3, generator=generator, dtype=torch.float64)[share]
    module = wrap(nn.Sequential(nn.BatchNorm2d(5))).double()
    with torch.no_grad():
        module[0].weight.copy_(torch.linspace(0.5, 2.0, 5))
    output = module(images)
    torch.autograd.backward((output - wanted).square().sum())
    norm = module[0]
    return [output.detach(), images.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var]


def norm(trial: Trial) -> dict[int, list[Any]]:
    """The same over all ranks: rows put together, parameters' gradients added up."""
    comm, seen = trial.comm, {}
    with connect(comm, "cpu"):
        for rows in (1, 7):
            share = slice(*Ranks(comm.rank, comm.size, rows).bounds(comm.rank))
            parts = comm.allgather(normalised(rows, with_global_batch_norm, share))
            joined = [torch.cat([part[i] for part in parts]) for i in (0, 1)]
            summed = [torch.stack([part[i] for part in parts]).sum(0) for i in (2, 3)]
            seen[rows] = [one.tolist() for one in (*joined, *summed, *parts[0][4:])]
    return seen


def sgd(trial: Trial) -> Any:
    return trial.comm.allgather(run(trial, "sgd"))


def frozen(trial: Trial) -> Any:
    return trial.comm.allgather(run(trial, "frozen"))


def continued(trial: Trial) -> Any:
    """A trial that is interrupted after each epoch."""
    for stop in (1, 2):
        epochs: list[int] = []
        note, asked = lambda epoch, _, to=epochs: to.append(epoch), lambda seen=epochs, last=stop: seen[-1] == last
        try:
            run(trial, "frozen", on_report=note, stop_requested=asked)
        except TrialInterrupted:
            continue
    before = (trial.folder / "checkpoint.pt").exists()
    results = trial.comm.allgather(run(trial, "frozen"))  # behind this the first rank has deleted it
    return {"results": results, "checkpoint": [before, (trial.folder / "checkpoint.pt").exists()]}


def broken(trial: Trial) -> None:
    """One rank fails in the middle, where the others go on to wait for it."""

    def full(epoch: int, figures: dict[str, float]) -> None:
        if trial.comm.rank == 1:
            raise OSError("no space left")

    run(trial, "sgd", on_report=full)


def errors(trial: Trial, function: Any) -> list[str]:
    """How a function fails on each rank."""
    try:
        function()
    except Exception as error:
        return trial.comm.allgather(f"{type(error).__name__}: {error}")
    return trial.comm.allgather("no error")


def missing(trial: Trial) -> Any:
    def read() -> None:
        if trial.comm.rank == 1:
            raise FileNotFoundError("no such file")

    return errors(trial, lambda: on_all_ranks(trial.comm, read))


def leader(trial: Trial) -> Any:
    return errors(trial, lambda: from_leader(trial.comm, lambda: int("two")))


def diverged(trial: Trial) -> Any:
    wild = replace(trial, params={"lr": 100.0, "momentum": 0.99})
    return errors(trial, lambda: Finetune(SETTINGS)(wild))


SCENES = {one.__name__: one for one in (norm, sgd, broken, frozen, continued, missing, leader, diverged)}
SCENES["after"] = sgd


def objective(trial: Trial) -> float:
    """Play the scene of this trial's number."""
    torch.set_num_threads(1)
    name = list(SCENES)[trial.number]
    seen = SCENES[name](trial)
    if trial.comm.rank == 0:
        Path(__file__).with_name(f"seen-{name}.json").write_text(json.dumps(seen))
    return 0.0
