"""Attribute values of OTLP as JSON holds them."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_LARGEST_EXACT = 2**53 - 1  # of JavaScript's numbers


def kind_name(number: int) -> str:
    """The name of a SpanKind, ``unspecified`` for one that is not known."""
    return KINDS[number] if 0 <= number < len(KINDS) else KINDS[0]


def attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    """A list of KeyValue as a dictionary; of two with the same key the last one counts."""
    return {pair.key: plain(pair.value) for pair in pairs}


def plain(value: Any) -> Any:
    """An AnyValue as JSON; what JSON or JavaScript cannot hold becomes a string."""
    kind = value.WhichOneof("value")
    if kind == "int_value":
        return value.int_value if abs(value.int_value) <= _LARGEST_EXACT else str(value.int_value)
    if kind == "double_value":
        return _number(value.double_value)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind, None)


def _number(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value
