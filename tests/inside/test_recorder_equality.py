"""The same scenario through OpenTelemetry's SDK and through our recorder: what an application sees, what is exported.

A scenario is a program as data, made by hypothesis. It runs twice, each time in contexts of its own: ids come from the
number of the step, so do times. Exported spans are compared as protobuf, the SDK's by the official encoder, ours by our
own.

``DECISIONS`` are the differences that are meant.
"""

from __future__ import annotations

import asyncio
import contextvars
import decimal
import enum
import http
import logging
import pathlib
import random
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Self

import opentelemetry.context
import pytest
from erni_run.inside.delivery.encoder import encode
from erni_run.inside.recorder.context import install
from erni_run.inside.recorder.current import current
from erni_run.inside.recorder.recorder import Recorder
from erni_run.plan import SamplingPlan
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.instrumentation.utils import is_instrumentation_enabled, suppress_instrumentation
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    AlwaysRecordSampler,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

EXAMPLES = 80
RESOURCE = Resource({"service.name": "shop"})
FIRST_REAL_TIME = 10**18  # nanoseconds; the times of scenarios are smaller
API_LOGGERS = {"opentelemetry.context", "opentelemetry.trace.status"}


class Color(enum.Enum):
    RED = "red"


class TextColor(str, enum.Enum):  # noqa: UP042  # its str() is another than StrEnum's
    RED = "red"


class Said:
    def __str__(self) -> str:
        return "said"


class Silent:
    pass


class EmptyText:
    def __str__(self) -> str:
        return ""


class Odd(Exception):
    pass


class Bare(BaseException):
    pass


class Share(float):
    """A kind of number."""


class Label(str):
    """A kind of text."""

    __slots__ = ()


EXCEPTIONS: tuple[Callable[[], BaseException], ...] = (
    lambda: ValueError("no such photo"),
    lambda: KeyError("é\U0001f600"),
    lambda: Odd(),
    lambda: Bare("stop"),
    lambda: asyncio.CancelledError(),
    lambda: KeyboardInterrupt(),
    lambda: SystemExit(3),
)
WITHOUT_MEMORY_ADDRESS = (
    Said(),
    EmptyText(),
    Color.RED,
    TextColor.RED,
    decimal.Decimal("1.50"),
    pathlib.PurePosixPath("/a"),
    http.HTTPStatus.CREATED,
    re.IGNORECASE,
    Share(0.5),
    Label("gold"),
)

text = st.text(st.characters(codec="utf-8"), max_size=12)
names = st.sampled_from(["", "a", "b.c", "é\U0001f600", "x" * 40])
keys = st.sampled_from(["a", "b", "c", "d", "e", "f.g", "é"])
any_keys = st.one_of(keys, st.sampled_from(["", None, 0, 7, b"k", (1,), *WITHOUT_MEMORY_ADDRESS, Silent()]))
integers = st.one_of(st.integers(-9, 300), st.integers(-(2**63), 2**63 - 1))
plain = st.one_of(st.none(), st.booleans(), integers, st.floats(), text, st.binary(max_size=5))
odd = st.sampled_from(
    [*WITHOUT_MEMORY_ADDRESS, Silent(), {"only"}, bytearray(b"ab"), range(3), deque([1]), int, "y" * 200]
)
values = st.recursive(
    plain | odd,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(any_keys, inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=2).map(MappingProxyType)
    ),
    max_leaves=5,
)
any_attributes = st.none() | st.dictionaries(any_keys, values, max_size=5)
some_values = st.sampled_from(
    [
        *(
            None,
            True,
            0,
            2**63 - 1,
            -1.5,
            float("nan"),
            "",
            "é\U0001f600",
            b"\xff",
            [],
            (1, "a"),
            {"a": {"": 1, "b": [None]}},
        ),
        *(*WITHOUT_MEMORY_ADDRESS, Silent(), "y" * 200),
    ]
)
attributes = st.sampled_from(
    [None, {}, {"a": 1}, {"a": "x", "b": (1, 2), "c": {"d": None}}, {"": 1, None: 2, 7: 3, Said(): 4}]
)
times = st.integers(1, 10**9)
codes = st.sampled_from(list(StatusCode))
descriptions = st.none() | st.sampled_from(["", "why", "é"])
kinds = st.sampled_from(list(SpanKind))
which = st.integers(0, 5)

