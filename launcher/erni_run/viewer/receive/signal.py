"""The three signals of OTLP, and how a request for one of them is answered, whatever carried it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

from erni_run.viewer.receive import json_form

PROTOBUF, JSON = "application/x-protobuf", "application/json"
LARGEST = 20 * 1024 * 1024
"""Bytes of a request after decompression, as the OTLP specification recommends."""

_INVALID_ARGUMENT, _UNAVAILABLE = 3, 14  # google.rpc.Code


class Unavailable(Exception):
    """The records cannot be taken now; the sender may come back with them."""


@dataclass(frozen=True)
class Signal:
    """One of the signals. ``field`` is the list in its data, ``rejected`` the count in a partial success."""

    name: str
    service: str
    field: str
    request: Any
    response: Any
    rejected: str


SIGNALS = (
    Signal(
        "traces",
        "opentelemetry.proto.collector.trace.v1.TraceService",
        "resourceSpans",
        traces.ExportTraceServiceRequest,
        traces.ExportTraceServiceResponse,
        "rejected_spans",
    ),
    Signal(
        "logs",
        "opentelemetry.proto.collector.logs.v1.LogsService",
        "resourceLogs",
        logs.ExportLogsServiceRequest,
        logs.ExportLogsServiceResponse,
        "rejected_log_records",
    ),
    Signal(
        "metrics",
        "opentelemetry.proto.collector.metrics.v1.MetricsService",
        "resourceMetrics",
        metrics.ExportMetricsServiceRequest,
        metrics.ExportMetricsServiceResponse,
        "rejected_data_points",
    ),
)

Take = Callable[[Signal, Any, int], "tuple[int, str]"]
"""Takes a decoded request of so many bytes. Returns how many records it rejects for good, and why.

Raises Unavailable.
"""


@dataclass(frozen=True)
class Reply:
    """What an HTTP sender is answered."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def content_type(headers: Mapping[str, str]) -> str:
    """The media type of a request, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def respond(signal: Signal, rejected: int, reason: str) -> Any:
    """The response to a request that was taken but for ``rejected`` records: empty if it was taken whole."""
    response = signal.response()
    if rejected:
        setattr(response.partial_success, signal.rejected, rejected)
        response.partial_success.error_message = reason
    return response


def answer(signal: Signal, media_type: str, body: bytes, take: Take) -> Reply:
    """Decode ``body``, have it taken, and say in the same encoding what became of it.

    OTLP specification, "OTLP/HTTP Response".
    """
    is_json = media_type == JSON
    try:
        request = json_form.parse(signal.request, json.loads(body)) if is_json else signal.request.FromString(body)
    except (DecodeError, ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)[:200]
        return refusal(400, media_type, f"the body is no OTLP {signal.name}: {reason}")
    try:
        response = respond(signal, *take(signal, request, len(body)))
    except Unavailable as error:
        return refusal(503, media_type, str(error))
    content = json.dumps(json_form.render(response)).encode() if is_json else response.SerializeToString()
    return Reply(200, {"Content-Type": media_type}, content)


def refusal(status: int, media_type: str, message: str) -> Reply:
    """An error as google.rpc.Status, in the encoding of the request."""
    code = _UNAVAILABLE if status == 503 else _INVALID_ARGUMENT
    if media_type == PROTOBUF:
        body = status_pb2.Status(code=code, message=message).SerializeToString()
    else:
        body = json.dumps({"code": code, "message": message}).encode()
    headers = {"Content-Type": media_type if media_type == PROTOBUF else JSON}
    return Reply(status, {**headers, "Retry-After": "1"} if status == 503 else headers, body)
