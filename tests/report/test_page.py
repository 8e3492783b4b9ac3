"""The page: well-formed, self-contained, and honest about where its figures come from."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from autode.report import load, sections, write_report
from autode.report.figures import FIGURES
from autode.report.page import page_facts, render
from autode.report.tables import TABLES

Make = Callable[..., Path]
VOID = {"meta", "input", "br", "link", "img", "hr"}


class Structure(HTMLParser):
    """Checks that tags nest, and collects ids, links and text."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.headings: list[int] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("href", "src"):
                self.links.append(str(value))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page_of(folder: Path) -> tuple[str, Structure]:
    text = (folder / "report.html").read_text(encoding="utf-8")
    return text, Structure(text)


def without_figures(folder: Path) -> Structure:
    """The page's words alone: figures take most of the time."""
    return Structure(render("report.html", **page_facts(load(folder)), figures=[], not_drawn=[]))


def test_it_is_well_formed_and_needs_nothing_else(reported: tuple[str, Path]) -> None:
    text, page = page_of(reported[1])
    assert text.startswith("<!doctype html>")
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]", text), "an external address"
    assert "@import" not in text
    targets = set(page.ids)
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in targets
        else:
            assert link.startswith("data:") or (reported[1] / link).is_file()


def test_headings_do_not_skip_a_level_and_figures_have_words(reported: tuple[str, Path]) -> None:
    text, page = page_of(reported[1])
    assert page.headings[0] == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert text.count("<figcaption>") == len(re.findall(r'<svg [^>]*role="img"[^>]*>', text)) == 8
    assert 'aria-label=""' not in text


def test_the_result_stands_at_the_top(reported: tuple[str, Path]) -> None:
    _, page = page_of(reported[1])
    data = load(reported[1])
    best = data.best()
    assert best is not None
    top = page.text[: page.text.index("Figures Metric and energy")]
    assert f"val_error of trial {best['trial']}" in top
    assert f"{best['param.lr']:.4g}" in top
    assert "0.9820 ± 0.0016" in top  # the winner, re-trained
    assert "0.9620 ± 0.0016" in top  # the hand default
    assert "36 completed, 4 failed" in top
    assert "in 3 runs of the program" in top


@pytest.mark.parametrize("kind", ["measured", "apportioned", "estimated", "mixed", "unavailable"])
def test_energy_is_marked_for_what_it_is(busy_study: Make, kind: str) -> None:
    page = without_figures(busy_study(energy=kind, trials=20))
    top, table = page.text.partition("No trial has finished yet.")[0], page.text.partition("Trials Filter")[2]
    figures = re.findall(r"(?:~ )?[\d.]+ [kM]?(?:J|Wh)\b(?: \(est\.\))?", table)
    marked = [one.startswith("~ ") and one.endswith("(est.)") for one in figures]
    assert ("unavailable" in top) == (kind == "unavailable")
    assert ("(est.)" in top) == (kind in ("estimated", "mixed"))
    if kind == "unavailable":
        assert not figures
        assert "no powercap tree on this machine" in top
    else:
        assert len(figures) == 40  # J and Wh of every trial
        assert (any(marked), all(marked)) == (kind in ("estimated", "mixed"), kind == "estimated")


def test_an_estimate_shows_its_interval_and_two_digits_everywhere(reported: tuple[str, Path]) -> None:
    text, page = page_of(reported[1])
    estimates = re.findall(r"~ ([\d.]+) [kMG]?(?:J|Wh)", text)
    interval = re.search(r"interval [\d.]+ to [\d.]+ k?J", page.text)
    assert bool(estimates) == bool(interval) == (reported[0] == "estimated")
    for figure in estimates:
        assert len(figure.replace(".", "").strip("0")) <= 2


def test_provenance_names_versions_source_seed_and_workflow(reported: tuple[str, Path]) -> None:
    _, page = page_of(reported[1])
    for words in ("torch 2.15.0", "0123abc", "seed 420", "node01", "# <as resolved>", "killed: no end recorded"):
        assert words in page.text


def test_all_tables_lie_beside_it(reported: tuple[str, Path]) -> None:
    for name in TABLES:
        assert (reported[1] / f"{name}.csv").stat().st_size > 0
    assert not list(reported[1].glob(".*"))  # no temporary file is left


def test_text_of_the_user_is_never_markup(busy_study: Make) -> None:
    page = without_figures(busy_study(trials=12, name="<script>alert(1)</script>"))
    assert page.text.startswith("<script>alert(1)</script>: hyperparameter study")


def test_the_same_journal_gives_the_same_files(reported: tuple[str, Path], tmp_path: Path) -> None:
    folder = reported[1]
    for name in ("journal.jsonl", "workflow.toml"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    write_report([tmp_path], tmp_path / "again")
    files = [path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*") if path.is_file()]
    assert len(files) == 1 + len(TABLES) + 2 * len(FIGURES)
    for path in files:
        assert (tmp_path / "again" / path).read_bytes() == (folder / path).read_bytes(), path
    assert {path.name for path in tmp_path.iterdir()} == {"journal.jsonl", "workflow.toml", "again"}


def test_a_study_that_has_just_begun_has_a_page(empty_study: Path) -> None:
    page = Structure(write_report([empty_study]).read_text())
    assert "it is still running, or it was killed" in page.text
    assert "No trial has finished yet." in page.text
    assert "none yet" in page.text


def test_a_study_of_failures_has_a_page_and_loses_the_figures_of_an_earlier_report(failed_study: Path) -> None:
    stale = failed_study / "figures" / "tradeoff.png"
    stale.parent.mkdir()
    stale.touch()
    page = Structure(write_report([failed_study]).read_text())
    assert "14 failed" in page.text
    assert "Not drawn for want of data: metric and energy" in page.text
    assert not stale.exists()


def test_a_long_table_is_capped_and_says_so(busy_study: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "MOST_TRIALS", 10)
    folder = busy_study(trials=20)
    assert len(sections.trials_table(load(folder))[1]) == 10
    assert "The best 10 of 20 trials; trials.csv has all." in without_figures(folder).text


def test_no_folder_is_refused() -> None:
    with pytest.raises(ValueError, match="no folder given; expected at least one output folder"):
        write_report([])
