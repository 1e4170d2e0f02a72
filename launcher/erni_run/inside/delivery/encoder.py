"""OTLP from spans: the protobuf bytes of one ``Span`` at a time, without protobuf's objects (opentelemetry-proto,
trace/v1/trace.proto).

What a call site's spans have in common is encoded once, so is what the spans of a trace have. Fields are written in the
order of their numbers: for every span that the official encoder takes, the bytes are the official ones. Text that UTF-8
cannot hold has its lone surrogates replaced, integers beyond 64 bits go out as text; the official encoder drops both.
"""

from __future__ import annotations

from builtins import isinstance, len  # noqa: A004, UP029  # what an application puts in its place is not ours to call
from collections.abc import Iterable, Mapping, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any

from opentelemetry.trace.span import DEFAULT_TRACE_STATE

from erni_run.inside.ourselves import aside

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, Status, TraceState

    from erni_run.inside.recorder.span import Span
    from erni_run.inside.recorder.template import Template
    from erni_run.inside.recorder.trace import Trace

_times = Struct("<QBQ").pack
_ids = Struct(">Q2sQ").pack
_fixed64 = Struct("<Q").pack
_fixed32 = Struct("<I").pack
_double = Struct("<d").pack

_IS_REMOTE_KNOWN, _IS_REMOTE = 0x100, 0x200  # SpanFlags
_NO_STATUS = b"\x7a\x00"
_PLAIN_END = _NO_STATUS + b"\x85\x01" + _fixed32(_IS_REMOTE_KNOWN)
_SMALL = tuple(bytes((number,)) for number in range(128))
_INT64 = 1 << 63

_known: dict[tuple[bytes, str, str], bytes] = {}
_MOST_KNOWN, _LONGEST_KNOWN = 4096, 64


def encode(span: Span) -> bytes:
    """One OTLP ``Span`` message. Raises struct.error for times that no span can have."""
    local, template = span.trace, span.template
    head, state = local.encoded or _encode_trace(local)
    before, attributes, dropped = template.encoded or aside(_encode_template, template)
    if span.parent_id and not state:
        ids = _ids(span.span_id, b"\x22\x08", span.parent_id)
    else:
        parent = b"\x22\x08" + span.parent_id.to_bytes(8, "big") if span.parent_id else b""
        ids = span.span_id.to_bytes(8, "big") + state + parent
    if span._name is not template.name:
        before = _name_and_kind(span._name, template)
    if span.values is not None:
        attributes = encode_attributes(b"\x4a", list(span.values.items()))
    else:
        captured = span.captured
        if captured is ...:
            pass
        elif len(template.captures) == 1:
            attributes += _attribute(b"\x4a", template.captures[0], captured)
        else:
            attributes += encode_attributes(b"\x4a", span.captures().items())
        if span.extra:
            attributes += encode_attributes(b"\x4a", span.extra.items())
    times = _times(span._start_time, 0x41, span._end_time or 0)
    end = dropped + _PLAIN_END if span.rare is None and span.remote is None else aside(_rare_end, span)
    return b"".join((head, ids, before, times, attributes, end))


def encode_resource(resource: Resource) -> bytes:
    """One OTLP ``Resource`` message."""
    return encode_attributes(b"\x0a", resource.attributes.items())


def encode_scope(scope: InstrumentationScope) -> bytes:
    """One OTLP ``InstrumentationScope`` message."""
    name = _field(b"\x0a", _utf8(scope.name)) if scope.name else b""
    version = _field(b"\x12", _utf8(scope.version)) if scope.version else b""
    return name + version + encode_attributes(b"\x1a", (scope.attributes or {}).items())


def _encode_trace(local: Trace) -> tuple[bytes, bytes]:
    state = b"" if local.state is DEFAULT_TRACE_STATE else aside(_tracestate, local.state)
    local.encoded = b"\x0a\x10" + local.trace_id.to_bytes(16, "big") + b"\x12\x08", state
    return local.encoded


def _encode_template(template: Template) -> tuple[bytes, bytes, bytes]:
    attributes = encode_attributes(b"\x4a", template.attributes.items())
    template.encoded = _name_and_kind(template.name, template), attributes, _count(b"\x50", template.dropped)
    return template.encoded


