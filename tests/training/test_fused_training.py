"""Trials trained as one: what comes of each, and that they stop, fail and continue as if alone."""

import re
from pathlib import Path

import pytest
import torch

from autode.training import checkpoint, fused_training
from autode.training.finetune import Finetune
from autode.trial import Trial, TrialInterrupted

SETTINGS = {"train_samples": 66, "validation_samples": 60, "epochs": 2, "batch_size": 32}
#: the numbers that may differ between trials of one shape
NUMBERS = [
    {"lr": 0.02, "weight_decay": 1e-3, "momentum": 0.5},
    {"lr": 0.01, "label_smoothing": 0.3, "augmentation": 0.0, "schedule": "linear"},
    {"lr": 0.02, "optimizer": "adamw", "ema": 0.5, "layer_decay": 0.8, "augmentation": 1.0},
]


@pytest.fixture
def fusions(monkeypatch):
    """The numbers of networks that were trained as one."""
    sizes = []

    class Counting(fused_training.Fused):
        def __init__(self, members):
            sizes.append(len(members))
            super().__init__(members)

    monkeypatch.setattr(fused_training, "Fused", Counting)
    return sizes


def trial(folder, number, params, **given):
    return Trial(**{"number": number, "params": params, "seed": 5 + number, "folder": folder / str(number), **given})


def trials(folder, params, **given):
    return [trial(folder, number, one, **given) for number, one in enumerate(params)]


def alone(folder, params, **given):
    return [Finetune(SETTINGS)(one) for one in trials(folder / "alone", params, **given)]


def same(metrics):
    """Equal to rounding, which training enlarges: losses to a thousandth, shares of errors to one image."""
    return {
        name: pytest.approx(value, **({"rel": 1e-3} if "loss" in name else {"abs": 1.01 / 60}))
        for name, value in metrics.items()
    }


def test_each_trial_ends_as_if_alone(tmp_path, fusions):
    together = Finetune(SETTINGS).together(trials(tmp_path, NUMBERS, role="confirm"))
    assert fusions == [3]
    for ours, theirs in zip(together, alone(tmp_path, NUMBERS, role="confirm"), strict=True):
        assert ours == same(theirs)


def test_only_trials_of_one_shape_are_trained_as_one(tmp_path, fusions):
    params = [
        {"lr": 0.01},
        {"lr": 0.01, "batch_size": 16},
        {"lr": 0.02},
        {"lr": 0.02, "batch_size": 16},
        {"lr": 0.03, "dropout": 0.2},  # draws random numbers of its own
        {"lr": 0.03, "freeze_depth": 2, "augmentation": 0.0},  # its features are kept
    ]
    outcomes = Finetune(SETTINGS | {"epochs": 1}).together(trials(tmp_path, params))
    assert fusions == [2, 2]
    assert all(isinstance(one, dict) for one in outcomes)


def test_errors_are_each_trials_own(tmp_path):
    params = [{"lr": 100.0, "weight_decay": 10.0}, {"lr": 0.002}, {"lr": -1.0}, {"lr": 0.003}, {"batch_size": 999}]
    settings = SETTINGS | {"epochs": 3}
    diverged, fine, wrong, other, large = Finetune(settings).together(trials(tmp_path, params))
    assert isinstance(diverged, FloatingPointError)
    assert isinstance(wrong, ValueError)
    assert "batch_size = 999" in str(large)
    expected = Finetune(settings).together([trial(tmp_path / "two", number, params[number]) for number in (1, 3)])
    assert [fine, other] == [same(one) for one in expected]


def test_every_epoch_of_each_trial_is_reported(tmp_path):
    reports = []
    wanted = trials(tmp_path, NUMBERS[:2])
    for one in wanted:
        one.on_report = lambda epoch, figures, number=one.number: reports.append((number, epoch, set(figures)))
    Finetune(SETTINGS).together(wanted)
    names = {"val_error", "val_loss", "train_loss", "seconds"}
    assert reports == [(number, epoch, names) for epoch in (1, 2) for number in (0, 1)]


@pytest.mark.parametrize("within", [False, True], ids=["between epochs", "within an epoch"])
def test_an_interruption_changes_nothing(tmp_path, fusions, within):
    settings = SETTINGS | {"step_checkpoint_interval_s": 0.0 if within else 60.0}
    asked = []

    def stop():
        asked.append(0)
        return len(asked) > 2 or not within  # where each is asked, the third is told first

    cut = Finetune(settings).together(trials(tmp_path / "cut", NUMBERS, stop_requested=stop))
    assert all(isinstance(one, TrialInterrupted) for one in cut)
    assert {"step" in str(one) for one in cut} == {within}
    sizes = [(tmp_path / "cut" / str(number) / checkpoint.FILE_NAME).stat().st_size for number in range(3)]
    assert max(sizes) < 13e6  # a network of 0.7 M parameters, its optimizer and its average: not those of all three
    torch.manual_seed(0)
    continued = Finetune(settings).together(trials(tmp_path / "cut", NUMBERS))
    assert fusions == [3, 3]
    assert continued == Finetune(settings).together(trials(tmp_path / "whole", NUMBERS))


def test_a_trial_goes_on_alone_where_others_were_with_it(tmp_path):
    cut = Finetune(SETTINGS).together(trials(tmp_path, NUMBERS[:2], stop_requested=lambda: True))
    assert all(isinstance(one, TrialInterrupted) for one in cut)
    reports = []
    metrics = Finetune(SETTINGS)(trial(tmp_path, 0, NUMBERS[0], on_report=lambda epoch, _: reports.append(epoch)))
    assert reports == [2]
    assert metrics == same(alone(tmp_path, NUMBERS[:1])[0])


def test_the_objective_on_the_page_judges_by_four_seeds(tmp_path, fusions):
    page = (Path(__file__).parents[2] / "docs" / "training-parallel.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {}
    exec(compile(code, "training-parallel.md", "exec"), names)
    small = Finetune(SETTINGS | {"epochs": 1})
    names["finetune"] = small
    metrics = names["objective"](trial(tmp_path, 0, {"lr": 0.002}))
    assert fusions == [4]
    (one,) = small.together([trial(tmp_path, 0, {"lr": 0.002})])
    assert set(metrics) == set(one)
    assert metrics != one
    diverging = trial(tmp_path, 1, {"lr": 100.0, "weight_decay": 10.0})
    names["finetune"] = Finetune(SETTINGS | {"epochs": 3})
    with pytest.raises(FloatingPointError):
        names["objective"](diverging)
