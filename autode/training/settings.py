"""What the fine-tuning objective can be told: settings and hyperparameters, checked. Free of torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from autode.training.catalogue import (
    ALIASES,
    DATASETS,
    EMBEDDED_MODEL,
    EMBEDDED_TASK,
    EMBEDDED_WIDTH,
    MODELS,
    OWN_DATA,
    SCALABLE_MODELS,
    SMALLEST_RESOLUTION,
    WEIGHTS,
    DataFacts,
    smallest_resolution,
)
from autode.training.setting import Setting, did_you_mean


@dataclass(frozen=True)
class Hyperparameters:
    """The hyperparameters of one trial; every one may be searched or fixed.

    Attributes
    ----------
    lr, weight_decay, momentum, beta2 : float
        Of the optimizer; AdamW takes ``lr / 10``, uses the momentum as beta1 and alone has a beta2.
    batch_size, epochs : int
        Images a step; passes over the training split.
    freeze_depth : int
        How many of stem and four stages keep their initial weights: 0 none, 5 all but the head.
    label_smoothing, augmentation : float
        Share of the target spread over all classes; strength of the random affine distortion (0: none, no flips).
    optimizer : str
        ``"sgd"`` or ``"adamw"``.
    schedule : str
        Course of the learning rate after the warm-up: ``"cosine"`` or ``"linear"`` to zero, or ``"constant"``.
    warmup : float
        Share of all steps (of the first epoch's, with a constant rate) over which the rate rises.
    head_lr_factor, layer_decay : float
        Factor on the head's learning rate; factor from each of stem and four stages to the one before it.
    dropout : float
        Probability in front of the head; of VGG's own layers if not 0.
    ema : float
        Decay a step of the averaged weights that are judged; 0: the weights themselves are.
    resolution : int
        Side of the network's input in pixels.
    """

    lr: float
    weight_decay: float
    batch_size: int
    freeze_depth: int
    label_smoothing: float
    augmentation: float
    optimizer: str
    momentum: float
    epochs: int
    schedule: str
    warmup: float
    head_lr_factor: float
    layer_decay: float
    beta2: float
    dropout: float
    ema: float
    resolution: int


HYPERPARAMETERS = {
    "lr": Setting(float, 0.1, "learning rate (adamw: a tenth of it)", 0.0, 100.0),
    "weight_decay": Setting(float, 5e-4, "weight decay", 0.0, 10.0),
    "batch_size": Setting(int, 32, "images a step", 2, 65536),
    "freeze_depth": Setting(int, 0, "parts left as they are: 0 none, 1 stem, 2-5 stem and stages", 0, 5),
    "label_smoothing": Setting(float, 0.05, "label smoothing", 0.0, 0.99),
    "augmentation": Setting(float, 0.3, "strength of the random affine distortion; 0: no flips either", 0.0, 1.0),
    "optimizer": Setting(str, "sgd", "sgd (with Nesterov momentum) or adamw", choices=("sgd", "adamw")),
    "momentum": Setting(float, 0.9, "momentum; beta1 of adamw", 0.0, 0.999),
    "epochs": Setting(int, 2, "passes over the training split", 1, 100_000),
    "schedule": Setting(str, "cosine", "course of the learning rate", choices=("cosine", "linear", "constant")),
    "warmup": Setting(float, 0.1, "share of the steps over which the learning rate rises", 0.0, 0.9),
    "head_lr_factor": Setting(float, 1.0, "factor on the head's learning rate", 0.0, 1000.0),
    "layer_decay": Setting(float, 1.0, "factor on the learning rate from each stage to the one before", 0.0, 1.0),
    "beta2": Setting(float, 0.999, "beta2 of adamw", 0.0, 0.99999),
    "dropout": Setting(float, 0.0, "dropout in front of the head", 0.0, 0.95),
    "ema": Setting(float, 0.0, "decay a step of the averaged weights that are judged; 0: none", 0.0, 0.99999),
    "resolution": Setting(int, None, "side of the network's input in pixels", SMALLEST_RESOLUTION, 1024),
}
SETTINGS = {
    "model": Setting(str, EMBEDDED_MODEL, "network, or module:function that makes one", choices=MODELS, escape=":"),
    "dataset": Setting(str, EMBEDDED_TASK, "data set", choices=(*DATASETS, *ALIASES, *OWN_DATA)),
    "path": Setting(str, "", "where a folder of images or an .npz file lies"),
    "weights": Setting(str, None, "initial weights", choices=WEIGHTS),
    "normalisation": Setting(str, None, "channel means the network expects", choices=("embedded", "imagenet", "none")),
    "width": Setting(float, None, "factor on the channels of resnet18 and resnet34", 0.25, 1.0),
    "train_samples": Setting(int, None, "images to train on", 2),
    "validation_samples": Setting(int, None, "images to validate on", 1),
    "test_samples": Setting(int, None, "images to set aside where the data have no test part", 1),
    "split_seed": Setting(int, 0, "seed of the split of the data", 0, 2**31),
    "image_size": Setting(int, None, "side in pixels at which the images of a folder are kept", 1, 1024),
    "flips": Setting(bool, None, "whether augmentation mirrors images"),
    "lr_reference_batch": Setting(int, 0, "batch size the learning rate is meant for; 0: any", 0, 65536),
    "precision": Setting(str, "auto", "numbers of the network", choices=("auto", "float32", "bfloat16")),
    "cuda_graphs": Setting(bool, True, "whether GPUs replay steps as a whole where shapes repeat"),
    "feature_cache_mb": Setting(int, 1024, "most memory for features of frozen parts; 0: never keep them", 0),
    "early_stop": Setting(str, "none", "rule that ends hopeless trials", choices=("none", "median")),
    "early_stop_after": Setting(int, 1, "epochs that every trial gets", 1),
    "checkpoint_interval_s": Setting(float, 10.0, "least seconds between two checkpoints of a trial", 0.0),
    "step_checkpoint_interval_s": Setting(float, 10.0, "the same within an epoch; stops are heard as often", 0.0),
    "keep_checkpoint": Setting(bool, False, "keep the last state, to continue with more epochs"),
}
#: Settings that change neither the figures nor the state of a trial: a continuation may change them.
NOT_IDENTITY = frozenset(
    {"checkpoint_interval_s", "step_checkpoint_interval_s", "keep_checkpoint", "early_stop", "early_stop_after"}
)
#: Keys of the same table that belong to the study and not to the objective.
STUDY_KEYS = frozenset({"kind", "metric", "metrics", "direction", "directions"})


def validate(settings: Mapping[str, Any], space_names: Iterable[str] = ()) -> None:
    """Check an ``[objective]`` table and the names of a search space, without reading any file.

    Parameters
    ----------
    settings : mapping
        The table: keys of `SETTINGS`, hyperparameters fixed for all trials, and keys that belong to the study.
    space_names : iterable of str
        Names of the searched hyperparameters.

    Raises
    ------
    ValueError
        One sentence that names the first wrong key or value and what was expected.
    """
    resolve(settings)
    for name in space_names:
        if name not in HYPERPARAMETERS:
            raise ValueError(
                f"[space] {name} is no hyperparameter of fine-tuning: {did_you_mean(name, HYPERPARAMETERS)}"
            )
        if name in settings:
            raise ValueError(f"[space] {name} is also fixed in [objective]: remove one of the two")


def resolve(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check a table and fill in what it leaves out.

    Parameters
    ----------
    settings : mapping
        As for `validate`.

    Returns
    -------
    dict
        All keys of `SETTINGS` and `HYPERPARAMETERS`; aliases replaced; ``train_samples`` None means all that remain,
        ``validation_samples`` and ``test_samples`` None a tenth.

    Raises
    ------
    ValueError
        As for `validate`.
    """
    known = {**SETTINGS, **HYPERPARAMETERS}
    given = {name: value for name, value in settings.items() if name not in STUDY_KEYS}
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"[objective] unknown key {name!r}: {did_you_mean(name, known)}")
        given[name] = known[name].check(f"[objective] {name}", value)
    full = {name: setting.default for name, setting in known.items()} | given
    full["dataset"] = ALIASES.get(full["dataset"], full["dataset"])
    facts = facts_of(full["dataset"])
    for name in ("train_samples", "validation_samples", "resolution", "flips"):
        full[name] = getattr(facts, name) if full[name] is None else full[name]
    full["weights"] = full["weights"] or ("none" if is_custom(full["model"]) else "embedded")
    full["normalisation"] = full["normalisation"] or full["weights"]
    full["image_size"] = full["image_size"] or full["resolution"]
    _check_together(full)
    most = full["train_samples"]
    if "batch_size" in given and most is not None and full["batch_size"] > most:
        raise ValueError(f"[objective] batch_size = {full['batch_size']}: expected at most the {most} training images")
    full["width"] = _width(full)
    return full


