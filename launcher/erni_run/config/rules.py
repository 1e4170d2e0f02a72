"""The rules for plain values, wherever they come from: a broken one raises ``Wrong`` with the sentence for the user.

No pydantic here and nothing of files or variables; ``model`` and ``environment`` both stand on it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Self, TypeVar

_T = TypeVar("_T")

_LONGEST_QUOTE = 60
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_NAMES = {str: "a string", bool: "a boolean", int: "an integer", float: "a number", list: "an array", dict: "a table"}


class Wrong(ValueError):  # it reads as what it is: raise Wrong
    """One broken rule: ``slug`` is its paragraph in docs/errors.md, ``str(wrong)`` one sentence with what to do."""

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(message)
        self.slug = slug


class Written(str):
    """A value that a variable filled in; ``written`` is the text of the file, the one to show."""

    __slots__ = ("written",)

    written: str

    def __new__(cls, value: str, written: str) -> Self:
        """``value`` as a string that remembers ``written``."""
        self = super().__new__(cls, value)
        self.written = written
        return self


def quote(value: object) -> str:
    """``value`` as the file has it, bounded, for a message."""
    if isinstance(value, int) and value.bit_length() > _LONGEST_QUOTE * 4:
        return f"{value:#x}"[: _LONGEST_QUOTE - 1] + "…"  # Python refuses to write more than 4,300 decimal digits
    text = repr(value.written if isinstance(value, Written) else value)
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"


def kind(value: object) -> str:
    """The TOML type of ``value`` in words: "a string"."""
    return _NAMES.get(str if isinstance(value, str) else type(value), "a date or time")


def nearest(word: str, choices: Iterable[str]) -> str:
    """``"; did you mean 'attributes'?"``, or nothing if no choice is near."""
    lowered = {choice.lower(): choice for choice in choices}
    begun = sorted(choice for choice in lowered if choice.startswith(f"{word.lower()}-"))  # aiohttp-client for aiohttp
    found = begun or difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return f"; did you mean {lowered[found[0]]!r}?" if found else ""


def text(value: object) -> str:
    """A string, as a plain ``str``."""
    if not isinstance(value, str):
        raise Wrong("wrong-type", f"expected a string, found {kind(value)}")
    return str.__str__(value)


def number(value: object) -> float:
    """A number; a string only if a variable filled it in."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return _converted(value, float, "a number")


def whole(value: object) -> int:
    """An integer; a string only if a variable filled it in."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return _converted(value, int, "an integer")


def switch(value: object) -> bool:
    """A boolean; a string only if a variable filled it in: true, yes, on, 1 and their opposites."""
    if isinstance(value, bool):
        return value
    return _converted(value, lambda word: _WORDS[word.lower()], "a boolean")


def ratio(value: object) -> float:
    """A number from 0 to 1."""
    share = number(value)
    if not 0.0 <= share <= 1.0:
        raise Wrong("out-of-range", f"{quote(value)} is not between 0 and 1; 0.25 keeps one trace in four")
    return share


def positive(value: object) -> int:
    """An integer of at least 1."""
    count = whole(value)
    if count < 1:
        raise Wrong("out-of-range", f"{quote(value)} is less than 1")
    return count


def choice(value: object, choices: tuple[str, ...]) -> str:
    """One of ``choices``."""
    word = text(value)
    if word not in choices:
        raise Wrong("unknown-choice", f"{quote(value)} is not one of {', '.join(choices)}{nearest(word, choices)}")
    return word


def attribute(value: object) -> str | bool | int | float | list[str] | list[bool] | list[int] | list[float]:
    """An OTLP attribute value: a string, boolean, number, or an array of one of them."""
    if not isinstance(value, list):
        return _scalar(value)
    items = [_scalar(item) for item in value]
    if len({type(item) for item in items}) > 1:
        raise Wrong(
            "wrong-type", "an attribute's array holds values of one type; write them all as strings or all as numbers"
        )
    return items  # type: ignore[return-value]  # the items have one type, checked above


def _scalar(value: object) -> str | bool | int | float:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bool, int, float)):
        return value
    raise Wrong("wrong-type", f"an attribute is a string, boolean, number or an array of those, not {kind(value)}")


def _converted(value: object, convert: Callable[[str], _T], wanted: str) -> _T:
    if not isinstance(value, str):
        raise Wrong("wrong-type", f"expected {wanted}, found {kind(value)}")
    try:
        converted = convert(value)
    except (ValueError, KeyError):
        raise Wrong("wrong-type", f"expected {wanted}, found {quote(value)}") from None
    if not isinstance(value, Written):
        raise Wrong("wrong-type", f"expected {wanted}, found a string; write {value} without quotes")
    return converted
