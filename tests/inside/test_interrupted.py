"""A signal handler may raise at any line of ours: the application gets what it raises, and the span is recorded."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from erni_run.inside.background import Background
from erni_run.inside.delivery.delivery import Delivery
from erni_run.inside.delivery.request import split
from erni_run.inside.functions import probe, trampoline
from erni_run.inside.functions.backend import Backend
from erni_run.inside.functions.probe import Probe, Site
from erni_run.inside.ourselves import thread, under_way
from erni_run.inside.recorder.current import current
from erni_run.inside.recorder.recorder import Recorder
from erni_run.inside.recorder.span import Span as OurSpan
from erni_run.plan import ExportPlan, SamplingPlan, SpoolPlan
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanKind

from tests.inside.lines import raising


class Interrupted(BaseException):
    """What the handler raises."""


@pytest.mark.parametrize("is_first", [True, False], ids=["first span", "later span"])
def test_span_that_is_interrupted_while_it_ends_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    monkeypatch.setattr(Background, "start", lambda _: True)  # nobody takes the spans away
    for line in itertools.count(2):  # the first one is before all care
        delivery = Delivery(ExportPlan(), SpoolPlan(path=str(tmp_path / str(line))))
        tracer = Recorder(Resource({}), delivery.on_end).get_tracer("shop")
        if not is_first:
            tracer.start_span("earlier").end()
        span = tracer.start_span("interrupted")
        try:
            with raising(Interrupted, line, once=True):
                span.end()
        except Interrupted as error:
            where = str(error)
            tracer.start_span("next").end()  # it takes along what has been left waiting
        else:
            break
        journal = delivery._courier.intake.journal
        assert journal is not None, where
        found = journal.oldest()
        assert found is not None, where
        assert "interrupted" in {Span.FromString(bytes(record.span)).name for record in split(found[0].request)}, where
    assert line > 20


@contextmanager
def interrupting(at: int) -> Iterator[None]:
    """Raise Interrupted where CPython lets signal handlers in, in our code or on the way into it: as a function begins
    or when one of C has returned; at the ``at``th of these places.
    """
    places = itertools.count(1)

    def profile(frame: Any, event: str, _: object) -> None:
        is_ours = "/erni_run/" in frame.f_code.co_filename
        if is_ours and event in ("call", "c_return") and next(places) == at:
            raise Interrupted(f"{event} {frame.f_code.co_filename}:{frame.f_lineno}")

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


CALLS: dict[str, tuple[Any, Callable[[Any], object]]] = {
    "function": (call, lambda function: function(1)),
    "coroutine": (coroutine, lambda function: asyncio.run(function(1))),
    "generator": (generator, lambda function: list(function(1))),
}


@pytest.mark.parametrize("ratio", [1.0, 0.0], ids=["kept", "not kept"])
@pytest.mark.parametrize("kind", CALLS)
def test_call_that_is_interrupted_leaves_its_span_and_nothing_else_behind(
    kind: str, ratio: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    contextvars.Context().run(interrupt_everywhere, *CALLS[kind], kind == "generator", ratio, monkeypatch)


def interrupt_everywhere(
    original: Any, run: Callable[[Any], object], has_steps: bool, ratio: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in itertools.count(1):
        started: list[object] = []
        delivered: list[Any] = []
        recorder = Recorder(Resource({}), delivered.append, sampling=SamplingPlan(ratio=ratio))
        monkeypatch.setattr(probe, "_backend", partial(noting, recorder, started))
        trampoline.instrument(original, Probe(Site("a")).hooks(has_steps))
        try:
            with interrupting(at):
                run(original)
        except Interrupted as error:
            where = str(error)
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
