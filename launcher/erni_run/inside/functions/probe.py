"""What happens around a call: a span is started, made current while the body runs, ended with what became of it.

No hook ever raises into the application; what goes wrong in one is said once, and the call goes on without a span.
OpenTelemetry is imported by the first call, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from erni_run.inside import forks
from erni_run.inside.functions.build import take_exception
from erni_run.inside.functions.capture import Captures
from erni_run.inside.functions.choice import is_for
from erni_run.inside.functions.follow import NEVER_FOLLOWED, Following, follow, is_followed
from erni_run.inside.functions.outcome import describe_failure
from erni_run.inside.imports import is_too_early
from erni_run.inside.notice import describe, say_once
from erni_run.inside.ourselves import aside, is_ours, is_the_applications, setters, setting, under_way

if TYPE_CHECKING:
    from erni_run.inside.functions.backend import Backend

_has_begun = False


@dataclass(frozen=True)
class Site:
    """One call site: what is the same for every span of it.

    ``only`` restricts an inherited method to that class; its receiver is then the first of the parameters at entry.
    ``in_passing`` names the attributes whose values the first hook is given instead of parameters.
    """

    name: str
    kind: str = "internal"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    cancelled: str = "ok"
    ignore: frozenset[str] = frozenset()
    record_exceptions: bool = True
    only: type | None = None
    captures: Captures | None = None
    in_passing: tuple[str, ...] = ()


class Probe:
    """The hooks of one call site. A state is ``None`` where there is no span to look after; a span is an integer where
    all there is to do is to make it current.
    """

    __slots__ = ("_add", "_at_entry", "_at_exit", "_attach", "_detach", "_end", "_get", "_site", "_start")

    def __init__(self, site: Site) -> None:
        captures = site.captures
        self._site = site
        self._at_entry = captures.at_entry if captures is not None else None
        self._at_exit = captures.at_exit if captures is not None else None
        self._start: Callable[..., Any] = self._start_first

    def __reduce__(self) -> tuple[type[Probe], tuple[Site]]:
        """A function that is pickled by value takes its hooks along; over there they begin anew."""
        return Probe, (self._site,)

    def hooks(self, has_steps: bool) -> dict[str, Callable[..., Any]]:
        """The hooks by their names in a trampoline; those of a generator's steps, or those around a call."""
        is_plain = bool(self._site.in_passing) or (self._site.only is None and self._at_entry is None)
        if has_steps:
            first = self.begin if is_plain else self.begin_for
            steps = {name: getattr(self, name) for name in ("resume", "pause", "finish", "abort")}
            return {"begin": first, **steps}
        last = self.leave if self._at_exit is None else self.leave_with
        return {"enter": self.enter if is_plain else self.enter_for, "leave": last, "fail": self.fail}

    # functions and coroutines: state = (span, token)

    def enter(self, captured: tuple[Any, ...] = ()) -> Any:
        """Start a span, with what has been captured in passing, and make it current."""
        try:
            if (under_way.work or under_way.settings) and is_ours():
                return None
            start = self._start  # CPython 3.11 calls a variable faster than what is in a slot
            span = start(captured)
            if span is None:
                return None
            attach = self._attach
            under_way.settings += setting  # as in attach, which would be one call more
            try:
                return span, attach(span)
            finally:
                under_way.settings -= setting
        except RecursionError:  # the application's: there is no room for another call, not even for one that says so
            return None
        except Exception as error:
            return self._swallow("started", error)

    def enter_for(self, *entry: Any) -> Any:
        """The same for what has to look at parameters first."""
        try:
            span = None if is_ours() else self._start_for(entry)
            return None if span is None else (span, self.attach(span))
        except RecursionError:  # as above
            return None
        except Exception as error:
            return self._swallow("started", error)

    def leave(self, state: Any, result: Any = None) -> Any:
        """The call has returned ``result``; returns what the application gets."""
        if state is None:
            return result
        span, token = state
        detach, end = self._detach, self._end  # as above
        under_way.settings += setting
        try:
            detach(token)
        except (ValueError, RuntimeError):
            pass
        finally:
            under_way.settings -= setting
        if result is not None and type(result) not in NEVER_FOLLOWED and is_followed(result):
            return follow(result, Following(self, span, ()))
        if type(span) is not int:
            end(span)
        return result

    def leave_with(self, state: Any, result: Any = None, *exit_: Any) -> Any:
        """The same where the result is captured."""
        if state is None:
            return result
        span, token = state
        self.detach(token)
        if is_followed(result):
            return follow(result, Following(self, span, exit_))
        self.end(span, None, result, exit_)
        return result

    def fail(self, state: Any) -> None:
        """The call has raised what is in ``sys.exc_info()``."""
        try:
            error = take_exception()
            if state is not None:
                span, token = state
                self.detach(token)
                self.end(span, error)
        except RecursionError:  # as above: the error that is on its way is the application's own
            return

    # generators: state = [span, what to make current while the body runs]

    def begin(self, captured: tuple[Any, ...] = ()) -> Any:
        """Start a span, with what has been captured in passing, that is not current yet."""
        try:
            span = None if is_ours() else self._start(captured)
            return None if span is None else [span, span]
        except RecursionError:  # as above
            return None
        except Exception as error:
            return self._swallow("started", error)

    def begin_for(self, *entry: Any) -> Any:
        """The same for what has to look at parameters first."""
        try:
            span = None if is_ours() else self._start_for(entry)
            return None if span is None else [span, span]
        except RecursionError:  # as above
            return None
        except Exception as error:
            return self._swallow("started", error)

    def resume(self, state: Any) -> Any:
        """The body is about to run: the span is current, the token undoes that."""
        return self.attach(state[1]) if state is not None and not is_ours() else None

    def pause(self, state: Any, token: Any) -> None:
        """The body has yielded or ended."""
        if token is not None:
            state[1] = self._get()  # with what the body itself has made current and holds across its yield
            self.detach(token)

    def finish(self, state: Any, result: Any = None, *exit_: Any) -> None:
        """The body has returned ``result``."""
        if state is not None:
            self.end(state[0], None, result, exit_)

    def abort(self, state: Any) -> None:
        """The body has raised what is in ``sys.exc_info()``."""
        error = take_exception()
        if state is not None:
            self.end(state[0], error)

    # for the hooks, and for what follows an awaitable

    def attach(self, what: Any) -> Any:
        """Make ``what``, a span or what was current within it, current. Returns a token."""
        under_way.settings += setting
        try:
            return self._attach(what)
        finally:
            under_way.settings -= setting

    def detach(self, token: Any) -> None:
        """Undo an ``attach``, in silence if it was done in another context (PEP 567)."""
        under_way.settings += setting
        try:
            self._detach(token)
        except (ValueError, RuntimeError):
            return
        finally:
            under_way.settings -= setting

    def end(self, span: Any, error: BaseException | None, result: Any = None, exit_: tuple[Any, ...] = ()) -> None:
        """End ``span`` with what became of the call."""
        if type(span) is int:
            return
        if error is not None:
            try:
                aside(describe_failure, self._site, span, error)
            except RecursionError:  # as above: there is no room for more than the end of the span
                pass
            except Exception as problem:  # the exception's own __str__ may raise: whatever it is, the span ends
                self._swallow("described", problem)
        elif self._at_exit is not None:
            self._describe_result(span, result, exit_)
        self._end(span)

    def _describe_result(self, span: Any, result: Any, exit_: tuple[Any, ...]) -> None:
        if self._at_exit is None or not span.is_recording():
            return
        attributes: dict[str, Any] = {}
        try:
            self._at_exit(attributes, result, *exit_)
            self._add(span, attributes)
        except Exception as error:
            self._swallow("described", error)

    def _start_for(self, entry: tuple[Any, ...]) -> Any:
        """A span with what the parameters say; None if the method was called for another class."""
        only = self._site.only
        if only is not None:
            if not is_for(entry[0], only):
                return None
            entry = entry[1:]
        span = self._start()
        if self._at_entry is not None and _is_recording(span):
            attributes: dict[str, Any] = {}
            self._at_entry(attributes, *entry)
            self._add(span, attributes)
        return span

    def _start_first(self, captured: tuple[Any, ...] = ()) -> Any:
        """The first span makes us import all that recording needs. A call that is too early for that has none."""
        global _has_begun  # noqa: PLW0603  # a process begins once
        had_begun = _has_begun
        if not had_begun and is_too_early():
            return None
        _has_begun = True  # from here on what is half imported is ours: other threads wait for it
        try:
            self._take(aside(_backend, self._site))
        except BaseException:
            _has_begun = had_begun
            raise
        return self._start(captured)

    def _take(self, backend: Backend) -> None:
        self._attach, self._detach, self._get = backend.attach, backend.detach, backend.get
        self._end, self._add = backend.end, backend.add
        self._start = backend.start

    def _swallow(self, what: str, error: Exception) -> None:
        if is_the_applications(error):
            raise error
        say_once(f"{self._site.name}: a span could not be {what}: {describe(error)}")


def _is_recording(span: Any) -> bool:
    return span is not None and type(span) is not int and bool(span.is_recording())


def _backend(site: Site) -> Backend:
    with forks.late_import():
        from erni_run.inside.functions.backend import backend
    return backend(site)


setters.update(hook.__code__ for hook in (Probe.enter, Probe.leave, Probe.attach, Probe.detach))
