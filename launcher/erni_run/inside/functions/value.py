"""From any object to an OTLP attribute value: a string, boolean, 64-bit integer, float, or a list of one of them.

The work is bounded by the length that a value may have, not by the size of the object; what has no better form is its
``str()``.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from erni_run.plan import Value

INT64 = 1 << 63
REDACTED = "[redacted]"
_DEEPEST = 20


def _ids(*kinds: type) -> frozenset[int]:
    """To look up a class itself would run what its metaclass has for that."""
    return frozenset(map(id, kinds))


_LISTS = _ids(list, tuple)
_TEXTS = _ids(str, bytes, bytearray)
_COLLECTIONS = _ids(list, tuple, set, frozenset, deque)
_MAPPINGS = _ids(dict, OrderedDict, defaultdict, Counter)


def clean(value: Any, most: int, hides: Callable[[str], bool] = lambda _: False) -> Value:
    """``value`` as an attribute may carry it: strings of at most ``most`` characters, lists of at most ``most`` items.
    What a dictionary has under a key that ``hides`` is redacted. Raises whatever ``value.__str__`` raises.
    """
    if id(type(value)) in _LISTS:
        items = _uniform(value[:most], most)
        if items is not None:
            return items
    simple = _primitive(value, most)
    return cut(str(_Part(most, hides).of(value)), most) if simple is None else simple


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


class _Part:
    """What is written out of a value whose text may have ``room`` characters: of the containers of Python's own, no
    more than that many items. Dictionaries of all kinds are written as ``dict`` is.
    """

    def __init__(self, room: int, hides: Callable[[str], bool]) -> None:
        self._room = room
        self._hides = hides

    def of(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if id(kind) in _TEXTS:
            return value[: max(self._room, 0)]
        if depth == _DEEPEST:
            return value
        if id(kind) in _COLLECTIONS:
            return kind([self.of(item, depth + 1) for item in self._some(value)])
        if id(kind) in _MAPPINGS:
            return {self.of(key, depth + 1): self._item(key, value, depth) for key, value in self._some(value.items())}
        return value

    def _some(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in islice(items, max(self._room, 0)):
            self._room -= 1
            yield item

    def _item(self, key: Any, value: Any, depth: int) -> Any:
        return REDACTED if isinstance(key, str) and self._hides(key) else self.of(value, depth + 1)
