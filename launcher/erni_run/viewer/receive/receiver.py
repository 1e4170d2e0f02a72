"""Receive OTLP traces on loopback ports that the system chooses, and hand on the spans as people read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import grpc

from erni_run.viewer.listener import Listener, bound
from erni_run.viewer.receive import over_http
from erni_run.viewer.receive.over_grpc import GrpcServer
from erni_run.viewer.receive.signal import SIGNALS, Reply, Signal, answer, content_type, respond
from erni_run.viewer.span import Span, decode

_TRACES = SIGNALS[0]
_LARGEST_MESSAGE = 4 * 1024 * 1024  # bytes, as gRPC servers have it unless told otherwise
_HOST = "127.0.0.1"


class Receiver:
    """Two servers on loopback that hand every span they receive to ``take``, each request as one list.

    ``http_port`` 0 lets the system choose, as it does for gRPC. Log records and metrics are taken and forgotten.
    """

    def __init__(self, take: Callable[[list[Span]], None], http_port: int = 0) -> None:
        self._take = take
        application = over_http.application(self._answer_http)
        self._http = Listener(application, bound(_HOST, http_port))
        self._grpc = GrpcServer(self._answer_grpc, _HOST, 0, _LARGEST_MESSAGE)
        self.grpc_endpoint = f"http://{_HOST}:{self._grpc.port}"
        self.http_endpoint = f"http://{_HOST}:{self._http.port}/v1/traces"

    def __enter__(self) -> Self:
        self._http.start()
        self._grpc.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.stop(at_once=True)
        self._grpc.stop()

    def receive_http(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one HTTP request for traces whose (decompressed) body is ``body``."""
        return answer(_TRACES, content_type(headers), body, self._taken)

    def receive_grpc(
        self,
        request: Any,
        context: grpc.ServicerContext,  # noqa: ARG002  # for who overrides it
    ) -> Any:
        """Answer one gRPC call for traces."""
        return respond(_TRACES, *self._taken(_TRACES, request, 0))

    def _answer_http(self, signal: Signal, headers: Mapping[str, str], body: bytes) -> Reply:
        if signal is _TRACES:
            return self.receive_http(headers, body)
        return answer(signal, content_type(headers), body, _forgotten)

    def _answer_grpc(self, signal: Signal, request: Any, _: int, context: grpc.ServicerContext) -> Any:
        return self.receive_grpc(request, context) if signal is _TRACES else respond(signal, 0, "")

    def _taken(self, _: Signal, request: Any, __: int) -> tuple[int, str]:
        self._take(list(decode(request)))
        return 0, ""


def _forgotten(_: Signal, __: Any, ___: int) -> tuple[int, str]:
    return 0, ""
