"""The workflow file: one TOML file that says what is searched, how, where, and within which budget."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autode.search import ALGORITHMS, make_search
from autode.space import Space
from autode.study.errors import UserError, did_you_mean
from autode.study.parsing import (
    BUDGET,
    EXECUTION,
    OBJECTIVE,
    SEARCH,
    parse_confirm,
    parse_energy,
    parse_objective,
    parse_search,
    parse_space,
)
from autode.study.schema import Key, check_table, is_whole, table, text

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
    # these two say how the study is submitted, which `autode submit` judges
    "slurm": table(),
    "sweep": table(),
}
_TABLES: Mapping[str, Mapping[str, Key]] = {
    "search": SEARCH,
    "execution": EXECUTION,
    "objective": OBJECTIVE,
    "budget": BUDGET,
}
_REQUIRED = ("name", "objective", "space", "search")


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
        if self.execution["ranks_per_trial"] > 1:  # an objective on several ranks may depend on their number
            search["ranks_per_trial"] = self.execution["ranks_per_trial"]
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
    content = read_tables(path)
    for override in overrides:
        apply_override(content, override)
    _refuse_open_sweep(path, content.get("sweep"), overrides)
    return parse_workflow(content, source=str(path), folder=path.resolve().parent)


def read_tables(path: Path) -> Table:
    """Read a TOML file.

    Raises
    ------
    UserError
        If it is missing, no text, or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such workflow file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a text file ({error})") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from None


def _refuse_open_sweep(path: Path, sweep: Any, overrides: Sequence[str]) -> None:
    """Refuse a sweep of which no cell is chosen: one run is one study."""
    chosen = {override.partition("=")[0].strip() for override in overrides}
    for key in sweep if isinstance(sweep, dict) else ():
        if key not in chosen:
            raise UserError(
                f"{path}: [sweep] {key}: choose a cell with --set {key}=..., or let autode submit run all of them"
            )


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


def _refuse_loose_keys(where: str, content: Mapping[str, Any]) -> None:
    """Refuse a key without its table, such as ``--set evaluations=5``."""
    for name in content:
        tables = [table for table, keys in _TABLES.items() if name in keys and name not in _TOP]
        if tables:
            raise UserError(f"{where}: {name}: unknown key; did you mean {tables[0]}.{name}?")


def parse_workflow(content: Mapping[str, Any], source: str = "", folder: Path | None = None) -> Workflow:
    """Validate the tables of a workflow; see `load_workflow`."""
    where = source or "workflow"
    _refuse_loose_keys(where, content)
    top = check_table(f"{where}:", dict(content), _TOP)
    for name in _REQUIRED:
        if name not in top:
            raise UserError(f"{where}: {name} is missing; a workflow needs {', '.join(_REQUIRED)}")
    space = parse_space(f"{where}: [space]", top["space"])
    objective = parse_objective(f"{where}: [objective]", top["objective"], space)
    workflow = Workflow(
        name=top["name"],
        seed=top["seed"],
        space=space,
        objective=objective,
        search=parse_search(f"{where}: [search]", top["search"], objective),
        execution=check_table(f"{where}: [execution]", top["execution"], EXECUTION),
        budget=check_table(f"{where}: [budget]", top["budget"], BUDGET),
        energy=parse_energy(f"{where}: [energy]", top["energy"]),
        confirm=parse_confirm(f"{where}: [confirm]", top["confirm"], space),
        source=source,
        folder=folder or Path.cwd(),
    )
    _try_search(f"{where}: [search]", workflow)
    if workflow.objective.get("early_stop", "none") != "none" and workflow.execution["schedule"] == "generational":
        raise UserError(
            f"{where}: [objective] early_stop: what it ends depends on which trials ended before, and a generational "
            'run on that never; write [execution] schedule = "asynchronous" for it'
        )
    return workflow


def _try_search(where: str, workflow: Workflow) -> None:
    """Build the search once, so that its errors come before anything runs."""
    algorithm = workflow.search["algorithm"]
    if algorithm not in ALGORITHMS:
        raise UserError(f"{where} algorithm: {algorithm!r} is unknown{did_you_mean(algorithm, ALGORITHMS)}")
    try:
        make_search(workflow.space, workflow.search, workflow.seed, workflow.execution["schedule"])
    except (ValueError, TypeError) as error:
        raise UserError(f"{where} {error}") from None
