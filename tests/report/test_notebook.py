"""The example notebook does what it shows: its cells are run again and give the outputs that are stored in it.

``python tests/report/test_notebook.py`` writes them anew.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "energy.ipynb"


def executed(notebook: dict[str, Any]) -> dict[str, Any]:
    """Run the code cells in one namespace, as a kernel does: what is printed, and the value of a last expression."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    count = 0
    cells = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            cell = {**cell, "execution_count": count, "outputs": outputs("".join(cell["source"]), count, namespace)}
        cells.append(cell)
    return {**notebook, "cells": cells}


def outputs(source: str, count: int, namespace: dict[str, Any]) -> list[dict[str, Any]]:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), namespace)
        value = None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)  # type: ignore[attr-defined]
    found: list[dict[str, Any]] = []
    if printed.getvalue():
        found.append({"output_type": "stream", "name": "stdout", "text": lines(printed.getvalue())})
    if value is not None:
        data = {"text/plain": lines(repr(value))}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = lines(value._repr_html_())
        found.append({"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": data})
    return found


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def test_the_notebook_gives_what_it_shows() -> None:
    stored = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    with contextlib.chdir(NOTEBOOK.parent):
        again = executed(stored)
    shown = {"text/plain", "name", "text"}

    def plain(cell: dict[str, Any]) -> list[Any]:
        found = cell.get("outputs", [])
        return [{k: v for k, v in (one.get("data") or one).items() if k in shown} for one in found]

    for cell, anew in zip(stored["cells"], again["cells"], strict=True):
        assert plain(cell) == plain(anew), "".join(cell["source"])


def test_it_is_a_notebook_that_was_executed() -> None:
    stored = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (stored["nbformat"], stored["nbformat_minor"]) == (4, 5)
    code = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert len({cell["id"] for cell in stored["cells"]}) == len(stored["cells"])
    assert any("autode.load(" in "".join(cell["source"]) for cell in code)


if __name__ == "__main__":
    os.chdir(NOTEBOOK.parent)
    document = executed(json.loads(NOTEBOOK.read_text(encoding="utf-8")))
    NOTEBOOK.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
