"""sacct's text output as a table of strings: any delimiter, padded columns, with or without a header, block by
block.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd

from autode.energy.sacct_cells import Cells
from autode.energy.sacct_strings import Texts

_BLOCK_BYTES = 8 << 20
_SEPARATOR = b"\x1f"  # stands for a delimiter of several characters
_BOM = b"\xef\xbb\xbf"  # with which editors of Windows begin a text
_NEWLINE = ord("\n")
Numbers = npt.NDArray[np.int64]


class SacctError(ValueError):
    """Raised for text that is not sacct's output; names the line."""


@dataclass
class Skipped:
    """Lines that were left out.

    Attributes
    ----------
    strict : bool
        Whether a bad line raises instead.
    count : int
        How many.
    examples : list of str
        What was wrong with the first ten.
    """

    strict: bool
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def line(self, number: int, problem: str) -> None:
        """Report a bad line.

        Raises
        ------
        SacctError
            If bad lines are errors.
        """
        if self.strict:
            raise SacctError(f"line {number}: {problem}")
        self.count += 1
        if len(self.examples) < 10:
            self.examples.append(f"line {number}: {problem}")


@dataclass(frozen=True)
class Layout:
    """How the lines are made: the names of the fields and what separates them.

    Attributes
    ----------
    names : tuple of str
        Lower case.
    delimiter : bytes
        Empty for padded columns.
    trailing : bool
        Whether each line ends with a delimiter (``--parsable``).
    spans : tuple of (int, int)
        Where the padded columns are.
    has_header : bool
        Whether the first line is one.
    """

    names: tuple[str, ...]
    delimiter: bytes
    trailing: bool = False
    spans: tuple[tuple[int, int], ...] = ()
    has_header: bool = True

    def is_header(self, line: bytes, separator: bytes) -> bool:
        """Whether a line names the fields again: several outputs in one file."""
        cells = line.decode("utf-8", "replace").lower().split(separator.decode("latin-1"))
        return tuple(cells[: len(self.names)]) == self.names


def string_tables(
    source: BinaryIO, known: set[str], columns: Sequence[str] | None, delimiter: str | None, skipped: Skipped
) -> Iterator[tuple[Cells | Texts, Numbers]]:
    """Yield the rows block by block.

    Parameters
    ----------
    source : binary file
        The output.
    known : set of str
        Names of the fields to keep of padded columns, lower case.
    columns : sequence of str, optional
        Names of all fields where there is no header.
    delimiter : str, optional
        Default: what the header shows, or else ``|``.
    skipped : Skipped
        Collects bad lines.

    Yields
    ------
    cells : Cells or Texts
    lines : numpy.ndarray
        The number of each row's line, from 1.

    Raises
    ------
    SacctError
        If the header is missing or a line has another number of fields.
    """
    layout: Layout | None = None
    number = 1  # of the first line of the block
    for block in _blocks(source):
        if layout is None:
            number, block = _past_messages(block, number, skipped)
            if not block:
                continue
            layout = _layout(block[:65536].decode("utf-8", "replace"), columns, delimiter, number)
            skip = (1 + (not layout.delimiter)) if layout.has_header else 0
            for _ in range(skip):
                block = block.partition(b"\n")[2]
            number += skip
        lines = block.count(b"\n")
        yield _table(block, np.arange(number, number + lines), layout, known, skipped)
        number += lines


def _blocks(source: BinaryIO) -> Iterator[bytes]:
    """Yield whole lines, each ended by a newline, about 8 MB at a time."""
    rest = source.read(len(_BOM)).removeprefix(_BOM)
    while chunk := source.read(_BLOCK_BYTES):
        chunk = rest + chunk
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n")
        cut = chunk.rfind(b"\n") + 1
        rest = chunk[cut:]
        if cut:
            yield chunk[:cut]
    if rest.strip():
        yield rest.rstrip(b"\r") + b"\n"


def _past_messages(block: bytes, number: int, skipped: Skipped) -> tuple[int, bytes]:
    """Return what follows blank lines and messages of sacct (``2>&1``), and the number of its first line."""
    while block:
        line, _, rest = block.partition(b"\n")
        if line.startswith(b"sacct: "):
            shown = line.decode("utf-8", "replace")[:80]
            skipped.line(number, f"no header with a JobID field, but a message of sacct: {shown!r}")
        elif line.strip():
            break
        number, block = number + 1, rest
    return number, block


