"""The tracer provider that the whole process sees: it exists early, and starts recording at the first span.

Library instrumentations ask for their tracers while the application is still being imported. Whoever asks gets a tracer
that costs nothing until it is used; only then are the OpenTelemetry SDK and its resource, sampler and sender built.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from erni_run.inside import forks, ourselves
from erni_run.inside.notice import describe, say_once
from erni_run.plan import Plan

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider as SdkProvider


def install(plan: Plan, muted: frozenset[str] = frozenset()) -> None:
    """Make a provider for ``plan`` the process's global one; instrumentation scopes in ``muted`` record nothing."""
    trace.set_tracer_provider(Provider(plan, os.environ, muted))


class Provider(trace.TracerProvider):
    """Hands out tracers at once; what else it is asked for, it answers as the SDK's provider, which it then starts."""

    def __init__(self, plan: Plan, environ: Mapping[str, str], muted: frozenset[str]) -> None:
        self._plan = plan
        self._muted = muted
        self._environ = environ
        self._sdk: SdkProvider | None = None
        self._parent: Context | None = None
        self._renew_lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew_lock)

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> trace.Tracer:
        """A tracer for one instrumentation scope; one that does nothing for a library that shall be silent."""
        if instrumenting_module_name in self._muted:
            return trace.NoOpTracer()
        return _Tracer(self, (instrumenting_module_name, instrumenting_library_version, schema_url, attributes))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.started(), name)

    def started(self) -> SdkProvider:
        """The SDK's provider, started if this is the first need of it."""
        if self._sdk is None:
            with self._starting, forks.late_import():
                if self._sdk is None:
                    from erni_run.inside.recorder.sdk import parent_of_process, start

                    self._parent = parent_of_process(self._environ)
                    self._sdk = start(self._plan)
        return self._sdk

    def _renew_lock(self) -> None:
        self._starting = threading.RLock()  # a signal handler may record, too

    def context_for(self, context: Context | None) -> Context | None:
        """``context``, or that of the process's TRACEPARENT for a span that would have no parent."""
        if self._parent is None or trace.get_current_span(context).get_span_context().is_valid:
            return context
        return self._parent


class _Tracer(trace.Tracer):
    """One instrumentation scope's tracer, which becomes the SDK's with its first span."""

    def __init__(self, provider: Provider, scope: tuple[Any, ...]) -> None:
        self._provider = provider
        self._scope = scope
        self._real: trace.Tracer | None = None

    def _started(self) -> trace.Tracer:
        if self._real is None:
            try:
                self._real = self._provider.started().get_tracer(*self._scope)
            except Exception as error:  # whoever starts a span is the application, or a library of its
                if ourselves.is_the_applications(error):
                    raise
                say_once(f"no spans are recorded: {describe(error)}")
                self._real = trace.NoOpTracer()
        return self._real

    def start_span(self, name: str, context: Context | None = None, *args: Any, **options: Any) -> trace.Span:
        """See ``opentelemetry.trace.Tracer.start_span``."""
        real = self._started()
        return real.start_span(name, self._provider.context_for(context), *args, **options)

    def start_as_current_span(self, name: str, context: Context | None = None, *args: Any, **options: Any) -> Any:
        """See ``opentelemetry.trace.Tracer.start_as_current_span``."""
        real = self._started()
        return real.start_as_current_span(name, self._provider.context_for(context), *args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._started(), name)
