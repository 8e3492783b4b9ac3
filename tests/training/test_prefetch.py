"""What is in the cache is not fetched again; what cannot be fetched is said."""

import hashlib
import json
import sys

import pytest
import torch

from autode.cli.main import main
from autode.training import data, models
from autode.training.prefetch import prefetch
from autode.training.presence import cache_folder


@pytest.fixture
def caches(cache, tmp_path, monkeypatch):
    """Empty caches for data and weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


@pytest.fixture
def offline(monkeypatch):
    """Make every connection fail at once, as on a batch node."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


def test_the_embedded_task_needs_nothing(caches, offline):
    assert prefetch({}) == []
    assert prefetch({"weights": "none"}) == []
    assert list(caches.iterdir()) == []


def test_what_is_there_is_not_fetched_again(caches, offline, write_mnist):
    write_mnist("MNIST", 10, 10)
    path, _ = models.imagenet_file("vgg11")
    path.parent.mkdir(parents=True)
    torch.save({}, path)
    settings = {"model": "vgg11", "weights": "imagenet", "dataset": "mnist"}
    warnings = []
    assert prefetch(settings, warn=warnings.append) == [cache_folder(), path]
    assert warnings == [f"{path} is not the published file: its SHA-256 does not start with 8a719046"]


def test_every_file_has_its_checksum_and_may_not_change(caches, offline, write_mnist):
    write_mnist("MNIST", 10, 10)
    prefetch({"dataset": "mnist"})
    known = json.loads((cache_folder() / "checksums.json").read_text())
    file = cache_folder() / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    assert len(known) == 4
    assert known["MNIST/raw/t10k-labels-idx1-ubyte"] == hashlib.sha256(file.read_bytes()).hexdigest()
    prefetch({"dataset": "mnist"})
    file.write_bytes(file.read_bytes()[:-1] + b"\7")
    with pytest.raises(ValueError, match="t10k-labels-idx1-ubyte has changed since it was fetched: delete it"):
        prefetch({"dataset": "mnist"})


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"dataset": "mnist"}, r"train-images-idx3-ubyte\.gz, .* put what you get into .*/data/MNIST/raw"),
        ({"dataset": "cifar10"}, r"cifar-10-python\.tar\.gz, put what you get into .*/data "),
        ({"weights": "imagenet"}, r"resnet18-\w+\.pth on .* put it at .*/hub/checkpoints/resnet18-\w+\.pth"),
    ],
    ids=["mnist", "cifar10", "weights"],
)
def test_without_a_connection_it_says_what_to_fetch_elsewhere_and_where_to_put_it(caches, offline, settings, place):
    with pytest.raises(ConnectionError, match=rf"prefetching .* failed: .*{place}"):
        prefetch(settings)


def test_data_of_ones_own_are_only_looked_at(caches, offline):
    (caches / "flowers" / "rose").mkdir(parents=True)
    settings = {"dataset": "folder", "path": "flowers"}
    with pytest.raises(ValueError, match="flowers holds 1 folders, expected one of images for each class"):
        prefetch(settings, str(caches))
    (caches / "flowers" / "tulip").mkdir()
    assert prefetch(settings, str(caches)) == [caches / "flowers"]
    with pytest.raises(ValueError, match="flowers is no folder"):
        prefetch(settings, str(caches / "elsewhere"))
    with pytest.raises(ValueError, match=r"x\.npz is missing"):
        prefetch({"dataset": "arrays", "path": "x.npz"}, str(caches))


SWEEP = """
name = "both"
[objective]
kind = "finetune"
dataset = "mnist"
weights = "none"
batch_size = 16
[space]
lr = { type = "float", low = 0.001, high = 1.0, log = true }
[search]
algorithm = "random"
evaluations = 2
[sweep]
"objective.dataset" = ["mnist", "fashion-mnist"]
"objective.batch_size" = [16, 32]
"""


def test_the_command_fetches_what_any_cell_of_a_sweep_needs(caches, offline, write_mnist, capsys):
    (caches / "both.toml").write_text(SWEEP)
    write_mnist("MNIST", 10, 10)
    with pytest.raises(SystemExit) as ended:
        sys.exit(main(["prefetch", str(caches / "both.toml")]))
    assert ended.value.code == 2
    assert "both.toml: prefetching for dataset 'fashion-mnist' failed" in capsys.readouterr().err
    write_mnist("FashionMNIST", 10, 10)
    assert main(["prefetch", str(caches / "both.toml")]) == 0
    assert capsys.readouterr().out == f"in the cache: {data.cache_folder()}\n"


def test_the_command_takes_settings_as_run_does(caches, offline, capsys):
    (caches / "one.toml").write_text(SWEEP.partition("[sweep]")[0])
    assert main(["prefetch", str(caches / "one.toml"), "--set", "objective.dataset=digits"]) == 0
    assert capsys.readouterr().out == "nothing to fetch: data and weights come with autode\n"


def test_a_wrong_setting_is_noticed_first(offline):
    with pytest.raises(ValueError, match="did you mean"):
        prefetch({"datset": "mnist"})
