"""Who may ask: programs on this machine, and the pages that are allowed to. For every server of the viewer.

A page of any web site may try to reach a server on loopback, by its own name for it (DNS rebinding) or across origins.
The first is seen by the Host header, the second by the Origin header, which no page can change (Fetch, 3.2).
"""

from __future__ import annotations

import ipaddress
import re
import socket

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


class Guard:
    """Refuses with 403 requests for another host than ``host`` or this machine, and those from foreign pages.

    ``pages`` is a pattern of origins beside the server's own.
    """

    def __init__(self, app: ASGIApp, host: str, pages: str = "") -> None:
        self._app = app
        self._pages = pages
        self._names = {"localhost", host.lower()}
        self._is_loopback = is_loopback(host)
        if not self._is_loopback:
            self._names.add(socket.gethostname().lower())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        refused = self._objection(Headers(scope=scope)) if scope["type"] == "http" else ""
        if refused:
            await JSONResponse({"error": refused}, 403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _objection(self, headers: Headers) -> str:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return "this host name is not the viewer's: ask for localhost or 127.0.0.1"
        origin = headers.get("origin")
        if origin is None or origin in (f"http://{host}", f"https://{host}"):
            return ""
        if self._pages and re.fullmatch(self._pages, origin):
            return ""
        return "pages of another origin may not ask this"

    def _is_ours(self, host: str) -> bool:
        name = re.sub(r":\d+$", "", host).strip("[]").lower()
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._is_loopback


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
