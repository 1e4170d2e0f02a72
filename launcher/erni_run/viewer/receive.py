"""Receive OTLP traces, over gRPC and over HTTP with binary protobuf, on loopback ports that the system chooses."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from erni_run.viewer.span import Span, decode

_LARGEST_BODY = 20 * 1024 * 1024  # bytes after decompression, as the OTLP specification recommends


@dataclass(frozen=True)
class Reply:
    """What an HTTP sender is answered."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Receiver:
    """Two servers on loopback that hand every span they receive to ``take``, each request as one list.

    ``http_port`` 0 lets the system choose, as it does for gRPC.
    """

    def __init__(self, take: Callable[[list[Span]], None], http_port: int = 0) -> None:
        self._take = take
        self._http = ThreadingHTTPServer(("127.0.0.1", http_port), _handler(self.receive_http))
        self._http.daemon_threads = True
        self._grpc = grpc.server(ThreadPoolExecutor(2, thread_name_prefix="otlp-grpc"))
        register: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server  # generated, without annotations
        register(_Servicer(self.receive_grpc), self._grpc)
        self.grpc_endpoint = f"http://127.0.0.1:{self._grpc.add_insecure_port('127.0.0.1:0')}"
        self.http_endpoint = f"http://127.0.0.1:{self._http.server_port}/v1/traces"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self._grpc.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._grpc.stop(grace=0).wait()

    def receive_http(self, headers: Mapping[str, str], body: bytes) -> Reply:  # noqa: ARG002  # for who overrides it
        """Answer one HTTP request whose (decompressed) body is ``body``."""
        try:
            self._take(list(decode(ExportTraceServiceRequest.FromString(body))))
        except DecodeError:
            return Reply(400)
        return Reply(200, {"Content-Type": "application/x-protobuf"}, ExportTraceServiceResponse().SerializeToString())

    def receive_grpc(
        self,
        request: ExportTraceServiceRequest,
        context: grpc.ServicerContext,  # noqa: ARG002  # for who overrides it
    ) -> ExportTraceServiceResponse:
        """Answer one gRPC call."""
        self._take(list(decode(request)))
        return ExportTraceServiceResponse()


class _Servicer(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, receive: Callable[[Any, Any], Any]) -> None:
        self._receive = receive

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802  # the name is OTLP's
        return self._receive(request, context)


def _handler(receive: Callable[[Mapping[str, str], bytes], Reply]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the name is http.server's
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                content = _decompressed(body, self.headers.get("Content-Encoding", ""))
            except (ValueError, OSError, EOFError):
                self._send(Reply(400))
                return
            headers = dict(self.headers.items())
            self._send(receive(headers, content) if len(content) <= _LARGEST_BODY else Reply(413))

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: Any) -> None:
            return

    return Handler


def _decompressed(body: bytes, encoding: str) -> bytes:
    """At most one byte more than the largest body: enough to see that it is too large, whatever it would unpack to."""
    if encoding not in ("", "identity", "gzip"):
        raise ValueError(encoding)
    if encoding != "gzip":
        return body
    with gzip.open(io.BytesIO(body)) as file:
        return file.read(_LARGEST_BODY + 1)