def facts_of(dataset: str) -> DataFacts:
    """Return what is known of a data set by its name."""
    return {**DATASETS, **OWN_DATA}[dataset]


def is_custom(model: str) -> bool:
    """Whether a model is the user's own, ``module:function``."""
    return ":" in model


def _check_together(full: Mapping[str, Any]) -> None:
    """Refuse settings that are right one by one and wrong together."""
    _check_resolution("[objective] ", full["model"], full["resolution"])
    if is_custom(full["model"]):
        module, _, function = full["model"].partition(":")
        if not (function.isidentifier() and all(part.isidentifier() for part in module.split("."))):
            raise ValueError(f"[objective] model = {full['model']!r}: expected module:function, e.g. 'nets:small'")
        if full["weights"] != "none":
            raise ValueError(
                f"[objective] weights = {full['weights']!r}: {full['model']} brings its own, expected 'none'"
            )
    own = full["dataset"] in OWN_DATA
    if own and not full["path"]:
        raise ValueError(f"[objective] path: missing; dataset = {full['dataset']!r} needs it")
    if not own and full["path"]:
        raise ValueError(f"[objective] path: dataset {full['dataset']!r} has none; expected 'folder' or 'arrays'")
    if not own and full["test_samples"] is not None:
        raise ValueError(f"[objective] test_samples: dataset {full['dataset']!r} has its own test images")