def _layout(text: str, columns: Sequence[str] | None, delimiter: str | None, number: int) -> Layout:
    """Learn the layout from the first lines."""
    lines = text.split("\n")
    first = lines[0]
    if not re.search(r"(?:^|[^a-z])jobid(?:raw)?(?:[^a-z]|$)", first.lower()):
        if columns is None:
            problem = "no header with a JobID field; give the names of the columns"
            raise SacctError(f"line {number}: {problem}: {first[:80]!r}")
        names = tuple(name.lower().split("%")[0] for name in columns)
        separator = (delimiter or "|").encode()
        return Layout(names, separator, first.encode().count(separator) == len(names) > 1, has_header=False)
    if delimiter is None and len(lines) > 1 and re.fullmatch(r"[- ]*-[- ]*", lines[1]):
        spans = tuple(match.span() for match in re.finditer("-+", lines[1]))
        return Layout(tuple(first[start:end].strip().lower() for start, end in spans), b"", spans=spans)
    between = re.search(r"[A-Za-z]([^A-Za-z0-9]+)", first)
    separator_text = delimiter or (between[1] if between else "|")
    if delimiter is None and separator_text.strip(" ") == "":
        raise SacctError(f"line {number}: padded columns need their line of dashes, or use --parsable2: {first[:80]!r}")
    names_list = first.lower().split(separator_text)
    trailing = names_list[-1] == ""
    return Layout(tuple(names_list[:-1] if trailing else names_list), separator_text.encode(), trailing)


def _table(
    block: bytes, lines: Numbers, layout: Layout, known: set[str], skipped: Skipped
) -> tuple[Cells | Texts, Numbers]:
    if not layout.delimiter:
        return _padded(block, lines, layout, known, skipped)
    separator = layout.delimiter
    if len(separator) > 1:
        block, separator = block.replace(separator, _SEPARATOR), _SEPARATOR
    width = len(layout.names) + layout.trailing
    marks = _marks(block, separator)
    if not _is_regular(block, marks, len(lines), width):
        block, lines = _good_lines(block, lines, layout, skipped)
        marks = _marks(block, separator)
    return Cells(block, separator, layout.names, marks.reshape(-1, width)), lines


def _marks(block: bytes, separator: bytes) -> Numbers:
    """Return where the cells end."""
    characters = np.frombuffer(block, dtype=np.uint8)
    return np.flatnonzero((characters == separator[0]) | (characters == _NEWLINE))


def _is_regular(block: bytes, marks: Numbers, lines: int, width: int) -> bool:
    """Whether every line has as many cells, and none can be the header of a further output."""
    if len(marks) != lines * width:
        return False
    characters = np.frombuffer(block, dtype=np.uint8)
    return bool((characters[marks[width - 1 :: width]] == _NEWLINE).all()) and b"JobID" not in block


def _good_lines(block: bytes, numbers: Numbers, layout: Layout, skipped: Skipped) -> tuple[bytes, Numbers]:
    """Drop blank lines, headers of further outputs, and lines with another number of fields after reporting them."""
    good, kept = [], []
    separator = layout.delimiter if len(layout.delimiter) == 1 else _SEPARATOR
    expected = len(layout.names) - 1 + layout.trailing
    for number, line in zip(numbers.tolist(), block.split(b"\n"), strict=False):
        fields = line.count(separator)
        if not line.strip() or (b"JobID" in line and layout.is_header(line, separator)):
            continue
        if fields == expected:
            good.append(line)
            kept.append(number)
        else:
            shown = line.decode("utf-8", "replace").replace("\x1f", "|")[:80]
            skipped.line(number, f"expected {expected + 1} fields, found {fields + 1}: {shown!r}")
    return b"\n".join([*good, b""]) if good else b"", np.array(kept, dtype=np.int64)


def _padded(block: bytes, numbers: Numbers, layout: Layout, known: set[str], skipped: Skipped) -> tuple[Texts, Numbers]:
    rows, kept = [], []
    for number, line in zip(numbers.tolist(), block.decode("utf-8", "replace").split("\n"), strict=False):
        if not line.strip() or re.fullmatch(r"[- ]*", line):
            continue
        if len(line.rstrip()) > layout.spans[-1][1] + 1:
            skipped.line(number, f"longer than the columns of its header: {line[:80]!r}")
            continue
        rows.append([line[start:end].strip() for start, end in layout.spans])
        kept.append(number)
    table = pd.DataFrame(rows, columns=list(layout.names), dtype=object)
    return Texts(table[[name for name in layout.names if name in known]]), np.array(kept, dtype=np.int64)


def opened(source: str | Path) -> BinaryIO:
    """Open what a user may hand over: a path, or the text itself (anything with a line break, a field separator or
    a brace).

    Raises
    ------
    FileNotFoundError
        If it looks like a path and there is no such file.
    """
    if isinstance(source, str):
        one_line = re.search(r"[|;,{]", source) is not None and not os.path.exists(source)  # noqa: PTH110 - never raises
        if "\n" in source or not source.strip() or one_line:
            return io.BytesIO(source.encode())
    with Path(source).open("rb") as file:
        beginning = file.read(2)
    if beginning in (b"\xff\xfe", b"\xfe\xff"):  # UTF-16, which PowerShell makes of what it redirects
        return io.BytesIO(Path(source).read_bytes().decode("utf-16", "replace").encode())
    return Path(source).open("rb")
