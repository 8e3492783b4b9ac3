"""The tables of a workflow file, each checked and with its defaults filled in."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from autode.search import ALGORITHMS, SEVERAL_OBJECTIVES
from autode.space import TYPES, Space
from autode.study.errors import UserError, did_you_mean
from autode.study.schema import Key, check_table, is_number, number, one_of, table, text, whole

Table = dict[str, Any]

OBJECTIVE: Mapping[str, Key] = {
    "kind": one_of("finetune", "python", "command"),
    "python": Key('"module:function"', lambda v: isinstance(v, str) and _is_function(v)),
    "command": Key("a list of texts", lambda v: bool(v) and isinstance(v, list) and all(isinstance(x, str) for x in v)),
    "metric": text(),
    "direction": one_of("minimize", "maximize", default="minimize"),
    "metrics": Key("a list of two different texts", lambda v: _is_texts(v) and len(v) == len(set(v)) == 2),
    "directions": Key('a list of two of "minimize", "maximize"', lambda v: _is_directions(v)),
    "energy_class": one_of("measured", "estimated"),
    "tie_breaker": Key("a table { metric = text, weight = number }", lambda v: _is_tie_breaker(v)),
    "epochs": whole(low=1),
}
SEARCH: Mapping[str, Key] = {
    "algorithm": text(),
    "population": whole(low=4),
    "evaluations": whole(low=1),
}
EXECUTION: Mapping[str, Key] = {
    "schedule": one_of("asynchronous", "generational", default="asynchronous"),
    "executor": one_of("auto", "srun-steps", default="auto"),
    "workers": whole(low=1),
    "threads": whole(1, low=1),
    "ranks_per_trial": whole(1, low=1),
    "trial_timeout_s": number(0),
    "grace_s": number(20),
    "wall_time_s": number(0),
    "max_losses": whole(10, low=1),
}
BUDGET: Mapping[str, Key] = {"joules": number(0), "seconds": number(0)}
_ENERGY: Mapping[str, Key] = {
    "meters": Key('"auto" or a list of meters', lambda v: v == "auto" or _is_texts(v), "auto"),
    "estimate_watts": Key("a list of two numbers [low, high], watts of one busy core", lambda v: _is_interval(v)),
    # what the report computes grams with; nothing is said of carbon without the first
    "carbon_g_per_kwh": number(),
    "carbon_source": text(),
    "pue": number(low=1.0),
    "embodied_g": number(),
}
_CONFIRM: Mapping[str, Key] = {
    "candidates": whole(1, low=1),
    "seeds": whole(0),
    "default": table(),
}


def parse_space(where: str, tables: Mapping[str, Any]) -> Space:
    """Build a space from its tables."""
    hyperparameters = {}
    for name, one in tables.items():
        if not isinstance(one, dict) or "type" not in one:
            raise UserError(f'{where} {name}: expected a table such as {{ type = "float", low = 0.1, high = 1.0 }}')
        kind = one["type"]
        if not isinstance(kind, str) or kind not in TYPES:
            raise UserError(f"{where} {name}: type {kind!r} is unknown{did_you_mean(str(kind), TYPES)}")
        options = {key: value for key, value in one.items() if key != "type"}
        known = TYPES[kind].__dataclass_fields__
        for key in options:
            if key not in known:
                raise UserError(f"{where} {name}.{key}: unknown key{did_you_mean(key, known)}")
        try:
            hyperparameters[name] = TYPES[kind](**options)
        except TypeError:
            needed = "choices" if kind in ("ordinal", "categorical") else "low and high"
            raise UserError(f'{where} {name}: the type "{kind}" needs {needed}') from None
        except ValueError as error:
            raise UserError(f"{where} {name}: {error}") from None
    try:
        return Space(hyperparameters)
    except ValueError as error:
        raise UserError(f"{where} {error}") from None


def parse_objective(where: str, given: Table, space: Space) -> Table:
    """Check the objective; what a fine-tuning objective understands is judged by its own room."""
    objective = check_table(where, given, OBJECTIVE, open_ended=True)
    kind = objective.setdefault("kind", next((k for k in ("python", "command") if k in objective), "finetune"))
    _take_two(where, objective)
    if kind == "finetune":
        objective.setdefault("metric", "val_error")
        _check_finetune(where, objective, space)
        return objective
    check_table(where, given, OBJECTIVE)
    if kind not in objective:
        raise UserError(f'{where} {kind}: missing; kind = "{kind}" needs it')
    objective.setdefault("metric", "value")
    if kind == "command":
        _check_placeholders(where, objective["command"], space)
    return objective


def parse_search(where: str, given: Table, objective: Table) -> Table:
    """Check the search; the algorithm is by default the one that is made for small budgets."""
    search = check_table(where, given, SEARCH, open_ended=True)
    several = "metrics" in objective
    search.setdefault("algorithm", "gde3" if several else "autode")
    if several and search["algorithm"] in ALGORITHMS and search["algorithm"] not in SEVERAL_OBJECTIVES:
        takes = ", ".join(SEVERAL_OBJECTIVES)
        raise UserError(f"{where} algorithm: {search['algorithm']} takes one metric, [objective] has two; use {takes}")
    return {"algorithm": search.pop("algorithm"), **search}


def _take_two(where: str, objective: Table) -> None:
    """Fill in what two objectives need; the first one is the study's metric wherever one is enough."""
    if "metrics" not in objective:
        for name in ("directions", "energy_class"):
            if name in objective:
                raise UserError(f"{where} {name}: needs metrics, a list of two")
        return
    for one, both in (("metric", "metrics"), ("tie_breaker", "metrics")):
        if one in objective and not (one == "metric" and objective["metric"] == objective["metrics"][0]):
            raise UserError(f"{where} {one}: cannot stand beside {both}")
    objective["metric"] = objective["metrics"][0]
    objective.setdefault("directions", [objective["direction"], "minimize"])
    objective["direction"] = objective["directions"][0]
    if "energy_j" in objective["metrics"]:
        objective.setdefault("energy_class", "measured")


