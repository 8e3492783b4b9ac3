"""Killed at any step, any number of times, a trial ends with the same result to the bit."""

import itertools
import sys

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autode.training import checkpoint
from autode.training.finetune import Finetune
from autode.trial import Trial, TrialInterrupted

NETS = """
from torch import nn

def small(classes):
    stem = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
    return nn.Sequential(stem, nn.Conv2d(8, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(),
                         nn.Linear(512, classes))
"""
TASK = {"train_samples": 64, "validation_samples": 40, "batch_size": 16, "epochs": 2, "step_checkpoint_interval_s": 0.0}


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the objective may catch it."""


@pytest.fixture(scope="module")
def nets(tmp_path_factory):
    """A folder with a module of the user's."""
    folder = tmp_path_factory.mktemp("workflow")
    (folder / "killed_nets.py").write_text(NETS)
    yield str(folder)
    sys.path[:] = [place for place in sys.path if place != str(folder)]
    sys.modules.pop("killed_nets", None)


def run(objective, folder, params, kills):
    """Run a trial whose attempts are killed, each when it has asked so many times whether to stop."""
    for kill in [*kills, None]:
        calls = itertools.count(1)

        def ask(kill=kill, calls=calls):
            if next(calls) == kill:
                raise Killed
            return False

        try:
            return objective(Trial(0, params, 5, folder, stop_requested=ask))
        except Killed:
            torch.manual_seed(0)  # the next attempt is another process: no state but the checkpoint survives
            torch.rand(7)
    raise AssertionError("unreachable")


@given(
    model=st.sampled_from([{}, {"model": "killed_nets:small"}]),
    optimizer=st.sampled_from(["sgd", "adamw"]),
    schedule=st.sampled_from(["cosine", "constant"]),
    freeze_depth=st.sampled_from([0, 2]),
    augmentation=st.sampled_from([0.0, 0.5]),
    ema=st.sampled_from([0.0, 0.9]),
    dropout=st.sampled_from([0.0, 0.4]),
    kills=st.lists(st.integers(1, 9), min_size=1, max_size=3),
)
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_kills_at_any_step_change_no_bit(nets, tmp_path_factory, model, kills, **params):
    objective, folder = Finetune(TASK | model, nets), tmp_path_factory.mktemp("trial")
    whole = run(objective, folder / "whole", params, [])
    assert run(objective, folder / "pieces", params, kills) == whole
    assert not (folder / "pieces" / checkpoint.FILE_NAME).exists()


def test_a_long_epoch_ends_within_it(tmp_path):
    objective = Finetune(TASK)
    with pytest.raises(TrialInterrupted, match="interrupted after step 1 of epoch 1 of 2"):
        objective(Trial(0, {}, 5, tmp_path, stop_requested=lambda: True))
    epochs = []
    metrics = objective(Trial(0, {}, 5, tmp_path, on_report=lambda epoch, _: epochs.append(epoch)))
    assert epochs == [1, 2]
    assert metrics == objective(Trial(0, {}, 5, tmp_path / "whole"))


def test_with_a_constant_rate_a_trial_goes_on_to_more_epochs(tmp_path):
    table = TASK | {"schedule": "constant", "keep_checkpoint": True, "ema": 0.5}
    epochs = []
    short = Finetune(table)(Trial(0, {}, 5, tmp_path, epochs=1))
    again = Finetune(table)(Trial(0, {}, 5, tmp_path, epochs=1, on_report=lambda epoch, _: epochs.append(epoch)))
    assert (again, epochs) == (short, [])
    longer = Finetune(table)(Trial(0, {}, 5, tmp_path, epochs=3, on_report=lambda epoch, _: epochs.append(epoch)))
    assert epochs == [2, 3]
    assert longer == Finetune(table)(Trial(0, {}, 5, tmp_path / "whole", epochs=3))
    with pytest.raises(ValueError, match="is 3 epochs old, expected at most 2; delete it to start afresh"):
        Finetune(table)(Trial(0, {}, 5, tmp_path, epochs=2))


def test_with_a_cosine_the_number_of_epochs_is_fixed(tmp_path):
    table = TASK | {"keep_checkpoint": True}
    Finetune(table)(Trial(0, {}, 5, tmp_path, epochs=1))
    with pytest.raises(ValueError, match="its epochs is 1, expected 2"):
        Finetune(table)(Trial(0, {}, 5, tmp_path, epochs=2))


def test_frozen_parts_take_no_room_in_a_checkpoint(tmp_path):
    sizes = []
    for depth in (0, 3, 5):
        with pytest.raises(TrialInterrupted):
            Finetune(TASK)(Trial(0, {"freeze_depth": depth}, 5, tmp_path / str(depth), stop_requested=lambda: True))
        sizes.append((tmp_path / str(depth) / checkpoint.FILE_NAME).stat().st_size)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < sizes[0] / 50
