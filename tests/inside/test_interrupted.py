"""A signal handler may raise at any line of ours: the application gets what it raises, and the span is recorded."""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from erni_run.inside.background import Background
from erni_run.inside.delivery.delivery import Delivery
from erni_run.inside.delivery.request import split
from erni_run.inside.recorder.recorder import Recorder
from erni_run.plan import ExportPlan, SpoolPlan
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource

PARTS = ("/delivery/delivery.py", "/delivery/encoder.py", "/delivery/intake.py", "/delivery/journal.py")


class Interrupted(BaseException):
    """What the handler raises."""


@contextmanager
def interrupted_at(line: int) -> Iterator[None]:
    """Raise Interrupted once, at that line of ours."""
    left = itertools.count(line, -1)

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.endswith(PARTS):
            return None
        if event == "line" and not signal.pthread_sigmask(signal.SIG_BLOCK, ()) and next(left) == 0:
            raise Interrupted(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


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
            with interrupted_at(line):
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
