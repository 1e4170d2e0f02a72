"""Processors and exporters of the SDK, added to our recorder, see what they see at the SDK's provider."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import wrapt
from erni_run.inside.delivery.encoder import encode
from erni_run.inside.recorder.provider import Provider
from erni_run.inside.recorder.recorder import Recorder
from erni_run.plan import ExportPlan, Plan, SamplingPlan
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, AlwaysRecordSampler
from opentelemetry.trace import SpanContext, TraceFlags, TraceState

from tests.inside.test_recorder_equality import Ids

RESOURCE = Resource({"service.name": "shop"})


def providers() -> list[tuple[str, Any]]:
    return [
        ("sdk", TracerProvider(ALWAYS_ON, RESOURCE, False, id_generator=Ids(True))),
        ("ours", Recorder(RESOURCE, sampling=SamplingPlan(), id_generator=Ids(True))),
        ("ours, their sampler", Recorder(RESOURCE, sampling=ALWAYS_ON, id_generator=Ids(True))),
    ]


def work(provider: Any) -> None:
    """Some spans with all that a span can have, at times that are given."""
    tracer = provider.get_tracer("shop", "1.0", "https://schema", {"scope": "yes"})
    ids = provider.id_generator
    ids.step = 1
    root = tracer.start_span("root", kind=trace.SpanKind.SERVER, attributes={"a": 1, "b": ["x"]}, start_time=10)
    ids.step = 2
    link = trace.Link(SpanContext(5, 6, is_remote=True, trace_flags=TraceFlags(1)), {"l": 1})
    child = tracer.start_span("child", trace.set_span_in_context(root), links=[link], start_time=11)
    child.add_event("event", {"e": {"nested": [1, None]}}, 12)
    child.set_status(trace.StatusCode.ERROR, "why")
    child.update_name("renamed")
    child.end(13)
    root.set_attribute("c", 2.5)
    root.end(14)


class Collecting(SpanExporter):
    """An exporter that somebody has written."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.is_shut_down = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.is_shut_down = True


def shown(span: ReadableSpan) -> tuple[Any, ...]:
    dropped = span.dropped_attributes, span.dropped_events, span.dropped_links
    links = [(link.context, dict(link.attributes or {})) for link in span.links]
    context = span.context, span.parent, span.get_span_context().trace_flags
    return span.to_json(), dropped, links, context, span.instrumentation_scope, type(span) is ReadableSpan


def test_exporters_see_the_same_spans() -> None:
    seen = {}
    for name, provider in providers():
        in_memory, collecting = InMemorySpanExporter(), Collecting()
        provider.add_span_processor(SimpleSpanProcessor(in_memory))
        provider.add_span_processor(BatchSpanProcessor(collecting))
        work(provider)
        assert provider.force_flush()
        seen[name] = [shown(span) for span in in_memory.get_finished_spans()], [*map(shown, collecting.spans)]
        provider.shutdown()
        assert collecting.is_shut_down
    assert seen["ours"] == seen["ours, their sampler"] == seen["sdk"]
    assert [len(spans) for spans in seen["ours"]] == [2, 2]


