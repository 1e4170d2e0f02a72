"""One policy for every failure of somebody else's computer: worth a retry, and what the caller is told."""

from __future__ import annotations

import asyncio
import email.utils
import time

import aiohttp
import openai
import sqlalchemy.exc
from agents.exceptions import MaxTurnsExceeded, ModelBehaviorError, ModelRefusalError

from .errors import (
    AgencyError,
    GraphRefusedError,
    UpstreamError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
    VisionAnswerError,
)

_TIMEOUTS = (TimeoutError, openai.APITimeoutError)
_CONNECTIONS = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, openai.APIConnectionError, ConnectionError)

_MISBEHAVIOUR = (MaxTurnsExceeded, ModelBehaviorError, ModelRefusalError)
UPSTREAM_ERRORS: tuple[type[Exception], ...] = (
    GraphRefusedError,
    VisionAnswerError,
    openai.OpenAIError,
    aiohttp.ClientError,
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    *dict.fromkeys((asyncio.TimeoutError, TimeoutError)),
    ConnectionError,
)


def is_transient(error: BaseException) -> bool:
    """Whether the same request may well succeed in a moment."""
    status = _status(error)
    if status is not None:
        return status == 429 or status >= 500
    return isinstance(error, (*_TIMEOUTS, *_CONNECTIONS))


def retry_after(error: BaseException) -> float | None:
    """Seconds the upstream asked us to stay away, if it did (RFC 9110, section 10.2.3)."""
    if isinstance(error, GraphRefusedError):
        return error.retry_after
    if isinstance(error, openai.APIStatusError):
        return parse_retry_after(error.response.headers.get("retry-after"))
    return None


def parse_retry_after(value: str | None) -> float | None:
    """Seconds from either form of the header, a number or an HTTP date; None when there is none to read."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def as_agency_error(error: BaseException) -> AgencyError | None:
    """What to tell the caller; None for a bug of ours. The Agents SDK wraps a tool's error: its cause counts."""
    found: BaseException | None = error
    while found is not None:
        told = _told(found)
        if told is not None:
            return told
        found = found.__cause__
    if isinstance(error, _MISBEHAVIOUR):
        return UpstreamError(f"The model did not follow the workflow ({type(error).__name__}).", service="openai")
    return None


def _told(error: BaseException) -> AgencyError | None:
    if isinstance(error, AgencyError):
        return error
    if isinstance(error, VisionAnswerError):
        return UpstreamError(str(error), service="openai")
    if isinstance(error, (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError)):
        return UpstreamUnavailableError("The database does not answer.", service="database")
    service = _service(error)
    status = _status(error)
    if status is not None:
        return _by_status(error, service, status)
    if isinstance(error, _TIMEOUTS):
        return UpstreamTimeoutError(f"{service} did not answer in time.", service=service)
    if isinstance(error, (*_CONNECTIONS, aiohttp.ClientError)):
        return UpstreamUnavailableError(f"{service} cannot be reached.", service=service)
    return None


def _by_status(error: BaseException, service: str, status: int) -> UpstreamError:
    if status in (429, 503):
        words = f"{service} is overloaded or throttles us (HTTP {status})."
        return UpstreamUnavailableError(words, service=service, retry_after=retry_after(error))
    if status == 504:
        return UpstreamTimeoutError(f"{service} timed out behind its gateway (HTTP 504).", service=service)
    if status in (401, 403):
        return UpstreamError(f"{service} refused our credentials (HTTP {status}).", service=service)
    return UpstreamError(f"{service} failed with HTTP {status}.", service=service)


def _service(error: BaseException) -> str:
    if isinstance(error, openai.OpenAIError):
        return "openai"
    # Drivers let a refused connection through as it is; aiohttp does so with nothing but its time-outs.
    bare = isinstance(error, ConnectionError) and not isinstance(error, aiohttp.ClientError)
    return "database" if bare else "graph"


def _status(error: BaseException) -> int | None:
    if isinstance(error, GraphRefusedError):
        return error.status
    if isinstance(error, openai.APIStatusError):
        return error.status_code
    return None
