"""The objective under rough treatment: killed processes, extreme corners of the space, another place to continue."""

import itertools
import json
import pickle
import signal
import subprocess
import sys

import pytest

from autode.training import checkpoint, data
from autode.training.finetune import Finetune
from autode.trial import Trial, TrialInterrupted

SMALL = {
    "train_samples": 96,
    "validation_samples": 60,
    "epochs": 4,
    "checkpoint_interval_s": 0.0,
    "step_checkpoint_interval_s": 600.0,
}
# Prints each epoch as it ends, then the metrics.
SCRIPT = """
import json, pathlib, sys
from autode.training.finetune import Finetune
from autode.trial import Trial
settings, folder = json.loads(sys.argv[1]), pathlib.Path(sys.argv[2])
report = lambda epoch, figures: print("epoch", epoch, flush=True)
print(json.dumps(Finetune(settings)(Trial(0, {"augmentation": 0.6}, 5, folder, on_report=report))))
"""


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(SMALL), str(folder)], stdout=subprocess.PIPE, text=True
    )


def trial(folder, params=None, **given):
    return Trial(**{"number": 0, "params": params or {}, "seed": 5, "folder": folder, **given})


@pytest.mark.slow
def test_a_killed_process_loses_at_most_the_epoch_under_way(tmp_path):
    with start(tmp_path / "killed") as process:
        seen = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGKILL)
    assert seen == ["epoch 1\n", "epoch 2\n"]
    lines = start(tmp_path / "killed").communicate()[0].splitlines()
    undisturbed = start(tmp_path / "whole").communicate()[0].splitlines()
    assert lines[0] in {"epoch 2", "epoch 3", "epoch 4"}
    assert json.loads(lines[-1]) == json.loads(undisturbed[-1])
    assert not (tmp_path / "killed" / checkpoint.FILE_NAME).exists()


CORNERS = list(
    itertools.product(["sgd", "adamw"], [1e-3, 1.0], [1e-6, 1e-1], [(16, 0, 0.98), (64, 5, 0.5), (64, 0, 0.98)])
)


@pytest.mark.parametrize(("optimizer", "lr", "weight_decay", "rest"), CORNERS, ids=str)
def test_in_every_corner_of_the_space_a_trial_ends_with_figures_or_a_clear_error(
    tmp_path, optimizer, lr, weight_decay, rest
):
    batch_size, freeze_depth, momentum = rest
    params = {
        "optimizer": optimizer,
        "lr": lr,
        "weight_decay": weight_decay,
        "batch_size": batch_size,
        "freeze_depth": freeze_depth,
        "momentum": momentum,
        "label_smoothing": 0.3,
        "augmentation": 1.0,
    }
    try:
        metrics = Finetune(SMALL | {"epochs": 1})(trial(tmp_path, params))
    except FloatingPointError as error:
        assert "training diverged" in str(error)
    else:
        assert 0 <= metrics["val_error"] <= 1
        assert metrics["val_loss"] > 0
        assert metrics["train_loss"] > 0


def interrupt(folder, settings=SMALL, **given):
    with pytest.raises(TrialInterrupted):
        Finetune(settings)(trial(folder, stop_requested=lambda: True, **given))


def test_another_number_of_threads_may_not_continue(tmp_path, monkeypatch):
    interrupt(tmp_path)
    monkeypatch.setenv("AUTODE_THREADS", "2")
    with pytest.raises(ValueError, match="its threads is 1, expected 2"):
        Finetune(SMALL)(trial(tmp_path))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"weights": "none"}, "its weights is 'embedded', expected 'none'"),
        ({"train_samples": 80}, "its train_samples is 96, expected 80"),
        ({"epochs": 5}, "its epochs is 4, expected 5"),
        ({"batch_size": 16}, "its batch_size is 32, expected 16"),
    ],
)
def test_other_settings_may_not_continue(tmp_path, change, sentence):
    interrupt(tmp_path)
    with pytest.raises(ValueError, match=sentence):
        Finetune(SMALL | change)(trial(tmp_path))


def test_another_checkpoint_interval_may_continue(tmp_path):
    interrupt(tmp_path)
    reports = []
    Finetune(SMALL | {"checkpoint_interval_s": 60.0})(trial(tmp_path, on_report=lambda epoch, _: reports.append(epoch)))
    assert reports == [2, 3, 4]


def test_role_and_attempt_do_not_change_who_a_trial_is(tmp_path):
    interrupt(tmp_path, role="confirm")
    whole = Finetune(SMALL)(trial(tmp_path / "whole", role="confirm"))
    assert Finetune(SMALL)(trial(tmp_path, role="confirm", attempt=1)) == whole


def test_a_diverged_trial_leaves_the_next_one_alone(tmp_path):
    objective = Finetune(SMALL | {"epochs": 1})
    before = objective(trial(tmp_path))
    with pytest.raises(FloatingPointError, match="training diverged"):
        Finetune(SMALL | {"epochs": 60})(trial(tmp_path / "wild", {"lr": 100.0, "momentum": 0.99, "batch_size": 16}))
    assert objective(trial(tmp_path)) == before


def test_preparing_reads_data_and_weights_before_the_first_trial(tmp_path, cache):
    objective = Finetune(SMALL | {"epochs": 1})
    objective.prepare("cpu")
    before = data.load_training.cache_info().misses
    objective(trial(tmp_path))
    assert data.load_training.cache_info().misses == before


def test_preparing_says_what_is_missing(cache):
    with pytest.raises(ValueError, match="autode prefetch WORKFLOW"):
        Finetune({"dataset": "mnist"}).prepare("cpu")


def test_the_objective_travels_to_worker_processes(tmp_path):
    objective = Finetune(SMALL | {"epochs": 1})
    assert pickle.loads(pickle.dumps(objective))(trial(tmp_path)) == objective(trial(tmp_path))
