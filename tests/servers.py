"""Servers on loopback that answer as a test tells them to, over HTTP and gRPC, and keep what they were sent."""

from __future__ import annotations

import functools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import grpc


class Server:
    """An HTTP server on loopback that answers with ``status``, ``headers`` and ``body``, and keeps what it was sent."""

    def __init__(self, status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, headers or {}
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.is_generous = True  # keeps connections
        self.tls: ssl.SSLContext | None = None

    @contextmanager
    def running(self, host: str = "127.0.0.1") -> Iterator[Server]:
        server = type("Server", (ThreadingHTTPServer,), {"address_family": _family(host)})((host, 0), self._handler())
        server.daemon_threads = True
        if self.tls is not None:
            server.socket = self.tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme, shown = ("http", "https")[self.tls is not None], f"[{host}]" if ":" in host else host
        self.url = f"{scheme}://{shown}:{server.server_port}/v1/traces"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(self.status)
        for name, value in {"Content-Length": str(len(self.body)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(self.body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        seen = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                seen.connections += 1

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:  # the client has had enough
                    self.close_connection = True

            def finish(self) -> None:
                try:
                    super().finish()
                except OSError:
                    return

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                seen.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                seen.answer(self)
                self.close_connection = self.close_connection or not seen.is_generous

            def log_message(self, *_: Any) -> None:
                return

        return Handler


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@contextmanager
def grpc_server(
    answer: Callable[[str, bytes, grpc.ServicerContext], bytes],
    credentials: grpc.ServerCredentials | None = None,
    address: str = "127.0.0.1:0",
) -> Iterator[str]:
    """The endpoint of a gRPC server whose every method is ``answer(method, request, context)``.

    ``address`` may name a Unix socket.
    """

    class Every(grpc.GenericRpcHandler):
        def service(self, details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(functools.partial(answer, details.method))

    server = grpc.server(ThreadPoolExecutor(2), handlers=(Every(),), options=(("grpc.so_reuseport", 0),))
    if credentials is None:
        endpoint = f"http://{address.rpartition(':')[0]}:{server.add_insecure_port(address)}"
    else:
        endpoint = f"https://{address.rpartition(':')[0]}:{server.add_secure_port(address, credentials)}"
    server.start()
    try:
        yield endpoint
    finally:
        server.stop(grace=0).wait()


class Gate:
    """Stands before another server on loopback, and lets through what it is told to, for connections that exist, too.

    ``is_open``: everything. ``is_mute``: requests alone; whoever sent them waits for the answer. Neither: nothing.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.is_open = self.is_mute = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        try:
            while data := source.recv(65536):
                if self.is_open or (self.is_mute and not is_answer):
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return
