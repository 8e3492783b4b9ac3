"""The documentation: every link leads somewhere, every workflow in it and beside it is one that loads."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from autode.cli.main import build_parser
from autode.cluster.submission import plan_submission
from autode.study.parsing import BUDGET, EXECUTION
from autode.study.workflow import parse_workflow

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "results").glob("*/*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_of_the_repository(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_toml_in_the_pages_is_understood(page: Path) -> None:
    known = {"execution": EXECUTION, "budget": BUDGET}
    for text in blocks(page, "toml"):
        tables = tomllib.loads(text)
        if "objective" in tables:
            parse_workflow(tables)
        for name, keys in known.items():
            assert set(tables.get(name, {})) <= set(keys)


def test_python_in_the_readme_compiles() -> None:
    for text in blocks(ROOT / "README.md", "python"):
        compile(text, "README.md", "exec")


@pytest.mark.parametrize("path", sorted((ROOT / "workflows").glob("*.toml")), ids=lambda path: path.name)
def test_workflows_load_as_they_stand(path: Path) -> None:
    submission, _ = plan_submission(path, None, [])  # with every cell of a sweep
    assert submission.name == path.stem


def test_make_is_told_what_the_readme_promises() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    promised = re.findall(
        r"`make (\w+)`|^    make (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    for target in {one or other for one, other in promised}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def commands_in(text: str) -> list[str]:
    """Return the calls of the program that a text shows, in blocks of code or in a workflow file's comments."""
    fenced = "".join(re.findall(r"```(?:sh|bash)?\n(.*?)```", text, re.DOTALL))
    shown = [line.strip() for line in fenced.splitlines()] + re.findall(r"^(?:    |#   )(.*)$", text, re.MULTILINE)
    calls = [call.strip() for line in shown for call in line.split(" ; ")]
    return [call.partition("      ")[0] for call in calls if re.match(r"autode [a-z]", call)]


@pytest.mark.parametrize(
    "page", [*PAGES, *sorted((ROOT / "workflows").glob("*.toml"))], ids=lambda page: str(page.relative_to(ROOT))
)
def test_the_program_understands_the_commands_that_are_shown(page: Path) -> None:
    for command in commands_in(page.read_text(encoding="utf-8")):
        try:
            build_parser().parse_args(shlex.split(command, comments=True)[1:])
        except SystemExit:
            pytest.fail(f"{command!r} is refused")


def test_commands_are_found_in_all_places_where_they_are_shown() -> None:
    assert "autode submit workflow.toml --set slurm.nodes=4" in commands_in((ROOT / "README.md").read_text())[3]
    assert len(commands_in((ROOT / "workflows/small-sweep.toml").read_text())) == 3
    assert len(commands_in((ROOT / "docs/energy-comparison.md").read_text())) >= 6
