"""CUDA graphs: where they are used, and that nothing else changes where they are not."""

import pytest
import torch

from autode.training import replay
from autode.training.finetune import Finetune
from autode.training.replay import Replay, pays
from autode.trial import Trial

GPU, CPU = torch.device("cuda", 0), torch.device("cpu")
FITTING = {"known_model": True, "ranks": 1}


def test_many_steps_of_one_shape_on_a_gpu_are_captured():
    assert pays(GPU, replay.LEAST_STEPS, **FITTING)


@pytest.mark.parametrize(
    ("device", "steps", "change"),
    [
        (CPU, 10_000, {}),
        (GPU, replay.LEAST_STEPS - 1, {}),
        (GPU, 10_000, {"known_model": False}),
        (GPU, 9999, {"ranks": 2}),
    ],
    ids=["cpu", "few steps", "a user's network", "several ranks"],
)
def test_other_trials_are_not(device, steps, change):
    assert not pays(device, steps, **FITTING | change)


def test_on_a_cpu_the_setting_changes_nothing(tmp_path):
    table = {"train_samples": 40, "validation_samples": 20, "batch_size": 2, "epochs": 10}
    table |= {"freeze_depth": 5, "augmentation": 0.0}
    results = [Finetune(table | {"cuda_graphs": on})(Trial(0, {}, 5, tmp_path)) for on in (True, False)]
    assert results[0] == results[1]


def test_other_shapes_than_the_captured_one_run_as_usual(monkeypatch):
    captures = []

    def capture(self, images):
        captures.append(images.shape)
        return lambda images: "replayed"

    monkeypatch.setattr(Replay, "_capture", capture)
    run = Replay(lambda images: "as usual")
    batches = [torch.zeros(4, 3), torch.zeros(4, 3), torch.zeros(2, 3), torch.zeros(4, 3)]
    assert [run(batch) for batch in batches] == ["replayed", "replayed", "as usual", "replayed"]
    assert captures == [(4, 3)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_replayed_steps_are_those_of_the_network(tmp_path):
    table = {"train_samples": 800, "validation_samples": 100, "batch_size": 4, "epochs": 1, "precision": "float32"}
    results = [
        Finetune(table | {"cuda_graphs": on})(Trial(0, {}, 5, tmp_path, device="cuda:0")) for on in (True, False)
    ]
    assert results[0]["val_loss"] == pytest.approx(results[1]["val_loss"], rel=0.2)
