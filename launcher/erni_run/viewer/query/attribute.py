"""Does a span have an attribute? The serialized span is looked at, and decoded only if it may."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from erni_run.viewer.query.values import attributes

_NOT_TEXT = re.compile(r"-?[\d.]+(e[+-]?\d+)?|true|false|null|nan|-?infinity|[\[{].*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Wanted:
    """The attribute ``key`` with ``value``, which may end in ``*``."""

    key: str
    value: str

    def is_in(self, pairs: Iterable[Any]) -> bool:
        """Whether a list of KeyValue holds it."""
        return any(pair.key == self.key and self._matches(value) for pair, value in _valued(pairs))

    def _matches(self, value: object) -> bool:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return text.startswith(self.value[:-1]) if self.value.endswith("*") else text == self.value

    def condition(self, connection: sqlite3.Connection, function: str) -> tuple[str, list[object]]:
        """An SQL expression on ``spans``, with its arguments: in the span, in one of its events, or in its resource.
        ``function`` is a name for what decodes a span.

        Text stands in a serialized span as it is (UTF-8): most spans are told by that alone.
        """
        connection.create_function(function, 1, self._has)
        resources = ",".join(str(number) for number in self._resources(connection))
        clauses = ["instr(body, ?)"]
        arguments: list[object] = [self.key.encode()]
        text = self.value.rstrip("*")
        if text and not _NOT_TEXT.fullmatch(self.value):
            clauses.append("instr(body, ?)")
            arguments.append(text.encode())
        return f"(resource in ({resources}) or {' and '.join(clauses)} and {function}(body))", arguments

    def _has(self, body: bytes) -> bool:
        span = Span.FromString(body)
        return any(self.is_in(holder.attributes) for holder in (span, *span.events))

    def _resources(self, connection: sqlite3.Connection) -> list[int]:
        rows = connection.execute("select id, body from resources where instr(body, ?)", (self.key.encode(),))
        return [number for number, body in rows if self.is_in(Resource.FromString(body).attributes)]


def _valued(pairs: Iterable[Any]) -> Iterable[tuple[Any, object]]:
    for pair in pairs:
        yield pair, attributes((pair,))[pair.key]
