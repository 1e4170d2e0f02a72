"""One request to the collector, over gRPC or HTTP, and what its answer means (OTLP specification, "OTLP/gRPC" and
"OTLP/HTTP").

No instrumented client and no ``logging`` is on this path: the tracing must not trace or log itself.
"""

from __future__ import annotations

import gzip
import http.client
import ssl
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from erni_run.inside.notice import describe
from erni_run.plan import ExportPlan
from erni_run.version import __version__

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_USER_AGENT = f"erni-run/{__version__}"
_REFUSED_HTTP, _TOO_LARGE_HTTP = 400, 413
_REFUSED_GRPC, _TOO_LARGE_GRPC = "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"
_RETRY_INFO = "google.rpc.retryinfo-bin"
_LONGEST_RETRY_AFTER = 300.0


@dataclass(frozen=True)
class Answer:
    """What became of a request.

    ``delivered``: the collector has it, save ``rejected`` spans. ``refused``: it never will, another try is useless.
    ``too_large``: it may take less at a time. None of these: keep the spans, and try again after ``retry_after``
    seconds at least. ``reason`` is for people.
    """

    delivered: bool = False
    refused: bool = False
    too_large: bool = False
    rejected: int = 0
    retry_after: float = 0.0
    reason: str = ""


class Transport(Protocol):
    """Sends one serialized ExportTraceServiceRequest."""

    def send(self, request: bytes, timeout: float) -> Answer:
        """Send ``request`` within ``timeout`` seconds. Never raises for what the network or the collector does."""
        ...


def open_transport(plan: ExportPlan) -> Transport:
    """The transport for ``plan.protocol``."""
    return _Grpc(plan) if plan.protocol == "grpc" else _Http(plan)


class _Http:
    """OTLP/HTTP with binary protobuf, over one kept connection."""

    def __init__(self, plan: ExportPlan) -> None:
        url = urlsplit(plan.endpoint)
        self._plan = plan
        self._path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._headers = {"Content-Type": "application/x-protobuf", "User-Agent": _USER_AGENT, **plan.headers}
        if plan.compression == "gzip":
            self._headers["Content-Encoding"] = "gzip"
        host = url.hostname or "localhost"
        if url.scheme == "https":
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, url.port, context=_tls(plan)
            )
        else:
            self._connection = http.client.HTTPConnection(host, url.port)

    def send(self, request: bytes, timeout: float) -> Answer:
        body = gzip.compress(request, compresslevel=1) if self._plan.compression == "gzip" else request
        try:
            self._set_timeout(timeout)
            self._connection.request("POST", self._path, body, self._headers)
            response = self._connection.getresponse()
            return _read_http(response.status, response.getheader("Retry-After", ""), response.read())
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Answer(reason=describe(error))

    def _set_timeout(self, timeout: float) -> None:
        self._connection.timeout = timeout
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout)


def _read_http(status: int, retry_after: str, body: bytes) -> Answer:
    if 200 <= status < 300:
        return _delivered(body)
    reason = f"HTTP {status} {http.client.responses.get(status, '')}".rstrip()
    return Answer(
        refused=status == _REFUSED_HTTP,
        too_large=status == _TOO_LARGE_HTTP,
        retry_after=_seconds(retry_after),
        reason=reason,
    )


def _seconds(retry_after: str) -> float:
    return min(float(retry_after), _LONGEST_RETRY_AFTER) if retry_after.strip().isdigit() else 0.0


def _tls(plan: ExportPlan) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=plan.certificate or None)
    if plan.client_certificate:
        context.load_cert_chain(plan.client_certificate, plan.client_key or None)
    return context


class _Grpc:
    """OTLP/gRPC: a unary call with the serialized request as it is."""

    def __init__(self, plan: ExportPlan) -> None:
        import grpc  # late: only this protocol needs it, and it is the largest import of all

        compression = grpc.Compression.Gzip if plan.compression == "gzip" else grpc.Compression.NoCompression
        url = urlsplit(plan.endpoint)
        options = [("grpc.primary_user_agent", _USER_AGENT)]
        if url.scheme == "https":
            channel = grpc.secure_channel(url.netloc, _credentials(plan), options, compression)
        else:
            channel = grpc.insecure_channel(url.netloc, options, compression)
        self._error = grpc.RpcError
        self._call = channel.unary_unary(_EXPORT)
        self._metadata = [(name.lower(), value) for name, value in plan.headers.items()]

    def send(self, request: bytes, timeout: float) -> Answer:
        try:
            return _delivered(self._call(request, timeout=timeout, metadata=self._metadata))
        except self._error as error:
            code = error.code().name
            reason = " ".join(f"{code} {error.details() or ''}".split())
            waits = any(key == _RETRY_INFO for key, _ in error.trailing_metadata() or ())
            return Answer(refused=code == _REFUSED_GRPC, too_large=code == _TOO_LARGE_GRPC and not waits, reason=reason)


def _credentials(plan: ExportPlan) -> Any:
    import grpc

    files = (plan.certificate, plan.client_key, plan.client_certificate)
    return grpc.ssl_channel_credentials(*(_bytes(path) if path else None for path in files))


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _delivered(body: bytes) -> Answer:
    """The answer for a success, whose body may name spans that were rejected (OTLP, "Partial Success")."""
    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except Exception:  # a success whose body is no protobuf is a success: some gateways answer text
        return Answer(delivered=True)
    return Answer(delivered=True, rejected=partial.rejected_spans, reason=partial.error_message)
