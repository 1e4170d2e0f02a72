"""The recorder, set up as the plan says, and where its spans go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.trace import SpanContext, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from erni_run.inside.ending import at_end
from erni_run.inside.recorder.recorder import Recorder
from erni_run.inside.recorder.resource import resource
from erni_run.plan import Plan


def start(plan: Plan, environ: Mapping[str, str]) -> Recorder:
    """A recorder for ``plan``; what it holds when the process ends is flushed within the exit budget."""
    deliver, close = _delivery(plan)
    recorder = Recorder(
        resource(plan.service), deliver, sampling=plan.sampling, remote_parent=parent_of_process(environ)
    )
    at_end(recorder.shutdown)  # the application's own processors
    at_end(close)
    return recorder


def parent_of_process(environ: Mapping[str, str]) -> SpanContext | None:
    """The remote parent in TRACEPARENT and TRACESTATE (W3C Trace Context, as environment variables), or None."""
    names = {"traceparent": "TRACEPARENT", "tracestate": "TRACESTATE"}
    carrier = {header: environ[name] for header, name in names.items() if environ.get(name)}
    parent = get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()
    return parent if parent.is_valid else None


def _delivery(plan: Plan) -> tuple[Callable[[Any], object] | None, Callable[[], object]]:
    if plan.export.protocol == "none":
        return None, lambda: None
    if plan.export.protocol == "console":
        from erni_run.inside.delivery.console import Console

        return Console().on_end, lambda: None
    from erni_run.inside.delivery.delivery import Delivery

    delivery = Delivery(plan.export, plan.spool)
    return delivery.on_end, delivery.shutdown
