"""From any object to an OTLP attribute value: a string, boolean, 64-bit integer, float, or a list of one of them.

The work is bounded by the length that a value may have, not by the size of the object; what has no better form is its
text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from erni_run.inside.functions.written import REDACTED, Text, is_secret_pair
from erni_run.plan import Value

INT64 = 1 << 63


def clean(value: Any, most: int, hides: Callable[[str], bool] = lambda _: False) -> Value:
    """``value`` as an attribute may carry it: strings of at most ``most`` characters, lists of at most ``most`` items.
    What it holds under a name that ``hides`` is redacted. Raises whatever ``value.__str__`` raises.
    """
    kind = type(value)
    if kind is list or kind is tuple:
        some = value[:most]
        items = _uniform([some[0], REDACTED] if is_secret_pair(some, hides) else some, most)
        if items is not None:
            return items
    simple = _primitive(value, most)
    return cut(Text(most, hides).of(value), most) if simple is None else simple


def text(value: Any, most: int, hides: Callable[[str], bool]) -> str:
    """``str(value)``, of which no more is made than ``most`` characters and one, and nothing that ``hides``."""
    return str.__str__(value) if issubclass(type(value), str) else Text(most, hides).of(value)


def cut(text: str, most: int) -> str:
    """``text`` with at most ``most`` characters, the last of them an ellipsis if some are missing, without surrogates
    that stand alone: they have no UTF-8, which is what OTLP carries.
    """
    if len(text) > most:
        text = text[: most - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _primitive(value: Any, most: int) -> str | bool | int | float | None:
    """The value of a string, boolean, integer or float, subclasses included; None for anything else. Types are looked
    at, never ``__class__``: a lazy proxy would load.
    """
    kind = type(value)
    if issubclass(kind, str):
        return cut(str.__str__(value), most)
    if kind is bool:
        return bool(value)
    if issubclass(kind, int):
        number = int.__index__(value)
        return number if -INT64 <= number < INT64 else None
    return float.__float__(value) if issubclass(kind, float) else None


def _uniform(values: list[Any] | tuple[Any, ...], most: int) -> list[Any] | None:
    """``values`` as a list if all are of one primitive type, else None."""
    items = [_primitive(value, most) for value in values]
    return items if len(set(map(type, items))) <= 1 and None not in items[:1] else None
