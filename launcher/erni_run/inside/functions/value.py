"""From any object to an OTLP attribute value: a string, boolean, 64-bit integer, float, or a list of one of them.

The work is bounded by the length that a value may have, not by the size of the object; what has no better form is its
``str()``.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any

from erni_run.plan import Value

INT64 = 1 << 63
_CONTAINERS = (list, tuple, set, frozenset, deque, dict)
_DEEPEST = 20


def clean(value: Any, most: int) -> Value:
    """``value`` as an attribute may carry it: strings of at most ``most`` characters, lists of at most ``most`` items.
    Raises whatever ``value.__str__`` raises.
    """
    kind = type(value)
    if kind in (list, tuple):
        items = _uniform(value[:most], most)
        if items is not None:
            return items
    simple = _primitive(value, most)
    return cut(_text(value, most), most) if simple is None else simple


def cut(text: str, most: int) -> str:
    """``text`` with at most ``most`` characters, the last of them an ellipsis if some are missing, without surrogates
    that stand alone: they have no UTF-8, which is what OTLP carries.
    """
    if len(text) > most:
        text = text[: most - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _primitive(value: Any, most: int) -> str | bool | int | float | None:
    """The value of a string, boolean, integer or float, subclasses included; None for anything else."""
    if isinstance(value, str):
        return cut(str.__str__(value), most)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int.__index__(value) if -INT64 <= value < INT64 else None
    return float.__float__(value) if isinstance(value, float) else None


def _uniform(values: list[Any] | tuple[Any, ...], most: int) -> list[Any] | None:
    """``values`` as a list if all are of one primitive type, else None."""
    items = [_primitive(value, most) for value in values]
    return items if len(set(map(type, items))) <= 1 and None not in items[:1] else None


def _text(value: Any, most: int) -> str:
    """``str(value)``, of which no more is made than ``most`` characters need."""
    return str(_part(value, [most], 0))


def _part(value: Any, room: list[int], depth: int) -> Any:
    """As much of ``value`` as ``room`` allows: each item of a built-in container takes at least one character."""
    kind = type(value)
    if kind in (str, bytes, bytearray):
        return value[: max(room[0], 0)]
    if kind not in _CONTAINERS or depth == _DEEPEST:
        return value
    parts = []
    for item in islice(value.items() if kind is dict else value, max(room[0], 0)):
        room[0] -= 1
        parts.append(_part(item, room, depth + 1))
    return kind(parts)
