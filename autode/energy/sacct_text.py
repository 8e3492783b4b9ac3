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
import pandas as pd

_BLOCK_BYTES = 8 << 20
_SEPARATOR = b"\x1f"  # stands for a delimiter of several characters


#: Fields that Slurm prints as plain digits (with ``--noconvert``), or not at all.
_NUMBERS = frozenset(("elapsedraw", "nnodes", "ntasks", "alloccpus", "ncpus", "cputimeraw", "consumedenergyraw"))


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


def string_tables(
    source: BinaryIO, known: set[str], columns: Sequence[str] | None, delimiter: str | None, skipped: Skipped
) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Yield the rows block by block.

    Parameters
    ----------
    source : binary file
        The output.
    known : set of str
        Names of the fields to keep, lower case.
    columns : sequence of str, optional
        Names of all fields where there is no header.
    delimiter : str, optional
        Default: what the header shows, or else ``|``.
    skipped : Skipped
        Collects bad lines.

    Yields
    ------
    table : pandas.DataFrame
        Strings (object columns), empty where sacct prints nothing.
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
            if not block.strip():
                number += block.count(b"\n")
                continue
            blank = len(block) - len(block.lstrip(b"\n"))
            number, block = number + blank, block[blank:]
            layout = _layout(block[:65536].decode("utf-8", "replace"), columns, delimiter, number)
            skip = (1 + (not layout.delimiter)) if layout.has_header else 0
            for _ in range(skip):
                block = block.partition(b"\n")[2]
            number += skip
        following = number + block.count(b"\n")
        yield _table(block, number, layout, known, skipped)
        number = following


def _blocks(source: BinaryIO) -> Iterator[bytes]:
    """Yield whole lines, each ended by a newline, about 8 MB at a time."""
    rest = b""
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
    if separator_text.strip(" ") == "":
        raise SacctError(f"line {number}: padded columns need their line of dashes, or use --parsable2: {first[:80]!r}")
    names_list = first.lower().split(separator_text)
    trailing = names_list[-1] == ""
    return Layout(tuple(names_list[:-1] if trailing else names_list), separator_text.encode(), trailing)


def _table(
    block: bytes, number: int, layout: Layout, known: set[str], skipped: Skipped
) -> tuple[pd.DataFrame, np.ndarray]:
    if not layout.delimiter:
        return _padded(block, number, layout, known, skipped)
    separator = layout.delimiter
    if len(separator) > 1:
        block, separator = block.replace(separator, _SEPARATOR), _SEPARATOR
    expected = len(layout.names) - 1 + layout.trailing
    characters = np.frombuffer(block, dtype=np.uint8)
    ends = np.flatnonzero(characters == 10)
    fields = np.diff(np.searchsorted(np.flatnonzero(characters == separator[0]), ends), prepend=0)
    lines = np.arange(number, number + len(ends))
    if not (fields == expected).all():
        block, lines = _good_lines(block, number, fields, expected, skipped)
    wanted = [index for index, name in enumerate(layout.names) if name in known]
    if not len(lines):
        return pd.DataFrame(columns=[layout.names[index] for index in wanted], dtype=object), lines
    if b"_" not in block and b"+" not in block:  # neither arrays nor parts: job numbers are the raw ones
        wanted = [index for index in wanted if layout.names[index] != "jobidraw" or "jobid" not in layout.names]
    numbers = [index for index in wanted if layout.names[index] in _NUMBERS]
    try:
        table = _parsed(block, separator, wanted, numbers)
    except ValueError:  # some number has a unit, or is none: then it is read as the text it is
        table = _parsed(block, separator, wanted, [])
    table.columns = pd.Index([layout.names[index] for index in wanted])
    return table, lines


def _parsed(block: bytes, separator: bytes, wanted: list[int], numbers: list[int]) -> pd.DataFrame:
    """Split lines into strings, and some columns of plain numbers into floats (empty is NaN), at the speed of C."""
    types = {index: float if index in numbers else object for index in wanted}
    table: pd.DataFrame = pd.read_csv(  # type: ignore[call-overload]
        io.BytesIO(block),
        sep=separator.decode("latin-1"),
        header=None,
        usecols=wanted,
        dtype=types,
        keep_default_na=False,
        na_values={index: [""] for index in numbers},
        na_filter=bool(numbers),
        quoting=3,  # a quote is a character like any other (csv.QUOTE_NONE)
        skip_blank_lines=False,
        engine="c",
        encoding_errors="replace",
    )
    return table


def _good_lines(
    block: bytes, number: int, fields: np.ndarray, expected: int, skipped: Skipped
) -> tuple[bytes, np.ndarray]:
    """Drop blank lines, and lines with another number of fields after reporting them."""
    good, lines = [], []
    for offset, line in enumerate(block.split(b"\n")[:-1]):
        if fields[offset] == expected and line.strip():
            good.append(line)
            lines.append(number + offset)
        elif line.strip():
            shown = line.decode("utf-8", "replace").replace("\x1f", "|")[:80]
            skipped.line(number + offset, f"expected {expected + 1} fields, found {fields[offset] + 1}: {shown!r}")
    return b"\n".join([*good, b""]), np.array(lines, dtype=int)


def _padded(
    block: bytes, number: int, layout: Layout, known: set[str], skipped: Skipped
) -> tuple[pd.DataFrame, np.ndarray]:
    rows, lines = [], []
    for offset, line in enumerate(block.decode("utf-8", "replace").split("\n")[:-1]):
        if not line.strip() or re.fullmatch(r"[- ]*", line):
            continue
        if len(line.rstrip()) > layout.spans[-1][1] + 1:
            skipped.line(number + offset, f"longer than the columns of its header: {line[:80]!r}")
            continue
        rows.append([line[start:end].strip() for start, end in layout.spans])
        lines.append(number + offset)
    table = pd.DataFrame(rows, columns=list(layout.names), dtype=object)
    return table[[name for name in layout.names if name in known]], np.array(lines, dtype=int)


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
    return Path(source).open("rb")