def _check_resolution(place: str, model: str, resolution: int) -> None:
    least = smallest_resolution(model)
    if resolution < least:
        raise ValueError(f"{place}resolution = {resolution}: too small for {model}, expected at least {least}")


def _width(full: Mapping[str, Any]) -> float:
    """Width of the network: a quarter with the embedded weights and where their task is learnt from scratch, else 1."""
    model, weights, width = full["model"], full["weights"], full["width"]
    if weights == "embedded" and model != EMBEDDED_MODEL:
        raise ValueError(f"[objective] weights = 'embedded' exist for model {EMBEDDED_MODEL!r} only, not for {model!r}")
    scratch = weights == "none" and model in SCALABLE_MODELS
    quarter = weights == "embedded" or (scratch and full["dataset"] == EMBEDDED_TASK)
    default = EMBEDDED_WIDTH if quarter else 1.0
    if width is not None and width != default and not scratch:
        raise ValueError(
            f"[objective] width = {width}: expected {default} with model {model!r} and weights {weights!r}"
        )
    if width is not None and 4 * width != round(4 * width):
        raise ValueError(f"[objective] width = {width}: expected 0.25, 0.5, 0.75 or 1.0")
    return default if width is None else float(width)


def hyperparameters(
    resolved: Mapping[str, Any], params: Mapping[str, Any], epochs: int | None = None
) -> Hyperparameters:
    """Join a trial's parameters with the fixed ones.

    Parameters
    ----------
    resolved : mapping
        From `resolve`.
    params : mapping
        The trial's own values; they win.
    epochs : int or None
        Fidelity that the study asks for; wins over both.

    Returns
    -------
    Hyperparameters

    Raises
    ------
    ValueError
        If a name is unknown, a value is out of range or the resolution is too small for the model.
    """
    for name in params:
        if name not in HYPERPARAMETERS:
            raise ValueError(f"{name} is no hyperparameter of fine-tuning: {did_you_mean(name, HYPERPARAMETERS)}")
    values = {name: params.get(name, resolved[name]) for name in (field.name for field in fields(Hyperparameters))}
    if epochs is not None:
        values["epochs"] = epochs
    checked = {name: HYPERPARAMETERS[name].check(name, value) for name, value in values.items()}
    _check_resolution("", resolved["model"], int(values["resolution"]))
    return Hyperparameters(**checked)  # type: ignore[arg-type]
