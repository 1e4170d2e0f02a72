"""A signal handler may raise at any line of ours: the application gets what it raises, and the span is recorded."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from erni_run.inside.background import Background
from erni_run.inside.delivery.delivery import Delivery
from erni_run.inside.delivery.request import split
from erni_run.inside.recorder.recorder import Recorder
from erni_run.plan import ExportPlan, SpoolPlan
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource

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
