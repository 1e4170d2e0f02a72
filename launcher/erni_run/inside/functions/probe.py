"""What happens around a call: a span is started, made current while the body runs, ended with what became of it.

No hook ever raises into the application; what goes wrong in one is said once, and the call goes on without a span.
OpenTelemetry is imported by the first call, not before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from erni_run.inside import forks
from erni_run.inside.notice import describe, say_once
from erni_run.version import __version__

_STRIP_FRAME = sys.version_info >= (3, 11)  # before 3.11, `raise` puts the trampoline's frame back


@dataclass(frozen=True)
class Site:
    """One call site: what is the same for every span of it. ``only`` restricts a method to instances of these
    classes.
    """

    name: str
    kind: str = "internal"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    cancelled: str = "ok"
    ignore: frozenset[str] = frozenset()
    record_exceptions: bool = True
    only: tuple[type, ...] = ()


class Probe:
    """The hooks of one call site. A state is ``None`` where there is no span to look after."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._start: Callable[[], Any] = self._start_first

    def hooks(self, generator: bool) -> dict[str, object]:
        """The hooks by their names in a trampoline."""
        if generator:
            steps = ("resume", "pause", "finish", "abort")
            return {"begin": self._guarded(self._begin), **{name: getattr(self, f"_{name}") for name in steps}}
        return {"enter": self._guarded(self._enter), "leave": self._leave, "fail": self._fail}

    def _guarded(self, hook: Callable[[], Any]) -> Callable[..., Any]:
        only = self._site.only

        def first_hook(*captured: Any) -> Any:
            try:
                if only and not isinstance(captured[0], only):
                    return None
                return hook()
            except Exception as error:
                say_once(f"{self._site.name}: a span could not be started: {describe(error)}")
                return None

        return first_hook

    # functions and coroutines: state = (span, token)

    def _enter(self) -> Any:
        span = self._start()
        from opentelemetry import context, trace

        return span, context.attach(trace.set_span_in_context(span))

    def _leave(self, state: Any) -> None:
        if state is not None:
            span, token = state
            _detach(token)
            self._end(span, None)

    def _fail(self, state: Any) -> None:
        error = _take_exception()
        if state is not None:
            span, token = state
            _detach(token)
            self._end(span, error)

    # generators: state = [span, the context to make current while the body runs]

    def _begin(self) -> Any:
        span = self._start()
        from opentelemetry import trace

        return [span, trace.set_span_in_context(span)]

    def _resume(self, state: Any) -> Any:
        if state is None:
            return None
        from opentelemetry import context

        return context.attach(state[1])

    def _pause(self, state: Any, token: Any) -> None:
        if state is not None:
            from opentelemetry import context

            state[1] = context.get_current()  # with what the body itself has made current and holds across its yield
            _detach(token)

    def _finish(self, state: Any) -> None:
        if state is not None:
            self._end(state[0], None)

    def _abort(self, state: Any) -> None:
        error = _take_exception()
        if state is not None:
            self._end(state[0], error)

    def _start_first(self) -> Any:
        with forks.late_import():
            from opentelemetry import context, trace  # noqa: F401  # context: the other hooks only look it up

        site = self._site
        kind = trace.SpanKind[site.kind.upper()]
        tracer = trace.get_tracer("erni_run", __version__)
        attributes = dict(site.attributes)
        self._start = lambda: tracer.start_span(site.name, kind=kind, attributes=attributes)
        return self._start()

    def _end(self, span: Any, error: BaseException | None) -> None:
        try:
            if error is not None:
                self._describe_failure(span, error)
            span.end()
        except Exception as problem:
            say_once(f"{self._site.name}: a span could not be ended: {describe(problem)}")

    def _describe_failure(self, span: Any, error: BaseException) -> None:
        """Cancellation and the ends of generators are no errors; what the user wants ignored is none either."""
        if isinstance(error, GeneratorExit):
            span.set_attribute("erni.outcome", "closed")
        elif _is_cancellation(error):
            span.set_attribute("erni.outcome", "cancelled")
            if self._site.cancelled == "error":
                _mark(span, error)
        elif not (_is_control_flow(error) or self._is_ignored(error)):
            if self._site.record_exceptions:
                span.record_exception(error)
            span.set_attribute("error.type", _type_name(type(error), "."))
            _mark(span, error)

    def _is_ignored(self, error: BaseException) -> bool:
        ignore = self._site.ignore
        return bool(ignore) and any(_type_name(kind, ":") in ignore for kind in type(error).__mro__)


def _mark(span: Any, error: BaseException) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, describe(error)))


def _type_name(kind: type, separator: str) -> str:
    plain = kind.__module__ == "builtins" and separator == "."
    return kind.__qualname__ if plain else f"{kind.__module__}{separator}{kind.__qualname__}"


def _is_cancellation(error: BaseException) -> bool:
    asyncio = sys.modules.get("asyncio.exceptions")  # whoever raised CancelledError has imported it
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _is_control_flow(error: BaseException) -> bool:
    leaves_quietly = isinstance(error, SystemExit) and not error.code
    return leaves_quietly or isinstance(error, (StopIteration, StopAsyncIteration))


def _take_exception() -> BaseException | None:
    """The exception on its way, without the trampoline's entry in its traceback."""
    error = sys.exc_info()[1]
    traceback = error.__traceback__ if error is not None else None
    if _STRIP_FRAME and error is not None and traceback is not None and traceback.tb_next is not None:
        error.__traceback__ = traceback.tb_next
    return error


def _detach(token: Any) -> None:
    """Like ``context.detach``, without its log line: a token of another context is no error here (PEP 567)."""
    from opentelemetry.context import _RUNTIME_CONTEXT

    try:
        _RUNTIME_CONTEXT.detach(token)
    except (ValueError, RuntimeError):
        return
