"""What a user may write in [objective] and [space], and what is said when it is wrong."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.training.settings import (
    DATASETS,
    HYPERPARAMETERS,
    MODELS,
    SETTINGS,
    Hyperparameters,
    hyperparameters,
    resolve,
    validate,
)


def test_the_settings_are_known_without_loading_torch():
    code = (
        "import sys, autode.training.settings; sys.exit(bool({'torch', 'torchvision', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_empty_table_is_the_embedded_task():
    resolved = resolve({})
    assert (resolved["model"], resolved["dataset"], resolved["weights"]) == ("resnet18", "glyphs-to-digits", "embedded")
    assert (resolved["train_samples"], resolved["validation_samples"], resolved["resolution"]) == (800, 497, 32)
    assert resolved["width"] == 0.25


def test_keys_of_the_study_in_the_same_table_are_let_through():
    validate({"kind": "finetune", "metric": "val_error", "direction": "minimize"}, ["lr", "momentum"])


def test_digits_is_another_name_of_the_embedded_task():
    assert resolve({"dataset": "digits"}) == resolve({"dataset": "glyphs-to-digits"})


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("model", MODELS)
def test_every_model_goes_with_every_data_set(model, dataset):
    assert resolve({"model": model, "dataset": dataset, "weights": "imagenet"})["width"] == 1.0


@pytest.mark.parametrize(
    ("table", "width"),
    [
        ({"weights": "none"}, 0.25),  # from scratch on the embedded task: like for like with the embedded weights
        ({"weights": "none", "model": "resnet34"}, 0.25),
        ({"weights": "none", "model": "resnet50"}, 1.0),
        ({"weights": "none", "dataset": "mnist"}, 1.0),
        ({"weights": "embedded", "dataset": "mnist"}, 0.25),
        ({"weights": "imagenet"}, 1.0),
        ({"weights": "none", "dataset": "mnist", "width": 0.5}, 0.5),
        ({"weights": "embedded", "width": 0.25}, 0.25),
    ],
)
def test_the_width_follows_from_weights_and_task(table, width):
    assert resolve(table)["width"] == width


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"epoch": 2}, "[objective] unknown key 'epoch': did you mean 'epochs'?"),
        ({"banana": 2}, "[objective] unknown key 'banana': expected one of model, dataset"),
        ({"model": "resnet81"}, "[objective] model = 'resnet81': did you mean 'resnet18'?"),
        ({"dataset": "mnst"}, "did you mean 'mnist'?"),
        ({"weights": "imagnet"}, "did you mean 'imagenet'?"),
        ({"optimizer": "adam"}, "[objective] optimizer = 'adam': did you mean 'adamw'?"),
        ({"epochs": "2"}, "[objective] epochs = '2': expected a whole number, got str"),
        ({"epochs": 2.0}, "[objective] epochs = 2.0: expected a whole number, got float"),
        ({"epochs": True}, "[objective] epochs = True: expected a whole number, got bool"),
        ({"epochs": 0}, "[objective] epochs = 0: expected a whole number from 1 to 100000"),
        ({"model": 18}, "[objective] model = 18: expected a string, got int"),
        ({"lr": -0.1}, "[objective] lr = -0.1: expected a number from 0 to 100"),
        ({"lr": float("nan")}, "[objective] lr = nan: expected a number from 0 to 100"),
        ({"augmentation": 1.5}, "expected a number from 0 to 1"),
        ({"freeze_depth": 6}, "expected a whole number from 0 to 5"),
        ({"batch_size": 1024}, "[objective] batch_size = 1024: expected at most the 800 training images"),
        ({"train_samples": 1}, "[objective] train_samples = 1: expected a whole number of at least 2"),
        ({"resolution": 16}, "[objective] resolution = 16: expected a whole number from 28 to 1024"),
        (
            {"resolution": 30, "model": "vgg11", "weights": "none"},
            "resolution = 30: too small for vgg11, expected at least 32",
        ),
        ({"model": "densenet121"}, "weights = 'embedded' exist for model 'resnet18' only, not for 'densenet121'"),
        ({"width": 0.5}, "width = 0.5: expected 0.25 with model 'resnet18' and weights 'embedded'"),
        ({"weights": "imagenet", "width": 0.5}, "width = 0.5: expected 1.0"),
        ({"weights": "none", "width": 0.3}, "width = 0.3: expected 0.25, 0.5, 0.75 or 1.0"),
    ],
)
def test_a_wrong_table_gets_one_sentence(table, sentence):
    with pytest.raises(ValueError) as caught:
        validate(table)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"model": "nets:"}, "model = 'nets:': expected module:function"),
        ({"model": "my nets:small"}, "expected module:function"),
        ({"model": "nets:small", "weights": "imagenet"}, "weights = 'imagenet': nets:small brings its own"),
        ({"dataset": "folder"}, "[objective] path: missing; dataset = 'folder' needs it"),
        ({"path": "flowers"}, "path: dataset 'glyphs-to-digits' has none; expected 'folder' or 'arrays'"),
        ({"dataset": "mnist", "test_samples": 5}, "test_samples: dataset 'mnist' has its own test images"),
        ({"flips": 1}, "[objective] flips = 1: expected true or false, got int"),
        ({"dataset": "folders"}, "did you mean 'folder'?"),
    ],
)
def test_models_and_data_of_ones_own_are_checked_together(table, sentence):
    with pytest.raises(ValueError) as caught:
        validate(table)
    assert sentence in str(caught.value)


def test_a_model_of_ones_own_brings_its_weights():
    resolved = resolve({"model": "nets:small", "dataset": "arrays", "path": "x.npz"})
    assert (resolved["weights"], resolved["width"], resolved["validation_samples"]) == ("none", 1.0, None)


def test_every_hyperparameter_may_be_searched():
    validate({}, HYPERPARAMETERS)


def test_a_searched_name_must_be_understood():
    with pytest.raises(ValueError, match=r"\[space\] batchsize is no hyperparameter .*: did you mean 'batch_size'\?"):
        validate({}, ["lr", "batchsize"])


def test_a_hyperparameter_is_either_fixed_or_searched():
    with pytest.raises(ValueError, match=r"\[space\] lr is also fixed in \[objective\]"):
        validate({"lr": 0.1}, ["lr"])


def test_every_default_is_allowed_by_its_own_rule():
    for name, setting in {**SETTINGS, **HYPERPARAMETERS}.items():
        if setting.default is not None:
            assert setting.check(name, setting.default) == setting.default


def test_a_trials_values_win_over_fixed_ones_and_the_fidelity_over_both():
    resolved = resolve({"epochs": 4, "lr": 0.01, "batch_size": 64})
    assert hyperparameters(resolved, {}).epochs == 4
    chosen = hyperparameters(resolved, {"lr": 1, "epochs": 3}, epochs=1)
    assert (chosen.lr, chosen.batch_size, chosen.epochs) == (1.0, 64, 1)
    assert isinstance(chosen.lr, float)


def test_a_trial_with_an_impossible_value_is_refused():
    with pytest.raises(ValueError, match="batch_size = 1: expected a whole number"):
        hyperparameters(resolve({}), {"batch_size": 1})
    with pytest.raises(ValueError, match=r"drop_out is no hyperparameter .*: did you mean 'dropout'"):
        hyperparameters(resolve({}), {"drop_out": 0.5})
    convnext = resolve({"model": "convnext_tiny", "weights": "none"})
    with pytest.raises(ValueError, match="resolution = 28: too small for convnext_tiny, expected at least 32"):
        hyperparameters(convnext, {"resolution": 28})


def test_hyperparameters_and_their_descriptions_have_the_same_names():
    assert list(HYPERPARAMETERS) == list(Hyperparameters.__dataclass_fields__)


NUMBERS = [name for name, setting in HYPERPARAMETERS.items() if setting.kind is not str]


@given(name=st.sampled_from(NUMBERS), share=st.floats(0, 1))
def test_every_value_within_its_range_is_taken_as_it_is(name, share):
    setting = HYPERPARAMETERS[name]
    value = setting.kind(setting.low + share * (setting.high - setting.low))
    assert getattr(hyperparameters(resolve({}), {name: value}), name) == value
    assert resolve({"train_samples": 100_000, name: value})[name] == value


@given(name=st.sampled_from(NUMBERS), distance=st.integers(1, 10**6), above=st.booleans())
def test_every_value_outside_its_range_is_named(name, distance, above):
    setting = HYPERPARAMETERS[name]
    value = setting.kind(setting.high + distance if above else setting.low - distance)
    with pytest.raises(ValueError, match=name):
        hyperparameters(resolve({}), {name: value})
    with pytest.raises(ValueError, match=name):
        validate({name: value})


def test_numbers_of_numpy_become_plain_ones():
    chosen = hyperparameters(resolve({}), {"batch_size": np.int64(16), "lr": np.float32(0.5)})
    assert type(chosen.batch_size) is int
    assert type(chosen.lr) is float
