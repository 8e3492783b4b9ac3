"""Data sets as tensors, split once and for all."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autode.training import data


def write_cifar(folder, monkeypatch, dataset, key, per_batch):
    """Write CIFAR's pickled batches, and tell torchvision their checksums in place of the published ones."""
    import hashlib

    base = folder / dataset.base_folder
    base.mkdir(parents=True)

    def write(name, content):
        path = base / name
        path.write_bytes(pickle.dumps(content))
        return name, hashlib.md5(path.read_bytes()).hexdigest()

    rng = np.random.default_rng(0)

    def batch(count):
        return {"data": rng.integers(0, 256, (count, 3072), dtype=np.uint8), key: [i % 10 for i in range(count)]}

    monkeypatch.setattr(dataset, "train_list", [write(n, batch(per_batch)) for n, _ in dataset.train_list])
    monkeypatch.setattr(dataset, "test_list", [write(n, batch(per_batch)) for n, _ in dataset.test_list])
    names = {dataset.meta["key"]: [str(i) for i in range(100)]}
    monkeypatch.setattr(dataset, "meta", dict(dataset.meta, md5=write(dataset.meta["filename"], names)[1]))
    return pickle.loads((base / dataset.train_list[0][0]).read_bytes())


@given(counts=st.lists(st.integers(1, 60), min_size=1, max_size=6), seed=st.integers(0, 999), data_=st.data())
def test_every_piece_of_a_stratified_order_has_the_shares_of_the_whole(counts, seed, data_):
    labels = np.repeat(np.arange(len(counts)), counts)
    order = data.stratified_order(labels, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(labels)))
    cut = data_.draw(st.integers(0, len(labels)))
    found = np.bincount(labels[order[:cut]], minlength=len(counts))
    assert (np.abs(found - np.array(counts) * cut / len(labels)) <= len(counts) + 1).all()


def test_a_stratified_order_depends_on_its_generator_alone():
    labels = np.arange(100) % 7
    first, again, other = (data.stratified_order(labels, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_the_digits_are_split_into_disjoint_parts_that_cover_all_images():
    training, validation = data.load_training("glyphs-to-digits", 800, 497, "cpu")
    test = data.load_test("glyphs-to-digits", "cpu")
    assert (len(training), len(validation), len(test)) == (800, 497, 500)
    together = torch.cat([part.images for part in (training, validation, test)]).flatten(1)
    everything = torch.from_numpy(data._read_digits()[0]).flatten(1)
    assert torch.equal(together.unique(dim=0), everything.unique(dim=0))
    for part in (training, validation, test):
        shares = part.labels.bincount(minlength=10) / len(part)
        assert ((shares - 0.1).abs() < 0.01).all()


def test_a_smaller_training_split_keeps_validation_and_test():
    small, validation = data.load_training("glyphs-to-digits", 200, 497, "cpu")
    whole, same = data.load_training("glyphs-to-digits", 800, 497, "cpu")
    assert torch.equal(validation.images, same.images)
    assert torch.equal(small.images, whole.images[:200])


def test_digits_are_bytes_at_32_pixels():
    images, labels = data._read_digits()
    assert (images.shape, images.dtype) == ((1797, 1, 32, 32), np.uint8)
    assert images.max() == 255
    assert (labels.shape, labels.dtype) == ((1797,), np.int64)


def test_data_are_read_once_a_process():
    first = data.load_training("glyphs-to-digits", 100, 50, "cpu")
    assert data.load_training("glyphs-to-digits", 100, 50, "cpu") is first


def test_more_images_than_there_are_is_an_error():
    with pytest.raises(ValueError, match=r"has 1297 images .* train_samples = 800 and validation_samples = 498"):
        data.load_training("glyphs-to-digits", 800, 498, "cpu")
    with pytest.raises(ValueError, match="too few"):
        data.load_training("glyphs-to-digits", None, 1296, "cpu")


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_mnists_files_are_read(write_mnist, name, folder):
    write_mnist(folder, train=100, test=20)
    training, validation = data.load_training(name, None, 30, "cpu")
    assert (training.images.shape, validation.images.shape) == ((70, 1, 28, 28), (30, 1, 28, 28))
    assert torch.equal(training.images[:, 0, 5, 5].long(), training.labels * 20)
    assert validation.labels.bincount().tolist() == [3] * 10
    assert data.load_test(name, "cpu").labels.tolist() == [i % 10 for i in range(20)]


@pytest.mark.parametrize(("name", "key"), [("cifar10", "labels"), ("cifar100", "fine_labels")])
def test_cifars_files_are_read(cache, monkeypatch, name, key):
    from torchvision import datasets

    dataset = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    first_batch = write_cifar(cache, monkeypatch, dataset, key, per_batch=20)
    batches = len(dataset.train_list)
    images, labels = data.Source(name).read(train=True)
    assert len(labels) == len(images)
    assert images.shape == (20 * batches, 3, 32, 32)
    assert (images[0].ravel() == first_batch["data"][0]).all()
    training, validation = data.load_training(name, None, 10, "cpu")
    assert (len(training), len(validation)) == (20 * batches - 10, 10)
    assert len(data.load_test(name, "cpu")) == 20


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10", "cifar100"])
def test_missing_data_name_the_folder_and_the_command(cache, name):
    with pytest.raises(ValueError, match=f"'{name}' is missing or incomplete in .*: run 'autode prefetch WORKFLOW'"):
        data.load_training(name, None, 10, "cpu")


def test_incomplete_data_are_an_error_too(cache, write_mnist):
    write_mnist("MNIST", train=100, test=20)
    (cache / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(ValueError, match="missing or incomplete"):
        data.load_training("mnist", None, 10, "cpu")
