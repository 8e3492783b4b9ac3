"""The workflow file: one TOML file that says what is searched, how, where, and within which budget."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autode.search import ALGORITHMS, make_search
from autode.space import TYPES, Space
from autode.study.errors import UserError, did_you_mean
from autode.study.schema import Key, check_table, is_number, is_whole, number, one_of, table, text, whole

Table = dict[str, Any]

_TOP: Mapping[str, Key] = {
    "name": text(),
    "seed": Key("a whole number from 0 to 2**63 - 1", lambda v: is_whole(v) and v >= 0, 0),
    "objective": table(),
    "space": table(),
    "search": table(),
    "execution": table({}),
    "budget": table({}),
    "energy": table({}),
    "confirm": table({}),
}
_REQUIRED = ("name", "objective", "space", "search")

OBJECTIVE: Mapping[str, Key] = {
    "kind": one_of("finetune", "python", "command"),
    "python": Key('"module:function"', lambda v: isinstance(v, str) and _is_function(v)),
    "command": Key("a list of texts", lambda v: bool(v) and isinstance(v, list) and all(isinstance(x, str) for x in v)),
    "metric": text(),
    "direction": one_of("minimize", "maximize", default="minimize"),
    "tie_breaker": Key("a table { metric = text, weight = number }", lambda v: _is_tie_breaker(v)),
    "epochs": whole(low=1),
}
_SEARCH: Mapping[str, Key] = {
    "algorithm": text("lshade"),
    "population": whole(low=4),
    "evaluations": whole(low=1),
}
_EXECUTION: Mapping[str, Key] = {
    "schedule": one_of("asynchronous", "generational", default="asynchronous"),
    "workers": whole(low=1),
    "threads": whole(1, low=1),
    "ranks_per_trial": Key("1 (trials on several ranks come later)", lambda v: v == 1 and is_whole(v), 1),
    "trial_timeout_s": number(0),
    "grace_s": number(20),
    "wall_time_s": number(0),
}
_BUDGET: Mapping[str, Key] = {"joules": number(0), "seconds": number(0)}
_ENERGY: Mapping[str, Key] = {
    "meters": Key('"auto" or a list of meters', lambda v: v == "auto" or _is_texts(v), "auto"),
    "estimate_watts": Key("a list of two numbers [low, high], watts of one busy core", lambda v: _is_interval(v)),
}
_CONFIRM: Mapping[str, Key] = {
    "candidates": whole(1, low=1),
    "seeds": whole(0),
    "default": table(),
}


@dataclass(frozen=True)
class Workflow:
    """A validated workflow.

    Attributes
    ----------
    name : str
    seed : int
    space : Space
    objective, search, execution, budget, energy, confirm : dict
        The tables with their defaults filled in.
    source : str
        The file it was read from; empty for a study made in Python.
    """

    name: str
    seed: int
    space: Space
    objective: Table
    search: Table
    execution: Table
    budget: Table
    energy: Table
    confirm: Table
    source: str = ""
    folder: Path = field(default_factory=Path.cwd)

    @property
    def metric(self) -> str:
        """Name of the metric that is optimised."""
        return str(self.objective["metric"])

    @property
    def sign(self) -> float:
        """1 to minimise, -1 to maximise."""
        return -1.0 if self.objective["direction"] == "maximize" else 1.0

    @property
    def evaluations(self) -> int:
        """How many trials the search makes."""
        schedule = self.execution["schedule"]
        return int(make_search(self.space, self.search, self.seed, schedule).evaluations)

    def to_dict(self) -> Table:
        """Return the resolved workflow as plain tables, as written into the output folder."""
        head: Table = {"name": self.name, "seed": self.seed}
        tables = ("search", "execution", "budget", "energy", "confirm")
        body = {"objective": self.objective, "space": self.space.to_dict(), **{t: getattr(self, t) for t in tables}}
        return head | {name: value for name, value in body.items() if value}

    def identity(self) -> Table:
        """Return what must stay the same for a study to go on: another value would make it another study."""
        search = {**self.search, "schedule": self.execution["schedule"]}
        return {"seed": self.seed, "objective": self.objective, "space": self.space.to_dict(), "search": search}


def load_workflow(path: str | Path, overrides: Sequence[str] = ()) -> Workflow:
    """Read and validate a workflow file.

    Parameters
    ----------
    path : path-like
    overrides : sequence of str
        ``table.key=value`` settings that replace the file's.

    Raises
    ------
    UserError
        One sentence that names file, table, key and what was expected.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such workflow file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a text file ({error})") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from None
    for override in overrides:
        apply_override(content, override)
    return parse_workflow(content, source=str(path), folder=path.resolve().parent)


