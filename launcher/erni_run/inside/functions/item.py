"""``value[key]`` in a capture: what is stored there, and nothing that reading could change."""

from __future__ import annotations

from collections import deque
from types import MappingProxyType
from typing import Any

from erni_run.inside.classes import attributes, bases
from erni_run.inside.functions.written import MAPPINGS, behind

_SEQUENCES = frozenset(map(id, (list, tuple, str, bytes, bytearray, deque, range)))
_MAPPINGS = frozenset(map(id, MAPPINGS))


def item(value: Any, key: Any) -> Any:
    """The item of a ``value`` of Python's own types, or of a subclass that reads its items as they do; a key that is
    missing stays so, whatever ``__missing__`` would make of it. Raises KeyError, IndexError or TypeError if there is
    none.
    """
    kind: Any = next((base for base in bases(type(value)) if "__getitem__" in attributes(base)), object)
    if kind is MappingProxyType:
        return item(behind(value), key)
    if id(kind) in _MAPPINGS:
        found = kind.get(value, key, _MISSING)
        if found is _MISSING:
            raise KeyError(key)
        return found
    if id(kind) in _SEQUENCES:
        return kind.__getitem__(value, key)
    raise TypeError(f"{type(value).__name__} reads its items in a way of its own")


_MISSING = object()
