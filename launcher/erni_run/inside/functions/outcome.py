"""What a span says of a call that has raised."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from erni_run.inside.notice import describe

if TYPE_CHECKING:
    from erni_run.inside.functions.probe import Site


def describe_failure(site: Site, span: Any, error: BaseException) -> None:
    """Cancellation and the ends of generators are no errors; what the user wants ignored is none either."""
    if issubclass(type(error), GeneratorExit):  # isinstance would ask an error that says itself what its class is
        span.set_attribute("erni.outcome", "closed")
    elif _is_cancellation(error):
        span.set_attribute("erni.outcome", "cancelled")
        if site.cancelled == "error":
            _mark(span, error)
    elif not (_is_control_flow(error) or _is_ignored(site, error)):
        if site.record_exceptions:
            span.record_exception(error)
        span.set_attribute("error.type", _type_name(type(error), "."))
        _mark(span, error)


def _is_ignored(site: Site, error: BaseException) -> bool:
    return bool(site.ignore) and any(_type_name(kind, ":") in site.ignore for kind in type(error).__mro__)


def _mark(span: Any, error: BaseException) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, describe(error)))


def _type_name(kind: type, separator: str) -> str:
    plain = kind.__module__ == "builtins" and separator == "."
    return kind.__qualname__ if plain else f"{kind.__module__}{separator}{kind.__qualname__}"


def _is_cancellation(error: BaseException) -> bool:
    asyncio = sys.modules.get("asyncio.exceptions")  # whoever raised CancelledError has imported it
    return asyncio is not None and issubclass(type(error), asyncio.CancelledError)


def _is_control_flow(error: BaseException) -> bool:
    if issubclass(type(error), SystemExit):
        return not error.code  # type: ignore[attr-defined]  # SystemExit's
    return issubclass(type(error), (StopIteration, StopAsyncIteration))
