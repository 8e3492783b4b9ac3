"""Folders of images and arrays in files."""

import numpy as np
import pytest
from PIL import Image

from autode.training import data, own_data
from autode.training.data import Source
from autode.training.finetune import Finetune
from autode.trial import Trial

COLOURS = {"blue": (0, 0, 250), "green": (0, 250, 0), "red": (250, 0, 0)}


def write_images(folder, count, mode="RGB", size=(40, 30)):
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", size, colour).convert(mode).save(folder / name / f"{number:02}.png")


def test_a_folder_of_classes_is_split_into_three_by_the_seed(tmp_path):
    write_images(tmp_path, 20)
    source = Source("folder", str(tmp_path), 16)
    training, validation = data.load_training(source, None, None, "cpu")
    test = data.load_test(source, "cpu")
    assert [len(part) for part in (training, validation, test)] == [49, 5, 6]
    assert training.images.shape == (49, 3, 16, 16)
    assert training.classes == 3
    assert training.images[:, :, 8, 8].argmax(1).tolist() == (2 - training.labels).tolist()  # blue 0, green 1, red 2
    assert test.labels.bincount().tolist() == [2, 2, 2]
    other = data.load_training(Source("folder", str(tmp_path), 16, split_seed=1), None, None, "cpu")[0]
    assert other.labels.tolist() != training.labels.tolist()


def test_a_folder_may_have_a_test_part_and_grey_images(tmp_path):
    write_images(tmp_path / "train", 5, mode="L")
    write_images(tmp_path / "test", 2, mode="L")
    source = Source("folder", str(tmp_path), 8)
    training, validation = data.load_training(source, None, 3, "cpu")
    assert (training.images.shape, len(validation)) == ((12, 1, 8, 8), 3)
    assert data.load_test(source, "cpu").labels.bincount().tolist() == [2, 2, 2]


def test_one_image_in_colour_makes_all_of_three_channels(tmp_path):
    write_images(tmp_path, 2, mode="L")
    Image.new("RGB", (9, 9), (1, 2, 3)).save(tmp_path / "red" / "x.png")
    images, labels = own_data.read_folder(tmp_path, 4, train=True)
    assert images.shape == (7, 3, 4, 4)
    assert images[-1, :, 0, 0].tolist() == [1, 2, 3]
    assert labels.tolist() == [0, 0, 1, 1, 2, 2, 2]


def spoil(folder, how):
    if how == "empty class":
        (folder / "yellow").mkdir()
    elif how == "damaged image":
        (folder / "red" / "00.png").write_bytes(b"no image")
    elif how == "one class":
        for name in ("red", "green"):
            (folder / name).rename(folder / f".{name}")
    elif how == "unknown test class":
        write_images(folder / "train", 1)
        write_images(folder / "test", 1)
        (folder / "test" / "pink").mkdir()


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("empty class", "yellow has no images"),
        ("damaged image", r"00\.png is no readable image"),
        ("one class", "holds 1 folders, expected one of images for each class"),
        ("unknown test class", "test has the class 'pink', which has no training images"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(tmp_path, how, sentence):
    write_images(tmp_path, 1)
    spoil(tmp_path, how)
    with pytest.raises(ValueError, match=sentence):
        own_data.read_folder(tmp_path, 8, train=how != "unknown test class")


@pytest.mark.parametrize(
    "names",
    [("x_train", "y_train", "x_test", "y_test"), ("train_images", "train_labels", "test_images", "test_labels")],
)
def test_arrays_are_read_by_either_convention(tmp_path, names):
    images = np.arange(12 * 28 * 28 * 3, dtype=np.uint32).astype(np.uint8).reshape(12, 28, 28, 3)
    labels = (np.arange(12) % 4)[:, None]
    np.savez(tmp_path / "x.npz", **dict(zip(names, (images, labels, images[:4], labels[:4]), strict=True)))
    source = Source("arrays", str(tmp_path / "x.npz"))
    training, _ = data.load_training(source, None, 4, "cpu")
    assert (training.images.shape, training.classes) == ((8, 3, 28, 28), 4)
    test = data.load_test(source, "cpu")
    assert test.labels.tolist() == [0, 1, 2, 3]
    assert (test.images.numpy().transpose(0, 2, 3, 1) == images[:4]).all()


IMAGES, LABELS = np.zeros((6, 8, 8), np.uint8), np.zeros(6, int)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x_train": IMAGES}, r"has x_train; expected x_train and y_train"),
        ({"x_train": IMAGES.astype(float), "y_train": LABELS}, r"x_train .* is float64 .*; expected uint8"),
        ({"x_train": IMAGES[0], "y_train": LABELS}, r"of shape \(8, 8\); expected uint8"),
        ({"x_train": IMAGES, "y_train": LABELS[:5]}, r"of shape \(5,\); expected 6 whole numbers from 0"),
        ({"x_train": IMAGES, "y_train": LABELS - 1}, "expected 6 whole numbers from 0"),
        ({"x_train": IMAGES, "y_train": LABELS + 0.5}, "y_train .* is float64"),
        ({"x_train": IMAGES, "y_train": LABELS.astype(object)}, "allow_pickle"),
    ],
    ids=["no labels", "floats", "one image", "too few labels", "negative", "no class", "objects"],
)
def test_what_is_wrong_with_arrays_is_said(tmp_path, arrays, sentence):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(ValueError, match=sentence):
        own_data.read_arrays(tmp_path / "x.npz", train=True)


def test_what_is_no_file_of_arrays_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"x\.npz is missing"):
        own_data.read_arrays(tmp_path / "x.npz", train=True)
    (tmp_path / "x.npz").write_text("text")
    with pytest.raises(ValueError, match=r"x\.npz is no \.npz file"):
        own_data.read_arrays(tmp_path / "x.npz", train=True)
    with pytest.raises(ValueError, match="is no folder"):
        own_data.read_folder(tmp_path / "x.npz", 8, train=True)


def test_a_trial_learns_colours_from_a_folder_beside_the_workflow(tmp_path):
    write_images(tmp_path / "flags", 16)
    table = {"dataset": "folder", "path": "flags", "weights": "none", "width": 0.25, "resolution": 32, "epochs": 4}
    trial = Trial(0, {"batch_size": 8, "lr": 0.02}, 5, tmp_path / "trial", role="confirm")
    assert Finetune(table, str(tmp_path))(trial)["test_error"] == 0.0
