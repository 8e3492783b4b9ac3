"""Figures as files and as part of a page: PNG, SVG, and SVG inside HTML with hover titles."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from autode.report.tables import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def save_figure(figure: Figure, stem: Path) -> str:
    """Write ``<stem>.png`` and ``<stem>.svg`` and return the SVG's text; the same figure gives the same bytes."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, for both formats
    png, vector = io.BytesIO(), io.StringIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    figure.savefig(vector, format="svg", metadata={"Date": None, "Creator": None})
    write_bytes(stem.with_name(f"{stem.name}.png"), png.getvalue())
    write_bytes(stem.with_name(f"{stem.name}.svg"), vector.getvalue().encode())
    return vector.getvalue()


def inline_svg(text: str, name: str, label: str, titles: dict[str, list[str]]) -> str:
    """Return an SVG file's text as an element for HTML.

    Parameters
    ----------
    text : str
        The file's text, as Matplotlib writes it.
    name : str
        Prefix of all its ids: several figures share one page.
    label : str
        What is shown, for those who cannot see it.
    titles : dict of str to list of str
        Hover titles: for the id of a group, one a mark, in drawing order.
    """
    root = ElementTree.fromstring(text.encode())
    for metadata in root.findall("{*}metadata"):
        root.remove(metadata)
    for element in root.iter():
        _without_namespaces(element)
    _add_titles(root, titles)
    _drop_repeated_ids(root)
    for element in root.iter():
        _prefix_ids(element, f"{name}-")
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.attrib.update({"role": "img", "aria-label": label, "class": "figure"})
    return ElementTree.tostring(root, encoding="unicode")


def _without_namespaces(element: ElementTree.Element) -> None:
    """Drop the namespaces: HTML knows SVG by its tags."""
    element.tag = element.tag.rpartition("}")[2]
    for key in [key for key in element.attrib if key.startswith("{")]:
        element.attrib[key.rpartition("}")[2]] = element.attrib.pop(key)


def _add_titles(root: ElementTree.Element, titles: dict[str, list[str]]) -> None:
    """Give every mark of a group its title; a group drawn as pixels has no marks, and gets none."""
    for group in root.iter("g"):
        marks = list(group.iter("use")) if group.get("id") in titles else []
        texts = titles.get(str(group.get("id")), [])
        if len(marks) == len(texts):
            for mark, title in zip(marks, texts, strict=True):
                ElementTree.SubElement(mark, "title").text = title


def _drop_repeated_ids(root: ElementTree.Element) -> None:
    """Keep an id for its first element only: a legend repeats the group of the marks that it explains."""
    seen: set[str] = set()
    for element in root.iter():
        if element.get("id") in seen:
            del element.attrib["id"]
        seen.add(element.get("id", ""))


def _prefix_ids(element: ElementTree.Element, prefix: str) -> None:
    if "id" in element.attrib:
        element.attrib["id"] = prefix + element.attrib["id"]
    for key, value in element.attrib.items():
        if key == "href" and value.startswith("#"):
            element.attrib[key] = f"#{prefix}{value[1:]}"
        elif "url(#" in value:
            element.attrib[key] = _REFERENCE.sub(rf"url(#{prefix}\1)", value)
