"""Two threads, or a signal handler, at the same span or trace: each operation happens, and happens once.

CPython lets another thread run where a function is called or returns. ``interleaved`` runs the other's work at each of
these places in turn, so that nothing is left to luck.
"""

from __future__ import annotations

import contextvars
import gc
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import opentelemetry.context
import pytest
from erni_run.inside.functions import probe, trampoline
from erni_run.inside.functions.backend import Backend, _Runtime
from erni_run.inside.functions.probe import Probe, Site
from erni_run.inside.recorder.current import SPAN_KEY, current
from erni_run.inside.recorder.recorder import Recorder
from erni_run.inside.recorder.span import Span
from erni_run.inside.recorder.tracer import Tracer
from erni_run.plan import SamplingPlan
from opentelemetry import baggage, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

from tests.inside.test_recorder_equality import our_context


def interleaved(work: Callable[[], object], other: Callable[[], object], at: int) -> bool:
    """Run ``work``, and ``other`` at its call or return number ``at``. False if there are not so many."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        if count == at:
            other()
        count += 1

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count > at


def everywhere(prepare: Callable[[], tuple[Callable[[], object], Callable[[], object], Callable[[], object]]]) -> None:
    """``prepare`` gives the work, the other's work, and what then has to hold."""
    at = 0
    while True:
        work, other, check = prepare()
        if not interleaved(work, other, at):
            break
        check()
        at += 1
    assert at > 2


class Shop:
    def __init__(self, **options: Any) -> None:
        self.delivered: list[Any] = []
        self.recorder = Recorder(Resource({}), self.delivered.append, **options)
        self.tracer: Tracer = self.recorder.get_tracer("shop")

    def span(self, name: str = "a", parent: Any = None, **options: Any) -> Any:
        return self.tracer.start_span(name, parent and set_span_in_context(parent), **options)


Prepared = tuple[Callable[[], object], Callable[[], object], Callable[[], object]]


def test_span_that_is_ended_twice_is_delivered_once() -> None:
    def prepare() -> Prepared:
        shop = Shop()
        span = shop.span()

        def check() -> None:
            assert shop.delivered == [span]

        return span.end, span.end, check

    everywhere(prepare)


OPERATIONS: dict[str, tuple[Callable[[Any], object], Callable[[Any], object]]] = {
    "attribute": (lambda span: span.set_attribute("b", 2), lambda span: span.attributes["b"] == 2),
    "attributes": (lambda span: span.set_attributes({"c": 3}), lambda span: span.attributes["c"] == 3),
    "event": (lambda span: span.add_event("e"), lambda span: span.events[-1].name == "e" or span.events[0].name == "e"),
    "link": (lambda span: span.add_link(span.get_span_context()), lambda span: len(span.links) == 1),
    "status": (lambda span: span.set_status(StatusCode.ERROR, "why"), lambda span: span.status.description == "why"),
    "error": (
        lambda span: span.record_exception(ValueError()),
        lambda span: "exception" in {event.name for event in span.events},
    ),
}


@pytest.mark.parametrize("first", OPERATIONS)
@pytest.mark.parametrize("second", OPERATIONS)
def test_operations_on_one_span_do_not_undo_each_other(first: str, second: str) -> None:
    if first == second:
        return

    def prepare() -> Prepared:
        span = Shop().span(attributes={"a": 1})

        def check() -> None:
            assert [name for name in (first, second) if not OPERATIONS[name][1](span)] == []
            assert span.attributes["a"] == 1

        return lambda: OPERATIONS[first][0](span), lambda: OPERATIONS[second][0](span), check

    everywhere(prepare)


def test_attribute_that_is_overwritten_is_never_missing() -> None:
    def prepare() -> Prepared:
        seen: list[Any] = []
        span = Shop().span(attributes={"a": 1, "b": 2})

        def check() -> None:
            assert [sorted(attributes) for attributes in seen] == [["a", "b"]]

        return lambda: span.set_attribute("a", 2), lambda: seen.append(dict(span.values)), check

    everywhere(prepare)


def test_what_is_dropped_is_counted_whoever_drops_it() -> None:
    limits = SpanLimits(max_span_attributes=2, max_events=2, max_links=2)

    def prepare() -> Prepared:
        span = Shop(span_limits=limits).span()

        def work(names: str) -> None:
            for name in names:
                span.set_attribute(name, 1)
                span.add_event(name)
                span.add_link(span.get_span_context())

        def check() -> None:
            kept = len(span.attributes), len(span.events), len(span.links)
            dropped = span.dropped_attributes, span.dropped_events, span.dropped_links
            assert max(kept) == 2
            assert [sum(both) for both in zip(kept, dropped, strict=True)] == [6, 6, 6]

        return lambda: work("abc"), lambda: work("def"), check

    everywhere(prepare)


