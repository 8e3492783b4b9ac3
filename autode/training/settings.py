"""What the fine-tuning objective can be told: settings, hyperparameters, models, data sets. Free of torch."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

Value = str | int | float


@dataclass(frozen=True)
class Setting:
    """One key that a user may set.

    Attributes
    ----------
    kind : type
        ``str``, ``int`` or ``float`` (which takes whole numbers too).
    default : str, int, float or None
        None: depends on the data set and the weights, see `resolve`.
    meaning : str
        One line for help texts.
    low, high : float or None
        Inclusive range of a number.
    choices : tuple of str
        Allowed words; empty if any will do.
    """

    kind: type
    default: Value | None
    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def check(self, name: str, value: Any) -> Value:
        """Return `value` as a plain Python value of this kind.

        Raises
        ------
        ValueError
            If type, range or word do not fit; the sentence starts with `name`.
        """
        numbers = {int: (Integral, "a whole number"), float: (Real, "a number"), str: (str, "a string")}
        expected, words = numbers[self.kind]
        if isinstance(value, bool) or not isinstance(value, expected):
            raise ValueError(f"{name} = {value!r}: expected {words}, got {type(value).__name__}")
        if self.choices and value not in self.choices:
            raise ValueError(f"{name} = {value!r}: {_did_you_mean(value, self.choices)}")
        if self.kind is not str and not self._within(value):
            raise ValueError(f"{name} = {value!r}: expected {words} {self._range()}")
        plain: Value = self.kind(value)
        return plain

    def _within(self, value: Any) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def _range(self) -> str:
        if self.high is None:
            return f"of at least {self.low:g}"
        return f"from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class DataFacts:
    """What is known of a data set before it is read.

    Attributes
    ----------
    classes : int
        Number of classes.
    train_samples : int or None
        Default size of the training split; None: everything that validation leaves.
    validation_samples : int
        Default size of the validation split.
    resolution : int
        Default side of the network's input, in pixels.
    flips : bool
        Whether a mirrored image keeps its meaning.
    """

    classes: int
    train_samples: int | None
    validation_samples: int
    resolution: int
    flips: bool


@dataclass(frozen=True)
class Hyperparameters:
    """The hyperparameters of one trial; every one may be searched or fixed.

    Attributes
    ----------
    lr, weight_decay, momentum : float
        Of the optimizer; AdamW takes ``lr / 10`` and uses the momentum as beta1.
    batch_size, epochs : int
        Images a step; passes over the training split.
    freeze_depth : int
        How many of stem and four stages keep their initial weights: 0 none, 5 all but the head.
    label_smoothing, augmentation : float
        Share of the target spread over all classes; strength of the random affine distortion.
    optimizer : str
        ``"sgd"`` or ``"adamw"``.
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


EMBEDDED_TASK = "glyphs-to-digits"
ALIASES = {"digits": EMBEDDED_TASK}
DATASETS = {
    EMBEDDED_TASK: DataFacts(10, 800, 497, 32, False),
    "mnist": DataFacts(10, None, 5000, 64, False),
    "fashion-mnist": DataFacts(10, None, 5000, 64, True),
    "cifar10": DataFacts(10, None, 5000, 64, True),
    "cifar100": DataFacts(100, None, 5000, 64, True),
}
#: Models that exist at several widths; the others only as torchvision has them.
SCALABLE_MODELS = ("resnet18", "resnet34")
MODELS = (*SCALABLE_MODELS, "resnet50", "densenet121", "convnext_tiny", "convnext_small", "vgg11", "vgg11_bn")
WEIGHTS = ("embedded", "imagenet", "none")
EMBEDDED_MODEL, EMBEDDED_WIDTH = "resnet18", 0.25

HYPERPARAMETERS = {
    "lr": Setting(float, 0.1, "learning rate (adamw: a tenth of it)", 0.0, 100.0),
    "weight_decay": Setting(float, 5e-4, "weight decay", 0.0, 10.0),
    "batch_size": Setting(int, 32, "images a step", 2, 65536),
    "freeze_depth": Setting(int, 0, "parts left as they are: 0 none, 1 stem, 2-5 stem and stages", 0, 5),
    "label_smoothing": Setting(float, 0.05, "label smoothing", 0.0, 0.99),
    "augmentation": Setting(float, 0.3, "strength of the random affine distortion", 0.0, 1.0),
    "optimizer": Setting(str, "sgd", "sgd (with Nesterov momentum) or adamw", choices=("sgd", "adamw")),
    "momentum": Setting(float, 0.9, "momentum; beta1 of adamw", 0.0, 0.999),
    "epochs": Setting(int, 2, "passes over the training split", 1, 100_000),
}
SETTINGS = {
    "model": Setting(str, EMBEDDED_MODEL, "network", choices=MODELS),
    "dataset": Setting(str, EMBEDDED_TASK, "data set", choices=(*DATASETS, *ALIASES)),
    "weights": Setting(str, "embedded", "initial weights", choices=WEIGHTS),
    "width": Setting(float, None, "factor on the channels of resnet18 and resnet34", 0.25, 1.0),
    "resolution": Setting(int, None, "side of the network's input in pixels", 32, 1024),
    "train_samples": Setting(int, None, "images to train on", 2),
    "validation_samples": Setting(int, None, "images to validate on", 1),
    "checkpoint_interval_s": Setting(float, 10.0, "least seconds between two checkpoints of a trial", 0.0),
}
#: Keys of the same table that belong to the study and not to the objective.
STUDY_KEYS = frozenset({"kind", "metric", "metrics", "direction", "directions"})


def _did_you_mean(word: Any, known: Iterable[str]) -> str:
    """Half a sentence that names the nearest known word, or all of them."""
    known = list(known)
    near = difflib.get_close_matches(str(word), known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"


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
                f"[space] {name} is no hyperparameter of fine-tuning: {_did_you_mean(name, HYPERPARAMETERS)}"
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
        All keys of `SETTINGS` and `HYPERPARAMETERS`; aliases replaced; ``train_samples`` None means all that remain.

    Raises
    ------
    ValueError
        As for `validate`.
    """
    known = {**SETTINGS, **HYPERPARAMETERS}
    given = {name: value for name, value in settings.items() if name not in STUDY_KEYS}
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"[objective] unknown key {name!r}: {_did_you_mean(name, known)}")
        given[name] = known[name].check(f"[objective] {name}", value)
    full = {name: setting.default for name, setting in known.items()} | given
    full["dataset"] = ALIASES.get(full["dataset"], full["dataset"])
    facts = DATASETS[full["dataset"]]
    for name in ("train_samples", "validation_samples", "resolution"):
        full[name] = getattr(facts, name) if full[name] is None else full[name]
    full["width"] = _width(full)
    return full


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
        If a name is unknown or a value is out of range.
    """
    for name in params:
        if name not in HYPERPARAMETERS:
            raise ValueError(f"{name} is no hyperparameter of fine-tuning: {_did_you_mean(name, HYPERPARAMETERS)}")
    values = {name: params.get(name, resolved[name]) for name in (field.name for field in fields(Hyperparameters))}
    if epochs is not None:
        values["epochs"] = epochs
    return Hyperparameters(**{name: HYPERPARAMETERS[name].check(name, value) for name, value in values.items()})  # type: ignore[arg-type]
