"""The objective: what comes out of a trial, and that an interruption changes nothing."""

import subprocess
import sys

import pytest
import torch

from autode.training import checkpoint, finetune
from autode.training.finetune import Finetune
from autode.trial import Trial, TrialInterrupted

SMALL = {"train_samples": 96, "validation_samples": 60, "epochs": 3, "step_checkpoint_interval_s": 600.0}


def trial(folder, params=None, **given):
    return Trial(**{"number": 0, "params": params or {}, "seed": 5, "folder": folder, **given})


def test_a_trial_returns_errors_and_losses(tmp_path):
    metrics = Finetune(SMALL)(trial(tmp_path))
    assert set(metrics) == {"val_error", "val_loss", "train_loss"}
    assert all(isinstance(value, float) for value in metrics.values())
    assert 0 <= metrics["val_error"] < 0.5
    assert list(tmp_path.iterdir()) == []


def test_every_epoch_is_reported(tmp_path):
    reports = []
    metrics = Finetune(SMALL)(trial(tmp_path, on_report=lambda epoch, figures: reports.append((epoch, figures))))
    assert [epoch for epoch, _ in reports] == [1, 2, 3]
    assert all(set(figures) == {"train_loss", "val_loss", "val_error", "seconds"} for _, figures in reports)
    assert {name: value for name, value in reports[-1][1].items() if name != "seconds"} == metrics


def test_a_search_never_touches_the_test_split(tmp_path, monkeypatch):
    touched = []
    monkeypatch.setattr(finetune, "load_test", lambda *names: touched.append(names))
    Finetune(SMALL)(trial(tmp_path))
    assert not touched


def test_a_confirmation_adds_the_test_result_and_changes_no_other(tmp_path):
    search, confirm = Finetune(SMALL)(trial(tmp_path)), Finetune(SMALL)(trial(tmp_path, role="confirm"))
    assert confirm["test_error"] + confirm["test_accuracy"] == pytest.approx(1)
    assert confirm["test_accuracy"] > 0.5
    assert search.items() <= confirm.items()


def test_the_fidelity_decides_the_epochs(tmp_path):
    reports = []
    Finetune(SMALL)(trial(tmp_path, {"epochs": 2}, epochs=1, on_report=lambda epoch, _: reports.append(epoch)))
    assert reports == [1]


def test_one_process_runs_many_different_trials(tmp_path):
    objective = Finetune(SMALL | {"epochs": 1})
    first = objective(trial(tmp_path, {"freeze_depth": 4}))
    objective(trial(tmp_path, {"optimizer": "adamw", "augmentation": 1.0, "batch_size": 16}, seed=9))
    assert objective(trial(tmp_path, {"freeze_depth": 4})) == first


def interrupted_at(stops, folder, params):
    """Run a trial that is asked to stop after each epoch in `stops`; returns metrics and the epochs reported."""
    epochs = []
    for _ in range(len(stops) + 1):
        attempt = trial(
            folder,
            params,
            on_report=lambda epoch, _: epochs.append(epoch),
            stop_requested=lambda: epochs[-1] in stops and epochs.count(epochs[-1]) == 1,
        )
        try:
            return Finetune(SMALL | {"epochs": 4})(attempt), epochs
        except TrialInterrupted:
            assert (folder / checkpoint.FILE_NAME).exists()
            torch.manual_seed(0)  # the next attempt is another process: no state but the checkpoint survives
            torch.rand(7)
    raise AssertionError("the trial was interrupted more often than asked")


@pytest.mark.parametrize("stops", [{1}, {2}, {3}, {1, 2, 3}], ids=str)
@pytest.mark.parametrize(
    "params",
    [
        {"optimizer": "sgd", "label_smoothing": 0.1},
        {"optimizer": "adamw", "momentum": 0.7, "freeze_depth": 2, "augmentation": 0.9},
    ],
    ids=["sgd", "adamw"],
)
def test_an_interruption_at_any_epoch_changes_no_bit(tmp_path, params, stops):
    whole, _ = interrupted_at(set(), tmp_path / "whole", params)
    pieces, epochs = interrupted_at(stops, tmp_path / "pieces", params)
    assert pieces == whole
    assert epochs == [1, 2, 3, 4]
    assert not (tmp_path / "pieces" / checkpoint.FILE_NAME).exists()


def test_a_stop_after_the_last_epoch_comes_too_late_to_interrupt(tmp_path):
    reports = []
    stopping = trial(
        tmp_path,
        on_report=lambda epoch, _: reports.append(epoch),
        stop_requested=lambda: len(reports) == SMALL["epochs"],
    )
    assert Finetune(SMALL)(stopping)["val_loss"] > 0