class Marking(SpanProcessor):
    """Sets what it finds at the start."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        above = trace.get_current_span(parent_context).get_span_context()
        span.set_attributes({"above": above.span_id, "parent": span.parent.span_id if span.parent else 0})
        span.add_event("started", timestamp=1)


def test_what_a_processor_sets_at_the_start_is_exported_and_delivered() -> None:
    seen = {}
    for name, provider in providers():
        exporter = InMemorySpanExporter()
        provider.add_span_processor(Marking())
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        work(provider)
        seen[name] = [shown(span) for span in exporter.get_finished_spans()]
    assert seen["ours"] == seen["ours, their sampler"] == seen["sdk"]
    delivered: list[Any] = []
    recorder = Recorder(RESOURCE, delivered.append, id_generator=Ids(True))
    recorder.add_span_processor(Marking())
    work(recorder)
    assert [span.attributes["parent"] != 0 for span in delivered] == [True, False]
    assert [span.events[0].name for span in delivered] == ["started", "started"]


class Raising(SpanProcessor):
    def __init__(self, where: str) -> None:
        setattr(self, where, self._fail)

    def _fail(self, *_: Any, **__: Any) -> None:
        raise LookupError("a processor's")


@pytest.mark.parametrize("where", ["on_start", "_on_ending", "on_end"])
def test_processor_that_raises_does_so_as_under_the_sdk_and_costs_us_no_span(where: str) -> None:
    delivered: list[Any] = []
    raised = {}
    for name, provider in [*providers()[:1], ("ours", Recorder(RESOURCE, delivered.append, id_generator=Ids(True)))]:
        exporter = InMemorySpanExporter()
        provider.add_span_processor(Raising(where))
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        try:
            work(provider)
        except LookupError as error:
            raised[name] = (str(error), len(exporter.get_finished_spans()))
    assert raised["ours"] == raised["sdk"]
    assert [span.name for span in delivered] == ([] if where == "on_start" else ["renamed"])


@pytest.mark.parametrize(
    ("sampler", "finished"),
    [(AlwaysRecordSampler(ALWAYS_OFF), ["renamed", "root"]), (ALWAYS_OFF, [])],
    ids=["record", "off"],
)
def test_spans_that_are_recorded_but_not_sampled_reach_processors_and_no_exporter(sampler: Any, finished: Any) -> None:
    class Noting(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            seen.append(span.name)

    seen: list[str] = []
    delivered: list[Any] = []
    exporter = InMemorySpanExporter()
    for provider in (
        TracerProvider(sampler, RESOURCE, False, id_generator=Ids(True)),
        Recorder(RESOURCE, delivered.append, sampling=sampler, id_generator=Ids(True)),
    ):
        provider.add_span_processor(Noting())
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        work(provider)
    assert (seen, exporter.get_finished_spans(), delivered) == (finished * 2, (), [])


def lazy() -> Provider:
    return Provider(Plan(export=ExportPlan(protocol="none")), {}, frozenset())


@pytest.mark.parametrize("make", [lazy, lambda: Recorder(RESOURCE)], ids=["lazy", "started"])
def test_types_are_what_libraries_ask_for(make: Callable[[], Any]) -> None:
    provider = make()
    assert isinstance(provider, TracerProvider)
    assert isinstance(provider, trace.TracerProvider)
    span = provider.get_tracer("shop").start_span("a")
    assert isinstance(span, SdkSpan)
    assert isinstance(span, ReadableSpan)
    assert isinstance(span, trace.Span)
    assert span.resource.attributes is provider.resource.attributes
    assert isinstance(provider.get_tracer("shop"), trace.Tracer)
    tracer = provider.get_tracer("shop")
    assert isinstance(tracer, SdkTracer)
    assert (tracer.sampler, tracer.id_generator) == (provider.sampler, provider.id_generator)
    assert tracer.span_processor is provider._active_span_processor
    assert tracer._span_limits is provider._span_limits


def test_attributes_of_a_live_span_may_change_while_they_are_read() -> None:
    for _, provider in providers():
        span = provider.get_tracer("shop").start_span("a", attributes={"a": 1})
        for name in span.attributes:
            span.set_attribute(f"{name}2", 1)
        assert dict(span.attributes) == {"a": 1, "a2": 1}


class Redactor(SpanProcessor):
    """As people write them, with what is private: nothing else lets them."""

    def __init__(self, way: str) -> None:
        self.way = way

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if self.way == "start":
            span._attributes["secret"] = "***"
            span._attributes = {**span._attributes, "more": 1}

    def on_end(self, span: Any) -> None:
        if self.way == "end":
            span._attributes = {**span._attributes, "secret": "***", "more": 1}


@pytest.mark.parametrize("way", ["start", "end"])
def test_redacting_processor_redacts_what_is_delivered(way: str) -> None:
    delivered: list[Any] = []
    recorder = Recorder(RESOURCE, delivered.append)
    recorder.add_span_processor(Redactor(way))
    recorder.get_tracer("shop").start_span("a", attributes={"secret": "hunter2"}).end()
    (span,) = delivered
    assert dict(span.attributes) == {"secret": "***", "more": 1}
    assert encode(span).count(b"hunter2") == 0


def test_shutdown_delivers_what_has_ended() -> None:
    flushed: list[int] = []
    recorder = Recorder(RESOURCE, flush=lambda milliseconds: bool(flushed.append(milliseconds)) or True)
    recorder.shutdown()
    assert flushed == [1500]


def test_error_from_the_standard_library_in_a_processor_is_the_applications() -> None:
    class Parsing(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            json.loads("{bad")

    delivered: list[Any] = []
    recorder = Recorder(RESOURCE, delivered.append)
    recorder.add_span_processor(Parsing())
    with pytest.raises(json.JSONDecodeError):
        recorder.get_tracer("shop").start_span("a").end()
    assert len(delivered) == 1


def test_what_is_no_exception_is_recorded_as_by_the_sdk() -> None:
    events = []
    for _, provider in providers():
        span = provider.get_tracer("shop").start_span("a")
        span.record_exception(None)
        events.append([(event.name, dict(event.attributes)) for event in span.events])
    assert events[1:] == events[:1] * 2


def test_each_trace_that_one_exception_fails_has_its_stack_trace() -> None:
    error, tracer = ValueError("busy"), Recorder(RESOURCE).get_tracer("shop")
    for _ in range(14):
        with pytest.raises(ValueError, match="busy"), tracer.start_as_current_span("a") as span:
            raise error
        assert "exception.stacktrace" in span.events[0].attributes


def test_child_of_a_wrapped_span_is_of_its_trace() -> None:
    delivered: list[Any] = []
    tracer = Recorder(RESOURCE, delivered.append, sampling=SamplingPlan(ratio=0.0, keep_errors=True)).get_tracer("shop")
    root = tracer.start_span("root")
    child = tracer.start_span("child", trace.set_span_in_context(wrapt.ObjectProxy(root)))
    child.set_status(trace.StatusCode.ERROR)
    child.end()
    root.end()
    assert [span.name for span in delivered] == ["child", "root"]


def test_span_that_is_not_recorded_can_be_copied() -> None:
    span = Recorder(RESOURCE, sampling=SamplingPlan(ratio=0.0)).get_tracer("shop").start_span("a")
    for copied in (copy.deepcopy(span), pickle.loads(pickle.dumps(span))):  # ours
        assert copied.get_span_context() == span.get_span_context()
        assert not copied.is_recording()


def test_name_may_be_anything() -> None:
    assert Recorder(RESOURCE).get_tracer("shop").start_span(["a"]).name == ["a"]  # type: ignore[arg-type, comparison-overlap]  # misuse


def test_processor_added_to_the_lazy_provider_sees_the_next_span() -> None:
    provider: Any = lazy()
    tracer = provider.get_tracer("shop")
    exporter = InMemorySpanExporter()
    tracer.start_span("before").end()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer.start_span("after").end()
    assert [span.name for span in exporter.get_finished_spans()] == ["after"]


@pytest.mark.parametrize("sampled", [True, False])
def test_context_of_a_span_can_be_copied_and_pickled(sampled: bool) -> None:
    plan = SamplingPlan(ratio=0.5 if sampled else 0.0)
    tracer = Recorder(RESOURCE, sampling=plan).get_tracer("shop")
    while True:
        context = tracer.start_span("a").get_span_context()
        if context.trace_flags.sampled == sampled:
            break
    for twin in (copy.copy(context), copy.deepcopy(context), pickle.loads(pickle.dumps(context))):
        assert (twin, type(twin), type(twin.trace_flags)) == (context, SpanContext, TraceFlags)
        assert dict(twin.trace_state) == dict(context.trace_state) == ({"ot": "th:8"} if sampled else {})
        assert isinstance(twin.trace_state, TraceState)


def test_readable_span_outlives_changes_and_threads() -> None:
    exporter = InMemorySpanExporter()
    recorder = Recorder(RESOURCE)
    recorder.add_span_processor(SimpleSpanProcessor(exporter))
    span: Any = recorder.get_tracer("shop").start_span("a", attributes={"a": 1})
    thread = threading.Thread(target=span.end)
    thread.start()
    thread.join()
    span.set_attribute("a", 2)
    span.update_name("b")
    (finished,) = exporter.get_finished_spans()
    assert (finished.name, dict(finished.attributes)) == ("a", {"a": 1})
    with pytest.raises(TypeError):
        finished.attributes["a"] = 3
