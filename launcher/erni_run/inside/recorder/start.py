"""The recorder, set up as the plan says, and where its spans go."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from opentelemetry.trace import SpanContext, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from erni_run.inside.ending import at_end
from erni_run.inside.recorder.recorder import Recorder
from erni_run.inside.recorder.resource import resource
from erni_run.plan import Plan


def start(plan: Plan, environ: Mapping[str, str]) -> Recorder:
    """A recorder for ``plan``; what it holds when the process ends is flushed within the exit budget."""
    parent = parent_of_process(environ)
    if plan.export.protocol == "none":
        recorder = Recorder(resource(plan.service), sampling=plan.sampling, remote_parent=parent)
    elif plan.export.protocol == "console":
        from erni_run.inside.delivery.console import Console

        deliver = Console().on_end
        recorder = Recorder(resource(plan.service), deliver, sampling=plan.sampling, remote_parent=parent)
    else:
        recorder = _delivering(plan, parent)
    at_end(recorder.shutdown)  # the application's own processors
    return recorder


def parent_of_process(environ: Mapping[str, str]) -> SpanContext | None:
    """The remote parent in TRACEPARENT and TRACESTATE (W3C Trace Context, as environment variables), or None."""
    names = {"traceparent": "TRACEPARENT", "tracestate": "TRACESTATE"}
    carrier = {header: environ[name] for header, name in names.items() if environ.get(name)}
    parent = get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()
    return parent if parent.is_valid else None


def _delivering(plan: Plan, parent: SpanContext | None) -> Recorder:
    """A recorder whose spans go to a collector, and tracing's own metrics with them unless they are switched off."""
    from erni_run.inside.delivery.delivery import Delivery

    delivery = Delivery(plan.export, plan.spool)
    if plan.metrics.enabled == "false":
        at_end(delivery.shutdown)
        return Recorder(resource(plan.service), delivery.on_end, sampling=plan.sampling, remote_parent=parent)
    from erni_run.inside.delivery.encoder import encode_resource
    from erni_run.inside.metrics.reporter import Reporter
    from erni_run.inside.settlement import Settlement

    settlement = Settlement()
    recorder = Recorder(
        resource(plan.service),
        delivery.on_end,
        sampling=plan.sampling,
        remote_parent=parent,
        settlement=settlement,
    )
    reporter = Reporter(
        plan.export, plan.metrics, lambda: encode_resource(recorder.resource), lambda: delivery.counts, settlement
    )

    def settled(spans: Sequence[bytes], outcome: str, reason: str) -> None:
        settlement.settled(spans, outcome, reason)
        reporter.start()  # not before there is anything to report, and in a forked child again

    def end() -> None:
        until = time.monotonic() + plan.export.exit_budget
        delivery.shutdown()
        reporter.finish(max(0.0, until - time.monotonic()))

    delivery.watch(settled)
    at_end(end)
    return recorder