def _check_finetune(where: str, objective: Table, space: Space) -> None:
    # by name: the fine-tuning objective is one among any, and nothing above may depend on it
    settings = importlib.import_module("autode.training.settings")
    own = {key: value for key, value in objective.items() if key not in OBJECTIVE or key == "epochs"}
    try:
        settings.validate(own, space.names)
    except ValueError as error:
        raise UserError(f"{where.partition(': [')[0]}: {error}") from None


def _check_placeholders(where: str, command: Sequence[str], space: Space) -> None:
    from autode.execution.command import placeholders

    known = (*space.names, "seed", "number", "epochs", "device", "directory")
    for part in command:
        try:
            names = placeholders(part)
        except ValueError as error:
            raise UserError(f"{where} command: {part!r}: {error}; write {{{{ for a brace itself") from None
        for name in names:
            if name not in known:
                raise UserError(f"{where} command: {{{name}}} is unknown{did_you_mean(name, known)}")


def parse_energy(where: str, given: Table) -> Table:
    """Check the meters by opening them once."""
    energy = check_table(where, given, _ENERGY)
    from autode.energy import open_meters

    try:
        open_meters(energy["meters"]).close()
    except ValueError as error:
        raise UserError(f"{where} meters: {error}") from None
    return energy


def parse_confirm(where: str, given: Table, space: Space) -> Table:
    """Check the re-training, and that the default lies in the space."""
    confirm = check_table(where, given, _CONFIRM)
    if "default" in confirm:
        try:
            space.check(confirm["default"])
        except ValueError as error:
            raise UserError(f"{where} default: {error}") from None
    return confirm


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _is_directions(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(one in ("minimize", "maximize") for one in value)


def _is_interval(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value)) and 0 <= value[0] <= value[1]


def _is_tie_breaker(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"metric", "weight"}:
        return False
    return isinstance(value["metric"], str) and is_number(value["weight"])


def _is_function(value: str) -> bool:
    module, colon, function = value.partition(":")
    return bool(colon) and function.isidentifier() and all(part.isidentifier() for part in module.split("."))
