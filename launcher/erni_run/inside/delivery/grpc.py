"""OTLP/gRPC: unary calls with serialized requests as they are (OTLP specification, "OTLP/gRPC").

A channel that has failed is not used again: it would wait for longer and longer before it connects, whereas the sender
decides when it is time for another try.
"""

from __future__ import annotations

import gzip
import re
import zlib
from typing import Any
from urllib.parse import urlsplit

import grpc

from erni_run.inside.delivery import certificates
from erni_run.inside.delivery.answer import Answer, bounded, success
from erni_run.plan import ExportPlan
from erni_run.version import __version__

_OPTIONS = (
    ("grpc.primary_user_agent", f"erni-run/{__version__}"),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # the application's channels to the same collector are its own
    ("grpc.max_receive_message_length", 64 * 1024),
)
_REFUSED, _TOO_LARGE = "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"
_ADVICE = {
    "UNAUTHENTICATED": "check export.headers",
    "PERMISSION_DENIED": "check export.headers",
    "UNIMPLEMENTED": "check export.endpoint",
}
_STATUS_DETAILS, _RETRY_INFO = "grpc-status-details-bin", "google.rpc.retryinfo-bin"
_NAME = re.compile("[0-9a-z_.-]+")
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"


class Grpc:
    """Calls ``method`` of the collector."""

    def __init__(self, plan: ExportPlan, method: str) -> None:
        self._plan = plan
        self._method = method
        self._metadata = tuple(plan.headers.items())
        self._channel: grpc.Channel | None = None
        self._call: Any = None

    def send(self, request: bytes, timeout: float, *, gzipped: bool = False) -> Answer:
        """See ``Transport.send``."""
        if not all(map(_is_allowed, self._metadata)):
            return Answer(misconfigured=True, reason="check export.headers: gRPC does not allow one of them")
        try:
            if gzipped:
                request = gzip.decompress(request)
            if self._channel is None:
                self._open()
            return success(self._call(request, timeout=timeout, metadata=self._metadata))
        except certificates.Unusable as error:
            return Answer(misconfigured=True, reason=str(error))
        except (gzip.BadGzipFile, zlib.error, EOFError):
            return Answer(refused=True, reason="damaged")
        except grpc.RpcError as error:
            answer = _read(error)
            if not (answer.refused or answer.too_large):
                self._close()
            return answer

    def _open(self) -> None:
        url = urlsplit(self._plan.endpoint)
        tls = url.scheme == "https"
        target = url.netloc if url.port else f"{url.netloc}:{443 if tls else 80}"
        compression = grpc.Compression.Gzip if self._plan.compression == "gzip" else grpc.Compression.NoCompression
        if tls:
            secure_channel = _own(grpc.secure_channel)
            self._channel = secure_channel(target, certificates.credentials(self._plan), _OPTIONS, compression)
        else:
            self._channel = _own(grpc.insecure_channel)(target, _OPTIONS, compression)
        self._call = self._channel.unary_unary(self._method)

    def _close(self) -> None:
        if self._channel is not None:
            self._channel.close()
        self._channel = self._call = None


def _is_allowed(header: tuple[str, str]) -> bool:
    """Whether gRPC sends ``header``; it would complain on standard error itself ("gRPC over HTTP2")."""
    name, value = header
    return _NAME.fullmatch(name) is not None and value.isascii() and value.isprintable()


def _own(function: Any) -> Any:
    """The function itself: an instrumentation of gRPC wraps the one in its module."""
    return getattr(function, "__wrapped__", function)


def _read(error: Any) -> Answer:
    code = error.code().name
    reason = " ".join(f"{code} {error.details() or ''}".split())
    if code in _ADVICE:
        return Answer(misconfigured=True, reason=f"{reason}: {_ADVICE[code]}")
    if _UNTRUSTED in reason:
        return Answer(
            misconfigured=True, reason=f"{reason}: set export.certificate to the authority that has signed it"
        )
    wait = _wait(error.trailing_metadata() or ())
    return Answer(
        refused=code == _REFUSED,
        too_large=code == _TOO_LARGE and wait is None,
        retry_after=wait or 0.0,
        reason=reason,
    )


def _wait(trailers: Any) -> float | None:
    """Seconds of the RetryInfo in the status's details, or in a trailer of its own; None without."""
    found = {key: value for key, value in trailers if key in {_STATUS_DETAILS, _RETRY_INFO}}
    if not found:
        return None
    from google.rpc.error_details_pb2 import RetryInfo
    from google.rpc.status_pb2 import Status

    info = RetryInfo()
    try:
        if _RETRY_INFO in found:
            info.ParseFromString(found[_RETRY_INFO])
        elif not any(detail.Unpack(info) for detail in Status.FromString(found[_STATUS_DETAILS]).details):
            return None
    except Exception:  # whatever a collector has put there
        return None
    return bounded(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
