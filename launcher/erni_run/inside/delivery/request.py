"""ExportTraceServiceRequest, put together from encoded spans and taken apart again (OTLP 1, trace_service.proto).

Protocol buffers are concatenations of tagged fields, so nothing has to be decoded for either: a request is the bytes of
its spans, with lengths in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from erni_run.inside.delivery.protobuf import field, fields, read_varint, tag

_RESOURCE_SPANS = _RESOURCE = _SCOPE = 1
_SCOPE_SPANS = _SPANS = 2
_SCHEMA_URL = 3
_LENGTH = 2  # wire type


@dataclass(frozen=True, eq=False, slots=True)
class Head:
    """What spans have in common: the fields of ``ResourceSpans`` and of ``ScopeSpans`` that are not the spans."""

    resource: bytes
    scope: bytes

    def equals(self, other: Head) -> bool:
        """Whether both are the same bytes; ``==`` asks for the same object, which is faster."""
        return (self.resource, self.scope) == (other.resource, other.scope)


class Record(NamedTuple):
    """One encoded ``Span`` message and its head."""

    head: Head
    span: bytes | memoryview


class Batch(NamedTuple):
    """A serialized ExportTraceServiceRequest, and how many spans it holds."""

    request: bytes
    spans: int


def head(resource: bytes, resource_schema: str, scope: bytes, scope_schema: str) -> Head:
    """The head of spans of that ``Resource`` and ``InstrumentationScope``, each encoded, with their schema URLs."""
    return Head(
        field(_RESOURCE, resource) + _url(resource_schema),
        field(_SCOPE, scope) + _url(scope_schema),
    )


def join(records: Iterable[Record]) -> bytes:
    """The request with all of ``records``, grouped by resource and scope."""
    spans: dict[Head, list[bytes | memoryview]] = {}
    for record_head, span in records:
        parts = spans.get(record_head)
        if parts is None:
            parts = spans[record_head] = []
        parts.append(tag(_SPANS, len(span)))
        parts.append(span)
    resources: dict[bytes, list[bytes]] = {}
    for record_head, parts in spans.items():
        scope_spans = field(_SCOPE_SPANS, b"".join((record_head.scope, *parts)))
        resources.setdefault(record_head.resource, []).append(scope_spans)
    return b"".join(field(_RESOURCE_SPANS, b"".join((resource, *scopes))) for resource, scopes in resources.items())


def split(request: bytes) -> list[Record]:
    """The records of ``request``. Raises ValueError if it is none."""
    records: list[Record] = []
    for number, _, resource_spans in fields(memoryview(request)):
        if number != _RESOURCE_SPANS:
            continue
        resource, scopes = _apart(resource_spans, _SCOPE_SPANS)
        for scope_spans in scopes:
            scope, spans = _apart(scope_spans, _SPANS)
            common = Head(resource, scope)
            records += (Record(common, bytes(span)) for span in spans)
    return records


def spans_of(request: bytes) -> list[bytes]:
    """The encoded spans of ``request``, which must be one of ours; five times as fast as ``split``."""
    spans: list[bytes] = []
    for _, _, resource_spans in fields(memoryview(request)):
        for number, _, scope_spans in fields(resource_spans):
            if number == _SCOPE_SPANS:
                _take_spans(bytes(scope_spans), spans)
    return spans


def _take_spans(scope_spans: bytes, spans: list[bytes]) -> None:
    """Append the spans of a ``ScopeSpans`` message, whose every field has a length."""
    position, end = 0, len(scope_spans)
    while position < end:
        length, begin = scope_spans[position + 1], position + 2
        if length >= 0x80:
            low, length, begin = length & 0x7F, scope_spans[begin], begin + 1
            if length >= 0x80:
                length, begin = read_varint(memoryview(scope_spans), begin - 1)
            length = length << 7 | low
        if scope_spans[position] == _SPANS << 3 | _LENGTH:
            spans.append(scope_spans[begin : begin + length])
        position = begin + length


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """``batch``, of two spans at least, as two. Raises ValueError if it is not what it says."""
    records = split(batch.request)
    if len(records) != batch.spans:
        raise ValueError(f"{len(records)} spans instead of {batch.spans}")
    middle = len(records) // 2
    first, second = records[:middle], records[middle:]
    return Batch(join(first), len(first)), Batch(join(second), len(second))


def _apart(message: memoryview, number: int) -> tuple[bytes, list[memoryview]]:
    """The fields of ``message`` without those that are ``number``, and the contents of these."""
    rest, found = [], []
    for field_number, whole, content in fields(message):
        if field_number == number:
            found.append(content)
        else:
            rest.append(whole)
    return b"".join(rest), found


def _url(schema: str) -> bytes:
    return field(_SCHEMA_URL, schema.encode("utf-8", "replace")) if schema else b""
