"""Does a span have an attribute? The serialized span is looked at, and decoded only if it may."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from erni_run.viewer.query.values import attributes

_MAY_BE_NO_TEXT = re.compile(r"$|[-\d\[{tfnNI]")  # a number, a boolean, ...: those are not serialized as text
_NUMBER = re.compile(r"-?\d+\.?\d*(e[+-]?\d+)?")


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

        An attribute stands in a serialized span as bytes that can be foretold: most spans are told by that alone.
        """
        connection.create_function(function, 1, self._has)
        resources = ",".join(str(number) for number in self._resources(connection))
        patterns = list(self._serialized()) or [KeyValue(key=self.key).SerializeToString()]
        may_be = " or ".join(["instr(body, ?)"] * len(patterns))
        arguments: list[object] = [*patterns]
        prefix = self.value.removesuffix("*")
        if prefix != self.value and not _MAY_BE_NO_TEXT.match(prefix):
            may_be = f"({may_be}) and instr(body, ?)"
            arguments.append(prefix.encode())
        return f"(resource in ({resources}) or ({may_be}) and {function}(body))", arguments

    def _serialized(self) -> Iterator[bytes]:
        """The attribute as it is serialized, for each type that the value may have; nothing if that is open."""
        if self.value.endswith("*") or self.value[:1] in ("[", "{") or self.value == "null":
            return
        yield KeyValue(key=self.key, value=AnyValue(string_value=self.value)).SerializeToString()
        if self.value in ("true", "false"):
            yield KeyValue(key=self.key, value=AnyValue(bool_value=self.value == "true")).SerializeToString()
        elif re.fullmatch(r"-?\d{1,19}", self.value) and -(2**63) <= int(self.value) < 2**63:
            yield KeyValue(key=self.key, value=AnyValue(int_value=int(self.value))).SerializeToString()
        elif _NUMBER.fullmatch(self.value):
            yield KeyValue(key=self.key, value=AnyValue(double_value=float(self.value))).SerializeToString()

    def _has(self, body: bytes) -> bool:
        span = Span.FromString(body)
        return any(self.is_in(holder.attributes) for holder in (span, *span.events))

    def _resources(self, connection: sqlite3.Connection) -> list[int]:
        rows = connection.execute("select id, body from resources where instr(body, ?)", (self.key.encode(),))
        return [number for number, body in rows if self.is_in(Resource.FromString(body).attributes)]


def _valued(pairs: Iterable[Any]) -> Iterable[tuple[Any, object]]:
    for pair in pairs:
        yield pair, attributes((pair,))[pair.key]
