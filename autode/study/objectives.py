"""From the ``[objective]`` table to something that can be called with a trial, in whatever process that happens."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from autode.execution.command import CommandObjective
from autode.execution.evaluate import Objective
from autode.study.errors import UserError
from autode.study.parsing import OBJECTIVE
from autode.study.workflow import Workflow


@dataclass(frozen=True)
class ObjectiveSource:
    """A recipe for an objective: plain data, sent to workers, which build the objective there.

    Attributes
    ----------
    table : mapping
        The ``[objective]`` table.
    folder : str
        Folder of the workflow file; modules beside it can be imported.
    """

    table: Mapping[str, Any]
    folder: str

    def __call__(self) -> Objective:
        """Build the objective."""
        kind = self.table["kind"]
        if kind == "command":
            return CommandObjective(self.table["command"])
        if kind == "python":
            return import_function(self.table["python"], self.folder)
        finetune = importlib.import_module("autode.training.finetune")
        objective: Objective = finetune.Finetune(finetune_settings(self.table), self.folder)
        return objective


def finetune_settings(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of an ``[objective]`` table that are the fine-tuning objective's own."""
    return {key: value for key, value in table.items() if key not in OBJECTIVE or key == "epochs"}


@dataclass(frozen=True)
class GivenObjective:
    """An objective that the caller of the Python interface handed over."""

    function: Objective

    def __call__(self) -> Objective:
        """Return it."""
        return self.function


def source_of(workflow: Workflow) -> ObjectiveSource:
    """Return the recipe of a workflow's objective; functions of the user's are imported once: a wrong name shows now.

    Raises
    ------
    UserError
        If the function cannot be imported.
    """
    source = ObjectiveSource(workflow.objective, str(workflow.folder))
    key = "model" if workflow.objective["kind"] == "finetune" else "python"
    function = str(workflow.objective.get(key, ""))
    if ":" in function:
        where = f"{workflow.source or 'workflow'}: [objective] {key}:"
        try:
            import_function(function, source.folder)
        except (Exception, SystemExit) as error:  # whatever the user's module does when it is imported
            reason = f"{type(error).__name__}: {str(error).strip() or 'no message'}".split("\n")[0]
            raise UserError(f"{where} {function} cannot be imported ({reason})") from None
    return source


def require_inputs(make: Callable[[], Objective], workflow: Workflow) -> None:
    """Look for the data and weights of fine-tuning: what is not there would fail every trial.

    Raises
    ------
    UserError
        If something is missing.
    """
    if isinstance(make, ObjectiveSource) and make.table["kind"] == "finetune":
        for sentence in absent(workflow):
            raise UserError(f"{workflow.source or 'workflow'}: [objective] {sentence}")


def absent(workflow: Workflow) -> list[str]:
    """Say which data and weights the trials of a study will look for and not find on this machine, a sentence each."""
    if workflow.objective["kind"] != "finetune":
        return []
    presence = importlib.import_module("autode.training.presence")
    sentences: list[str] = presence.absent(finetune_settings(workflow.objective), str(workflow.folder))
    return sentences


def import_function(name: str, folder: str) -> Callable[..., Any]:
    """Import ``module:function``; modules in the folder and in the working directory are found."""
    for place in ("", folder):
        if place not in sys.path:
            sys.path.insert(0, place)
    module, _, attribute = name.partition(":")
    function = getattr(importlib.import_module(module), attribute)
    if not callable(function):
        raise TypeError(f"{attribute} is not callable")
    loaded: Callable[..., Any] = function
    return loaded
