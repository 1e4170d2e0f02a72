"""The tracer provider that the whole process sees: it exists early, and starts recording at the first span.

Library instrumentations ask for their tracers while the application is still being imported. Whoever asks gets a tracer
that costs nothing until it is used; only then is the SDK imported, and are the recorder, its resource, its sampler and
the delivery made.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from erni_run.inside import forks, ourselves
from erni_run.inside.notice import describe, say_once
from erni_run.inside.recorder import context
from erni_run.plan import Plan

if TYPE_CHECKING:
    from erni_run.inside.recorder.recorder import Recorder
    from erni_run.inside.termination import RunAfter


def install(plan: Plan, muted: frozenset[str], run_after: RunAfter) -> None:
    """Make a provider for ``plan`` the process's global one; instrumentation scopes in ``muted`` record nothing.
    ``run_after`` is what ``Termination`` needs.
    """
    context.install()
    trace.set_tracer_provider(Provider(plan, os.environ, muted, run_after))


class Provider(trace.TracerProvider):
    """Hands out tracers at once; what else it is asked for, it answers as the recorder, which it then starts."""

    def __init__(
        self, plan: Plan, environ: Mapping[str, str], muted: frozenset[str], run_after: RunAfter | None = None
    ) -> None:
        self._plan = plan
        self._muted = muted
        self._run_after = run_after
        self._environ = environ
        self._recorder: Recorder | None = None
        self._renew_lock()
        forks.in_child(self._renew_lock)

    @property  # type: ignore[misc]  # what isinstance asks, and nothing else
    def __class__(self) -> type:
        """To ``isinstance``, an SDK provider, where the SDK has been imported: libraries ask before they add to it."""
        sdk = sys.modules.get("opentelemetry.sdk.trace")
        return sdk.TracerProvider if sdk is not None else Provider

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

    def started(self) -> Recorder:
        """The recorder, started if this is the first need of it."""
        if self._recorder is None:
            with self._starting, forks.late_import():
                if self._recorder is None:
                    self._recorder = ourselves.aside(self._start)
        return self._recorder

    def _start(self) -> Recorder:
        from erni_run.inside.recorder.start import start

        return start(self._plan, self._environ, self._run_after)

    def reconfigure(self, plan: Plan) -> None:
        """Follow the sampling of another plan from now on."""
        self._plan = plan
        if self._recorder is not None:
            self._recorder.reconfigure(plan.sampling)

    def _renew_lock(self) -> None:
        self._starting = threading.RLock()  # a signal handler may record, too


class _Tracer(trace.Tracer):
    """One instrumentation scope's tracer, which becomes the recorder's with its first span."""

    def __init__(self, provider: Provider, scope: tuple[Any, ...]) -> None:
        self._provider = provider
        self._scope = scope
        self._real: trace.Tracer | None = None

    @property  # type: ignore[misc]  # as Provider's
    def __class__(self) -> type:
        sdk = sys.modules.get("opentelemetry.sdk.trace")
        return sdk.Tracer if sdk is not None else _Tracer

    def started(self) -> trace.Tracer:
        """The recorder's tracer, or one that does nothing if there can be none."""
        if self._real is None:
            try:
                self._real = self._provider.started().get_tracer(*self._scope)
            except Exception as error:  # whoever starts a span is the application, or a library of its
                if ourselves.is_to_be_raised(error):
                    raise
                say_once(f"no spans are recorded: {describe(error)}", kind="no spans")
                self._real = trace.NoOpTracer()
        return self._real

    def start_span(self, name: str, *args: Any, **options: Any) -> trace.Span:
        """See ``opentelemetry.trace.Tracer.start_span``."""
        return self.started().start_span(name, *args, **options)

    def start_as_current_span(self, name: str, *args: Any, **options: Any) -> Any:
        """See ``opentelemetry.trace.Tracer.start_as_current_span``."""
        return self.started().start_as_current_span(name, *args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.started(), name)
