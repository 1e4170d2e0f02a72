"""OTLP/gRPC: unary calls with serialized requests as they are (OTLP specification, "OTLP/gRPC"; gRPC over HTTP/2).

A connection whose call has failed is not used again: another one may lead to a collector that is better off.
"""

from __future__ import annotations

import zlib

from erni_run.inside import ourselves
from erni_run.inside.delivery import grpc_metadata
from erni_run.inside.delivery.address import Address
from erni_run.inside.delivery.answer import Answer, success
from erni_run.inside.delivery.connection import Connection, NotSpoken, failure
from erni_run.inside.delivery.grpc_status import Status
from erni_run.inside.delivery.http2 import NotHttp2, NotProcessed, Session
from erni_run.inside.delivery.http2_response import Broken, Response
from erni_run.plan import ExportPlan
from erni_run.version import __version__

_LARGEST_MESSAGE = 65_536  # bytes of an answer that we read
_GZIP = 31  # zlib's wbits for it
_LONGEST_TIMEOUT = 99_999_999  # the digits that grpc-timeout may have
_NO_HTTP2 = (
    'the collector speaks no HTTP/2 there (ALPN "h2"), so no gRPC: check export.endpoint; '
    'port 4318 is usually for protocol = "http/protobuf"'
)
_OTHER = 'the answer is not gRPC; port 4318 is usually for protocol = "http/protobuf", 4317 for gRPC'


class Grpc:
    """Calls ``method`` of the collector."""

    def __init__(self, plan: ExportPlan, method: str) -> None:
        address = Address(plan.endpoint)
        self._connection = Connection(address, plan, "h2")
        self._session: Session | None = None
        self._is_compressed = plan.compression == "gzip"
        given = dict(plan.headers)
        self._head = (
            (":method", "POST"),
            (":scheme", "https" if address.is_secure else "http"),
            (":path", method),
            (":authority", given.pop("host", address.authority)),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", given.pop("user-agent", f"erni-run/{__version__}")),
            ("grpc-accept-encoding", "identity,gzip"),
            *([("grpc-encoding", "gzip")] if self._is_compressed else []),
        )
        self._problem = grpc_metadata.problem(given)
        self._metadata = grpc_metadata.encoded(given)

    def send(self, request: bytes, timeout: float) -> Answer:
        """See ``Transport.send``."""
        if self._problem:
            return Answer(misconfigured=True, reason=self._problem)
        self._connection.must_end(timeout)
        try:
            status, message = self._exchange(_framed(request, is_compressed=self._is_compressed))
        except BaseException as error:
            self._close()
            if not isinstance(error, Exception) or ourselves.is_to_be_raised(error):
                raise
            return _failure(error)
        answer = success(message) if status.is_ok else status.answer()
        if not (answer.delivered or answer.refused or answer.too_large):
            self._close()
        return answer

    def _exchange(self, message: bytes) -> tuple[Status, bytes]:
        """A server may end a connection that is idle just when we use it, or before it has looked at a call: that is no
        failure, but the second time it is.
        """
        was_open = self._connection.is_open
        try:
            return self._call(message)
        except (ConnectionError, Broken, NotProcessed) as error:
            is_stale = was_open and self._session is not None and self._session.is_unanswered
            if not (is_stale or isinstance(error, NotProcessed)):
                raise
            self._close()
            return self._call(message)

    def _call(self, message: bytes) -> tuple[Status, bytes]:
        if self._session is None or self._session.is_ending:
            self._close()
            self._connection.open()
            self._session = Session(self._connection)
        milliseconds = min(max(1, int(self._connection.left * 1000)), _LONGEST_TIMEOUT)
        timeout = ("grpc-timeout", f"{milliseconds}m")
        response = self._session.request((*self._head, timeout, *self._metadata), message)
        return Status.of(response), _message(response)

    def _close(self) -> None:
        self._session = None
        self._connection.close()


def _framed(request: bytes, *, is_compressed: bool) -> bytes:
    """A message with its prefix: whether it is compressed, and its length."""
    if is_compressed:
        compressor = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
        request = compressor.compress(request) + compressor.flush()
    return bytes((is_compressed,)) + len(request).to_bytes(4, "big") + request


def _message(response: Response) -> bytes:
    """The one message of an answer, or nothing if there is none that we can read: the status is what counts."""
    content = bytes(response.body[5 : 5 + int.from_bytes(response.body[1:5], "big")])
    if not response.body or not response.body[0]:
        return content
    if (response.headers or {}).get("grpc-encoding") != "gzip":
        return b""
    try:
        return zlib.decompressobj(_GZIP).decompress(content, _LARGEST_MESSAGE)
    except zlib.error:
        return b""


def _failure(error: Exception) -> Answer:
    if isinstance(error, NotSpoken):
        return Answer(misconfigured=True, reason=_NO_HTTP2)
    if isinstance(error, NotHttp2):
        return Answer(reason=_OTHER)
    if isinstance(error, Broken):
        return Answer(reason=f"the collector breaks HTTP/2: {error}")
    if isinstance(error, NotProcessed):
        return Answer(reason=f"UNAVAILABLE {error}")
    return failure(error)
