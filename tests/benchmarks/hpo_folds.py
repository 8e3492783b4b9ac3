"""Judging tasks with a fidelity: the error of cross-validation, of which fewer folds may be made.

scikit-learn models on its bundled data, nine folds with fixed seeds. A configuration's value is the mean over all nine;
a multi-fidelity optimiser may ask for the first one or three of them. "autode" must not run on them while it is
developed, only to report.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from hpo_tasks import BOOSTING, WORST, Params
from sklearn import datasets, ensemble, metrics, model_selection, neural_network, pipeline, preprocessing, svm

from autode import Categorical, Float, Int, Ordinal, Space

FOLDS = 9
Model = Callable[[Params], Any]
Score = Callable[[Any, Any, Any], float]
#: A space and the mean error over so many of the folds.
FoldTask = tuple[Space, Callable[[Params, int], float]]


@cache
def _splits(name: str, samples: int) -> tuple[Any, Any, list[tuple[Any, Any]]]:
    """Return inputs, targets, and the rows of each fold's training and validation part."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    order = np.random.default_rng(99).permutation(len(x))[:samples]
    x, y = x[order], y[order]
    if name == "diabetes":
        y = (y - y.mean()) / y.std()
        return x, y, list(model_selection.KFold(FOLDS).split(x))
    return x, y, list(model_selection.StratifiedKFold(FOLDS).split(x, y))


def _task(name: str, samples: int, model: Model, score: Score) -> Callable[[Params, int], float]:
    def mean_error(params: Params, folds: int) -> float:
        x, y, splits = _splits(name, samples)
        errors = []
        for training, validation in splits[:folds]:
            try:
                scaled = pipeline.make_pipeline(preprocessing.StandardScaler(), model(params))
                error = score(scaled.fit(x[training], y[training]), x[validation], y[validation])
            except ValueError:  # weights that are not finite: scikit-learn refuses to predict
                error = WORST
            errors.append(min(error, WORST) if np.isfinite(error) else WORST)
        return float(np.mean(errors))

    return mean_error


def _error(model: Any, x: Any, y: Any) -> float:
    return float(1.0 - model.score(x, y))


def _log_loss(model: Any, x: Any, y: Any) -> float:
    return float(metrics.log_loss(y, model.predict_proba(x), labels=model.classes_))


def _rmse(model: Any, x: Any, y: Any) -> float:
    return float(np.sqrt(((model.predict(x) - y) ** 2).mean()))


def _network(params: Params) -> Any:
    widths = [params["width"]] * params["layers"]
    rest = {name: value for name, value in params.items() if name not in ("width", "layers")}
    return neural_network.MLPClassifier(widths, **rest, max_iter=4, random_state=7)


RBF = Space({"C": Float(1e-2, 1e4, log=True), "gamma": Float(1e-5, 1e1, log=True)})
FEW_TREES = Space({**BOOSTING, "n_estimators": Int(4, 24, log=True)})
NETWORK = Space(
    {
        "layers": Int(1, 2),
        "width": Int(4, 64, log=True),
        "activation": Categorical(["relu", "tanh", "logistic"]),
        "learning_rate_init": Float(1e-4, 1.0, log=True),
        "batch_size": Ordinal([16, 32, 64]),
        "alpha": Float(1e-6, 1e1, log=True),
        "beta_1": Float(0.5, 0.99),
    }
)
FOLD_TASKS: dict[str, FoldTask] = {
    "folds-svm-wine": (RBF, _task("wine", 178, lambda p: svm.SVC(**p), _error)),
    "folds-svm-digits": (RBF, _task("digits", 270, lambda p: svm.SVC(**p), _error)),
    "folds-boosting-diabetes": (
        FEW_TREES,
        _task("diabetes", 270, lambda p: ensemble.GradientBoostingRegressor(**p, random_state=7), _rmse),
    ),
    "folds-network-wine": (NETWORK, _task("wine", 178, _network, _log_loss)),
}
