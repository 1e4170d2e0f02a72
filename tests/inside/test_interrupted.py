"""A signal handler may raise at any line of ours: the application gets what it raises, and the span is recorded."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import opentelemetry.context
import pytest
from erni_run.inside.background import Background
from erni_run.inside.delivery.delivery import Delivery
from erni_run.inside.delivery.request import split
from erni_run.inside.functions import probe, trampoline
from erni_run.inside.functions.backend import Backend
from erni_run.inside.functions.probe import Probe, Site
from erni_run.inside.ourselves import thread, under_way
from erni_run.inside.recorder.context import install
from erni_run.inside.recorder.current import current
from erni_run.inside.recorder.recorder import Recorder
from erni_run.inside.recorder.span import Span as OurSpan
from erni_run.plan import ExportPlan, SamplingPlan, SpoolPlan
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanKind, StatusCode

from tests.inside.lines import raising


class Interrupted(BaseException):
    """What the handler raises."""


class TimedOut(RuntimeError):
    """The same, as an error that has a meaning to us, too."""


@pytest.mark.parametrize(
    "plan", [SamplingPlan(), SamplingPlan(ratio=0.0, keep_errors=True)], ids=["kept", "error kept"]
)
@pytest.mark.parametrize("is_first", [True, False], ids=["first span", "later span"])
def test_span_that_is_interrupted_while_it_ends_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_first: bool, plan: SamplingPlan
) -> None:
    monkeypatch.setattr(Background, "start", lambda _: True)  # nobody takes the spans away
    for line in itertools.count(2):  # the first one is before all care
        delivery = Delivery(ExportPlan(), SpoolPlan(path=str(tmp_path / str(line))))
        tracer = Recorder(Resource({}), delivery.on_end, sampling=plan).get_tracer("shop")
        if not is_first:
            failed_span(tracer, "earlier").end()
        span = failed_span(tracer, "interrupted")
        try:
            with raising(Interrupted, line, once=True):
                span.end()
        except Interrupted as error:
            where = str(error)
            failed_span(tracer, "next").end()  # it takes along what has been left waiting
        else:
            break
        journal = delivery._courier.intake.journal
        assert journal is not None, where
        found = journal.oldest()
        assert found is not None, where
        assert "interrupted" in {Span.FromString(bytes(record.span)).name for record in split(found[0].request)}, where
    assert line > 20


def failed_span(tracer: Any, name: str) -> Any:
    span = tracer.start_span(name)
    span.set_status(StatusCode.ERROR)
    return span


@contextmanager
def interrupting(at: int, handler: Callable[[str], None]) -> Iterator[None]:
    """Call ``handler(where)`` where CPython lets signal handlers in, in our code or on the way into it: as a function
    begins or when one of C has returned; at the ``at``th of these places.
    """
    places = itertools.count(1)

    def profile(frame: Any, event: str, _: object) -> None:
        is_ours = "/erni_run/" in frame.f_code.co_filename
        if is_ours and event in ("call", "c_return") and next(places) == at:
            handler(f"{event} {frame.f_code.co_filename}:{frame.f_lineno}")

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


def call(number: int) -> int:
    return number


async def coroutine(number: int) -> int:
    return number


def generator(number: int) -> Iterator[int]:
    yield number


async def stream(number: int) -> AsyncIterator[int]:
    yield number


async def collect(function: Any) -> list[int]:
    return [number async for number in function(1)]


CALLS: dict[str, tuple[Any, Callable[[Any], object]]] = {
    "function": (call, lambda function: function(1)),
    "coroutine": (coroutine, lambda function: asyncio.run(function(1))),
    "generator": (generator, lambda function: list(function(1))),
    "async generator": (stream, lambda function: asyncio.run(collect(function))),
}


@pytest.mark.filterwarnings("ignore:coroutine method 'asend'")  # CPython's own word, where that is interrupted
@pytest.mark.parametrize("error", [Interrupted, TimedOut])
@pytest.mark.parametrize("ratio", [1.0, 0.0], ids=["kept", "not kept"])
@pytest.mark.parametrize("kind", CALLS)
def test_call_that_is_interrupted_leaves_its_span_and_nothing_else_behind(
    kind: str, ratio: float, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    contextvars.Context().run(interrupt_everywhere, *CALLS[kind], "generator" in kind, ratio, error, monkeypatch)


def interrupt_everywhere(  # what the test is given
    original: Any,
    run: Callable[[Any], object],
    has_steps: bool,
    ratio: float,
    error: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def handler(where: str) -> None:
        raise error(where)

    for at in itertools.count(1):
        started: list[object] = []
        delivered: list[Any] = []
        recorder = Recorder(Resource({}), delivered.append, sampling=SamplingPlan(ratio=ratio))
        monkeypatch.setattr(probe, "_backend", partial(noting, recorder, started))
        trampoline.instrument(original, Probe(Site("a")).hooks(has_steps))
        try:
            with interrupting(at, handler):
                run(original)
        except error as raised:
            where = str(raised)
        else:
            break
        finally:
            trampoline.restore(original)
        assert current.get() is None, where
        assert {id(span) for span in delivered} == {id(span) for span in started if type(span) is OurSpan}, where
        assert [under_way.work, under_way.beside, under_way.exchanging, thread.at_work] == [0, 0, None, False], where
    assert at > 5


def noting(recorder: Recorder, started: list[object], _: Site) -> Backend:
    """The backend of a site, which notes what it has started."""
    start = recorder.get_tracer("shop").starter("a", SpanKind.INTERNAL, {})

    def noted(*arguments: Any) -> Any:
        started.append(start(*arguments))
        return started[-1]

    return Backend(current, recorder.lot, noted, OurSpan.end, OurSpan.add)


@pytest.mark.parametrize("ratio", [1.0, 0.0], ids=["kept", "not kept"])
def test_signal_handler_may_do_anything_in_a_hook(ratio: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opentelemetry.context, "_RUNTIME_CONTEXT", opentelemetry.context._RUNTIME_CONTEXT)
    contextvars.Context().run(handle_everywhere, ratio, monkeypatch)


def handle_everywhere(ratio: float, monkeypatch: pytest.MonkeyPatch) -> None:
    install()
    for at in itertools.count(1):
        started: list[object] = []
        recorder = Recorder(Resource({}), lambda _: None, sampling=SamplingPlan(ratio=ratio))
        monkeypatch.setattr(probe, "_backend", partial(noting, recorder, started))
        site = Probe(Site("a"))
        handled: list[str] = []

        def handler(where: str, site: Probe = site, handled: list[str] = handled) -> None:
            token = opentelemetry.context.attach(opentelemetry.context.set_value("key", where))
            assert opentelemetry.context.get_value("key") == where, where
            state = site.enter()
            assert thread.at_work or trace.get_current_span().is_recording() == bool(ratio), where
            if state is not None:
                site.leave(state)
            assert opentelemetry.context.get_value("key") == where, where
            opentelemetry.context.detach(token)
            handled.append(where)

        with interrupting(at, handler):
            site.leave(site.enter())
        assert current.get() is None, handled
        if not handled:
            break
    assert at > 5
