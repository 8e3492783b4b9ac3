"""Reads definition files of Apptainer: a header, then sections that begin with ``%name``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SECTIONS = ("labels", "files", "post", "environment", "runscript", "test", "help")


@dataclass(frozen=True)
class Definition:
    """What a definition file says.

    Attributes
    ----------
    header : dict of str to str
        Lower-case key -> value, ``bootstrap`` and ``from`` for example.
    sections : dict of str to str
        Name without ``%`` -> text as it stands.
    """

    header: dict[str, str]
    sections: dict[str, str]

    @property
    def files(self) -> list[tuple[str, str]]:
        """Sources, from the folder in which the build starts, and where they go."""
        return [(words[0], words[-1]) for words in self._lines("files")]

    @property
    def labels(self) -> dict[str, str]:
        """Names and values of the section."""
        return {words[0]: " ".join(words[1:]) for words in self._lines("labels")}

    def _lines(self, section: str) -> list[list[str]]:
        lines = self.sections.get(section, "").splitlines()
        return [line.split() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def read_definition(path: Path) -> Definition:
    """Read a definition file.

    Raises
    ------
    ValueError
        For a section that the stand-in does not know: leaving it out would pass for having run it.
    """
    header: dict[str, str] = {}
    sections: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"%(\w+)\s*(.*)", line):
            name, more = found.groups()
            if name not in SECTIONS or more or name in sections:
                raise ValueError(f"{path}: the section {line!r} is unknown here; known are {', '.join(SECTIONS)}")
            current = sections.setdefault(name, [])
        elif current is not None:
            current.append(line)
        elif line.strip() and not line.startswith("#"):
            key, _, value = line.partition(":")
            header[key.strip().lower()] = value.strip()
    # a comment above a section belongs to that section, not to the one before
    return Definition(header, {name: "\n".join(lines) + "\n" for name, lines in sections.items()})