def apply_override(content: Table, override: str) -> None:
    """Apply one ``table.key=value``; the value is TOML, or else a text."""
    name, equals, value = override.partition("=")
    keys = [key.strip() for key in name.split(".")]
    if not equals or not all(keys):
        raise UserError(f"--set {override}: expected table.key=value, for example search.population=12")
    try:
        parsed = tomllib.loads(f"value = {value.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    for key in keys[:-1]:
        content = content.setdefault(key, {})
        if not isinstance(content, dict):
            raise UserError(f"--set {override}: {key} is not a table")
    content[keys[-1]] = parsed


def parse_workflow(content: Mapping[str, Any], source: str = "", folder: Path | None = None) -> Workflow:
    """Validate the tables of a workflow; see `load_workflow`."""
    where = source or "workflow"
    top = check_table(f"{where}:", dict(content), _TOP)
    for name in _REQUIRED:
        if name not in top:
            raise UserError(f"{where}: {name} is missing; a workflow needs {', '.join(_REQUIRED)}")
    space = parse_space(f"{where}: [space]", top["space"])
    workflow = Workflow(
        name=top["name"],
        seed=top["seed"],
        space=space,
        objective=_objective(f"{where}: [objective]", top["objective"], space),
        search=check_table(f"{where}: [search]", top["search"], _SEARCH, open_ended=True),
        execution=check_table(f"{where}: [execution]", top["execution"], _EXECUTION),
        budget=check_table(f"{where}: [budget]", top["budget"], _BUDGET),
        energy=_energy(f"{where}: [energy]", top["energy"]),
        confirm=_confirm(f"{where}: [confirm]", top["confirm"], space),
        source=source,
        folder=folder or Path.cwd(),
    )
    _try_search(f"{where}: [search]", workflow)
    return workflow


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
            raise UserError(f"{where} {name}: a {kind} needs {needed}") from None
        except ValueError as error:
            raise UserError(f"{where} {name}: {error}") from None
    try:
        return Space(hyperparameters)
    except ValueError as error:
        raise UserError(f"{where} {error}") from None


def _objective(where: str, given: Table, space: Space) -> Table:
    """Check the objective; what a fine-tuning objective understands is judged by its own room."""
    objective = check_table(where, given, OBJECTIVE, open_ended=True)
    kind = objective.setdefault("kind", next((k for k in ("python", "command") if k in objective), "finetune"))
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


def _energy(where: str, given: Table) -> Table:
    energy = check_table(where, given, _ENERGY)
    from autode.energy import open_meters

    try:
        open_meters(energy["meters"]).close()
    except ValueError as error:
        raise UserError(f"{where} meters: {error}") from None
    return energy


def _confirm(where: str, given: Table, space: Space) -> Table:
    confirm = check_table(where, given, _CONFIRM)
    if "default" in confirm:
        try:
            space.check(confirm["default"])
        except ValueError as error:
            raise UserError(f"{where} default: {error}") from None
    return confirm


def _try_search(where: str, workflow: Workflow) -> None:
    """Build the search once, so that its errors come before anything runs."""
    algorithm = workflow.search["algorithm"]
    if algorithm not in ALGORITHMS:
        raise UserError(f"{where} algorithm: {algorithm!r} is unknown{did_you_mean(algorithm, ALGORITHMS)}")
    try:
        make_search(workflow.space, workflow.search, workflow.seed, workflow.execution["schedule"])
    except (ValueError, TypeError) as error:
        raise UserError(f"{where} {error}") from None


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _is_interval(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value)) and 0 <= value[0] <= value[1]


def _is_tie_breaker(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"metric", "weight"}:
        return False
    return isinstance(value["metric"], str) and is_number(value["weight"])


def _is_function(value: str) -> bool:
    module, colon, function = value.partition(":")
    return bool(colon) and function.isidentifier() and all(part.isidentifier() for part in module.split("."))
