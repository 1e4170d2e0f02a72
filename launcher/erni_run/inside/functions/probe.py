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
from erni_run.inside.ourselves import is_the_applications, thread
from erni_run.version import __version__

_STRIP_FRAME = sys.version_info >= (3, 11)  # before 3.11, `raise` puts the trampoline's frame back


@dataclass(frozen=True)
class Site:
    """One call site: what is the same for every span of it. ``only`` restricts an inherited method to that class."""

    name: str
    kind: str = "internal"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    cancelled: str = "ok"
    ignore: frozenset[str] = frozenset()
    record_exceptions: bool = True
    only: type | None = None


class Probe:
    """The hooks of one call site. A state is ``None`` where there is no span to look after."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._start: Callable[[], Any] = self._start_first

    def __reduce__(self) -> tuple[type[Probe], tuple[Site]]:
        """A function that is pickled by value takes its hooks along; over there they begin anew."""
        return Probe, (self._site,)

    def hooks(self, generator: bool) -> dict[str, object]:
        """The hooks by their names in a trampoline."""
        names = ("begin", "resume", "pause", "finish", "abort") if generator else ("enter", "leave", "fail")
        return {name: getattr(self, name) for name in names}

    # functions and coroutines: state = (span, process, token)

    def enter(self, *captured: Any) -> Any:
        """Start a span and make it current."""
        return self._guarded(self._enter, captured)

    def leave(self, state: Any) -> None:
        """The call has returned."""
        if state is not None:
            _detach(state[-1])
            self._end(state, None)

    def fail(self, state: Any) -> None:
        """The call has raised what is in ``sys.exc_info()``."""
        error = _take_exception()
        if state is not None:
            _detach(state[-1])
            self._end(state, error)

    # generators: state = [span, process, the context to make current while the body runs]

    def begin(self, *captured: Any) -> Any:
        """Start a span that is not current yet."""
        return self._guarded(self._begin, captured)

    def resume(self, state: Any) -> Any:
        """The body is about to run: the span is current, the token undoes that."""
        if state is None:
            return None
        from opentelemetry import context

        return context.attach(state[-1])

    def pause(self, state: Any, token: Any) -> None:
        """The body has yielded or ended."""
        if state is not None:
            from opentelemetry import context

            state[-1] = context.get_current()  # with what the body itself has made current and holds across its yield
            _detach(token)

    def finish(self, state: Any) -> None:
        """The body has returned."""
        if state is not None:
            self._end(state, None)

    def abort(self, state: Any) -> None:
        """The body has raised what is in ``sys.exc_info()``."""
        error = _take_exception()
        if state is not None:
            self._end(state, error)

    def _guarded(self, start: Callable[[], Any], captured: tuple[Any, ...]) -> Any:
        """``start()``, or None: where we are at work ourselves, where the method is another class's, where it fails."""
        if thread.at_work:
            return None
        thread.at_work = True
        try:
            if self._site.only is not None and not _is_for(captured[0], self._site.only):
                return None
            return start()
        except Exception as error:
            if is_the_applications(error):
                raise
            say_once(f"{self._site.name}: a span could not be started: {describe(error)}")
            return None
        finally:
            thread.at_work = False

    def _enter(self) -> Any:
        span = self._start()
        from opentelemetry import context, trace

        return span, forks.generation(), context.attach(trace.set_span_in_context(span))

    def _begin(self) -> Any:
        span = self._start()
        from opentelemetry import trace

        return [span, forks.generation(), trace.set_span_in_context(span)]

    def _start_first(self) -> Any:
        with forks.late_import():
            from opentelemetry import context, trace  # noqa: F401  # context: the other hooks only look it up

        site = self._site
        kind = trace.SpanKind[site.kind.upper()]
        tracer = trace.get_tracer("erni_run", __version__)
        attributes = dict(site.attributes)
        self._start = lambda: tracer.start_span(site.name, kind=kind, attributes=attributes)
        return self._start()

    def _end(self, state: Any, error: BaseException | None) -> None:
        span, generation, _ = state
        if generation != forks.generation():
            return  # forked since: the span is the parent's to end
        was_at_work, thread.at_work = thread.at_work, True
        try:
            if error is not None:
                self._try_to_describe(span, error)
            span.end()
        except Exception as problem:
            if is_the_applications(problem):
                raise
            say_once(f"{self._site.name}: a span could not be ended: {describe(problem)}")
        finally:
            thread.at_work = was_at_work

    def _try_to_describe(self, span: Any, error: BaseException) -> None:
        try:
            self._describe_failure(span, error)
        except Exception as problem:  # the exception's own __str__ may raise: whatever it is, the span ends
            say_once(f"{self._site.name}: an exception could not be recorded: {describe(problem)}")

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


def _is_for(receiver: Any, only: type) -> bool:
    return issubclass(receiver, only) if isinstance(receiver, type) else isinstance(receiver, only)


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
