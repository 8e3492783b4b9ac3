"""Figures: files with ink in them, the same bytes for the same journal, and none where there is nothing to show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import matplotlib.image
import numpy as np
import pytest

from autode.report import load
from autode.report.figures import FIGURES, styled
from autode.report.figures.style import MOST_VECTORS, best_so_far, new_figure, points, wants_log
from autode.report.figures.timeline import bars_of
from autode.report.svg import inline_svg, save_figure

NAMES = [kind.name for kind in FIGURES]
Make = Callable[..., Path]


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_written_twice_and_not_blank(reported: tuple[str, Path], name: str) -> None:
    stem = reported[1] / "figures" / name
    pixels = matplotlib.image.imread(stem.with_suffix(".png"))
    assert pixels.shape[0] > 150
    assert pixels.shape[1] > 500
    assert (pixels[..., :3].min(axis=2) < 0.9).mean() > 0.003  # ink
    root = ElementTree.parse(stem.with_suffix(".svg")).getroot()
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 5


def test_an_empty_study_has_no_figures_and_a_failed_one_only_what_there_is(
    empty_study: Path, failed_study: Path
) -> None:
    with styled():
        assert [kind.name for kind in FIGURES if kind.draw(load(empty_study)) is not None] == []
        drawn = [kind.name for kind in FIGURES if kind.draw(load(failed_study)) is not None]
    assert drawn == ["convergence", "timeline"]


@pytest.mark.parametrize(
    ("energy", "label", "caption"),
    [
        ("measured", "energy of the trial, J", "measured energy"),
        ("apportioned", "energy of the trial, J", "apportioned energy"),
        ("estimated", "~ energy of the trial, J (est.)", "interval of the estimate"),
        ("unavailable", "time of the trial, s", "Energy is unavailable"),
    ],
)
def test_the_axis_of_joules_says_what_they_are(busy_study: Make, energy: str, label: str, caption: str) -> None:
    kind = next(kind for kind in FIGURES if kind.name == "tradeoff")
    with styled():
        drawing = kind.draw(load(busy_study(energy=energy, trials=20)))
    assert drawing is not None
    assert drawing.figure.axes[0].get_xlabel() == label
    assert caption in drawing.caption
    assert bool(drawing.figure.axes[0].patch.get_hatch()) == (energy == "estimated")


def test_a_mixed_study_shows_one_class_and_counts_what_it_leaves_out(busy_study: Make) -> None:
    data = load(busy_study(energy="mixed", trials=40))
    drawing = next(kind for kind in FIGURES if kind.name == "tradeoff").draw(data)
    assert drawing is not None
    left_out = len(data.valued()) - len(data.comparable("measured"))
    assert left_out > 5
    assert f"Left out: {left_out} trials" in drawing.caption


def test_every_mark_has_its_title(busy_study: Make, tmp_path: Path) -> None:
    data = load(busy_study(trials=30))
    kind = next(kind for kind in FIGURES if kind.name == "convergence")
    with styled():
        drawing = kind.draw(data)
        assert drawing is not None
        text = save_figure(drawing.figure, tmp_path / "figure")
    root = ElementTree.fromstring(inline_svg(text, "convergence", "label", drawing.titles))
    titles = [title.text for title in root.iter("title")]
    assert sorted(str(title).partition(":")[0] for title in titles) == sorted(
        f"trial {n}" for n in data.trials["trial"]
    )
    assert any("nan: the loss is not finite" in str(title) for title in titles)
    assert all("(est.)" in str(title) for title in titles)


def test_ids_of_figures_on_one_page_never_meet(reported: tuple[str, Path]) -> None:
    text = (reported[1] / "figures" / "pairs.svg").read_text()
    one, other = (inline_svg(text, name, "label", {}) for name in ("one", "other"))
    ids = [{e.get("id") for e in ElementTree.fromstring(svg).iter()} - {None} for svg in (one, other)]
    assert ids[0] and ids[0].isdisjoint(ids[1])
    assert "url(#one-" in one


def test_many_points_become_pixels() -> None:
    with styled():
        _, (ax,) = new_figure()
        few, many = points(ax, np.arange(10), np.arange(10)), points(ax, *np.zeros((2, MOST_VECTORS + 1)))
    assert not few.get_rasterized()
    assert many.get_rasterized()


def test_the_caller_keeps_the_settings_of_matplotlib() -> None:
    with matplotlib.rc_context({"font.size": 33.0}):
        with styled():
            assert matplotlib.rcParams["font.size"] == 9.0
        assert matplotlib.rcParams["font.size"] == 33.0


def test_best_so_far_passes_over_failures() -> None:
    assert best_so_far([np.nan, 3.0, np.nan, 1.0, 2.0], 1.0)[1:].tolist() == [3.0, 3.0, 1.0, 1.0]
    assert best_so_far([1.0, 3.0, 2.0], -1.0).tolist() == [1.0, 3.0, 3.0]


def test_only_a_wide_positive_range_gets_a_log_axis() -> None:
    assert wants_log([0.01, 1.0, np.nan])
    assert not wants_log([0.0, 1.0])
    assert not wants_log([0.5, 1.0])
    assert not wants_log([])


def test_the_timeline_cuts_the_pauses_between_runs_out(busy_study: Make) -> None:
    data = load(busy_study(trials=40))
    bars = bars_of(data)
    assert len(bars) == len(data.attempts)
    assert bars["right"].max() <= data.jobs["elapsed_s"].sum() + 1e-6
    for _, lane in bars.sort_values("left").groupby("lane"):
        assert (lane["left"].to_numpy()[1:] >= lane["right"].to_numpy()[:-1] - 1e-6).all()  # one trial at a time