STATES = (None, TraceState([("vendor", "1"), ("ot", "th:8")]))
CONTEXTS = [
    SpanContext(trace_id, span_id, is_remote=remote, trace_flags=TraceFlags(flags), trace_state=state)
    for trace_id, span_id in ((0xABC << 100 | 0xF0, 0xDEF), (1, 2), (0, 0))
    for remote in (True, False)
    for flags in range(4)
    for state in STATES
]
contexts = st.sampled_from(CONTEXTS)

parents = st.one_of(
    st.just(("current",)),
    st.just(("current",)),
    st.tuples(st.just("span"), which),
    st.tuples(st.just("non-recording"), contexts),
    st.tuples(st.just("foreign"), which),
    st.tuples(st.just("context"), which),
    st.sampled_from([("empty",), ("invalid",), ("dict",), ("no span",), ("baggage only",)]),
)
links = st.lists(st.tuples(contexts, attributes) | st.tuples(which, attributes) | st.none(), max_size=3)
begin = st.fixed_dictionaries(
    {
        "name": names,
        "kind": kinds,
        "parent": parents,
        "attributes": attributes,
        "links": links,
        "time": times,
        "record_exception": st.booleans(),
        "set_status_on_exception": st.booleans(),
    }
)
touch = st.one_of(
    st.tuples(st.just("set"), which, any_keys, some_values),
    st.tuples(st.just("set all"), which, attributes),
    st.tuples(st.just("event"), which, names, attributes, times),
    st.tuples(st.just("link"), which, contexts, attributes),
    st.tuples(st.just("exception"), which, st.sampled_from(EXCEPTIONS), attributes, times, st.booleans()),
    st.tuples(st.just("status"), which, codes, descriptions),
    st.tuples(st.just("status object"), which, codes, descriptions),
    st.tuples(st.just("misuse"), which, st.integers(0, 6)),
    st.tuples(st.just("name"), which, names),
    st.tuples(st.just("end"), which, times),
)
move = st.one_of(
    st.tuples(st.just("start"), begin),
    st.tuples(st.just("attach"), parents),
    st.tuples(st.just("detach"), which),
    st.tuples(st.just("baggage"), keys, names),
    st.just(("sleep",)),
)
simple = st.one_of(touch, touch, move, move)
raised = st.none() | st.sampled_from(EXCEPTIONS)


def _blocks(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    body = st.lists(inner, max_size=5)
    return st.one_of(
        st.tuples(st.just("as current"), begin, st.booleans(), body, raised),
        st.tuples(st.just("with"), begin, body, raised),
        st.tuples(st.just("use"), which, st.booleans(), body, raised),
        st.tuples(st.just("decorated"), begin, st.lists(simple, max_size=3), raised),
        st.tuples(st.just("decorated coroutine"), begin, body, raised),
        st.tuples(
            st.just("site"),
            names,
            kinds,
            st.sampled_from([{}, {"a": 1}, {"a": "x", "b": True, "g": 1.5}]),
            body,
            raised,
        ),
        st.tuples(st.just("suppressed"), body),
        st.tuples(st.just("thread"), st.booleans(), body),
        st.tuples(st.just("task"), st.booleans(), body),
    )


programs = st.lists(st.recursive(simple, lambda inner: _blocks(inner), max_leaves=12), min_size=1, max_size=10)


class Ids(IdGenerator):
    """Ids that follow from the number of the step: the same in both runs, whatever is or is not started."""

    def __init__(self, is_random: bool) -> None:
        self.step = 0
        self._is_random = is_random

    def generate_span_id(self) -> int:
        return random.Random(self.step).getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return random.Random(-self.step).getrandbits(128) or 1

    def is_trace_id_random(self) -> bool:
        return self._is_random


class Inventive(Sampler):
    """Decides by name and links, adds attributes and a tracestate."""

    def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, links=None, trace_state=None):  # type: ignore[no-untyped-def]
        above = trace.get_current_span(parent_context).get_span_context()
        decision = list(Decision)[(trace_id + len(name) + len(links)) % 3]
        state = above.trace_state.update("ours", "yes") if above.is_valid else TraceState([("ours", "root")])
        found = {"sampler.kind": kind.name, "a": "the sampler's", **dict.fromkeys(attributes or {}, 1)}
        return SamplingResult(decision, found, state)

    def get_description(self) -> str:
        return "Inventive"


