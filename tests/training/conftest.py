"""A cache of its own for each test, and data sets small enough to write there."""

import struct

import numpy as np
import pytest

from autode.training import data


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty data cache; nothing stays loaded from it."""
    monkeypatch.setenv("AUTODE_CACHE", str(tmp_path))
    data.load_training.cache_clear()
    data.load_test.cache_clear()
    yield tmp_path / "data"
    data.load_training.cache_clear()
    data.load_test.cache_clear()


def write_idx(path, array):
    """Write a file in MNIST's own format: two zero bytes, type 8 (uint8), dimensions, big-endian sizes, bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes())


@pytest.fixture
def write_mnist(cache):
    """Writes a data set in MNIST's format into the cache; the brightness of an image is its class."""

    def write(name, train, test):
        for prefix, count in (("train", train), ("t10k", test)):
            labels = (np.arange(count) % 10).astype(np.uint8)
            images = np.repeat(labels, 28 * 28).reshape(count, 28, 28) * 20
            write_idx(cache / name / "raw" / f"{prefix}-images-idx3-ubyte", images)
            write_idx(cache / name / "raw" / f"{prefix}-labels-idx1-ubyte", labels)

    return write