def _name_and_kind(name: str, template: Template) -> bytes:
    named = _field(b"\x2a", _utf8(name)) if name else b""
    kind = template.kind._value_  # .value is a function of enum's: it may be traced, and would bring us here again
    return named + b"\x30" + _SMALL[kind + 1] + b"\x39"


def _rare_end(span: Span) -> bytes:
    """Everything behind the attributes."""
    rare = span.rare
    flags = _IS_REMOTE_KNOWN | (_IS_REMOTE if span.remote is not None and span.remote.is_remote else 0)
    parts = [_count(b"\x50", span.dropped_attributes)]
    if rare is not None:
        parts += [_field(b"\x5a", _event(event)) for event in list(rare.events)]
        parts.append(_count(b"\x60", rare.dropped_events))
        parts += [_field(b"\x6a", _link(link)) for link in list(rare.links)]
        parts.append(_count(b"\x70", rare.dropped_links))
    parts += [_field(b"\x7a", _status(rare.status)) if rare is not None else _NO_STATUS, b"\x85\x01", _fixed32(flags)]
    return b"".join(parts)


def _event(event: Event) -> bytes:
    time = b"\x09" + _fixed64(event.timestamp) if event.timestamp else b""
    name = _field(b"\x12", _utf8(event.name)) if event.name else b""
    attributes = encode_attributes(b"\x1a", (event.attributes or {}).items())
    return time + name + attributes + _count(b"\x20", event.dropped_attributes)


def _link(link: Link) -> bytes:
    context = link.context
    flags = _IS_REMOTE_KNOWN | (_IS_REMOTE if context.is_remote else 0)
    ids = b"\x0a\x10" + context.trace_id.to_bytes(16, "big") + b"\x12\x08" + context.span_id.to_bytes(8, "big")
    attributes = encode_attributes(b"\x22", (link.attributes or {}).items())
    return ids + attributes + _count(b"\x28", link.dropped_attributes) + b"\x35" + _fixed32(flags)


def _status(status: Status) -> bytes:
    message = _field(b"\x12", _utf8(status.description)) if status.description else b""
    return message + _count(b"\x18", status.status_code._value_)  # as above


def _tracestate(state: TraceState) -> bytes:
    header = ",".join(f"{key}={value}" for key, value in state.items())
    return _field(b"\x1a", _utf8(header)) if header else b""


def encode_attributes(tag: bytes, items: Iterable[tuple[str, Any]]) -> bytes:
    """Fields of OTLP ``KeyValue`` messages, each behind its ``tag``."""
    return b"".join([_attribute(tag, name, value) for name, value in items])


def _attribute(tag: bytes, name: str, value: Any) -> bytes:
    if type(value) is not str or len(value) > _LONGEST_KNOWN:
        return _field(tag, _key_value(name, value))
    known = _known.get((tag, name, value))
    if known is None:
        known = _field(tag, _key_value(name, value))
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[tag, name, value] = known
    return known


def _key_value(name: str, value: Any) -> bytes:
    key = _field(b"\x0a", _utf8(name)) if name else b""
    return key + _field(b"\x12", _any_value(value))


def _any_value(value: Any) -> bytes:
    """An OTLP ``AnyValue`` message; a value of no type that it knows goes out as its text."""
    if isinstance(value, str):
        return _field(b"\x0a", _utf8(value))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        is_small = -_INT64 <= value < _INT64
        return b"\x18" + _varint(value & 0xFFFFFFFFFFFFFFFF) if is_small else _field(b"\x0a", _utf8(str(value)))
    if isinstance(value, float):
        return b"\x21" + _double(value)
    if isinstance(value, bytes):
        return _field(b"\x3a", value)
    if value is None:
        return b""
    if isinstance(value, Sequence):
        return _field(b"\x2a", b"".join([_field(b"\x0a", _any_value(item)) for item in value]))
    if isinstance(value, Mapping):
        return _field(b"\x32", b"".join([_field(b"\x0a", _key_value(str(key), item)) for key, item in value.items()]))
    return _field(b"\x0a", _utf8(str(value)))


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _field(tag: bytes, content: bytes) -> bytes:
    """A length-delimited field."""
    length = len(content)
    return tag + (_SMALL[length] if length < 128 else _varint(length)) + content


def _count(tag: bytes, number: int) -> bytes:
    """A number that is left out when it is zero (proto3)."""
    return tag + _varint(number) if number else b""


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
