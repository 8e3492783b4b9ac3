"""The workflow's ``[sweep]`` table: the product of its lists, one study a cell."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SCALARS = (str, int, float, bool)


@dataclass(frozen=True)
class Cell:
    """One combination of a sweep.

    Attributes
    ----------
    name : str
        Names its folder, such as ``"batch_size=16+seed=3"``.
    overrides : tuple of str
        ``table.key=value`` settings, as ``autode run --set`` takes them.
    """

    name: str
    overrides: tuple[str, ...]


def sweep_cells(sweep: Mapping[str, Any]) -> list[Cell]:
    """Return the cells of a sweep, the last key varying fastest.

    Parameters
    ----------
    sweep : mapping of str to list
        Setting such as ``"objective.batch_size"`` -> the values it takes.

    Raises
    ------
    ValueError
        If a key holds no list of plain values, a value occurs twice, or two cells would share a folder.
    """
    if not isinstance(sweep, Mapping):
        raise ValueError(f"[sweep]: expected a table, not {sweep!r}")
    if not sweep:
        return []
    for key, values in sweep.items():
        _check(key, values)
    short = {key: key.rpartition(".")[2] for key in sweep}
    if len(set(short.values())) < len(short):
        short = {key: key for key in sweep}
    cells = []
    for values in itertools.product(*sweep.values()):
        pairs = list(zip(sweep, values, strict=True))
        name = "+".join(f"{short[key]}={_in_file_name(value)}" for key, value in pairs)
        cells.append(Cell(name, tuple(f"{key}={toml_text(value)}" for key, value in pairs)))
    names = [cell.name for cell in cells]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"[sweep]: two cells would share the folder {name}; use values that differ as file names")
    return cells


def _check(key: str, values: Any) -> None:
    plain = isinstance(values, list) and values and all(isinstance(value, _SCALARS) for value in values)
    if not plain:
        raise ValueError(f'[sweep] "{key}": expected a list of numbers, texts or truth values, not {values!r}')


def toml_text(value: str | float) -> str:
    """Return a value as ``--set`` reads it back: a text stays bare where no TOML value looks like it."""
    import tomli_w

    quoted = tomli_w.dumps({"value": value}).removeprefix("value = ").rstrip("\n")
    if not isinstance(value, str) or value != value.strip() or not value.isprintable():
        return quoted
    try:
        tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return value
    return quoted


def _in_file_name(value: str | float) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return re.sub(r"[^\w.+-]+", "-", text)
