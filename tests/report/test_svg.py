"""SVG inside HTML: own ids, no namespaces, hover titles on the right marks."""

from __future__ import annotations

from xml.etree import ElementTree

from autode.report.svg import inline_svg

SVG = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10pt" height="10pt"
 viewBox="0 0 10 10" version="1.1"><metadata>made by</metadata>
<g id="marks"><defs><path id="m"/></defs><use xlink:href="#m" x="1"/><use xlink:href="#m" x="2"/></g>
<g id="legend"><g id="marks"><use xlink:href="#m"/></g></g>
<g clip-path="url(#m)" style="fill: url(#m)"/></svg>"""


def inline(titles: dict[str, list[str]]) -> ElementTree.Element:
    return ElementTree.fromstring(inline_svg(SVG, "fig", "three <marks>", titles))


def test_it_scales_says_what_it_shows_and_has_no_namespace() -> None:
    root = inline({})
    assert root.tag == "svg"
    assert (root.get("role"), root.get("aria-label"), root.get("width")) == ("img", "three <marks>", None)
    assert root.get("viewBox") == "0 0 10 10"
    assert root.find("metadata") is None
    assert "xmlns" not in inline_svg(SVG, "fig", "", {})


def test_every_reference_follows_its_id() -> None:
    root = inline({})
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert sorted(map(str, ids)) == ["fig-legend", "fig-m", "fig-marks"]  # the legend's copy lost its own
    assert {use.get("href") for use in root.iter("use")} == {"#fig-m"}
    assert [g.get("clip-path") for g in root.iter("g") if g.get("clip-path")] == ["url(#fig-m)"]
    assert [g.get("style") for g in root.iter("g") if g.get("style")] == ["fill: url(#fig-m)"]


def test_titles_go_to_the_marks_in_order_and_not_to_the_legend() -> None:
    uses = list(inline({"marks": ["one", "two & three"]}).iter("use"))
    assert [use.findtext("title") for use in uses] == ["one", "two & three", None]


def test_titles_that_do_not_fit_the_marks_are_left_out() -> None:
    assert list(inline({"marks": ["one", "two", "three"], "other": ["x"]}).iter("title")) == []
