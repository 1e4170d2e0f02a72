"""Our OTLP is the official encoder's, byte for byte, wherever that one takes the span."""

from __future__ import annotations

import signal
from http import HTTPStatus
from typing import Any

import pytest
from erni_run.inside.delivery import encoder
from erni_run.inside.delivery.encoder import encode, encode_resource, encode_scope
from erni_run.inside.recorder.attributes import DEEPEST
from erni_run.inside.recorder.recorder import Recorder
from erni_run.inside.recorder.span import Span
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope as ScopeMessage
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

EXAMPLES = 150
BORDERS = (0, 1, -1, 127, 128, 16383, 16384, 2**31, 2**32, 2**53 + 1, 2**63 - 1, -(2**63))
DEPTH = 12


def nested(value: Any, depth: int) -> Any:
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


text = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["", "\U0001f600", "x" * 127, "é" * 64, "\0"]
)
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from((*BORDERS, HTTPStatus.OK, signal.SIGTERM)),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.sampled_from([float("nan"), float("inf"), float("-inf"), -0.0, 5e-324]),
    st.binary(max_size=200),
    text,
)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=6
) | st.builds(nested, plain, st.just(DEPTH))
attributes = st.dictionaries(text, values, max_size=4)
ids = st.integers(1, 2**64 - 1)
trace_ids = st.sampled_from([1, 2**127, 2**128 - 1]) | st.integers(1, 2**128 - 1)
times = st.integers(1, 2**64 - 1)
states = st.sampled_from([None, TraceState([("ot", "th:8")]), TraceState([("a", "1"), ("b@c", "x y")])])
contexts = st.builds(
    SpanContext, trace_ids, ids, st.booleans(), st.sampled_from([TraceFlags(1), TraceFlags(3)]), states
)
spans = st.fixed_dictionaries(
    {
        "name": text,
        "kind": st.sampled_from(list(SpanKind)),
        "parent": st.none() | contexts,
        "at_start": attributes,
        "later": st.none() | attributes,
        "events": st.lists(st.tuples(text, attributes, times), max_size=2),
        "links": st.lists(st.tuples(contexts, attributes), max_size=2),
        "status": st.sampled_from(list(StatusCode)),
        "description": st.none() | text,
        "renamed": st.none() | text,
        "times": st.tuples(times, times),
    }
)


def official(span: ReadableSpan) -> bytes:
    (resource,) = encode_spans([span]).resource_spans
    return resource.scope_spans[0].spans[0].SerializeToString()


def made(recorder: Recorder, what: dict[str, Any]) -> Any:
    """An ended span of ``recorder``."""
    above = what["parent"] and set_span_in_context(NonRecordingSpan(what["parent"]))
    tracer = recorder.get_tracer("shop")
    start, end = what["times"]
    span: Any = tracer.start_span(what["name"], above, what["kind"], what["at_start"], start_time=start)
    if what["later"] is not None:
        span.set_attributes(what["later"])
    for event in what["events"]:
        span.add_event(*event)
    for link in what["links"]:
        span.add_link(*link)
    if what["status"] is not StatusCode.UNSET:
        span.set_status(Status(what["status"], what["description"] if what["status"] is StatusCode.ERROR else None))
    if what["renamed"] is not None:
        span.update_name(what["renamed"])
    span.end(end)
    return span


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(
    spans, st.sampled_from([{}, {"max_attributes": 1, "max_events": 1, "max_links": 1}, {"max_attribute_length": 3}])
)
def test_bytes_are_the_official_ones(what: dict[str, Any], limits: dict[str, int]) -> None:
    span = made(Recorder(Resource({}), span_limits=SpanLimits(**limits)), what)
    assert encode(span) == official(span)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(
    st.dictionaries(text.filter(bool), plain, max_size=3),
    st.dictionaries(text.filter(bool), plain, max_size=3),
    st.sampled_from([SpanLimits.UNSET, 0, 1, 4]),
    st.sampled_from([SpanLimits.UNSET, 2]),
    st.booleans(),
)
def test_call_site_with_captured_values_is_as_a_span_with_all_values_set(
    common: dict[str, Any], captured: dict[str, Any], most: int, longest: int, in_two: bool
) -> None:
    captured = {name: value for name, value in captured.items() if name not in common}
    limits = SpanLimits(max_span_attributes=most, max_span_attribute_length=longest)
    tracer = Recorder(Resource({}), span_limits=limits).get_tracer("shop")
    lean = tracer.starter("a", SpanKind.CLIENT, common)(..., None)
    full = tracer.start_span("a", None, SpanKind.CLIENT, common)
    parts = [{name: captured[name]} for name in captured] if in_two else [captured]
    for part in parts:
        Span.add(lean, part)
    full.set_attributes(captured)
    for span in (lean, full):
        span.end()
    assert plainly(encode(lean)) == plainly(encode(full)) == plainly(official(lean))
    assert encode(lean) == official(lean)


