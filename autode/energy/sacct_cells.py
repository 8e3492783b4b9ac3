"""The cells of a block of delimited lines, and what can be read of them without making a string of each.

A million rows have twenty million cells, most of them plain digits, times, or lists with an ``energy=`` in them. Here a
column is read as a whole from the bytes. What is not written in the usual way is said to be odd and left to the
readers of `autode.energy.sacct_values`, so that both together accept and refuse what those do.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

#: A float has every whole number of so many digits exactly.
_DIGITS = 15
_COMMA, _EQUALS, _DOT, _NEWLINE, _ZERO, _BAR, _COLON, _DASH = (ord(character) for character in ",=.\n0_:-")


def _units(thousand: float) -> Floats:
    """Return byte -> factor of a unit; NaN for all other bytes."""
    factors = np.full(256, np.nan)
    for power, unit in enumerate("KMGTPE", start=1):
        factors[ord(unit)] = thousand**power
    return factors


#: Of joules and counts, and of memory and what is in TRES lists.
DECIMAL, BINARY = _units(1000.0), _units(1024.0)
#: From here on a number says "unset", if anything: left to the readers.
_ABSURD = 2.0**63
#: weights of the digits of HH:MM in HH:MM:SS, in seconds
_CLOCK = np.array([36000.0, 3600.0, 0.0, 600.0, 60.0, 0.0, 0.0, 0.0])
#: places of the digits in 2026-11-28T01:02:03, and of what separates them
_TIME = "2026-11-28T01:02:03"
_TIME_DIGITS = np.array([place for place, character in enumerate(_TIME) if character.isdigit()])
_TIME_SIGNS = np.array([place for place, character in enumerate(_TIME) if not character.isdigit()])
_TIME_SIGN_BYTES = np.array([ord(_TIME[place]) for place in _TIME_SIGNS], dtype=np.uint8)
#: which of the 14 digits make the date, the hour, the minute and the second
_PLACES = np.zeros((14, 4))
for _index, (_first, _end) in enumerate(((0, 8), (8, 10), (10, 12), (12, 14))):
    _PLACES[_first:_end, _index] = 10.0 ** np.arange(_end - _first)[::-1]
#: window -> width of a number at its end -> what is before the number
_BEFORE = {most: np.arange(most) < most - np.arange(most + 1)[:, None] for most in range(_DIGITS + 1)}
_ALPHANUMERIC = np.array([chr(byte).isalnum() and byte < 128 for byte in range(256)])


@dataclass(frozen=True)
class Factorized:
    """A column of strings by its different ones.

    Attributes
    ----------
    codes : numpy.ndarray of int
        Which of them each row has.
    distinct : list of str
    """

    codes: npt.NDArray[np.intp]
    distinct: list[str]


def factorized(column: npt.NDArray[np.object_]) -> Factorized:
    """Sort out the different strings of a column, shape (rows,)."""
    codes, distinct = pd.factorize(column)
    return Factorized(codes, distinct.tolist())


class Cells:
    """A block of lines, all with as many cells.

    Parameters
    ----------
    block : bytes
        Whole lines, each ended by a newline.
    separator : bytes
        One character.
    names : sequence of str
        Of the cells of a line.
    marks : numpy.ndarray of int, shape (lines, cells of a line)
        Where each cell ends.
    """

    def __init__(self, block: bytes, separator: bytes, names: Sequence[str], marks: Array):
        self._block, self._separator, self._column = block, separator, {name: k for k, name in enumerate(names)}
        self._bytes = np.frombuffer(block, dtype=np.uint8)
        self._marks = marks
        self._starts = np.roll(marks.ravel() + 1, 1).reshape(marks.shape)
        self._starts[:1, :1] = 0
        self._where: dict[int, Array] = {}
        self._found: dict[str, tuple[Array, Array, Array]] = {}

    def __len__(self) -> int:
        return len(self._marks)

    def __contains__(self, name: str) -> bool:
        return name in self._column

    def _edges(self, name: str) -> tuple[Array, Array]:
        column = self._column[name]
        return self._starts[:, column], self._marks[:, column]

    def texts(self, names: Sequence[str]) -> dict[str, Factorized]:
        """Return columns as strings; several in one go cost hardly more than one."""
        columns = {self._column[name]: name for name in names}
        if not len(self) or not names:
            return {name: factorized(np.array([], dtype=object)) for name in names}
        table: pd.DataFrame = pd.read_csv(
            io.BytesIO(self._block),
            sep=self._separator.decode("latin-1"),
            header=None,
            usecols=list(columns),
            dtype=object,
            na_filter=False,
            quoting=3,  # a quote is a character like any other (csv.QUOTE_NONE)
            skip_blank_lines=False,
            lineterminator="\n",  # and nothing else: a name may have a carriage return in it
            engine="c",
            encoding_errors="replace",
        )
        return {name: factorized(table[index].to_numpy()) for index, name in columns.items()}

    def some(self, name: str, rows: Array) -> list[str]:
        """Return the strings of some rows of a column."""
        starts, ends = self._edges(name)
        edges = zip(starts[rows].tolist(), ends[rows].tolist(), strict=True)
        return [self._block[start:end].decode("utf-8", "replace") for start, end in edges]

    def whole(self, name: str) -> tuple[Floats, Mask]:
        """Read a column of whole numbers.

        Returns
        -------
        values : numpy.ndarray
            NaN where the cell is empty, or odd.
        odd : numpy.ndarray of bool
            Where the cell is neither empty nor plain digits.
        """
        starts, ends = self._edges(name)
        values = self._digits(starts, ends)
        return values, np.isnan(values) & (ends > starts)

    def _digits(self, starts: Array, ends: Array) -> Floats:
        """Read stretches of digits; NaN where there are none, or anything else, or more than a float holds."""
        width = ends - starts
        most = min(int(width.max(initial=0)), _DIGITS)
        usable = (width > 0) & (width <= most) & (ends >= most)
        if not usable.any():
            return np.full(len(width), np.nan)
        windows = np.lib.stride_tricks.sliding_window_view(self._bytes, most)
        digits = windows[np.where(usable, ends - most, 0)] - np.uint8(_ZERO)  # what is no digit is 10 or more
        digits[_BEFORE[most][np.where(usable, width, 0)]] = 0
        usable &= (digits <= 9).all(axis=1)
        return np.where(usable, digits.astype(np.float64) @ 10.0 ** np.arange(most)[::-1], np.nan)

    def _decimals(self, starts: Array, ends: Array) -> Floats:
        """Read stretches of digits with at most one point, behind which there are some; NaN for anything else."""
        dots = np.minimum(self._next(_DOT, starts), ends)
        behind = np.maximum(ends - dots - 1, 0)
        pointed = np.flatnonzero((dots < ends) & (behind > 0) & (ends - starts <= _DIGITS))
        whole = self._digits(starts, dots)
        values = np.where(dots < ends, np.nan, whole)
        if len(pointed):
            scale = 10.0 ** behind[pointed]
            fraction = self._digits(dots[pointed] + 1, ends[pointed])
            # of two whole numbers the quotient is the float nearest to what is written
            values[pointed] = (whole[pointed] * scale + fraction) / scale
        return values

    def scaled(self, name: str, units: Floats) -> tuple[Floats, Mask]:
        """Read a column of numbers with at most a point and a unit; as `whole`.

        Parameters
        ----------
        name : str
        units : numpy.ndarray
            `DECIMAL` or `BINARY`.
        """
        starts, ends = self._edges(name)
        values = self._digits(starts, ends)
        left = np.flatnonzero(np.isnan(values) & (ends > starts))
        if len(left):
            factor = units[self._bytes[ends[left] - 1]]
            has_unit = ~np.isnan(factor)
            found = self._decimals(starts[left], ends[left] - has_unit) * np.where(has_unit, factor, 1.0)
            values[left] = np.where(found < _ABSURD, found, np.nan)
        return values, np.isnan(values) & (ends > starts)

    def ends_with_unit(self, name: str) -> Mask:
        """Return whether the cells of a column end with a unit."""
        starts, ends = self._edges(name)
        return np.asarray((ends > starts) & ~np.isnan(DECIMAL[self._bytes[np.maximum(ends - 1, 0)]]))

    def seconds(self, name: str) -> tuple[Floats, Mask]:
        """Read a column of durations: plain seconds, or ``[D-]HH:MM:SS[.fff]``, ``MM:SS[.fff]``; as `whole`."""
        starts, ends = self._edges(name)
        values = self._digits(starts, ends)
        left = np.flatnonzero(np.isnan(values) & (ends - starts >= 5))
        if len(left):
            values[left] = self._clocks(starts[left], ends[left])
        return values, np.isnan(values) & (ends > starts)

    def _clocks(self, starts: Array, ends: Array) -> Floats:
        dots = np.minimum(self._next(_DOT, starts), ends)
        length, behind = dots - starts, ends - dots - 1
        short, dated = length == 5, length > 9
        plain = (short | (length == 8) | dated) & (dots >= 8) & (behind != 0) & (behind <= 6)
        windows = np.lib.stride_tricks.sliding_window_view(self._bytes, 8)
        clock = windows[np.where(plain, dots - 8, 0)].copy()
        clock[short, :3] = (_ZERO, _ZERO, _COLON)
        digits = clock - np.uint8(_ZERO)
        plain &= (clock[:, [2, 5]] == _COLON).all(axis=1) & (digits[:, [0, 1, 3, 4, 6, 7]] <= 9).all(axis=1)
        values = digits.astype(np.float64) @ _CLOCK
        if dated.any():
            plain &= ~dated | (self._bytes[np.maximum(dots - 9, 0)] == _DASH)
            values += np.where(dated, self._digits(starts, np.where(dated, dots - 9, starts)) * 86400.0, 0.0)
        rest = digits[:, 6] * 10.0 + digits[:, 7]
        fraction = np.flatnonzero(behind > 0)
        scale = 10.0 ** behind[fraction]
        rest[fraction] = (rest[fraction] * scale + self._digits(dots[fraction] + 1, ends[fraction])) / scale
        return np.where(plain, values + rest, np.nan)

    def item(self, name: str, item: str) -> tuple[Floats, Mask]:
        """Read one item of a column of TRES lists; see `autode.energy.sacct_values.tres`.

        Returns
        -------
        values : numpy.ndarray
            NaN where there is no such item, or an odd one.
        odd : numpy.ndarray of bool
            Where it is no whole number with at most a unit.
        """
        cells, starts, ends = self._items(item)
        here = np.flatnonzero(cells % self._marks.shape[1] == self._column[name])[::-1]  # the first of several counts
        rows, starts, ends = cells[here] // self._marks.shape[1], starts[here], ends[here]
        factor = BINARY[self._bytes[np.maximum(ends - 1, 0)]]
        has_unit = ~np.isnan(factor) & (ends > starts)
        numbers = self._digits(starts, ends - has_unit) * np.where(has_unit, factor, 1.0)
        values, odd = np.full(len(self), np.nan), np.zeros(len(self), dtype=bool)
        values[rows], odd[rows] = numbers, np.isnan(numbers)
        return values, odd

    def _ends_item(self, characters: npt.NDArray[np.uint8]) -> Mask:
        ends = (characters == _COMMA) | (characters == self._separator[0]) | (characters == _NEWLINE)
        return np.asarray(ends, dtype=np.bool_)

    def _places(self, character: int) -> Array:
        """Return where a character is in the block."""
        if character not in self._where:
            self._where[character] = np.flatnonzero(self._bytes == character)
        return self._where[character]

    def _items(self, item: str) -> tuple[Array, Array, Array]:
        """Return the numbers of the cells with an item, counted along the lines, and where its value is."""
        if item not in self._found:
            places = self._places(_EQUALS)
            places = places[places >= len(item)]
            for back, character in enumerate(reversed(item.encode()), start=1):
                places = places[self._bytes[places - back] == character]
            before = places - len(item) - 1
            places = places[(before < 0) | self._ends_item(self._bytes[np.maximum(before, 0)])]
            ends = self._marks.ravel()
            cells = np.searchsorted(ends, places)
            self._found[item] = cells, places + 1, np.minimum(ends[cells], self._next(_COMMA, places))
        return self._found[item]

    def _next(self, character: int, places: Array) -> Array:
        """Return where a character comes next after each place; behind the block if it does not."""
        found = self._places(character)
        behind = np.append(found, len(self._bytes))
        return np.asarray(behind[np.searchsorted(found, places)])

    def times(self, name: str) -> tuple[npt.NDArray[np.datetime64], Mask]:
        """Read a column of times as sacct prints them, ``2026-11-28T01:02:03``.

        Returns
        -------
        values : numpy.ndarray of datetime64[s]
            NaT where the cell is empty, or odd.
        odd : numpy.ndarray of bool
            Where it is neither empty nor such a time.
        """
        starts, ends = self._edges(name)
        values = np.full(len(self), np.datetime64("NaT", "s"))
        odd = ends > starts
        rows = np.flatnonzero(ends - starts == len(_TIME))
        if not len(rows):
            return values, odd
        signs = np.lib.stride_tricks.sliding_window_view(self._bytes, len(_TIME))[starts[rows]]
        digits = signs[:, _TIME_DIGITS] - np.uint8(_ZERO)
        plain = (digits <= 9).all(axis=1) & (signs[:, _TIME_SIGNS] == _TIME_SIGN_BYTES).all(axis=1)
        found, valid = _instants(digits[plain])
        rows = rows[plain][valid]
        values[rows] = found[valid]
        odd[rows] = False
        return values, odd

    def job_ids(self, name: str) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_], Array]:
        """Split a column of job ids into job and step.

        Returns
        -------
        jobs, steps : numpy.ndarray of str
            Empty where odd.
        odd : numpy.ndarray of int
            The rows that are not a plain number, or two with ``_`` between (a task of an array), alone or with ``.``
            and a step of at most eight letters or digits.
        """
        starts, ends = self._edges(name)
        dots = np.minimum(self._next(_DOT, starts), ends)
        bars = np.minimum(self._next(_BAR, starts), dots) if b"_" in self._block else dots
        numbers, tasks = self._digits(starts, bars), self._digits(bars + 1, np.maximum(dots, bars + 1))
        letters, alone = np.maximum(ends - dots - 1, 0), bars == dots
        plain = ~np.isnan(numbers) & (self._bytes[starts] != _ZERO) & (letters <= 8) & (ends - dots != 1)
        # neither is written with zeros before it, so the numbers say all
        begins_well = (self._bytes[np.minimum(bars + 1, dots - 1)] != _ZERO) | (dots == bars + 2)
        plain &= alone | (~np.isnan(tasks) & begins_well)
        numbers[~plain], tasks[~plain | alone] = 0.0, -1.0
        steps, lettered = self._words(dots + 1, np.where(plain, letters, 0))
        plain &= lettered
        changes = np.flatnonzero((np.diff(numbers, prepend=-1.0) != 0) | (np.diff(tasks, prepend=-2.0) != 0))
        pairs = zip(numbers[changes].astype(np.int64).tolist(), tasks[changes].astype(np.int64).tolist(), strict=True)
        names = np.array([str(job) if task < 0 else f"{job}_{task}" for job, task in pairs], dtype=object)
        jobs = np.repeat(names, np.diff(changes, append=len(numbers)))
        odd = np.flatnonzero(~plain)
        jobs[odd], steps[odd] = "", ""
        return jobs, steps, odd

    def _words(self, starts: Array, lengths: Array) -> tuple[npt.NDArray[np.object_], Mask]:
        """Return words of at most eight letters or digits, and whether they are made of such."""
        packed, lettered = np.zeros(len(starts), dtype=np.uint64), np.ones(len(starts), dtype=bool)
        going = np.flatnonzero(lengths > 0)
        for place in range(8):
            going = going[lengths[going] > place]
            if not len(going):
                break
            character = self._bytes[starts[going] + place]
            lettered[going] &= _ALPHANUMERIC[character]
            packed[going] |= character.astype(np.uint64) << np.uint64(8 * place)
        codes, distinct = pd.factorize(packed)
        words = [int(word).to_bytes(8, "little").rstrip(b"\0").decode("latin-1") for word in distinct]
        return np.array(words, dtype=object)[codes], lettered


def _instants(digits: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.datetime64], Mask]:
    """Return the times of 14 digits each, and whether there are such."""
    date, hour, minute, second = (digits.astype(np.float64) @ _PLACES).astype(np.int64).T
    codes, dates = pd.factorize(date)
    days, good = _days(dates // 10000, dates // 100 % 100, dates % 100)
    good = good[codes] & (hour < 24) & (minute < 60) & (second < 60)
    return days[codes] + ((hour * 60 + minute) * 60 + second), good


def _days(year: Array, month: Array, day: Array) -> tuple[npt.NDArray[np.datetime64], Mask]:
    """Return the beginnings of days, and whether there are such."""
    months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    good = (month >= 1) & (month <= 12) & (day >= 1) & (days.astype("datetime64[M]") == months)
    return days.astype("datetime64[s]"), good
