"""The journal: a file that a kill may cut anywhere, and that nevertheless never lies."""

from __future__ import annotations

import errno
import json
import math
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.study.journal import Journal, JournalError, decode, encode, read_journal

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9)
)
KEYS = st.text(max_size=9)
RECORDS = st.dictionaries(
    KEYS, st.recursive(SCALARS, lambda x: st.lists(x) | st.dictionaries(KEYS, x), max_leaves=5), max_size=4
)


def records(n: int) -> list[dict[str, Any]]:
    return [
        {"type": "run", "run": 0},
        *({"type": "told", "run": 0, "trial": i, "note": 'é\n"\\ {}', "value": i / 7} for i in range(n - 1)),
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def write(path: Path, content: list[dict[str, Any]]) -> bytes:
    journal = Journal(path)
    journal.append(content)
    journal.close()
    return path.read_bytes()


# --- one line


@given(RECORDS)
def test_a_record_survives_its_line(record: dict[str, Any]) -> None:
    line = encode(record)
    assert line.count(b"\n") == 1
    assert decode(line[:-1]) == record


def test_a_line_is_json_that_any_program_can_read() -> None:
    assert json.loads(encode({"type": "told", "value": 0.1}))["value"] == 0.1


def test_what_json_cannot_hold_becomes_null() -> None:
    record = {"a": math.nan, "b": [math.inf, {"c": -math.inf}], "d": np.float64("nan"), "e": (1, np.int64(2))}
    assert decode(encode(record)[:-1]) == {"a": None, "b": [None, {"c": None}], "d": None, "e": [1, 2]}


@given(RECORDS, st.data())
def test_a_changed_bit_never_gives_another_record(record: dict[str, Any], data: st.DataObject) -> None:
    line = bytearray(encode(record)[:-1])
    where = data.draw(st.integers(0, len(line) - 1))
    line[where] ^= 1 << data.draw(st.integers(0, 7))
    assert decode(bytes(line)) in (None, record)


def test_numbers_keep_their_last_bit(path: Path) -> None:
    values = [*np.random.default_rng(0).random(1000).tolist(), 5e-324, 1.7976931348623157e308, -0.0]
    write(path, [{"type": "told", "value": value} for value in values])
    assert [record["value"] for record in read_journal(path)[0]] == values


# --- a file that was cut short


def test_cut_at_any_byte_the_journal_opens_with_all_whole_records_and_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)  # hundreds of syncs would only test the disk's patience
    content = records(6)
    data = write(path, content)
    ends = [i + 1 for i, byte in enumerate(data) if byte == ord("\n")]
    assert len(ends) == 6
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        whole = sum(end <= size for end in ends)
        assert read_journal(path)[0] == content[:whole]  # a reader of a live file
        journal = Journal(path)
        assert journal.records == content[:whole]
        journal.append({"type": "end", "run": 0})
        journal.close()
        assert read_journal(path)[0] == [*content[:whole], {"type": "end", "run": 0}]


def test_reading_does_not_change_the_file(path: Path) -> None:
    data = write(path, records(3))[:-5]
    path.write_bytes(data)
    read_journal(path)
    assert path.read_bytes() == data


def test_a_block_of_zeros_after_a_power_cut_is_a_torn_write(path: Path) -> None:
    data = write(path, records(3))
    path.write_bytes(data + bytes(100))
    journal = Journal(path)
    assert journal.records == records(3)
    journal.close()
    assert path.read_bytes() == data


# --- synced in the background


def test_asked_for_often_the_syncs_happen_one_after_the_other_and_close_makes_the_last(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, overlapping, sizes, sync = threading.Lock(), [], [], os.fsync

    def watched(fd: int) -> None:
        alone = under_way.acquire(blocking=False)
        overlapping.append(not alone)
        size = os.fstat(fd).st_size  # what this sync makes safe, whatever is appended meanwhile
        sync(fd)
        sizes.append(size)
        if alone:
            under_way.release()

    journal = Journal(path)
    monkeypatch.setattr(os, "fsync", watched)
    for record in records(50):
        journal.append(record, durable=False)
        journal.sync_soon()
    journal.close()
    assert not any(overlapping)
    assert sizes == sorted(sizes)
    assert sizes[-1] == path.stat().st_size
    assert read_journal(path)[0] == records(50)


def test_a_sync_that_failed_in_the_background_ends_the_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = threading.Event()

    def full(fd: int) -> None:
        failed.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = Journal(path)
    monkeypatch.setattr(os, "fsync", full)
    journal.append(records(2), durable=False)
    journal.sync_soon()
    assert failed.wait(10)
    with pytest.raises(OSError, match="No space left"):
        while True:  # the thread may still be about to say so
            journal.sync_soon()
    monkeypatch.undo()
    journal.close()


# --- damage that no kill can do


@pytest.mark.parametrize("line", [0, 1, 3])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_damage_before_whole_records_is_refused_and_nothing_is_dropped(path: Path, line: int, damage: str) -> None:
    lines = write(path, records(5)).split(b"\n")
    lines[line] = {"flip": lines[line].replace(b"run", b"ruN"), "cut": lines[line][:-9], "empty": b""}[damage]
    data = b"\n".join(lines)
    path.write_bytes(data)
    with pytest.raises(JournalError, match=rf"line {line + 1} is damaged but whole records follow it"):
        Journal(path)
    assert path.read_bytes() == data


def test_a_file_that_is_no_journal_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("my own notes\nof the day\n")
    with pytest.raises(JournalError):
        Journal(path)
    assert path.read_text() == "my own notes\nof the day\n"