def plainly(encoded: bytes) -> bytes:
    """``encoded`` without what is another in every span."""
    message = SpanMessage.FromString(encoded)
    message.trace_id = message.span_id = b""
    message.start_time_unix_nano = message.end_time_unix_nano = 0
    return message.SerializeToString()


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(attributes, text, text)
def test_resource_and_scope_are_the_official_ones(more: dict[str, Any], name: str, version: str) -> None:
    recorder = Recorder(Resource(more))
    span: Any = recorder.get_tracer(name, version, "https://schema", more).start_span("a")
    span.end()
    (resource,) = encode_spans([span]).resource_spans
    assert ResourceMessage.FromString(encode_resource(span.resource)) == resource.resource or "nan" in repr(more)
    assert encode_resource(span.resource) == resource.resource.SerializeToString()
    scope = resource.scope_spans[0].scope
    assert encode_scope(span.instrumentation_scope) == scope.SerializeToString()


def span_with(name: str = "a", **attributes: Any) -> Any:
    span: Any = Recorder(Resource({})).get_tracer("shop").start_span(name, attributes=attributes)
    span.end()
    return span


def value_in(span: Any) -> Any:
    (attribute,) = SpanMessage.FromString(encode(span)).attributes
    return attribute.value


# what the official encoder does not take
BEYOND = {
    "lone surrogate": ("a\udcffb", "a?b"),
    "half of a pair": ("\ud83d", "?"),
    "a pair in two": ("\ud83d\ude00", "??"),
    "64 bits and one": (2**63, str(2**63)),
    "far below": (-(2**200), str(-(2**200))),
}


@pytest.mark.parametrize("case", BEYOND)
def test_value_beyond_otlp_goes_out_as_text(case: str) -> None:
    value, expected = BEYOND[case]
    assert value_in(span_with(key=value)).string_value == expected
    assert value_in(span_with(key=[value])).array_value.values[0].string_value == expected
    assert value_in(span_with(key={"inner": value})).kvlist_value.values[0].value.string_value == expected


def test_surrogates_anywhere_in_a_span_do_not_lose_it() -> None:
    bad = "\udcff"
    span: Any = Recorder(Resource({bad: bad})).get_tracer(bad, bad, attributes={bad: bad}).start_span(bad)
    span.set_attribute(bad, bad)
    span.add_event(bad, {bad: bad})
    span.add_link(span.get_span_context(), {bad: bad})
    span.set_status(StatusCode.ERROR, bad)
    span.end()
    message = SpanMessage.FromString(encode(span))
    assert (message.name, message.status.message, message.events[0].name) == ("?", "?", "?")
    assert [(message.attributes[0].key, message.links[0].attributes[0].key)] == [("?", "?")]
    assert ScopeMessage.FromString(encode_scope(span.instrumentation_scope)).name == "?"
    assert ResourceMessage.FromString(encode_resource(span.resource)).attributes[0].key == "?"


def test_what_is_remembered_is_bounded_and_right() -> None:
    known = encoder._known
    for number in range(encoder._MOST_KNOWN + 10):
        assert value_in(span_with(key=str(number))).string_value == str(number)
        assert len(known) <= encoder._MOST_KNOWN
    assert max(len(value) for _, _, value in known) <= encoder._LONGEST_KNOWN
    before = len(known)
    assert value_in(span_with(key="x" * (encoder._LONGEST_KNOWN + 1))).string_value.startswith("xx")
    assert len(known) == before


# equal as keys of a mapping, another thing in OTLP
LOOKALIKES = ((1, 1.0, True, "1"), (0, -0.0, 0.0, False, None, "", b""), ("a", b"a"), ((), {}, "()"))


@pytest.mark.parametrize("values", LOOKALIKES, ids=str)
def test_values_that_are_equal_in_python_stay_apart(values: tuple[Any, ...]) -> None:
    for value in values * 2:
        span = span_with(key=value)
        assert encode(span) == official(span)


@pytest.mark.parametrize("depth", [DEEPEST, DEEPEST + 1, 90, 100_000])
@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: {"k": value}], ids=["list", "mapping"])
def test_no_nesting_is_too_deep_for_a_whole_request(depth: int, wrap: Any) -> None:
    value: Any = "x"
    for _ in range(depth):
        value = wrap(value)
    span: Any = Recorder(Resource({})).get_tracer("shop").start_span("a")
    span.add_event("e", {"key": value})
    span.end()
    parsed = ExportTraceServiceRequest.FromString(encode_spans([span]).SerializeToString())
    assert encode(span) == official(span) == parsed.resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    assert len(parsed.resource_spans[0].scope_spans[0].spans[0].events[0].attributes) == 1


def test_value_that_contains_itself_is_recorded() -> None:
    value: list[Any] = ["x"]
    value.append(value)
    assert value_in(span_with(key=value)).array_value.values[0].string_value == "x"


def test_times_of_zero_are_read_as_zero() -> None:
    span: Any = Recorder(Resource({})).get_tracer("shop").start_span("a", start_time=0)
    span.add_event("e", timestamp=0)
    span.end(0)
    assert SpanMessage.FromString(encode(span)) == SpanMessage.FromString(official(span))
