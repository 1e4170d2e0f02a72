"""The sandbox as a running server: a thread on loopback that dispatches, strikes faults and remembers requests.

Standard library on purpose: the sandbox stands for other people's computers, so it must not look like ours.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

from .faults import Faults
from .graph_api import GraphApi
from .openai_api import OpenAIApi
from .reply import Reply, Request

REMEMBERED = 1000
SECRET_HEADERS = frozenset({"authorization", "cookie"})


@dataclass(frozen=True, kw_only=True)
class SandboxOptions:
    """`port` 0 lets the system choose; `retry_after` in seconds."""

    port: int = 0
    throttle: bool = True
    retry_after: float = 1.0


class Sandbox:
    """Listens from construction on; `close` frees the port and ends the thread."""

    def __init__(self, options: SandboxOptions) -> None:
        self.faults = Faults()
        self._openai = OpenAIApi()
        self._graph = GraphApi(throttle=options.throttle, retry_after=options.retry_after)
        self._seen: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self._server = _Server(("127.0.0.1", options.port), _Handler)
        self._server.sandbox = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, request: Request) -> Reply:
        """Answer one request: control, fault, or one of the two services."""
        if request.path.startswith("/sandbox/"):
            return self._control(request)
        self._remember(request)
        struck = self.faults.strike(request)
        if struck is not None:
            return struck
        api = self._openai if request.path.startswith("/v1/") else self._graph
        return api.serve(request)

    def _remember(self, request: Request) -> None:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in SECRET_HEADERS}
        self._seen.append({"time": time.time(), "method": request.method, "path": request.path, "headers": headers})

    def _control(self, request: Request) -> Reply:
        try:
            return Reply(body=self._controlled(request))
        except (KeyError, ValueError, TypeError) as error:
            return Reply(status=400, body={"error": f"{type(error).__name__}: {error}"})

    def _controlled(self, request: Request) -> Any:
        match request.method, request.path:
            case "POST", "/sandbox/faults":
                self.faults.arm(request.json())
            case "DELETE", "/sandbox/faults":
                self.faults.clear()
            case "GET", "/sandbox/requests":
                return list(self._seen)
            case "DELETE", "/sandbox/requests":
                self._seen.clear()
            case "POST", "/sandbox/expire-tokens":
                self._graph.expire_tokens()
            case "POST", "/sandbox/sightings":
                self._openai.extra_sightings = request.json()
            case "POST", "/sandbox/files":
                self._graph.drive.put(str(request.json()["name"]), 0, "replace")
            case "GET", "/sandbox/files":
                return [vars(file) for file in self._graph.drive.files()]
            case "GET", "/sandbox/faults":
                pass
            case _:
                raise KeyError(request.path)
        return {"faults": self.faults.listing()}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    sandbox: Sandbox

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is not worth a traceback on stderr."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """The agency's log speaks for both sides."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(method=self.command, target=self.path, headers=dict(self.headers.items()), body=body)
        reply = self.server.sandbox.serve(request)
        if reply.hang_up:
            self.close_connection = True
            return
        content = reply.encoded()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815  # the names http.server looks up