SAMPLERS: dict[str, Sampler] = {
    "always on": ALWAYS_ON,
    "always off": ALWAYS_OFF,
    "parent-based ratio": ParentBasedTraceIdRatio(0.5),
    "ratio": TraceIdRatioBased(0.5),
    "always record": AlwaysRecordSampler(ParentBasedTraceIdRatio(0.5)),
    "remote parents the other way round": ParentBased(
        ALWAYS_ON, remote_parent_sampled=ALWAYS_OFF, remote_parent_not_sampled=ALWAYS_ON
    ),
    "inventive": Inventive(),
}


class Watching(SpanProcessor):
    """Sets attributes at the start, and notes what it is shown."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        span.set_attribute("watched", span.name)
        above = span.parent and span.parent.span_id
        self.seen.append(
            ("start", span.name, above, parent_context and sorted(map(str, parent_context.values())) != [])
        )

    def _on_ending(self, span: Any) -> None:
        span.set_attribute("too late", True)
        self.seen.append(("ending", span.name, span.is_recording()))

    def on_end(self, span: ReadableSpan) -> None:
        self.seen.append(("end", span.name, normal(official(span)), json_of(span)))


def json_of(span: ReadableSpan) -> str:
    try:
        lines = span.to_json(indent=1).splitlines()
    except TypeError as error:  # bytes, for instance
        return str(error)
    left_out = '_time"', '"timestamp"', '"exception.stacktrace"'  # as in normal
    return "\n".join(line for line in lines if not any(word in line for word in left_out))


def official(span: ReadableSpan) -> bytes:
    """By the official encoder, as the exporter would at this moment."""
    (resource,) = encode_spans([span]).resource_spans
    return resource.scope_spans[0].spans[0].SerializeToString()


def normal(encoded: bytes) -> bytes:
    """``encoded`` without the times that no scenario has set, and with no more than the beginning of stack traces: ours
    have no marks below a line.
    """
    span = SpanMessage.FromString(encoded)
    for event in span.events:
        for attribute in event.attributes:
            if attribute.key == "exception.stacktrace":
                attribute.value.string_value = attribute.value.string_value[: len("Traceback (most recent")]
    for holder, field in [
        (span, "start_time_unix_nano"),
        (span, "end_time_unix_nano"),
        *((event, "time_unix_nano") for event in span.events),
    ]:
        if getattr(holder, field) > FIRST_REAL_TIME:
            setattr(holder, field, FIRST_REAL_TIME)
    return span.SerializeToString(deterministic=True)


class Run:
    """One run of a program: ``seen`` is what the application sees, ``exported`` what it exports."""

    def __init__(self, provider: Any, ids: Ids, exported: list[bytes], *, unsampled_share_ids: bool) -> None:
        self.ids = ids
        self.exported = exported
        self.seen: list[Any] = []
        self.provider = provider
        self.tracer = provider.get_tracer("shop", "1.0", "https://schema", {"scope": 1})
        self.foreign = TracerProvider(ALWAYS_ON, RESOURCE, False, id_generator=ids).get_tracer("foreign")
        self.spans: list[Any] = []
        self.tokens: list[Any] = []
        self.tasks: list[asyncio.Task[None]] = []  # of the loop that runs
        self.unsampled_share_ids = unsampled_share_ids

    async def all(self, program: list[Any]) -> None:
        await self.loop(program)
        for span in self.spans:
            self.ids.step += 1
            span.end(self.ids.step)

    async def loop(self, program: list[Any]) -> None:
        others, self.tasks = self.tasks, []
        await self.body(program)
        while self.tasks:
            await self.tasks.pop(0)
        self.tasks = others

    async def body(self, program: list[Any]) -> None:
        for step in program:
            self.ids.step += 1
            if step[0] in BLOCKS:
                try:
                    await BLOCKS[step[0]](self, *step[1:])
                except BaseException as error:
                    self.seen.append(("raised", type(error).__name__))
            elif step[0] == "sleep":
                await asyncio.sleep(0)
            else:
                self.simple(step)
            self.look()

    def simple(self, step: Any) -> None:
        try:
            STEPS[step[0]](self, *step[1:])
        except Exception as error:
            self.seen.append((step[0], "raised", "" if step[0] == "misuse" else type(error).__name__))

    # what the application sees

    def look(self) -> None:
        span = trace.get_current_span()
        at = next((at for at, known in enumerate(self.spans) if known is span and known.is_recording()), None)
        enabled = is_instrumentation_enabled()
        self.seen.append(("current", at, self.of(span), dict(baggage.get_all()), enabled))

    def of(self, span: Any) -> Any:
        context = span.get_span_context()
        is_anonymous = self.unsampled_share_ids and not context.trace_flags.sampled and not context.is_remote
        shown = (
            f"{context.trace_id:x}",
            "" if is_anonymous else f"{context.span_id:x}",
            context.is_valid,
            context.is_remote,
            int(context.trace_flags),
            context.trace_state.to_header(),
        )
        recorded: tuple[Any, ...] = ()
        if isinstance(span, ReadableSpan):
            parent = span.parent and (f"{span.parent.span_id:x}", span.parent.is_remote, int(span.parent.trace_flags))
            status = span.status.status_code, span.status.description or None
            counts = len(span.events), len(span.links), span.dropped_attributes, span.dropped_events, span.dropped_links
            values = repr(dict(span.attributes or {}))
            recorded = span.name, span.kind, parent, status, values, counts, span.end_time is None
        return (*shown, span.is_recording(), isinstance(span, NonRecordingSpan), *recorded)

    def touched(self, at: int) -> Any:
        span = self.span(at)
        self.seen.append(("touched", at, self.of(span)))
        return span

    # where a span comes from

    def span(self, at: int) -> Any:
        return self.spans[at % len(self.spans)] if self.spans else INVALID_SPAN

    def parent(self, choice: Any) -> Any:
        kind, *rest = choice
        if kind == "current":
            return None
        if kind == "span":
            return set_span_in_context(self.span(rest[0]))
        if kind == "non-recording":
            return set_span_in_context(NonRecordingSpan(rest[0]))
        if kind == "foreign":
            return set_span_in_context(self.foreign.start_span("foreign", opentelemetry.context.Context()))
        if kind == "context":
            return baggage.set_baggage("of", "context", set_span_in_context(self.span(rest[0])))
        if kind == "dict":
            return dict(set_span_in_context(self.span(0)))
        if kind == "no span":
            return set_span_in_context("not a span")  # type: ignore[arg-type]  # anything can be put there
        if kind == "invalid":
            return set_span_in_context(INVALID_SPAN)
        return opentelemetry.context.Context() if kind == "empty" else baggage.set_baggage("only", "1")

    def options(self, begin: Any) -> dict[str, Any]:
        made = [link and Link(self.context(link[0]), link[1]) for link in begin["links"]]
        return {
            "name": begin["name"],
            "context": self.parent(begin["parent"]),
            "kind": begin["kind"],
            "attributes": begin["attributes"],
            "links": made,
            "start_time": begin["time"],
            "record_exception": begin["record_exception"],
            "set_status_on_exception": begin["set_status_on_exception"],
        }

    def context(self, given: Any) -> SpanContext:
        context = self.span(given).get_span_context() if isinstance(given, int) else given
        return CONTEXTS[0] if self.unsampled_share_ids and not context.trace_flags.sampled else context

    # single steps

    def start(self, begin: Any) -> None:
        self.spans.append(self.tracer.start_span(**self.options(begin)))
        self.touched(-1)

    def attach(self, parent: Any) -> None:
        self.tokens.append(opentelemetry.context.attach(self.parent(parent) or opentelemetry.context.get_current()))

    def detach(self, at: int) -> None:
        if self.tokens:
            opentelemetry.context.detach(self.tokens[at % len(self.tokens)])

    def add_baggage(self, key: str, value: str) -> None:
        self.tokens.append(opentelemetry.context.attach(baggage.set_baggage(key, value)))

    def exception(self, at: int, error: Any, *rest: Any) -> None:
        try:
            raise error()
        except BaseException as caught:
            self.span(at).record_exception(caught, *rest)

    def misuse(self, at: int, how: int) -> None:
        span = self.span(at)
        (
            lambda: span.set_attributes(None),
            lambda: span.set_status("failed"),
            lambda: span.set_status(StatusCode.ERROR, 7),
            lambda: span.set_status(Status(StatusCode.ERROR, "one"), "another"),
            lambda: span.add_link(None),
            lambda: span.start(),
            lambda: span.set_attributes([("a", 1)]),
        )[how]()

    # blocks

    async def as_current(self, begin: Any, end_on_exit: bool, body: Any, error: Any) -> None:
        with self.tracer.start_as_current_span(**self.options(begin), end_on_exit=end_on_exit) as span:
            self.spans.append(span)
            self.look()
            await self.body(body)
            if error:
                raise error()

    async def with_span(self, begin: Any, body: Any, error: Any) -> None:
        with self.tracer.start_span(**self.options(begin)) as span:
            self.spans.append(span)
            await self.body(body)
            if error:
                raise error()

    async def use(self, at: int, end: bool, body: Any, error: Any) -> None:
        with trace.use_span(self.span(at), end, not end, end):
            self.look()
            await self.body(body)
            if error:
                raise error()

    async def decorated(self, begin: Any, body: Any, error: Any) -> None:
        @self.tracer.start_as_current_span(
            **self.options({**begin, "links": ()})
        )  # the SDK changes links that it takes
        def function() -> None:
            self.spans.append(trace.get_current_span())
            for step in body:
                if step[0] in STEPS:
                    self.simple(step)
            self.look()
            if error:
                raise error()

        function()
        self.ids.step += 1
        function()

    async def decorated_coroutine(self, begin: Any, body: Any, error: Any) -> None:
        @self.tracer.start_as_current_span(**self.options(begin))
        async def function() -> None:
            self.spans.append(trace.get_current_span())
            await asyncio.sleep(0)
            await self.body(body)
            if error:
                raise error()

        await function()

    async def site(self, name: str, kind: SpanKind, attributes: Any, body: Any, error: Any) -> None:
        """A function of the application that is traced: our lean way for us, the API's for the SDK."""
        if self.provider._span_limits.max_span_attributes in {0, 1, 2} and not self.unsampled_share_ids:
            attributes = {}  # a sampler is asked about those within the limits
        parent = trace.get_current_span().get_span_context()
        is_below_unsampled = parent.is_valid and not parent.is_remote and not parent.trace_flags.sampled
        if isinstance(self.provider, Recorder):
            span = self.tracer.starter(name, kind, attributes)(..., current.get())
        else:
            span = self.tracer.start_span(name, kind=kind, attributes=attributes)
        if span is None or (self.unsampled_share_ids and is_below_unsampled):
            token = None  # there is nothing to make current, and so nothing to put back
        elif isinstance(self.provider, Recorder):
            token = current.set(span)
        else:
            token = opentelemetry.context.attach(set_span_in_context(span))
        self.look()
        try:
            await self.body(body)
            if error:
                raise error()
        finally:
            if token is not None:
                try:
                    opentelemetry.context._RUNTIME_CONTEXT.detach(token)
                except (ValueError, RuntimeError):
                    self.seen.append("another context")
                span.end(self.ids.step + 1)
            self.ids.step += 1

    async def suppressed(self, body: Any) -> None:
        with suppress_instrumentation():
            await self.body(body)

    async def thread(self, with_context: bool, body: Any) -> None:
        context = contextvars.copy_context() if with_context else contextvars.Context()
        thread = threading.Thread(target=context.run, args=(asyncio.run, self.loop(body)))
        thread.start()
        thread.join()

    async def task(self, at_once: bool, body: Any) -> None:
        task = asyncio.create_task(self.body(body))
        if at_once:
            await task
        else:
            self.tasks.append(task)


