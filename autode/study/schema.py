"""Checks of the tables of a workflow file: unknown keys, wrong types, values out of range, each in one sentence."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from autode.study.errors import UserError, did_you_mean

#: likeness (0..1) from which an unknown key is taken for a slip of the pen
_SLIP = 0.85


@dataclass(frozen=True)
class Key:
    """What one key of a table may hold.

    Attributes
    ----------
    expected : str
        In words, for the message.
    accepts : callable
        Whether a value is right.
    default : value
        Taken when the key is absent.
    """

    expected: str
    accepts: Callable[[Any], bool]
    default: Any = None


def is_whole(value: Any) -> bool:
    """Whether a value is an integer of 64 bits, as the journal holds it, and not a truth value."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def is_number(value: Any) -> bool:
    """Whether a value is an integer or a finite float and not a truth value."""
    return is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def text(default: str | None = None) -> Key:
    """Return a key for a non-empty text."""
    return Key("a non-empty text", lambda v: isinstance(v, str) and bool(v.strip()), default)


def whole(default: int | None = None, low: int = 0) -> Key:
    """Return a key for a whole number of at least ``low``."""
    return Key(f"a whole number of at least {low}", lambda v: is_whole(v) and v >= low, default)


def number(default: float | None = None, low: float = 0.0) -> Key:
    """Return a key for a number of at least ``low``."""
    return Key(f"a number of at least {low:g}", lambda v: is_number(v) and v >= low, default)


def one_of(*choices: str, default: str | None = None) -> Key:
    """Return a key for one of several words."""
    return Key("one of " + ", ".join(f'"{c}"' for c in choices), lambda v: v in choices, default)


def table(default: Mapping[str, Any] | None = None) -> Key:
    """Return a key for a table."""
    return Key("a table", lambda v: isinstance(v, dict), default)


def check_table(where: str, given: Any, keys: Mapping[str, Key], *, open_ended: bool = False) -> dict[str, Any]:
    """Return the table with its defaults filled in.

    Parameters
    ----------
    where : str
        File and table, which begin every message.
    given : object
        What the file holds.
    keys : mapping of str to Key
    open_ended : bool
        Let unknown keys pass (somebody else judges them), unless they look like a slip of a known one.

    Raises
    ------
    UserError
        Naming the table, the key and what was expected.
    """
    if not isinstance(given, dict):
        raise UserError(f"{where}: expected a table, not {given!r}")
    for name, value in given.items():
        if name not in keys:
            if open_ended and not difflib.get_close_matches(name, keys, 1, _SLIP):
                continue
            raise UserError(f"{where} {name}: unknown key{did_you_mean(name, keys)}")
        if not keys[name].accepts(value):
            raise UserError(f"{where} {name}: expected {keys[name].expected}, not {value!r}")
    defaults = {name: key.default for name, key in keys.items() if name not in given and key.default is not None}
    return {**defaults, **given}
