"""The [sweep] table: the product of its lists."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.cluster.sweep import sweep_cells, toml_text
from autode.study.workflow import apply_override


def test_no_sweep_has_no_cells() -> None:
    assert sweep_cells({}) == []


def test_cells_are_the_product_and_the_last_key_varies_fastest() -> None:
    cells = sweep_cells({"objective.batch_size": [16, 32], "seed": [1, 2]})
    assert [cell.name for cell in cells] == [
        "batch_size=16+seed=1",
        "batch_size=16+seed=2",
        "batch_size=32+seed=1",
        "batch_size=32+seed=2",
    ]
    assert cells[1].overrides == ("objective.batch_size=16", "seed=2")


def test_keys_keep_their_tables_where_their_last_words_agree() -> None:
    (cell,) = sweep_cells({"search.model": [1], "objective.model": [2]})
    assert cell.name == "search.model=1+objective.model=2"


def test_values_become_harmless_file_names() -> None:
    cells = sweep_cells({"objective.python": ["a/b:c", "../d"], "confirm.on": [True]})
    assert [cell.name for cell in cells] == ["python=a-b-c+on=true", "python=..-d+on=true"]


@pytest.mark.parametrize(
    ("sweep", "sentence"),
    [
        ({"seed": 3}, '[sweep] "seed": expected a list of numbers, texts or truth values, not 3'),
        ({"seed": []}, '[sweep] "seed": expected a list of numbers, texts or truth values, not []'),
        ({"seed": [[1]]}, '[sweep] "seed": expected a list of numbers, texts or truth values, not [[1]]'),
        ({"seed": [1, 1]}, "[sweep]: two cells would share the folder seed=1"),
        ({"a": ["x/y", "x:y"]}, "[sweep]: two cells would share the folder a=x-y"),
    ],
)
def test_a_wrong_sweep_is_refused_in_one_sentence(sweep: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        sweep_cells(sweep)
    assert str(caught.value).startswith(sentence)


@given(st.one_of(st.text(), st.booleans(), st.integers(-(2**62), 2**62), st.floats(allow_nan=False)))
def test_values_survive_the_command_line(value: Any) -> None:
    content: dict[str, Any] = {}
    apply_override(content, f"key={toml_text(value)}")
    assert content["key"] == value
    assert type(content["key"]) is type(value)