STEPS: dict[str, Callable[..., None]] = {
    "start": Run.start,
    "attach": Run.attach,
    "detach": Run.detach,
    "baggage": Run.add_baggage,
    "set": lambda run, at, key, value: run.touched(at).set_attribute(key, value),
    "set all": lambda run, at, more: run.touched(at).set_attributes(more or {}),
    "event": lambda run, at, *event: run.touched(at).add_event(*event),
    "link": lambda run, at, *link: run.touched(at).add_link(*link),
    "exception": Run.exception,
    "status": lambda run, at, code, why: run.touched(at).set_status(code, why),
    "status object": lambda run, at, code, why: run.touched(at).set_status(Status(code, why)),
    "misuse": Run.misuse,
    "name": lambda run, at, name: run.touched(at).update_name(name),
    "end": lambda run, at, time: run.touched(at).end(time),
}
BLOCKS: dict[str, Callable[..., Any]] = {
    "as current": Run.as_current,
    "with": Run.with_span,
    "use": Run.use,
    "decorated": Run.decorated,
    "decorated coroutine": Run.decorated_coroutine,
    "site": Run.site,
    "suppressed": Run.suppressed,
    "thread": Run.thread,
    "task": Run.task,
}


@contextmanager
def our_context() -> Iterator[None]:
    """Within, OpenTelemetry's context API uses ours."""
    before = opentelemetry.context._RUNTIME_CONTEXT
    install()
    try:
        yield
    finally:
        opentelemetry.context._RUNTIME_CONTEXT = before


