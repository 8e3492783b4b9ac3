"""What is read of whole columns, against the readers of single texts: never another answer, whatever is written."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autode.energy import sacct_values as values
from autode.energy.sacct_cells import BINARY, DECIMAL, Cells

NUMBERS = st.one_of(
    st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{0,4})?[KMGTPEBcnx]?", fullmatch=True),
    st.from_regex(r"([0-9]{1,3}-)?([0-9]{1,3}:)?[0-9]{1,3}:[0-9]{1,2}(\.[0-9]{0,3})?", fullmatch=True),
    st.text("0123456789:-.KMe ", max_size=12),
    st.sampled_from(
        ["", "UNLIMITED", "INVALID", "00:00:00", "1-00:00:00", "18446744073709551614", "1.", ".5", "4.58M"]
    ),
)
JOBS = st.one_of(
    st.from_regex(r"0?[0-9]{1,9}(_(0?[0-9]{1,4}|\[[0-9,-]{1,5}\]))?(\+[0-9])?(\.[0-9a-z+]{0,10})?", fullmatch=True),
    st.text("0123456789_.+b", min_size=1, max_size=8),
    st.sampled_from(
        ["7", "7.batch", "7_1.extern", "7_01", "7_0", "0", "007", "7.interactive", "_1", "7_", "7_.0", "7."]
    ),
)
TIMES = st.one_of(
    st.from_regex(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]", fullmatch=True),
    st.sampled_from(["", "Unknown", "None", "2026-02-29T00:00:00", "2024-02-29T24:00:00", "2024-02-29T23:59:59"]),
)
TRES = st.lists(
    st.from_regex(r"(energy|mem|xenergy|gres/energy)=[0-9]{0,18}(\.[0-9])?[KMx]?", fullmatch=True), max_size=4
).map(",".join)


def cells(texts: list[str]) -> Cells:
    """Return the texts as the second of three columns, between others that look alike."""
    block = "".join(f"1234567|{text}|5\n" for text in texts).encode()
    characters = np.frombuffer(block, dtype=np.uint8)
    marks = np.flatnonzero((characters == ord("|")) | (characters == ord("\n")))
    return Cells(block, b"|", ("a", "b", "c"), marks.reshape(-1, 3))


def same(found: float, text: str, reader: Callable[[str], float]) -> bool:
    expected = reader(text)
    return found == expected or (math.isnan(found) and math.isnan(expected))


@settings(deadline=None, max_examples=150)
@pytest.mark.parametrize("kind", ["whole", "joules", "count", "size", "seconds"])
@given(texts=st.lists(NUMBERS, min_size=1, max_size=8))
def test_numbers(kind: str, texts: list[str]) -> None:
    column = cells(texts)
    read: dict[str, tuple[Callable[[], tuple[np.ndarray, np.ndarray]], Callable[[str], float]]] = {
        "whole": (lambda: column.whole("b"), values.count),
        "joules": (lambda: column.scaled("b", DECIMAL), values.joules),
        "count": (lambda: column.scaled("b", DECIMAL), values.count),
        "size": (lambda: column.scaled("b", BINARY), values.size_bytes),
        "seconds": (lambda: column.seconds("b"), values.seconds),
    }
    quick, reader = read[kind]
    found, odd = quick()
    for number, text, is_odd in zip(found.tolist(), texts, odd.tolist(), strict=True):
        assert is_odd or same(number, text, reader), (number, text)
        assert not (is_odd and text == "")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7.0),
        ("4.58M", 4.58e6),
        ("101.63K", 101.63e3),
        ("2G", 2e9),
        ("0", 0.0),
        ("123456789012345", 123456789012345),
    ],
)
def test_what_is_usual_is_not_odd(text: str, number: float) -> None:
    found, odd = cells([text, ""]).scaled("b", DECIMAL)
    assert (found[0], odd.tolist()) == (number, [False, False])


@pytest.mark.parametrize(
    ("text", "number"),
    [("00:10", 10.0), ("01:02:03", 3723.0), ("3-04:05:06", 273906.0), ("100-00:00:00", 8.64e6), ("10:45.900", 645.9)],
)
def test_usual_durations_are_not_odd(text: str, number: float) -> None:
    found, odd = cells([text, ""]).seconds("b")
    assert (found[0], odd.tolist()) == (number, [False, False])


@settings(deadline=None, max_examples=150)
@given(st.lists(JOBS, min_size=1, max_size=8))
def test_job_ids(texts: list[str]) -> None:
    jobs, steps, odd = cells(texts).job_ids("b")
    for row, text in enumerate(texts):
        if row not in odd:
            assert (jobs[row], steps[row]) == values.job_step(text)


def test_usual_job_ids_are_not_odd() -> None:
    jobs, steps, odd = cells(["7", "7.batch", "7_0.extern", "7_12", "7_12.0"]).job_ids("b")
    assert odd.tolist() == []
    assert jobs.tolist() == ["7", "7", "7_0", "7_12", "7_12"]
    assert steps.tolist() == ["", "batch", "extern", "", "0"]


@settings(deadline=None, max_examples=100)
@given(st.lists(TIMES, min_size=1, max_size=8))
def test_times(texts: list[str]) -> None:
    found, odd = cells(texts).times("b")
    for time, text, is_odd in zip(found, texts, odd.tolist(), strict=True):
        expected = values.instant(text)
        assert is_odd or time == expected or (np.isnat(time) and text == "")


@settings(deadline=None, max_examples=150)
@given(st.lists(TRES, min_size=1, max_size=8))
def test_items(texts: list[str]) -> None:
    for item in ("energy", "mem"):
        found, odd = cells(texts).item("b", item)
        for number, text, is_odd in zip(found.tolist(), texts, odd.tolist(), strict=True):
            assert is_odd or same(number, text, lambda text, item=item: values.tres(text, item)), (number, text)  # type: ignore[misc]