def test_checkpoints_are_written_no_more_often_than_asked(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(checkpoint, "save", lambda folder, identity, state: saved.append(state["epoch"]))
    Finetune(SMALL)(trial(tmp_path))
    assert saved == []
    Finetune(SMALL | {"checkpoint_interval_s": 0.0})(trial(tmp_path))
    assert saved == [1, 2]


def test_another_trials_checkpoint_is_refused(tmp_path):
    with pytest.raises(TrialInterrupted, match="interrupted after epoch 1 of 3"):
        Finetune(SMALL)(trial(tmp_path, stop_requested=lambda: True))
    with pytest.raises(ValueError, match=r"belongs to another trial: its lr is 0.1, expected 0.2"):
        Finetune(SMALL)(trial(tmp_path, {"lr": 0.2}))
    with pytest.raises(ValueError, match="its seed is 5, expected 6"):
        Finetune(SMALL)(trial(tmp_path, seed=6))


def test_a_damaged_checkpoint_means_starting_afresh(tmp_path):
    (tmp_path / checkpoint.FILE_NAME).write_bytes(b"not a checkpoint")
    reports = []
    Finetune(SMALL)(trial(tmp_path, on_report=lambda epoch, _: reports.append(epoch)))
    assert reports == [1, 2, 3]


@pytest.mark.slow
def test_two_fresh_processes_agree_to_the_last_bit(tmp_path):
    code = (
        "import sys, pathlib; from autode.training.finetune import Finetune; from autode.trial import Trial\n"
        f"print(Finetune({SMALL})(Trial(0, {{'augmentation': 0.5}}, 5, pathlib.Path(sys.argv[1]))))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    first, second = (subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2))
    assert "val_loss" in first
    assert first == second


@pytest.mark.parametrize("model", [{"model": "resnet18", "width": 0.25}, {"model": "densenet121"}], ids=str)
def test_other_models_and_data_go_the_same_way(tmp_path, write_mnist, model):
    write_mnist("MNIST", train=60, test=20)
    table = {"dataset": "mnist", "weights": "none", "validation_samples": 20, "resolution": 32, "epochs": 1, **model}
    metrics = Finetune(table)(trial(tmp_path, {"batch_size": 16}, role="confirm"))
    assert 0 <= metrics["test_error"] <= 1


def test_a_batch_must_fit_into_the_training_split(tmp_path):
    with pytest.raises(ValueError, match="batch_size = 128: expected at most the 96 training images"):
        Finetune(SMALL)(trial(tmp_path, {"batch_size": 128}))


def test_a_wrong_table_is_refused_before_any_trial():
    with pytest.raises(ValueError, match="unknown key 'epoch'"):
        Finetune({"epoch": 3})


@pytest.mark.parametrize("text", ["0", "two", "-1", ""])
def test_the_number_of_threads_must_make_sense(monkeypatch, text):
    monkeypatch.setenv("AUTODE_THREADS", text)
    with pytest.raises(ValueError, match=r"AUTODE_THREADS = .*: expected a positive whole number"):
        finetune.cpu_threads()


def test_one_thread_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("AUTODE_THREADS", raising=False)
    assert finetune.cpu_threads() == 1
    monkeypatch.setenv("AUTODE_THREADS", "4")
    assert finetune.cpu_threads() == 4


@pytest.mark.slow
def test_the_hand_default_is_good_and_the_embedded_weights_make_it_so(tmp_path):
    """Mean test accuracy of seeds 0-4, with the embedded weights and from scratch."""

    def accuracy(weights):
        results = [Finetune({"weights": weights})(trial(tmp_path, seed=seed, role="confirm")) for seed in range(5)]
        return sum(result["test_accuracy"] for result in results) / len(results)

    assert accuracy("embedded") >= 0.96
    assert accuracy("none") < 0.93


def test_the_rate_follows_the_batch_size_if_asked(tmp_path):
    def loss(table, **params):
        return Finetune(SMALL | {"epochs": 1} | table)(trial(tmp_path, params))["val_loss"]

    assert loss({"lr_reference_batch": 32}, batch_size=64, lr=0.1) == loss({}, batch_size=64, lr=0.2)
    assert loss({"lr_reference_batch": 16}, batch_size=64, optimizer="adamw") == pytest.approx(
        loss({}, batch_size=64, optimizer="adamw", lr=0.2), rel=1e-6
    )


def test_every_hyperparameter_has_its_effect_and_its_default_has_none(tmp_path):
    objective = Finetune(SMALL | {"epochs": 1, "train_samples": 64, "batch_size": 16})
    changes = {"layer_decay": 0.5, "head_lr_factor": 5.0, "ema": 0.9, "dropout": 0.5, "warmup": 0.5, "resolution": 40}
    default = objective(trial(tmp_path))
    assert objective(trial(tmp_path, {name: objective.settings[name] for name in (*changes, "schedule")})) == default
    for name, value in [*changes.items(), ("schedule", "linear"), ("schedule", "constant")]:
        assert objective(trial(tmp_path, {name: value})) != default, name


def test_beta2_is_adamws(tmp_path):
    objective = Finetune(SMALL | {"epochs": 2, "train_samples": 64})
    losses = [
        objective(trial(tmp_path, {"optimizer": name, "beta2": beta2}))["val_loss"]
        for name in ("sgd", "adamw")
        for beta2 in (0.9, 0.999)
    ]
    assert losses[0] == losses[1]
    assert losses[2] != losses[3]


def test_each_worker_captures_on_the_gpu_that_it_was_given(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    for device in ("cpu", "cuda", "cuda:1"):
        finetune.set_up(device)
    assert chosen == [torch.device("cuda:1")]
