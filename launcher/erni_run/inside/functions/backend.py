"""Where a call site's spans are made: in our recorder, or in whatever provider another launcher has set up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry import context, trace

from erni_run.inside.forks import process
from erni_run.inside.notice import describe, say_once
from erni_run.inside.ourselves import aside, is_to_be_raised
from erni_run.inside.recorder.provider import Provider
from erni_run.inside.recorder.template import by_name
from erni_run.version import __version__

if TYPE_CHECKING:
    from erni_run.inside.functions.probe import Site
    from erni_run.inside.recorder.ids import Lot


@dataclass(frozen=True)
class Backend:
    """The operations of a call site.

    ``current`` is what a ContextVar is: ``get()``, ``set(what) -> token``, ``reset(token)``. ``start(captured, base,
    drawn, seen)`` gives a started span below ``base``, which ``current`` holds, with the values of the site's captures
    in passing; None where nothing is recorded, or a float where nothing is recorded either, but that shall be made
    current. Where ``current`` holds None, a number from ``lot`` may be ``drawn`` before: one below ``lot.unkept`` is
    what ``start`` would give. What is ``seen`` is for those who look at the start of spans, and is added afterwards.
    ``end(span)`` raises what processors of the application's raise. ``add(span, attributes)`` adds clean attributes.
    """

    current: Any
    lot: Lot | None
    start: Callable[..., Any]
    end: Callable[[Any], None]
    add: Callable[[Any, dict[str, Any]], None]


def backend(site: Site) -> Backend:
    """The backend for the spans of ``site``."""
    kind = trace.SpanKind[site.kind.upper()]
    captured = site.captures.expressions if site.captures is not None else ()
    attributes = {name: value for name, value in site.attributes.items() if name not in captured}
    provider = trace.get_tracer_provider()
    if type(provider) is Provider:
        try:
            return _own(provider, site, kind, attributes)
        except Exception as error:  # e.g. an SDK that cannot be imported
            if is_to_be_raised(error):
                raise
            say_once(f"no spans are recorded: {describe(error)}", kind="no spans")
            return _none()
    return _stock(site, kind, attributes)


def _own(provider: Provider, site: Site, kind: trace.SpanKind, attributes: Mapping[str, Any]) -> Backend:
    recorder = provider.started()  # which brings the rest
    from erni_run.inside.recorder.current import current
    from erni_run.inside.recorder.span import Span

    tracer = recorder.get_tracer("erni_run", __version__)
    start = tracer.starter(site.name, kind, attributes, site.in_passing)
    return Backend(current, recorder.lot, start, Span.end, Span.add)


def _none() -> Backend:
    def nothing(*_: Any) -> None:
        return

    return Backend(_Runtime(), None, nothing, nothing, nothing)


class _Runtime:
    """OpenTelemetry's runtime context, whosever it is."""

    def __init__(self) -> None:
        runtime = context._RUNTIME_CONTEXT  # context.detach would log what is no error here
        self.get, self.reset, self._attach = runtime.get_current, runtime.detach, runtime.attach

    def set(self, what: Any) -> Any:
        return self._attach(what if isinstance(what, context.Context) else trace.set_span_in_context(what))


def _stock(site: Site, kind: trace.SpanKind, attributes: Mapping[str, Any]) -> Backend:
    tracer = trace.get_tracer("erni_run", __version__)

    def start(captured: Any, _: Any, drawn: Any = None, seen: Mapping[str, Any] | None = None) -> Any:  # noqa: ARG001
        given = seen or by_name(site.in_passing, captured)
        span = aside(lambda: tracer.start_span(site.name, kind=kind, attributes={**attributes, **given}))
        span._erni_run_generation = process.generation
        return span

    def end(span: Any) -> None:
        if span._erni_run_generation == process.generation:  # else it was begun before a fork: it is the parent's
            aside(span.end)

    def add(span: Any, more: dict[str, Any]) -> None:
        aside(span.set_attributes, more)

    return Backend(_Runtime(), None, start, end, add)
