"""What is in the cache is not fetched again; what cannot be fetched is said."""

import pytest
import torch

from autode.training import data, models
from autode.training.prefetch import prefetch


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
    assert prefetch(settings) == [data.cache_folder(), path]


@pytest.mark.parametrize("settings", [{"dataset": "mnist"}, {"weights": "imagenet"}], ids=["data", "weights"])
def test_without_a_connection_one_sentence_says_so(caches, offline, settings):
    with pytest.raises(ConnectionError, match=r"prefetching for dataset .* failed"):
        prefetch(settings)


def test_a_wrong_setting_is_noticed_first(offline):
    with pytest.raises(ValueError, match="did you mean"):
        prefetch({"datset": "mnist"})
