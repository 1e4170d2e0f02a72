"""An ASGI application served on a socket, in a thread of its own."""

from __future__ import annotations

import socket
import threading

import uvicorn
from starlette.types import ASGIApp

_GRACE_SECONDS = 2


class Listener:
    """Serves ``application`` on ``listening`` from ``start`` to ``stop``."""

    def __init__(self, application: ASGIApp, listening: socket.socket) -> None:
        self.port: int = listening.getsockname()[1]
        self._socket = listening
        self._server = uvicorn.Server(
            uvicorn.Config(
                application,
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        sockets = [listening]
        self._thread = threading.Thread(target=self._server.run, args=(sockets,), name="listener", daemon=True)

    def start(self) -> None:
        """Begin to answer; who connected earlier has waited in the socket's queue."""
        self._thread.start()

    def stop(self, *, at_once: bool = False) -> None:
        """Take no more requests; those under way have a moment, unless it shall end ``at_once``."""
        self._server.force_exit = at_once
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()


def bound(host: str, port: int) -> socket.socket:
    """A listening socket; ``port`` 0 lets the system choose. Raises OSError for a port in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named asyncio sends at once; without, an answer waits for an acknowledgement (40 ms).
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening
