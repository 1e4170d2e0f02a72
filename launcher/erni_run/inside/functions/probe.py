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
from erni_run.inside.ourselves import (
    aside,
    exchange,
    exchangers,
    is_a_signal_handlers,
    is_ours,
    is_to_be_raised,
    under_way,
)

if TYPE_CHECKING:
    from erni_run.inside.functions.backend import Backend

_has_begun = False


@dataclass(frozen=True)
class Site:
    """One call site: what is the same for every span of it.

    ``only`` restricts an inherited method to that class; its receiver is then the first of the parameters at entry.
    ``in_passing`` names the attributes whose values the first hook is given instead of parameters: that of one, or a
    tuple of those of several.
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


class _Nowhere:
    """Stands for what is current before all that recording needs has been imported."""

    def get(self) -> _Nowhere:
        return self


class Probe:
    """The hooks of one call site. A state is None where there is nothing to look after, the token alone where there is
    no span but something that has been made current: a trace that is not kept.
    """

    __slots__ = ("_add", "_at_entry", "_at_exit", "_current", "_end", "_lot", "_site", "_start")

    def __init__(self, site: Site) -> None:
        captures = site.captures
        self._site = site
        self._at_entry = captures.at_entry if captures is not None else None
        self._at_exit = captures.at_exit if captures is not None else None
        self._current: Any = _Nowhere()

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

    def enter(self, captured: Any = ...) -> Any:  # noqa: C901, PLR0912  # a call takes as long as ten of these lines
        """Start a span, with what has been captured in passing, and make it current."""
        try:
            current, what, way = self._current, None, under_way
            base = current.get()
            if base is None:  # what the start of a span would come to, by one call less
                lot: Any = self._lot
                if lot.unkept and (what := lot.random()) < lot.unkept and way.exchanging is None and not way.beside:
                    way.exchanging = what
                    try:
                        return current.set(what)
                    except BaseException:  # a signal handler's
                        self._put_back(base)
                        raise
                    finally:
                        way.exchanging = None
            elif type(base) is float and way.exchanging is None and not way.beside:
                return None
            if (way.work or way.exchanging is not None) and is_ours():
                return None
            if base is current:  # nowhere
                if not self._is_ready():
                    return None
                current = self._current
                base = current.get()
            start = self._start  # CPython 3.11 calls a variable faster than what is in a slot
            what = start(captured, base, what)
            if what is None:
                return None
            if way.exchanging is None and self._lot is not None:  # others may make one span current in two threads
                way.exchanging = what
                try:
                    return current.set(what) if type(what) is float else (what, current.set(what))
                except BaseException as error:  # as above
                    self._put_back(base)
                    self.end(_only_a_span(what), error)
                    raise
                finally:
                    way.exchanging = None
            return self._made_current(what)
        except RecursionError:  # the application's: there is no room for another call, not even for one that says so
            return None
        except Exception as error:
            return self._swallow("started", error)

    def enter_for(self, *entry: Any) -> Any:
        """The same for what has to look at parameters first."""
        try:
            span = None if is_ours() else self._start_for(entry)
            return None if span is None else self._made_current(span)
        except RecursionError:  # as above
            return None
        except Exception as error:
            return self._swallow("started", error)

    def leave(self, state: Any, result: Any = None) -> Any:
        """The call has returned ``result``; returns what the application gets."""
        if result is not None and id(type(result)) not in NEVER_FOLLOWED and is_followed(result, state):
            return self._follow(result, state, ())
        span, way = None, under_way
        if type(state) is tuple:
            span, state = state
        if way.exchanging is None:
            way.exchanging = state
            try:
                self._current.reset(state)
            except (ValueError, RuntimeError) as error:
                self._pass_over(error)
            finally:
                way.exchanging = None
        else:
            self.detach(state)
        if span is not None:
            end = self._end  # as above
            end(span)
        return result

    def leave_with(self, state: Any, result: Any = None, *exit_: Any) -> Any:
        """The same where the result is captured."""
        if is_followed(result, state):
            return self._follow(result, state, exit_)
        span, token = state if type(state) is tuple else (None, state)
        self.detach(token)
        self.end(span, None, result, exit_)
        return result

    def fail(self, state: Any) -> None:
        """The call has raised what is in ``sys.exc_info()``, or a signal handler or processor has while it was left."""
        span, way = None, under_way
        if type(state) is tuple:
            span, state = state
        try:
            try:
                if state is None:
                    pass
                elif way.exchanging is None:  # as in leave: at the limit of recursion there is no room for more calls
                    way.exchanging = state
                    try:
                        self._current.reset(state)
                    except (ValueError, RuntimeError) as error:
                        self._pass_over(error)
                    finally:
                        way.exchanging = None
                else:
                    self.detach(state)
            finally:
                self.end(span, take_exception())
        except RecursionError:  # as above: the error that is on its way is the application's own
            return

    # generators: state = [span, what to make current while the body runs]

    def begin(self, captured: Any = ...) -> Any:
        """Start a span, with what has been captured in passing, that is not current yet."""
        try:
            span = None if is_ours() or not self._is_ready() else self._start(captured, self._current.get())
            return None if span is None else [None if type(span) is float else span, span]
        except RecursionError:  # as above
            return None
        except Exception as error:
            return self._swallow("started", error)

    def begin_for(self, *entry: Any) -> Any:
        """The same for what has to look at parameters first."""
        try:
            span = None if is_ours() else self._start_for(entry)
            return None if span is None else [None if type(span) is float else span, span]
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
            state[1] = self._current.get()  # with what the body itself has made current and holds across its yield
            self.detach(token)

    def finish(self, state: Any, result: Any = None, *exit_: Any) -> None:
        """The body has returned ``result``."""
        self.end(state[0], None, result, exit_)

    def abort(self, state: Any, token: Any = None) -> None:
        """The body has raised what is in ``sys.exc_info()``; a signal's handler may have instead of ``pause``."""
        error = take_exception()
        if state is not None:
            try:
                if token is not None:
                    self.detach(token)
            finally:
                self.end(state[0], error)

    def _made_current(self, span: Any) -> Any:
        """The state where ``span``, or the number of a trace that is not kept, has been made current."""
        try:
            token = self.attach(span)
        except BaseException as error:  # as above
            self.end(_only_a_span(span), error)
            raise
        return token if type(span) is float else (span, token)

    def _put_back(self, base: Any) -> None:
        """Let ``base`` be current again, where a signal handler has raised as something else was made current."""
        if self._current.get() is not base:
            self._current.set(base)

    def _follow(self, result: Any, state: Any, exit_: tuple[Any, ...]) -> Any:
        span, token = state if type(state) is tuple else (None, state)
        what = self._current.get() if span is None else span
        self.detach(token)
        try:
            return follow(result, Following(self, span, what, exit_))
        except Exception as error:
            self.end(span, None)
            self._swallow("followed", error)
            return result

    # for the hooks, and for what follows an awaitable

    def attach(self, what: Any) -> Any:
        """Make ``what``, a span or what was current within it, current. Returns a token."""
        base = self._current.get()
        try:
            return exchange(self._current.set, what)
        except BaseException:  # as above
            self._put_back(base)
            raise

    def detach(self, token: Any) -> None:
        """Undo an ``attach``, in silence if it was done in another context (PEP 567)."""
        try:
            if token is not None:  # as it is in the middle of an exchange
                exchange(self._current.reset, token)
        except (ValueError, RuntimeError) as error:
            self._pass_over(error)

    def end(self, span: Any, error: BaseException | None, result: Any = None, exit_: tuple[Any, ...] = ()) -> None:
        """End ``span`` with what became of the call, unless it has ended."""
        if span is None or not span.is_recording():
            return
        try:
            if error is not None:
                aside(describe_failure, self._site, span, error)
            else:
                self._describe_result(span, result, exit_)
        except RecursionError:  # as above: there is no room for more than the end of the span
            pass
        except BaseException as problem:  # the exception's own __str__ may raise anything
            self._swallow("described", problem)
        finally:  # whatever it is, the span ends
            self._end(span)

    def _describe_result(self, span: Any, result: Any, exit_: tuple[Any, ...]) -> None:
        if self._at_exit is not None:
            attributes: dict[str, Any] = {}
            self._at_exit(attributes, result, *exit_)
            self._add(span, attributes)

    def _start_for(self, entry: tuple[Any, ...]) -> Any:
        """A span with what the parameters say; None if the method was called for another class."""
        only = self._site.only
        if only is not None:
            if not is_for(entry[0], only):
                return None
            entry = entry[1:]
        if not self._is_ready():
            return None
        capture, attributes = self._at_entry, dict[str, Any]()
        if capture is not None and (self._lot is None or self._lot.is_looked_at):
            capture(attributes, *entry)
            capture = None
        span = self._start(..., self._current.get(), None, attributes)
        if self._at_entry is not None and _is_recording(span):
            if capture is not None:
                capture(attributes, *entry)
            self._add(span, attributes)
        return span

    def _is_ready(self) -> bool:
        """The first span makes us import all that recording needs. False if the call is too early for that."""
        global _has_begun  # noqa: PLW0603  # a process begins once
        if type(self._current) is not _Nowhere:
            return True
        had_begun = _has_begun
        if not had_begun and is_too_early():
            return False
        _has_begun = True  # from here on what is half imported is ours: other threads wait for it
        try:
            self._take(aside(_backend, self._site))
        except BaseException:
            _has_begun = had_begun
            raise
        return True

    def _take(self, backend: Backend) -> None:
        self._lot, self._start, self._end, self._add = backend.lot, backend.start, backend.end, backend.add
        self._current = backend.current  # comes last: another thread that finds it finds the rest

    def _pass_over(self, error: Exception) -> None:
        """That a token is another context's, or was used, is no error; what a signal handler has raised is."""
        if is_a_signal_handlers(error):
            raise error

    def _swallow(self, what: str, error: BaseException) -> None:
        if is_to_be_raised(error):
            raise error
        trouble = f"{self._site.name}: a span could not be {what}"
        say_once(f"{trouble}: {describe(error)}", kind=trouble)


def _only_a_span(what: Any) -> Any:
    return None if type(what) is float else what


def _is_recording(what: Any) -> bool:
    span = _only_a_span(what)
    return span is not None and bool(span.is_recording())


def _backend(site: Site) -> Backend:
    with forks.late_import():
        from erni_run.inside.functions.backend import backend
    return backend(site)


exchangers.update({Probe.enter.__code__: "what", Probe.leave.__code__: "state", Probe.fail.__code__: "state"})
