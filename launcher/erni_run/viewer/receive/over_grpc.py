"""OTLP over gRPC."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from erni_run.viewer.receive.signal import SIGNALS, Signal

Receive = Callable[[Signal, Any, int, grpc.ServicerContext], Any]
"""Answers a decoded request of so many bytes, or aborts the call."""

_THREADS = 8  # each waits until its records are committed


class GrpcServer:
    """The three services of OTLP on ``host``; ``port`` 0 lets the system choose. Raises OSError for a port in use."""

    def __init__(self, receive: Receive, host: str, port: int, largest: int) -> None:
        options = [
            ("grpc.max_receive_message_length", largest),
            ("grpc.so_reuseport", 0),  # else a second server would silently share the port
        ]
        self._server = grpc.server(ThreadPoolExecutor(_THREADS, thread_name_prefix="otlp-grpc"), options=options)
        self._server.add_generic_rpc_handlers(tuple(_handler(signal, receive) for signal in SIGNALS))
        address = f"[{host}]" if ":" in host else host
        try:
            self.port = self._server.add_insecure_port(f"{address}:{port}")
        except RuntimeError as error:
            raise OSError(str(error)) from error

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def stop(self, grace: float = 0) -> None:
        """Take no more calls; those under way have ``grace`` seconds."""
        self._server.stop(grace).wait()


def _handler(signal: Signal, receive: Receive) -> grpc.GenericRpcHandler:
    def export(body: bytes, context: grpc.ServicerContext) -> Any:
        try:
            request = signal.request.FromString(body)
        except DecodeError:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the message is no OTLP {signal.name}")
        return receive(signal, request, len(body), context)

    method = grpc.unary_unary_rpc_method_handler(export, None, lambda response: response.SerializeToString())
    return grpc.method_handlers_generic_handler(signal.service, {"Export": method})
