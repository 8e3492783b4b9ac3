"""A run looks for data and weights before its first trial, without torch."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torchvision import datasets
from torchvision.models import get_model_weights

from autode.study import Study, UserError, load_workflow
from autode.training import data, presence
from autode.training.catalogue import MODELS
from autode.training.presence import absent

WORKFLOW = """
name = "mine"
[objective]
kind = "finetune"
dataset = "mnist"
weights = "none"
[space]
lr = { type = "float", low = 0.001, high = 1.0, log = true }
[search]
algorithm = "random"
evaluations = 2
"""


@pytest.fixture(autouse=True)
def caches(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


def test_the_embedded_task_needs_nothing():
    assert absent({}) == []


@pytest.mark.parametrize("name", list(presence.DATA_FILES))
def test_data_are_missing_until_their_last_file_is_there(name):
    place, files = presence.DATA_FILES[name]
    folder = data.cache_folder() / place
    folder.mkdir(parents=True)
    for file in files:
        (said,) = absent({"dataset": name})
        assert said.startswith(f"dataset '{name}' is missing ")
        assert "run 'autode prefetch WORKFLOW'" in said
        (folder / file).touch()
    assert absent({"dataset": name}) == []


def test_files_are_those_that_torchvision_reads():
    assert presence.DATA_FILES.keys() == data.TORCHVISION_CLASSES.keys()
    for name, (place, files) in presence.DATA_FILES.items():
        known = getattr(datasets, data.TORCHVISION_CLASSES[name])
        if hasattr(known, "resources"):
            assert place == f"{known.__name__}/raw"
            assert set(files) == {file.removesuffix(".gz") for file, _ in known.resources}
        else:
            assert place == known.base_folder
            listed = [file for file, _ in known.train_list + known.test_list]
            assert set(files) == {*listed, known.meta["filename"]}


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_looked_for_where_torchvision_keeps_them(name):
    settings = {"model": name, "weights": "imagenet"}
    (said,) = absent(settings)
    assert said.startswith(f"the ImageNet weights of {name} are not in the cache ")
    assert "run 'autode prefetch WORKFLOW'" in said
    path = Path(torch.hub.get_dir()) / "checkpoints" / get_model_weights(name).DEFAULT.url.rsplit("/", 1)[1]
    path.parent.mkdir(parents=True)
    path.touch()
    assert absent(settings) == []


def test_the_weights_of_vgg11_are_not_those_with_batch_norm():
    path = presence.weights_folder() / "vgg11_bn-00000000.pth"
    path.parent.mkdir(parents=True)
    path.touch()
    assert len(absent({"model": "vgg11", "weights": "imagenet"})) == 1


def test_everything_that_is_missing_is_said():
    assert len(absent({"dataset": "cifar10", "model": "vgg11", "weights": "imagenet"})) == 2


def test_data_of_ones_own_are_looked_for_beside_the_workflow(tmp_path):
    (said,) = absent({"dataset": "arrays", "path": "own.npz", "weights": "none"}, str(tmp_path))
    assert str(tmp_path / "own.npz") in said


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_the_folder_of_weights_is_torchs(variable, monkeypatch, tmp_path):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    assert presence.weights_folder() == Path(torch.hub.get_dir()) / "checkpoints"


def test_a_run_without_its_data_begins_no_trial(tmp_path):
    (tmp_path / "mine.toml").write_text(WORKFLOW)
    study = Study.from_workflow(load_workflow(tmp_path / "mine.toml"), tmp_path / "out")
    with pytest.raises(UserError, match=r"mine\.toml: \[objective\] dataset 'mnist' is missing .*autode prefetch"):
        study.run(workers=1)
    assert not study.folder.exists()


def test_looking_needs_no_torch():
    code = "import sys; from autode.training import presence; presence.absent({}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
