"""Two threads, or a signal handler, at the same span or trace: each operation happens, and happens once.

CPython lets another thread run where a function is called or returns. ``interleaved`` runs the other's work at each of
these places in turn, so that nothing is left to luck.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from erni_run.inside.recorder.recorder import Recorder
from erni_run.inside.recorder.tracer import Tracer
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.trace import StatusCode, set_span_in_context


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
