"""The OpenTelemetry SDK, set up as the plan says: resource, sampler, span limits, and where ended spans go."""

from __future__ import annotations

import os
import platform
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider, sampling
from opentelemetry.sdk.version import __version__ as sdk_version
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from erni_run.inside.ending import at_end
from erni_run.plan import Plan, SamplingPlan, ServicePlan
from erni_run.version import __version__

if TYPE_CHECKING:
    from opentelemetry.context import Context


def start(plan: Plan) -> TracerProvider:
    """A recording provider for ``plan``; what it holds when the process ends is flushed within the exit budget."""
    provider = _Provider(_sampler(plan.sampling), _resource(plan.service), shutdown_on_exit=False)
    processor = _processor(plan)
    if processor is not None:
        provider.add_span_processor(processor)
        at_end(provider.shutdown)
    return provider


class _Provider(TracerProvider):
    """The SDK's, but for what it does in a forked child: it runs resource detectors in a pool of threads there, which
    waits for ever if the application has imported concurrent.futures after the provider was made.
    """

    def _handle_fork(self) -> None:
        self._tracers_lock = threading.Lock()
        self._update_resource(Resource(_identity()))


def parent_of_process(environ: Mapping[str, str]) -> Context | None:
    """The remote parent in TRACEPARENT and TRACESTATE (W3C Trace Context, as environment variables), or None."""
    names = {"traceparent": "TRACEPARENT", "tracestate": "TRACESTATE"}
    carrier = {header: environ[name] for header, name in names.items() if environ.get(name)}
    context = TraceContextTextMapPropagator().extract(carrier)
    return context if get_current_span(context).get_span_context().is_valid else None


def _resource(service: ServicePlan) -> Resource:
    """Attribute names are those of the semantic conventions for resources; deployment.environment is the older
    spelling.
    """
    named: dict[str, Any] = {
        "service.name": service.name,
        "service.version": service.version,
        "deployment.environment.name": service.environment,
        "deployment.environment": service.environment,
    }
    process: dict[str, Any] = {
        **_identity(),
        "process.runtime.name": platform.python_implementation().lower(),
        "process.runtime.version": platform.python_version(),
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": sdk_version,
        "telemetry.distro.name": "erni-run",
        "telemetry.distro.version": __version__,
    }
    return Resource({**process, **service.attributes, **{name: value for name, value in named.items() if value}})


def _identity() -> dict[str, Any]:
    """What tells this process from its siblings."""
    return {"service.instance.id": str(uuid.uuid4()), "process.pid": os.getpid()}


def _sampler(plan: SamplingPlan) -> sampling.Sampler:
    """The sampler of that name, as OTEL_TRACES_SAMPLER spells it."""
    known: dict[str, Callable[[], sampling.Sampler]] = {
        "always_on": lambda: sampling.ALWAYS_ON,
        "always_off": lambda: sampling.ALWAYS_OFF,
        "traceidratio": lambda: sampling.TraceIdRatioBased(plan.ratio),
        "parentbased_always_on": lambda: sampling.DEFAULT_ON,
        "parentbased_always_off": lambda: sampling.DEFAULT_OFF,
        "parentbased_traceidratio": lambda: sampling.ParentBasedTraceIdRatio(plan.ratio),
    }
    return known[plan.sampler]()


def _processor(plan: Plan) -> SpanProcessor | None:
    if plan.export.protocol == "none":
        return None
    if plan.export.protocol == "console":
        from erni_run.inside.delivery.console import Console

        return Console()
    from erni_run.inside.delivery.sender import Sender

    return Sender(plan.export)
