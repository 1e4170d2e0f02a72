"""The text of a value that has no simpler form: as ``repr`` writes it, no longer than is kept, and without what stands
under a redacted name.

What Python's own containers and their subclasses hold is read by Python's own methods, so that no code of the
application runs for them. Any other object speaks for itself, and any other container is no more than its type's name,
as nobody knows how much it would write.
"""

from __future__ import annotations

import builtins
import gc
import re
from collections import ChainMap, UserDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from itertools import islice
from types import MappingProxyType
from typing import Any

from erni_run.inside.classes import attributes, bases, qualname

REDACTED = "[redacted]"
_DEEPEST = 20
_LONGEST_NAME = 1000
_NAMED = re.compile(r"""([\w-]+)(?:\\*["']\s*[:=,]|\s*[:=])""")
"""A name that a value follows, in the text of an object that speaks for itself. Texts within texts escape quotes."""
_WORD = re.compile(r"[\w-]+")


class Text:
    """Writes out one value whose text may have ``room`` characters; ``hides`` tells which names are redacted."""

    def __init__(self, room: int, hides: Callable[[str], bool]) -> None:
        self._most = self._room = room
        self._hides = hides

    def of(self, value: Any, depth: int = 0) -> str:
        """The text of ``value``; "…" where containers are nested too deep. Raises what its ``__str__`` raises."""
        for base in bases(type(value)):
            write = _WRITERS.get(id(base))
            if write is not None:
                return "…" if depth >= _DEEPEST and write is not Text._sliced else write(self, base, value, depth)
        if _is_container(type(value)):
            return f"<{qualname(type(value))}>"
        return self._own(repr(value) if depth else str(value))

    def hides(self, name: Any) -> bool:
        """Whether a value under the key ``name`` stays here; a key that is no text counts by its words."""
        text = plain_text(name)
        if text is not None:
            return self._hides(text)
        if is_number(name):
            return False
        written = Text(self._most, self._hides).of(name)
        return REDACTED in written or any(map(self._hides, _WORD.findall(written)))

    def _own(self, text: str) -> str:
        """``text``, which is an object's own, unless a redacted name stands in it with a value behind."""
        text = text[: self._most + 1]
        self._room -= len(text)
        return REDACTED if any(map(self._hides, _NAMED.findall(text))) else text

    def _sliced(self, base: Any, value: Any, _: int) -> str:
        text = repr(base.__getitem__(value, slice(max(self._room, 0))))
        self._room -= len(text)
        return text

    def _listed(self, base: Any, value: Any, depth: int) -> str:
        fields = _fields(type(value)) if base is tuple else ()
        if fields:
            items = self._some(zip(fields, tuple.__iter__(value), strict=False))
            texts = [f"{name}={self._item(name, item, depth)}" for name, item in items]
            return f"{qualname(type(value))}({', '.join(texts)})"
        opening, closing = _BRACKETS[id(base)]
        texts = [self.of(item, depth + 1) for item in self._some(self._without_secret(base, value))]
        comma = "," if base is tuple and len(texts) == 1 else ""
        return f"{opening}{', '.join(texts)}{comma}{closing}"

    def _without_secret(self, base: Any, value: Any) -> Iterable[Any]:
        """The items of ``value``, of which the second of two is redacted if the first is a name that hides it."""
        if base is tuple or base is list:
            first = list(islice(base.__iter__(value), 3))
            if is_secret_pair(first, self._hides):
                return first[0], REDACTED
        items: Iterable[Any] = base.__iter__(value)
        return items

    def _mapped(self, base: Any, value: Any, depth: int) -> str:
        texts = []
        for key, item in self._some(base.items(value)):
            written = self.of(key, depth + 1)
            texts.append(f"{written}: {self._item(key, item, depth)}")
        return f"{{{', '.join(texts)}}}"

    def _item(self, name: Any, item: Any, depth: int) -> str:
        return repr(REDACTED) if self.hides(name) else self.of(item, depth + 1)

    def _proxied(self, _: Any, value: Any, depth: int) -> str:
        return self.of(behind(value), depth + 1)

    def _kept(self, base: Any, value: Any, depth: int) -> str:
        return self.of(vars(base)["__dict__"].__get__(value)["data" if base is UserDict else "maps"], depth + 1)

    def _some(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            if self._room <= 0:
                return
            self._room -= 1
            yield item


def plain_text(value: Any) -> str | None:
    """The text that a string or bytes are, of subclasses, too; None for anything else."""
    kind = type(value)
    if issubclass(kind, str):
        return str.__str__(value)
    base: Any = next((base for base in (bytes, bytearray) if issubclass(kind, base)), None)
    return base.decode(value, "latin-1") if base is not None else None


def _may_be_name(value: Any) -> bool:
    """Whether ``value`` may be what a pair begins with, as a key is what a mapping's item does: it holds nothing."""
    return plain_text(value) is not None or issubclass(type(value), Enum)


def is_secret_pair(items: Sequence[Any], hides: Callable[[str], bool]) -> bool:
    """Whether ``items`` are two, and the first is a name that ``hides`` the second."""
    return len(items) == 2 and _may_be_name(items[0]) and Text(_LONGEST_NAME, hides).hides(items[0])


def is_number(value: Any) -> bool:
    """Whether ``value`` is a number of Python's own types."""
    return type(value) in _NUMBERS if type(type(value)) is type else False


def behind(proxy: MappingProxyType[Any, Any]) -> Any:
    """The mapping that ``proxy`` shows."""
    return gc.get_referents(proxy)[0]


def _fields(kind: type) -> Any:
    """The names of a named tuple's items."""
    return next((own["_fields"] for own in map(attributes, bases(kind)) if "_fields" in own), ())


def _is_container(kind: type) -> bool:
    """Whether objects of ``kind`` hold others, by the methods of its classes alone. Flags of an enumeration do not."""
    if issubclass(kind, (type, Enum, range)):
        return False
    names = list(map(attributes, bases(kind)))
    has_items = any("__iter__" in own or "__getitem__" in own for own in names)
    return has_items and any("__len__" in own for own in names)


_NUMBERS = frozenset({bool, int, float, complex})
_VIEWS = tuple(map(type, ({}.keys(), {}.values(), {}.items())))
_BRACKETS = {
    id(list): ("[", "]"),
    id(tuple): ("(", ")"),
    id(set): ("{", "}"),
    id(frozenset): ("frozenset({", "})"),
    id(deque): ("deque([", "])"),
    **{id(view): (f"{view.__name__}([", "])") for view in _VIEWS},
}
MAPPINGS: tuple[Any, ...] = (dict, *([vars(builtins)["frozendict"]] if "frozendict" in vars(builtins) else []))
"""Built-in mappings; the second is there since CPython 3.15."""
_WRITERS: dict[int, Callable[[Text, Any, Any, int], str]] = {
    **dict.fromkeys(map(id, (str, bytes, bytearray)), Text._sliced),
    **dict.fromkeys(_BRACKETS, Text._listed),
    **dict.fromkeys(map(id, MAPPINGS), Text._mapped),
    id(MappingProxyType): Text._proxied,
    id(UserDict): Text._kept,
    id(ChainMap): Text._kept,
}
"""By the ids of classes: to look up a class itself would run what its metaclass has for that."""
