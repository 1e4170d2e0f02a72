"""What happens around a call: a span is started, made current while the body runs, ended with what became of it.

No hook ever raises into the application; what goes wrong in one is said once, and the call goes on without a span.
OpenTelemetry is imported by the first call, not before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from erni_run.inside import forks
from erni_run.inside.notice import describe, say_once
from erni_run.inside.ourselves import is_the_applications, thread

if TYPE_CHECKING:
    from erni_run.inside.functions.backend import Backend

_STRIP_FRAME = sys.version_info >= (3, 11)  # before 3.11, `raise` puts the trampoline's frame back


@dataclass(frozen=True)
class Site:
    """One call site: what is the same for every span of it.

    ``only`` restricts an inherited method to that class; its receiver is then the first of the captured parameters.
    ``at_entry(attributes, *captured)`` and ``at_exit(attributes, result, *captured)`` fill in what the parameters and
    the result say, under the names in ``captures``.
    """

    name: str
    kind: str = "internal"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    cancelled: str = "ok"
    ignore: frozenset[str] = frozenset()
    record_exceptions: bool = True
    only: type | tuple[type, ...] | None = None
    captures: frozenset[str] = frozenset()
    at_entry: Callable[..., None] | None = None
    at_exit: Callable[..., None] | None = None


class Probe:
    """The hooks of one call site. A state is ``None`` where there is no span to look after."""

    __slots__ = ("_attach", "_backend", "_detach", "_end", "_plain", "_site", "_start")

    def __init__(self, site: Site) -> None:
        self._site = site
        self._plain = site.only is None and site.at_entry is None
        self._start: Callable[[], Any] = self._start_first
        self._backend: Backend | None = None

    def __reduce__(self) -> tuple[type[Probe], tuple[Site]]:
        """A function that is pickled by value takes its hooks along; over there they begin anew."""
        return Probe, (self._site,)

    def hooks(self, *, generator: bool, with_result: bool) -> dict[str, object]:
        """The hooks by their names in a trampoline; ``with_result`` for one that hands the result over."""
        if generator:
            finish = self.finish_with if with_result else self.finish
            return {
                "begin": self.begin,
                "resume": self.resume,
                "pause": self.pause,
                "finish": finish,
                "abort": self.abort,
            }
        return {"enter": self.enter, "leave": self.leave_with if with_result else self.leave, "fail": self.fail}

    # functions and coroutines: state = (span, token)

    def enter(self, *captured: Any) -> Any:
        """Start a span and make it current."""
        if thread.at_work:
            return None
        try:
            span = self._start() if self._plain else self._start_for(captured)
            return None if span is None else (span, self._attach(span))
        except Exception as error:
            return self._swallow("started", error)

    def leave(self, state: Any) -> None:
        """The call has returned."""
        if state is not None:
            span, token = state
            try:  # noqa: SIM105  # contextlib.suppress takes longer than all the rest
                self._detach(token)
            except (ValueError, RuntimeError):  # a token of another context is no error here (PEP 567)
                pass
            self._end(span)

    def leave_with(self, state: Any, result: Any, *captured: Any) -> Any:
        """The call has returned ``result``. Returns what to return: a coroutine may be followed by the span."""
        if state is None:
            return result
        kind = type(result)
        if kind not in _settled_types and (follow := _follower(kind)) is not None:
            try:
                return follow(self, state, result, captured)
            except Exception as error:
                self._swallow("followed", error)
        if self._site.at_exit is not None:
            self.describe_result(state[0], result, captured)
        self.leave(state)
        return result

    def fail(self, state: Any) -> None:
        """The call has raised what is in ``sys.exc_info()``."""
        error = _take_exception()
        if state is not None:
            span, token = state
            self.detach(token)
            self.end(span, error)

    # generators: state = [span, what to make current while the body runs]

    def begin(self, *captured: Any) -> Any:
        """Start a span that is not current yet."""
        if thread.at_work:
            return None
        try:
            span = self._start() if self._plain else self._start_for(captured)
            return None if span is None else [span, span]
        except Exception as error:
            return self._swallow("started", error)

    def resume(self, state: Any) -> Any:
        """The body is about to run: the span is current, the token undoes that."""
        return self._attach(state[1]) if state is not None else None

    def pause(self, state: Any, token: Any) -> None:
        """The body has yielded or ended."""
        if state is not None and self._backend is not None:
            state[1] = self._backend.get()  # with what the body itself has made current and holds across its yield
            self.detach(token)

    def finish(self, state: Any) -> None:
        """The body has returned."""
        if state is not None:
            self._end(state[0])

    def finish_with(self, state: Any, result: Any, *captured: Any) -> None:
        """The body has returned ``result``."""
        if state is not None:
            self.describe_result(state[0], result, captured)
            self._end(state[0])

    def abort(self, state: Any) -> None:
        """The body has raised what is in ``sys.exc_info()``."""
        error = _take_exception()
        if state is not None:
            self.end(state[0], error)

    # for the hooks, and for what follows an awaitable

    def attach(self, what: Any) -> Any:
        """Make ``what``, a span or what ``pause`` has kept, current. Returns a token."""
        return self._attach(what)

    def detach(self, token: Any) -> None:
        """Undo an ``attach``, in silence if it was done in another context."""
        try:
            self._detach(token)
        except (ValueError, RuntimeError):  # PEP 567
            return

    def end(self, span: Any, error: BaseException | None) -> None:
        """End ``span`` with what became of the call."""
        if error is not None:
            was_at_work, thread.at_work = thread.at_work, True
            try:
                self._describe_failure(span, error)
            except Exception as problem:  # the exception's own __str__ may raise: whatever it is, the span ends
                self._swallow("described", problem)
            finally:
                thread.at_work = was_at_work
        self._end(span)

    def describe_result(self, span: Any, result: Any, captured: tuple[Any, ...]) -> None:
        """Add what the result says."""
        if self._site.at_exit is None or self._backend is None:
            return
        attributes: dict[str, Any] = {}
        try:
            self._site.at_exit(attributes, result, *captured)
            self._backend.add(span, attributes)
        except Exception as error:
            self._swallow("described", error)

    def _start_for(self, captured: tuple[Any, ...]) -> Any:
        """A span with what the parameters say; None if the method was called for another class."""
        site = self._site
        if site.only is not None:
            if not _is_for(captured[0], site.only):
                return None
            captured = captured[1:]
        span = self._start()
        if span is not None and site.at_entry is not None and self._backend is not None and span.is_recording():
            attributes: dict[str, Any] = {}
            site.at_entry(attributes, *captured)
            self._backend.add(span, attributes)
        return span

    def _start_first(self) -> Any:
        thread.at_work = True
        try:
            with forks.late_import():
                from erni_run.inside.functions.backend import backend

                site = self._site
                own = {name: value for name, value in site.attributes.items() if name not in site.captures}
                found = backend(site.name, site.kind, own)
            self._attach, self._detach, self._end = found.attach, found.detach, found.end
            self._backend = found
            self._start = found.start
        finally:
            thread.at_work = False
        return self._start()

    def _swallow(self, what: str, error: Exception) -> None:
        if is_the_applications(error):
            raise error
        say_once(f"{self._site.name}: a span could not be {what}: {describe(error)}")

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


Follow = Callable[[Probe, Any, Any, "tuple[Any, ...]"], Any]
_settled_types: set[type] = {type(None), bool, int, float, str, bytes, tuple, list, dict, set, frozenset}
_MOST_TYPES = 10_000


def _follower(kind: type) -> Follow | None:
    """What lets a span follow an awaitable of type ``kind``, None for results that are what they are."""
    from erni_run.inside.functions.follow import follower

    follow = follower(kind)
    if follow is None and len(_settled_types) < _MOST_TYPES:
        _settled_types.add(kind)
    return follow


def _is_for(receiver: Any, only: type | tuple[type, ...]) -> bool:
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