class Listening(logging.Handler):
    """The application's logging: who speaks in it."""

    def __init__(self) -> None:
        super().__init__()
        self.loggers: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.loggers.add(record.name)

    def __enter__(self) -> Self:
        root = logging.getLogger()
        self.others, root.handlers = root.handlers, [self]
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().handlers = self.others


def by_the_sdk(
    program: list[Any],
    sampler: Sampler,
    limits: dict[str, int],
    is_random: bool,
    processor: SpanProcessor | None,
    share: bool = False,
) -> Run:
    class Exporting(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            if span.context.trace_flags.sampled:
                exported.append(official(span))

    exported: list[bytes] = []
    ids = Ids(is_random)
    provider = TracerProvider(sampler, RESOURCE, False, id_generator=ids, span_limits=SpanLimits(**limits))
    if processor is not None:
        provider.add_span_processor(processor)
    provider.add_span_processor(Exporting())
    run = Run(provider, ids, exported, unsampled_share_ids=share)
    with Listening():
        contextvars.Context().run(asyncio.run, run.all(program))
    return run


def by_us(
    program: list[Any],
    sampling: Sampler | SamplingPlan,
    limits: dict[str, int],
    is_random: bool,
    processor: SpanProcessor | None,
) -> Run:
    exported: list[bytes] = []
    ids = Ids(is_random)
    recorder = Recorder(
        RESOURCE,
        lambda span: exported.append(encode(span)),
        sampling=sampling,
        id_generator=ids,
        span_limits=SpanLimits(**limits),
    )
    if processor is not None:
        recorder.add_span_processor(processor)
    run = Run(recorder, ids, exported, unsampled_share_ids=isinstance(sampling, SamplingPlan))
    with our_context(), Listening() as logging_of_the_application:
        contextvars.Context().run(asyncio.run, run.all(program))
    assert logging_of_the_application.loggers <= API_LOGGERS  # whose own calls these are
    return run


limits_of_spans = st.dictionaries(
    st.sampled_from(
        [
            "max_attributes",
            "max_events",
            "max_links",
            "max_span_attributes",
            "max_event_attributes",
            "max_link_attributes",
            "max_attribute_length",
            "max_span_attribute_length",
        ]
    ),
    st.integers(0, 3) | st.just(SpanLimits.UNSET),
    max_size=4,
)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(programs, st.sampled_from(sorted(SAMPLERS)), st.just({}) | limits_of_spans, st.booleans(), st.booleans())
def test_scenario_is_seen_and_exported_as_by_the_sdk(
    program: list[Any], sampler: str, limits: dict[str, int], is_random: bool, is_watched: bool
) -> None:
    ours, theirs = (Watching(), Watching()) if is_watched else (None, None)
    expected = by_the_sdk(program, SAMPLERS[sampler], limits, is_random, theirs)
    found = by_us(program, SAMPLERS[sampler], limits, is_random, ours)
    compare(found, expected)
    if ours is not None and theirs is not None:
        assert ours.seen == theirs.seen


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(st.lists(any_attributes, min_size=2, max_size=2), keys, values, st.just({}) | limits_of_spans, st.booleans())
def test_attributes_of_any_type_are_as_by_the_sdk(
    more: list[Any], key: str, value: Any, limits: dict[str, int], by_the_file: bool
) -> None:
    begin = {"name": "a", "kind": SpanKind.CLIENT, "parent": ("empty",), "time": 1, "attributes": more[0]}
    options = {"links": [(CONTEXTS[0], more[1])], "record_exception": True, "set_status_on_exception": True}
    program = [
        ("start", {**begin, **options}),
        ("set", 0, key, value),
        ("set all", 0, more[1]),
        ("event", 0, "e", more[0], 2),
        ("exception", 0, EXCEPTIONS[0], more[1], 3, False),
        ("link", 0, CONTEXTS[1], more[0]),
    ]
    found = by_us(program, SamplingPlan() if by_the_file else ALWAYS_ON, limits, True, None)
    compare(found, by_the_sdk(program, ALWAYS_ON, limits, True, None, share=by_the_file))


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(programs, st.just({}) | limits_of_spans, st.booleans(), st.booleans())
def test_scenario_under_the_sampling_of_the_file_is_as_by_the_sdk(
    program: list[Any], limits: dict[str, int], is_random: bool, is_watched: bool
) -> None:
    ours, theirs = (Watching(), Watching()) if is_watched else (None, None)
    expected = by_the_sdk(program, ParentBased(ALWAYS_ON), limits, is_random, theirs, share=True)
    found = by_us(program, SamplingPlan(), limits, is_random, ours)
    compare(found, expected)
    if ours is not None and theirs is not None:
        assert ours.seen == theirs.seen


def compare(found: Run, expected: Run) -> None:
    for at, (ours, theirs) in enumerate(zip(found.seen, expected.seen, strict=False)):
        assert ours == theirs, (at, ours, theirs)
    assert len(found.seen) == len(expected.seen)
    for ours, theirs in zip(map(normal, found.exported), map(normal, expected.exported), strict=False):
        assert ours == theirs, (SpanMessage.FromString(ours), SpanMessage.FromString(theirs))
    assert len(found.exported) == len(expected.exported)


class Unsayable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def recorded(provider_of: Callable[..., Any], act: Callable[[Any, Any], object]) -> Any:
    """What ``act(tracer, span)`` raises, else the exported span."""
    exported: list[SpanMessage] = []
    tracer = provider_of(exported).get_tracer("shop")
    span = tracer.start_span("a")
    try:
        act(tracer, span)
    except Exception as error:
        return type(error)
    span.end()
    return exported[-1] if exported else None


def the_sdks(exported: list[SpanMessage]) -> TracerProvider:
    class Exporting(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            exported.append(SpanMessage.FromString(official(span)))

    provider = TracerProvider(ALWAYS_ON, RESOURCE, False)
    provider.add_span_processor(Exporting())
    return provider


def our_own(exported: list[SpanMessage]) -> Recorder:
    return Recorder(RESOURCE, lambda span: exported.append(SpanMessage.FromString(encode(span))))


def contains_itself() -> list[Any]:
    value: list[Any] = ["x"]
    value.append(value)
    return value


def reuse_link(tracer: Any, span: Any) -> None:
    link = Link(CONTEXTS[0], {"": 1})
    tracer.start_span("first", links=[link])
    span.set_attribute("dropped again", tracer.start_span("second", links=[link]).links[0].dropped_attributes)


def unsampled_child(tracer: Any, span: Any) -> None:
    above = set_span_in_context(NonRecordingSpan(CONTEXTS[4]))
    unsampled = tracer.start_span("b", above)
    below = tracer.start_span("c", set_span_in_context(unsampled))
    span.set_attribute("another span", below is not unsampled)


# what is done: what the SDK and its exporter make of it, what we make of it, and why
DECISIONS: dict[str, tuple[Callable[[Any, Any], object], Any, Any, str]] = {
    "lone surrogates": (
        lambda _, span: span.set_attribute("path", "photo-\udcff"),
        [],
        ["photo-?"],
        "file names hold them; a value with a question mark is worth more than none",
    ),
    "integers beyond 64 bits": (
        lambda _, span: span.set_attributes({"big": 2**63, "small": [-(2**70)]}),
        [],
        [str(2**63), [str(-(2**70))]],
        "ids and hashes are such integers; their text can be searched for",
    ),
    "values whose text cannot be had": (
        lambda _, span: span.set_attribute("odd", Unsayable()),
        RuntimeError,
        [None],
        "nothing of ours raises into the application",
    ),
    "exceptions whose text cannot be had": (
        lambda _, span: span.record_exception(Unsayable()),
        RuntimeError,
        [],
        "as above",
    ),
    "values that contain themselves": (
        lambda _, span: span.set_attribute("inner", contains_itself()),
        RecursionError,
        [["x", ""]],
        "nothing of ours raises; a parser refuses a whole request for one value that is nested too deeply",
    ),
    "the same link twice": (
        reuse_link,
        [0],
        [1],
        "the SDK writes into the application's link, and so forgets what it has dropped before; we leave it alone",
    ),
    "spans below unsampled ones": (
        unsampled_child,
        [True],
        [False],
        "nothing is recorded there: one span that is not stands for all below it",
    ),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("decision", DECISIONS)
def test_what_differs_from_the_sdk_is_decided(decision: str) -> None:
    act, by_the_sdk, by_us, _ = DECISIONS[decision]
    with Listening():
        theirs = recorded(the_sdks, act)
    assert (theirs if isinstance(theirs, type) else plainly(theirs)) == by_the_sdk
    with Listening() as logging_of_the_application:
        ours = recorded(our_own, act)
    assert plainly(ours) == by_us
    assert logging_of_the_application.loggers == set()


def plainly(span: SpanMessage) -> list[Any]:
    found = []
    for attribute in span.attributes:
        kind = attribute.value.WhichOneof("value")
        value = getattr(attribute.value, kind) if kind else None
        found.append([item.string_value for item in value.values] if kind == "array_value" else value)
    return found
