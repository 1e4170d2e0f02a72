"""What a span says of a call that has raised.

A failure sets the status to ERROR, ``error.type``, and an event of the exception. By an exception that is no failure,
the call has told its caller what to do next: it leaves its type on the span and nothing else (semantic conventions,
"Recording exceptions on spans": events are for what causes an ERROR).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from erni_run.inside.classes import bases, type_name
from erni_run.inside.message import described
from erni_run.inside.ourselves import TRACEBACK

if TYPE_CHECKING:
    from erni_run.inside.functions.probe import Site

_CANCELLATIONS = frozenset({"asyncio.exceptions:CancelledError", "trio:Cancelled"})
_FAILS_FROM = {
    "aiohttp.web_exceptions:HTTPException": ("status_code", 500),
    "click.exceptions:Exit": ("exit_code", 1),
    "rest_framework.exceptions:APIException": ("status_code", 500),
    "starlette.exceptions:HTTPException": ("status_code", 500),
    "typer.exceptions:Exit": ("exit_code", 1),
    "werkzeug.exceptions:HTTPException": ("code", 500),
}
"""Exceptions that carry the answer, by the attribute that tells from which number on that is a failure."""
_ABORT = "grpc._cython.cygrpc:AbortError"


def describe_failure(site: Site, span: Any, error: BaseException) -> None:
    """What became of a call that ended with ``error``; ``site`` knows what the user does not want to call a failure."""
    if issubclass(type(error), GeneratorExit):  # isinstance would ask an error that says itself what its class is
        span.set_attribute("erni.outcome", "closed")
    elif not _CANCELLATIONS.isdisjoint(_names(error)):
        span.set_attribute("erni.outcome", "cancelled")
        if site.cancelled == "error":
            _mark(span, error)
    elif _is_control_flow(error) or _is_ignored(site, error):
        span.set_attribute("exception.type", type_name(type(error)))
    else:
        if site.record_exceptions and _goes_out(span):
            span.record_exception(error)
        span.set_attribute("error.type", type_name(type(error)))
        _mark(span, error)


def _mark(span: Any, error: BaseException) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, described(error) if _goes_out(span) else None))


def _goes_out(span: Any) -> bool:
    """Whether anybody sees ``span``: else its exception is not asked what it says. That of another provider may be."""
    return bool(getattr(span, "goes_out", True))


def _is_control_flow(error: BaseException) -> bool:
    if issubclass(type(error), SystemExit):
        return not error.code  # type: ignore[attr-defined]  # SystemExit's
    return issubclass(type(error), (StopIteration, StopAsyncIteration))


def _is_ignored(site: Site, error: BaseException) -> bool:
    name = next((name for name in _names(error) if name in site.ignore), None)
    if name in _FAILS_FROM:
        attribute, least = _FAILS_FROM[name]
        number = getattr(error, attribute, None)
        return number is None or (type(number) is int and number < least)
    return name is not None or (_ABORT in site.ignore and _is_abort(error))


def _is_abort(error: BaseException) -> bool:
    """Whether it is a plain ``Exception`` by which a gRPC server's ``context.abort`` ends the call."""
    innermost = TRACEBACK.__get__(error) if type(error) is Exception and not error.args else None
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    return innermost is not None and innermost.tb_frame.f_globals.get("__name__") == "grpc._server"


def _names(error: BaseException) -> list[str]:
    return [type_name(kind, ":") for kind in bases(type(error))]
