"""The recorder, set up as the plan says, and where its spans go."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.trace import SpanContext, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from erni_run.inside import ourselves
from erni_run.inside.ending import at_end
from erni_run.inside.immediate_exit import ImmediateExit
from erni_run.inside.recorder.recorder import Recorder
from erni_run.inside.recorder.resource import resource
from erni_run.inside.settlement import Settlement
from erni_run.inside.termination import IS_POSSIBLE, RunAfter, Termination
from erni_run.plan import LimitsPlan, Plan

if TYPE_CHECKING:
    from erni_run.inside.delivery.delivery import Delivery


def start(plan: Plan, environ: Mapping[str, str], run_after: RunAfter | None = None) -> Recorder:
    """A recorder for ``plan``; what it holds when the process ends, be it by SIGTERM, is flushed within the exit
    budget.
    """
    if plan.export.protocol == "none":
        return _recorder(plan, environ, None)
    if plan.export.protocol == "console":
        from erni_run.inside.delivery.console import Console

        return _recorder(plan, environ, Console().on_end)
    from erni_run.inside.delivery.delivery import Delivery

    delivery = Delivery(plan.export, plan.spool)
    if plan.metrics.enabled == "false":
        recorder = _recorder(plan, environ, delivery.on_end, flush=delivery.force_flush)
        end = delivery.shutdown
    else:
        settlement = Settlement()
        recorder = _recorder(plan, environ, delivery.on_end, settlement, delivery.force_flush)
        end = _report(plan, recorder, delivery, settlement)
    if run_after is not None and plan.export.exit_budget > 0:
        _end_early(delivery, end, plan.export.exit_budget, run_after)
    at_end(end)
    return recorder


def _end_early(delivery: Delivery, end: Callable[[], object], budget: float, run_after: RunAfter) -> None:
    """Call ``end`` where a process ends without the functions that are registered for its exit."""
    delivery.when_begun(ImmediateExit(end).arm)
    if IS_POSSIBLE:
        termination = Termination(end, budget)
        termination.attend(run_after)
        delivery.when_begun(termination.arm)


def _recorder(
    plan: Plan,
    environ: Mapping[str, str],
    deliver: Callable[[Any], object] | None,
    settlement: Settlement | None = None,
    flush: Callable[[int], bool] = lambda _: True,
) -> Recorder:
    recorder = Recorder(
        resource(plan.service),
        deliver,
        sampling=plan.sampling,
        span_limits=_limits(plan.limits),
        remote_parent=parent_of_process(environ),
        settlement=settlement,
        flush=flush,
        exit_budget=plan.export.exit_budget,
    )
    at_end(recorder.end)  # the application's own processors
    return recorder


def _limits(plan: LimitsPlan) -> SpanLimits:
    return SpanLimits(
        max_attributes=plan.attributes,
        max_span_attributes=plan.span_attributes,
        max_event_attributes=plan.event_attributes,
        max_link_attributes=plan.link_attributes,
        max_events=plan.events,
        max_links=plan.links,
        max_attribute_length=plan.attribute_length,
        max_span_attribute_length=plan.span_attribute_length,
    )


def _report(plan: Plan, recorder: Recorder, delivery: Delivery, settlement: Settlement) -> Callable[[], None]:
    """Report on what is delivered, from the first spans on, in forked children, too. Returns what ends both."""
    from erni_run.inside.delivery.encoder import encode_resource
    from erni_run.inside.metrics.reporter import Reporter

    def end() -> None:
        until = time.monotonic() + plan.export.exit_budget
        try:
            delivery.shutdown()
        finally:
            ourselves.aside(reporter.finish, until - time.monotonic())

    reporter = Reporter(
        plan.export,
        plan.metrics,
        lambda: encode_resource(recorder.resource),
        lambda: delivery.counts,
        settlement,
        follow=lambda: delivery.watch(settlement.settled),
        overflowed=lambda: recorder.keeping.overflowed,
    )
    delivery.each_turn(reporter.start)
    return end


def parent_of_process(environ: Mapping[str, str]) -> SpanContext | None:
    """The remote parent in TRACEPARENT and TRACESTATE (W3C Trace Context, as environment variables), or None."""
    names = {"traceparent": "TRACEPARENT", "tracestate": "TRACESTATE"}
    carrier = {header: environ[name] for header, name in names.items() if environ.get(name)}
    parent = get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()
    return parent if parent.is_valid else None
