"""The rules of the house: imports point down, things stay small, everything public is explained."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "autode"
FLOORS = [
    {"de", "space", "trial", "energy"},
    {"search", "execution", "training"},
    {"study"},
    {"report", "cluster"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
FREE = {"_version"}  # belongs to no floor

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def sources() -> dict[str, ast.Module]:
    """Return module name -> syntax tree of the whole package."""
    trees = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        trees[name] = ast.parse(path.read_text(encoding="utf-8"))
    return trees


def path_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"


def imports(module: str, tree: ast.AST, *, when_loaded: bool = False) -> Iterator[str]:
    """Yield the package's modules that a module imports; only those at its top level, if asked, as those can circle."""
    nodes = _run_when_loaded(tree) if when_loaded else ast.walk(tree)
    for node in nodes:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            while name and name not in sources():
                name = name.rpartition(".")[0]
            if name.startswith("autode."):
                yield name


def _run_when_loaded(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        if not isinstance(child, Function) and not typing_only:
            yield child
            yield from _run_when_loaded(child)


def room(module: str) -> str:
    return module.split(".")[1]


# --- floors


def test_every_room_has_a_floor() -> None:
    assert {room(name) for name in sources() if name != "autode"} <= FLOOR.keys() | FREE


def test_imports_point_down_and_rooms_of_a_floor_keep_apart() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, tree in sources().items()
        if module != "autode"
        for name in imports(module, tree)
        if room(module) != room(name)
        and room(name) not in FREE
        and (room(module) in FREE or FLOOR[room(module)] <= FLOOR[room(name)])
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: set(imports(module, tree, when_loaded=True)) - {module} for module, tree in sources().items()}
    while free := [module for module, needs in graph.items() if not needs & graph.keys()]:
        for module in free:
            del graph[module]
    assert graph == {}, "these import each other in a circle"


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [module for module in sources() if drawers & set(module.split("."))] == []


# --- size


def functions() -> dict[str, Function]:
    return {
        f"{module}:{node.lineno} {node.name}": node
        for module, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, Function)
    }


def body_lines(function: Function) -> int:
    """Count the lines from the first statement behind the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def quantile(lengths: dict[str, int], q: float) -> float:
    ordered = sorted(lengths.values())
    return ordered[min(int(q * len(ordered)), len(ordered) - 1)]


def longer_than(lengths: dict[str, int], limit: int) -> list[str]:
    return [f"{name}: {length}" for name, length in sorted(lengths.items(), key=lambda x: -x[1]) if length > limit]


def test_files_are_short() -> None:
    lengths = {name: len(path_of(name).read_text(encoding="utf-8").splitlines()) for name in sources()}
    assert longer_than(lengths, 450) == []
    assert quantile(lengths, 0.95) <= 320, longer_than(lengths, 320)
    assert statistics.median(lengths.values()) <= 130


def test_functions_are_short() -> None:
    lengths = {name: body_lines(node) for name, node in functions().items()}
    assert longer_than(lengths, 80) == []
    assert quantile(lengths, 0.95) <= 38, longer_than(lengths, 38)
    assert statistics.median(lengths.values()) <= 9


def test_the_measure_of_length_leaves_the_docstring_out() -> None:
    (function,) = ast.parse('def f():\n    """One\n\n    two.\n    """\n    a = 1\n\n    return a\n').body
    assert isinstance(function, ast.FunctionDef)
    assert body_lines(function) == 3


# --- explanations


def undocumented(module: str, tree: ast.Module) -> Iterator[str]:
    """Yield what is public and has no docstring."""
    if ast.get_docstring(tree) is None and any(not isinstance(node, ast.Assign) for node in tree.body):
        yield module

    def walk(node: ast.AST, name: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function | ast.ClassDef) and not child.name.startswith("_"):
                if ast.get_docstring(child) is None and not _is_overload(child):
                    yield f"{name}.{child.name}"
                if isinstance(child, ast.ClassDef):
                    yield from walk(child, f"{name}.{child.name}")

    yield from walk(tree, module)


def _is_overload(node: Function | ast.ClassDef) -> bool:
    return any(
        "overload" in ast.dump(decorator) or "setter" in ast.dump(decorator) for decorator in node.decorator_list
    )


def test_everything_public_has_a_docstring() -> None:
    assert [name for module, tree in sources().items() for name in undocumented(module, tree)] == []


# --- what must not be in the repository


@cache
def tracked_texts() -> dict[str, str]:
    """Return path -> content of all text files under version control; all files of the folder outside of a checkout."""
    answer = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=False)
    if answer.returncode:
        pytest.skip("not a git checkout")
    texts = {}
    for name in filter(None, answer.stdout.split("\0")):
        path = ROOT / name
        if path.is_file():
            data = path.read_bytes()
            if b"\0" not in data[:8192]:
                texts[name] = data.decode(errors="replace")
    return texts


def found(pattern: str) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in tracked_texts().items()
        if name != str(Path(__file__).relative_to(ROOT))
        for number, line in enumerate(text.splitlines(), start=1)
        if re.search(pattern, line)
    ]


def test_no_path_of_anybodys_machine() -> None:
    assert found(rf"(?<![\w.])/(work|home/\w+|root|Users/\w+)/|{re.escape(str(ROOT))}/") == []


def test_no_package_index_other_than_the_default() -> None:
    assert (
        found(r"(?i)(--|extra-)index-url|find-links|https?://[^\s/]*(pypi|simple|artifactory|nexus|devpi|mirror)") == []
    )
