"""One key that a user may set: its kind, default, range or words, and what is said when a value does not fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

Value = str | int | float | bool

_EXPECTED: dict[type, tuple[Any, str]] = {
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "a string"),
    bool: (bool, "true or false"),
}


@dataclass(frozen=True)
class Setting:
    """One key that a user may set.

    Attributes
    ----------
    kind : type
        ``str``, ``int``, ``bool`` or ``float`` (which takes whole numbers too).
    default : str, int, float, bool or None
        None: depends on other settings, see `autode.training.settings.resolve`.
    meaning : str
        One line for help texts.
    low, high : float or None
        Inclusive range of a number.
    choices : tuple of str
        Allowed words; empty if any will do.
    escape : str
        A word with this character in it is taken, whatever the choices; empty for none.
    """

    kind: type
    default: Value | None
    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    escape: str = ""

    def check(self, name: str, value: Any) -> Value:
        """Return `value` as a plain Python value of this kind.

        Raises
        ------
        ValueError
            If type, range or word do not fit; the sentence starts with `name`.
        """
        expected, words = _EXPECTED[self.kind]
        if not isinstance(value, expected) or (isinstance(value, bool) and self.kind is not bool):
            raise ValueError(f"{name} = {value!r}: expected {words}, got {type(value).__name__}")
        if self.choices and value not in self.choices and not (self.escape and self.escape in value):
            raise ValueError(f"{name} = {value!r}: {did_you_mean(value, self.choices)}")
        if self.kind is not str and not self._within(value):
            raise ValueError(f"{name} = {value!r}: expected {words} {self._range()}")
        plain: Value = self.kind(value)
        return plain

    def _within(self, value: Any) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def _range(self) -> str:
        if self.high is None:
            return f"of at least {self.low:g}"
        return f"from {self.low:g} to {self.high:g}"


def did_you_mean(word: Any, known: Iterable[str]) -> str:
    """Half a sentence that names the nearest known word, or all of them."""
    known = list(known)
    near = difflib.get_close_matches(str(word), known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
