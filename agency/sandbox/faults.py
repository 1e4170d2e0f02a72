"""Faults that a test or a demo switches on over HTTP: the next N matching requests go wrong."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from .reply import Reply, Request


@dataclass(kw_only=True)
class Fault:
    """One armed fault; `retry_after` and `delay` in seconds."""

    path: str
    status: int
    times: int
    method: str | None
    retry_after: float | None
    delay: float
    hang_up: bool

    def matches(self, request: Request) -> bool:
        """Whether this request is to go wrong."""
        return self.times > 0 and self.path in request.path and self.method in (None, request.method)


class Faults:
    """Armed faults, oldest first; each request takes at most one."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self._lock = threading.Lock()

    def arm(self, wish: dict[str, Any]) -> None:
        """`path` is matched anywhere in the request path; KeyError or ValueError when the wish makes no sense."""
        retry_after = wish.get("retry_after")
        fault = Fault(
            path=str(wish["path"]),
            status=int(wish.get("status", 503)),
            times=int(wish.get("times", 1)),
            method=wish.get("method"),
            retry_after=None if retry_after is None else float(retry_after),
            delay=float(wish.get("delay", 0)),
            hang_up=bool(wish.get("hang_up", False)),
        )
        with self._lock:
            self._armed.append(fault)

    def clear(self) -> None:
        """Disarm all."""
        with self._lock:
            self._armed.clear()

    def listing(self) -> list[dict[str, Any]]:
        """What is armed, with the times still left."""
        with self._lock:
            return [{"path": fault.path, "status": fault.status, "times": fault.times} for fault in self._armed]

    def strike(self, request: Request) -> Reply | None:
        """The reply that replaces the real one, or None when the request goes through."""
        with self._lock:
            fault = next((fault for fault in self._armed if fault.matches(request)), None)
            if fault is None:
                return None
            fault.times -= 1
        if fault.delay:
            time.sleep(fault.delay)
        if fault.status == 0 and not fault.hang_up:
            return None  # a delay alone: the answer is late, and right
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
        body = error_body(request, fault.status, "armed by /sandbox/faults")
        return Reply(status=fault.status, body=body, headers=headers, hang_up=fault.hang_up)


_GRAPH_CODES = {
    400: "invalidRequest",
    401: "InvalidAuthenticationToken",
    403: "accessDenied",
    404: "itemNotFound",
    409: "nameAlreadyExists",
    416: "invalidRange",
    429: "activityLimitReached",
    503: "serviceNotAvailable",
}
_OPENAI_TYPES = {401: "invalid_request_error", 429: "requests", 400: "invalid_request_error"}


def error_body(request: Request, status: int, message: str) -> dict[str, Any]:
    """An error as the service that owns the path words it."""
    if request.path.startswith("/v1/"):
        return openai_error(status, message)
    return graph_error(status, message)


def openai_error(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    """An error body as OpenAI's API writes it."""
    kind = _OPENAI_TYPES.get(status, "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def graph_error(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    """An error body as Microsoft Graph writes it."""
    inner = {"date": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()), "request-id": "sandbox"}
    named = code or _GRAPH_CODES.get(status, "generalException")
    return {"error": {"code": named, "message": message, "innerError": inner}}