@pytest.mark.parametrize("ratio", [1.0, 0.0])
def test_first_calls_of_two_threads_are_traced_alike(ratio: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare() -> Prepared:
        shop = Shop(sampling=SamplingPlan(ratio=ratio))
        start = shop.tracer.starter("a", SpanKind.INTERNAL, {})
        backend = Backend(current, shop.recorder.lot, start, Span.end, Span.add)
        monkeypatch.setattr(probe, "_backend", lambda _: backend)
        site = Probe(Site("a"))
        seen = []

        def call() -> None:
            state = site.enter()
            seen.append(type(current.get()))
            site.leave(state)
            assert current.get() is None

        def other() -> None:
            thread = threading.Thread(target=call)
            thread.start()
            thread.join()

        def check() -> None:
            assert seen == [Span if ratio else float] * 2
            assert len(shop.delivered) == 2 * ratio

        return call, other, check

    everywhere(prepare)


@pytest.mark.parametrize("is_kept", [True, False])
def test_at_the_limit_of_recursion_nothing_is_left_current(is_kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(sampling=SamplingPlan(ratio=float(is_kept)))
    start = shop.tracer.starter("a", SpanKind.INTERNAL, {})
    started: list[object] = []

    def noted(*arguments: Any) -> Any:
        started.append(start(*arguments))
        return started[-1]

    monkeypatch.setattr(probe, "_backend", lambda _: Backend(current, shop.recorder.lot, noted, Span.end, Span.add))

    def endless() -> None:
        endless()

    def work() -> None:
        endless()

    trampoline.instrument(work, Probe(Site("a")).hooks(has_steps=False))  # type: ignore[arg-type]  # a function is one
    with suppress(RecursionError):
        work()

    def down(levels: int) -> None:
        if levels:
            return down(levels - 1)
        with suppress(RecursionError):
            work()
        assert current.get() is None
        return None

    def depth() -> int:
        frame, depth = sys._getframe(), 0
        while frame.f_back is not None:
            frame, depth = frame.f_back, depth + 1
        return depth

    for room in range(60):
        with suppress(RecursionError):
            contextvars.Context().run(down, sys.getrecursionlimit() - depth() - room)
    assert len(shop.delivered) == len([span for span in started if type(span) is Span])
    assert len(started) > 1 or not is_kept  # a call that is not kept starts nothing


def test_two_threads_may_make_the_same_span_current(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> None:
        return

    backend = Backend(_Runtime(), None, lambda *_: trace.INVALID_SPAN, nothing, nothing)
    monkeypatch.setattr(probe, "_backend", lambda _: backend)
    site = Probe(Site("a"))
    wrong: list[object] = []

    def call() -> None:
        try:
            for _ in range(5_000):
                site.leave(site.enter())
        except Exception as error:
            wrong.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=call) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong


def alive(spans: list[weakref.ref[Any]]) -> int:
    return sum(reference() is not None for reference in spans)


@pytest.mark.parametrize("way", ["api", "call site", "both"])
def test_chain_of_spans_that_start_each_other_holds_only_the_last(way: str) -> None:
    shop = Shop(sampling=SamplingPlan(ratio=1.0))
    shop.recorder._deliver = None
    start = shop.tracer.starter("a", SpanKind.INTERNAL, {})
    spans: list[weakref.ref[Any]] = []

    def link(number: int) -> contextvars.Context:
        """A call in the context of the last; gives the context of the next."""
        span = shop.span() if way == "api" or (way == "both" and number % 2) else start(..., current.get())
        if way == "call site" or (way == "both" and number % 3):
            current.set(span)
        else:
            opentelemetry.context.attach(set_span_in_context(span))
            opentelemetry.context.attach(baggage.set_baggage("number", str(number)))
        span.end()
        spans.append(weakref.ref(span))
        return contextvars.copy_context()

    with our_context():
        context = contextvars.Context()
        for number in range(50):
            context = context.run(contextvars.copy_context).run(link, number)
        gc.collect()
        assert context.run(trace.get_current_span) is spans[-1]()
        assert alive(spans) == 1


def test_span_that_is_over_needs_no_collector_of_cycles() -> None:
    shop = Shop()
    shop.recorder._deliver = None
    start = shop.tracer.starter("a", SpanKind.INTERNAL, {})
    spans: list[weakref.ref[Any]] = []

    def work() -> None:
        for _ in range(10):
            span = start(..., current.get())
            token = current.set(span)
            with shop.tracer.start_as_current_span("b") as inner:
                assert opentelemetry.context.get_current() is opentelemetry.context.get_current()
                spans.append(weakref.ref(inner))
            current.reset(token)
            span.end()
            assert span.as_context()[SPAN_KEY] is span
            spans.append(weakref.ref(span))

    gc.disable()
    try:
        with our_context():
            contextvars.Context().run(work)
        assert alive(spans) == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("ratio", [1.0, 0.0], ids=["recorded", "not recorded"])
@pytest.mark.parametrize("below", [False, True], ids=["root", "below a span of the API"])
def test_call_site_keeps_the_baggage_and_gives_the_context_back(ratio: float, below: bool) -> None:
    shop = Shop(sampling=SamplingPlan(ratio=ratio))
    start = shop.tracer.starter("a", SpanKind.INTERNAL, {})

    def work() -> None:
        opentelemetry.context.attach(baggage.set_baggage("user", "7"))
        if below:
            opentelemetry.context.attach(set_span_in_context(shop.span()))
        before = opentelemetry.context.get_current()
        for _ in range(2):  # the second below the first
            span = start(..., current.get())
            if span is not None:
                current.set(span)
                assert trace.get_current_span() is span
            assert baggage.get_all() == {"user": "7"}
            assert len(opentelemetry.context.get_current()) == 2
        assert baggage.get_all(before) == {"user": "7"}

    with our_context():
        contextvars.Context().run(work)
