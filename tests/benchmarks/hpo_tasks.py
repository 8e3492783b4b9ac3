"""Small hyperparameter tasks: real training on scikit-learn's bundled data, mixed and conditional spaces, milliseconds.

Every task trains on one part of its data and returns an error on the other, with fixed seeds: the same configuration
always has the same value. Errors are shares of some hundred samples, so they have plateaus and ties as real ones do.
All of them were looked at while "autode" was developed; `hpo_tables` has others.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from sklearn import (
    datasets,
    decomposition,
    ensemble,
    linear_model,
    metrics,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    svm,
    tree,
)

from autode import Categorical, Float, Int, Ordinal, Space

Params = Mapping[str, Any]
Parts = tuple[Any, Any, Any, Any]
WORST = 10.0


@cache
def _parts(name: str, training: int, validation: int) -> Parts:
    """Return inputs and targets to train on, then to validate on; standardised by the former."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    order = np.random.default_rng(420).permutation(len(x))[: training + validation]
    x, y = x[order], y[order]
    spread = x[:training].std(axis=0)
    x = (x - x[:training].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    if name == "diabetes":
        y = (y - y[:training].mean()) / y[:training].std()
    return x[:training], y[:training], x[training:], y[training:]


def _error(model: Any, parts: Parts) -> float:
    return float(1.0 - model.fit(parts[0], parts[1]).score(parts[2], parts[3]))


def _log_loss(model: Any, parts: Parts) -> float:
    chances = model.fit(parts[0], parts[1]).predict_proba(parts[2])
    if not np.isfinite(chances).all():
        return WORST
    return min(float(metrics.log_loss(parts[3], chances, labels=model.classes_)), WORST)


def _rmse(model: Any, parts: Parts) -> float:
    away = model.fit(parts[0], parts[1]).predict(parts[2]) - parts[3]
    return min(float(np.sqrt((away**2).mean())), WORST)


KERNELS = {
    "kernel": Categorical(["linear", "rbf", "poly", "sigmoid"]),
    "gamma": Float(1e-4, 1e1, log=True, when={"kernel": ["rbf", "poly", "sigmoid"]}),
    "degree": Int(2, 5, when={"kernel": "poly"}),
    "coef0": Float(0.0, 2.0, when={"kernel": ["poly", "sigmoid"]}),
}


def svm_digits(params: Params) -> float:
    return _error(svm.SVC(**params, max_iter=2000), _parts("digits", 200, 600))


def svr_diabetes(params: Params) -> float:
    return _rmse(svm.SVR(**params, max_iter=3000), _parts("diabetes", 221, 221))


def network_wine(params: Params) -> float:
    return _network(params, _parts("wine", 80, 98), 8)


def network_digits(params: Params) -> float:
    return _network(params, _parts("digits", 150, 300), 6)


def _network(params: Params, parts: Parts, epochs: int) -> float:
    given = dict(params)
    widths = [given.pop("width"), *([given.pop("width_2")] if given.pop("layers") == 2 else [])]
    model = neural_network.MLPClassifier(widths, **given, max_iter=epochs, random_state=7)
    try:
        return _log_loss(model, parts)
    except ValueError:  # weights that are not finite: scikit-learn refuses to predict
        return WORST


NETWORK = {
    "layers": Int(1, 2),
    "width": Int(4, 64, log=True),
    "width_2": Int(4, 64, log=True, when={"layers": 2}),
    "activation": Categorical(["relu", "tanh", "logistic"]),
    "solver": Categorical(["sgd", "adam"]),
    "learning_rate_init": Float(1e-4, 1.0, log=True),
    "momentum": Float(0.0, 0.99, when={"solver": "sgd"}),
    "batch_size": Ordinal([8, 16, 32, 64]),
    "alpha": Float(1e-6, 1e1, log=True),
}


def boosting_breast_cancer(params: Params) -> float:
    model = ensemble.GradientBoostingClassifier(**params, random_state=7)
    return _log_loss(model, _parts("breast_cancer", 100, 450))


def boosting_diabetes(params: Params) -> float:
    model = ensemble.GradientBoostingRegressor(**params, random_state=7)
    return _rmse(model, _parts("diabetes", 120, 320))


BOOSTING = {
    "n_estimators": Int(4, 48, log=True),
    "learning_rate": Float(1e-2, 1.0, log=True),
    "max_depth": Int(1, 4),
    "min_samples_leaf": Int(1, 32, log=True),
    "subsample": Float(0.3, 1.0),
    "max_features": Float(0.1, 1.0),
}


def pipeline_digits(params: Params) -> float:
    return _error(_classifier(params), _projected(params, _parts("digits", 250, 600)))


def pipeline_breast_cancer(params: Params) -> float:
    return _log_loss(_classifier(params), _projected(params, _parts("breast_cancer", 150, 400)))


def _projected(params: Params, parts: Parts) -> Parts:
    if params["projection"] == "none":
        return parts
    pca = decomposition.PCA(params["components"], whiten=params["projection"] == "whitened", random_state=7)
    return pca.fit_transform(parts[0]), parts[1], pca.transform(parts[2]), parts[3]


def _classifier(params: Params) -> Any:
    if params["model"] == "neighbours":
        k, weights, p = params["neighbours"], params["weights"], params["p"]
        return neighbors.KNeighborsClassifier(k, weights=weights, p=p, algorithm="brute" if p == 2 else "auto")
    if params["model"] == "tree":
        depth, leaf, criterion = params["depth"], params["leaf"], params["criterion"]
        return tree.DecisionTreeClassifier(max_depth=depth, min_samples_leaf=leaf, criterion=criterion, random_state=7)
    if params["model"] == "bayes":
        return naive_bayes.GaussianNB(var_smoothing=params["smoothing"])
    return linear_model.LogisticRegression(C=params["C"], max_iter=30, random_state=7)


PIPELINE = {
    "projection": Categorical(["none", "plain", "whitened"]),
    "components": Int(2, 30, log=True, when={"projection": ["plain", "whitened"]}),
    "model": Categorical(["neighbours", "tree", "bayes", "logistic"]),
    "neighbours": Int(1, 40, log=True, when={"model": "neighbours"}),
    "weights": Categorical(["uniform", "distance"], when={"model": "neighbours"}),
    "p": Ordinal([1, 2], when={"model": "neighbours"}),
    "depth": Int(1, 12, when={"model": "tree"}),
    "leaf": Int(1, 20, log=True, when={"model": "tree"}),
    "criterion": Categorical(["gini", "entropy"], when={"model": "tree"}),
    "smoothing": Float(1e-9, 1e1, log=True, when={"model": "bayes"}),
    "C": Float(1e-4, 1e3, log=True, when={"model": "logistic"}),
}


def elastic_net_diabetes(params: Params) -> float:
    given = dict(params)
    x, y, z, t = _parts("diabetes", 200, 242)
    if given.pop("degree") == 2:
        expand = preprocessing.PolynomialFeatures(2, interaction_only=given.pop("products"), include_bias=False)
        x, z = expand.fit_transform(x), expand.transform(z)
    penalty = given.pop("penalty")
    ratio = {"ridge": 0.0, "lasso": 1.0}.get(penalty, given.pop("l1_ratio", 0.5))
    model = linear_model.ElasticNet(l1_ratio=ratio, max_iter=40, tol=1e-3, random_state=7, **given)
    return _rmse(model, (x, y, z, t))


ELASTIC_NET = {
    "alpha": Float(1e-4, 1e2, log=True),
    "penalty": Categorical(["ridge", "lasso", "both"]),
    "l1_ratio": Float(0.0, 1.0, when={"penalty": "both"}),
    "degree": Ordinal([1, 2]),
    "products": Categorical([False, True], when={"degree": 2}),
    "selection": Categorical(["cyclic", "random"]),
    "fit_intercept": Categorical([True, False]),
}


def forest_wine(params: Params) -> float:
    return _log_loss(ensemble.RandomForestClassifier(**params, random_state=7), _parts("wine", 80, 98))


FOREST = {
    "n_estimators": Int(2, 16, log=True),
    "criterion": Categorical(["gini", "entropy"]),
    "max_depth": Int(1, 12),
    "min_samples_leaf": Int(1, 16, log=True),
    "max_features": Float(0.05, 1.0),
    "bootstrap": Categorical([True, False]),
    "max_samples": Float(0.2, 1.0, when={"bootstrap": True}),
    "ccp_alpha": Float(1e-5, 1e-1, log=True),
}


def sgd_breast_cancer(params: Params) -> float:
    model = linear_model.SGDClassifier(**params, max_iter=8, tol=None, random_state=7)
    return _error(model, _parts("breast_cancer", 120, 440))


SGD = {
    "loss": Categorical(["hinge", "log_loss", "modified_huber", "perceptron"]),
    "penalty": Categorical(["l2", "l1", "elasticnet"]),
    "l1_ratio": Float(0.0, 1.0, when={"penalty": "elasticnet"}),
    "alpha": Float(1e-6, 1e0, log=True),
    "learning_rate": Categorical(["optimal", "constant", "invscaling"]),
    "eta0": Float(1e-4, 1e1, log=True, when={"learning_rate": ["constant", "invscaling"]}),
    "power_t": Float(0.1, 0.9, when={"learning_rate": "invscaling"}),
    "average": Categorical([False, True]),
}

#: A space and what is minimised over it, by name.
Task = tuple[Space, Callable[[Params], float]]
TASKS: dict[str, Task] = {
    "svm-digits": (Space({"C": Float(1e-3, 1e4, log=True), **KERNELS}), svm_digits),
    "network-wine": (Space(NETWORK), network_wine),
    "boosting-breast-cancer": (Space(BOOSTING), boosting_breast_cancer),
    "pipeline-digits": (Space(PIPELINE), pipeline_digits),
    "elastic-net-diabetes": (Space(ELASTIC_NET), elastic_net_diabetes),
    "svr-diabetes": (
        Space({"C": Float(1e-3, 1e3, log=True), "epsilon": Float(1e-3, 1.0, log=True), **KERNELS}),
        svr_diabetes,
    ),
    "network-digits": (Space(NETWORK), network_digits),
    "boosting-diabetes": (Space(BOOSTING), boosting_diabetes),
    "forest-wine": (Space(FOREST), forest_wine),
    "sgd-breast-cancer": (Space(SGD), sgd_breast_cancer),
    "pipeline-breast-cancer": (Space(PIPELINE), pipeline_breast_cancer),
}
warnings.filterwarnings("ignore", module="sklearn")
