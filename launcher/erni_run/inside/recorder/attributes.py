"""Attribute values as OpenTelemetry wants them: what cannot be one becomes its text, what is too much is counted.

The rules are those of the SDK's ``BoundedAttributes``, without its locks and without its log lines, which would go to
the application's own logging.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

PLAIN = frozenset({bool, int, float, bytes, NoneType})
"""Types whose values are taken as they are."""

_GONE = object()
_PLAIN_BASES = (bool, int, float, bytes, NoneType)


DEEPEST = 30
"""Levels that may be nested. A level is up to three messages of protobuf, whose parsers commonly refuse a whole request
that has a hundred; there is an end to what contains itself, too.
"""


def clean(value: Any, longest: int | None, levels: int = DEEPEST) -> Any:
    """``value`` as an OTLP AnyValue in Python: str (cut at ``longest`` characters), bool, int, float, bytes, None, a
    tuple of such values or a dict of them. What is nested deeper than ``levels`` becomes its text.
    """
    if type(value) in PLAIN:
        return value
    if isinstance(value, str):
        return value if longest is None or len(value) <= longest else value[:longest]
    if isinstance(value, _PLAIN_BASES):
        return value
    if levels and isinstance(value, Sequence):
        return tuple(clean(item, longest, levels - 1) for item in value)
    if levels and isinstance(value, Mapping):
        return _clean_mapping(value, longest, levels - 1)
    return _text(value)


def put(attributes: dict[str, Any], key: Any, value: Any, most: int | None, longest: int | None) -> int:
    """Set one of at most ``most`` attributes, the oldest making place. Returns how many were dropped for it."""
    if most == 0 or not key or not isinstance(key, str):
        return 1
    return _put_clean(attributes, key, clean(value, longest), most)


def put_all(attributes: dict[str, Any], more: Mapping[Any, Any], most: int | None, longest: int | None) -> int:
    """Set all of ``more``, as ``put`` does."""
    if most == 0:
        return len(more)
    cleaned = _clean_mapping(more, longest, DEEPEST)
    return len(more) - len(cleaned) + sum(_put_clean(attributes, key, value, most) for key, value in cleaned.items())


def _put_clean(attributes: dict[str, Any], key: str, value: Any, most: int | None) -> int:
    if key in attributes:  # a call would let other threads in, one of which may end the span
        del attributes[key]  # noqa: RUF051
    attributes[key] = value
    dropped = 0
    while most is not None and len(attributes) > most:
        oldest = next(iter(tuple(attributes)))
        dropped += attributes.pop(oldest, _GONE) is not _GONE  # another thread may have been quicker
    return dropped


def _clean_mapping(mapping: Mapping[Any, Any], longest: int | None, levels: int) -> dict[str, Any]:
    cleaned = {}
    for key, value in mapping.items():
        name = (key if isinstance(key, str) else _text(key)) if key else None
        if name is not None:
            cleaned[name] = clean(value, longest, levels)
    return cleaned


def _text(value: Any) -> str | None:
    """``str(value)``, None for objects that say nothing but where they are in memory, or that cannot be asked."""
    kind = type(value)
    says_where: Any = object.__repr__
    if kind.__str__ is object.__str__ and kind.__repr__ is says_where:  # type: ignore[comparison-overlap]  # they can be
        return None
    try:
        return str(value)
    except Exception:  # whatever the application's __str__ does, recording goes on
        return None
