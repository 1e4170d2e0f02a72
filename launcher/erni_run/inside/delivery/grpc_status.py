"""How a gRPC call has ended, and what that means for what was sent (gRPC, "Status codes"; OTLP/gRPC, "Failures")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from erni_run.inside.delivery.answer import Answer, bounded
from erni_run.inside.delivery.grpc_metadata import decoded
from erni_run.inside.delivery.http2_response import Response
from erni_run.inside.delivery.protobuf import fields, integer, last

_CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
_NUMBERS = frozenset(map(str, range(len(_CODES))))
_OF_HTTP = {  # gRPC, "HTTP to gRPC Status Code Mapping"
    "400": "INTERNAL",
    "401": "UNAUTHENTICATED",
    "403": "PERMISSION_DENIED",
    "404": "UNIMPLEMENTED",
    "429": "UNAVAILABLE",
    "502": "UNAVAILABLE",
    "503": "UNAVAILABLE",
    "504": "UNAVAILABLE",
}
_OF_RESET = {8: "CANCELLED", 12: "PERMISSION_DENIED", 11: "UNAVAILABLE"}
"""Codes of RST_STREAM that are not INTERNAL (gRPC over HTTP/2, "Errors"). That of ENHANCE_YOUR_CALM would be
RESOURCE_EXHAUSTED, which is for requests that are too large, too; here it is calls that are too many.
"""

_ADVICE = {
    "UNAUTHENTICATED": "check export.headers",
    "PERMISSION_DENIED": "check export.headers",
    "UNIMPLEMENTED": "check export.endpoint",
}
_REFUSED, _EXHAUSTED = "INVALID_ARGUMENT", {"RESOURCE_EXHAUSTED", "OUT_OF_RANGE"}
_TOO_LARGE = re.compile("larger than max|exceeds max|too large", re.IGNORECASE)
_STATUS_DETAILS, _RETRY_INFO = "grpc-status-details-bin", "google.rpc.retryinfo-bin"
_RETRY_INFO_TYPE = b"/google.rpc.RetryInfo"
_DETAILS = 3  # of google.rpc.Status
_TYPE, _VALUE = 1, 2  # of google.protobuf.Any
_DELAY = 1  # of google.rpc.RetryInfo
_SECONDS, _NANOS = 1, 2  # of google.protobuf.Duration
_LONGEST_MESSAGE = 1000  # characters


class Status:
    """``code`` by name, the server's ``message`` for people, and for how many seconds it wants to be left alone: None
    if it does not say.
    """

    def __init__(self, code: str, message: str, wait: float | None = None) -> None:
        self.code, self.message, self.wait = code, " ".join(message.split()), wait

    @classmethod
    def of(cls, response: Response) -> Status:
        """The status that a server has sent, or that stands for its sending none."""
        trailers = response.trailers
        if "grpc-status" in trailers:
            number = trailers["grpc-status"]
            code = _CODES[int(number)] if number in _NUMBERS else "UNKNOWN"
            message = unquote(trailers.get("grpc-message", "")[:_LONGEST_MESSAGE], errors="replace")
            return cls(code, message, _wait(trailers))
        if response.reset is not None:
            return cls(_OF_RESET.get(response.reset, "INTERNAL"), f"RST_STREAM {response.reset}")
        headers = response.headers or {}
        status = headers.get(":status", "")
        if status == "200":
            return cls("UNKNOWN", f"no status in an answer of type {headers.get('content-type', 'unknown')[:100]}")
        return cls(_OF_HTTP.get(status, "UNKNOWN"), f"HTTP {status[:3]}")

    @property
    def is_ok(self) -> bool:
        """Whether the call has succeeded."""
        return self.code == "OK"

    def answer(self) -> Answer:
        """What it means for the sender. Not what OK means."""
        reason = f"{self.code} {self.message}".rstrip()
        if self.code in _ADVICE:
            return Answer(misconfigured=True, reason=f"{reason}: {_ADVICE[self.code]}")
        is_too_large = self.code in _EXHAUSTED and _TOO_LARGE.search(self.message) is not None
        return Answer(
            refused=self.code == _REFUSED or is_too_large,
            too_large=is_too_large or (self.code == "RESOURCE_EXHAUSTED" and self.wait is None),
            retry_after=self.wait or 0.0,
            reason=reason,
        )


def _wait(trailers: Mapping[str, str]) -> float | None:
    """Seconds of the RetryInfo in the status's details, or in a trailer of its own; None without."""
    try:
        if _RETRY_INFO in trailers:
            return _delay(_bytes(trailers[_RETRY_INFO]))
        for number, _, detail in fields(memoryview(_bytes(trailers.get(_STATUS_DETAILS, "")))):
            if number == _DETAILS and bytes(last(detail, _TYPE)).endswith(_RETRY_INFO_TYPE):
                return _delay(last(detail, _VALUE))
    except ValueError:  # whatever a collector has put there
        return None
    return None


def _delay(retry_info: bytes | memoryview) -> float:
    delay = last(retry_info, _DELAY)
    return bounded(integer(last(delay, _SECONDS)) + integer(last(delay, _NANOS)) / 1e9)


def _bytes(encoded: str) -> bytes:
    """Of several values in one the first. Raises ValueError."""
    return decoded(encoded.partition(",")[0])
