"""The page's port: the page, the viewer's own API, and Jaeger's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from erni_run.viewer.guard import Guard
from erni_run.viewer.query.parameters import BadParameter
from erni_run.viewer.serve import jaeger_v1, jaeger_v3, own
from erni_run.viewer.serve.backend import Backend

PAGE = Path(__file__).resolve().parent.parent / "page"
_PAGES = ("/", "/trace/{id}", "/trace/{id}/{span}", "/operations", "/map", "/compare/{a}/{b}", "/delivery")
_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"


def application(backend: Backend, host: str) -> Starlette:
    """All that is asked on this port, for programs on this machine and the viewer's own page."""
    routes = [
        *own.routes(backend),
        *jaeger_v1.routes(backend),
        *jaeger_v3.routes(backend),
        *(Route(path, _page) for path in _PAGES),
        Mount("/page", StaticFiles(directory=PAGE, check_dir=False)),
    ]
    handlers: Any = {BadParameter: _bad_parameter, HTTPException: _http_error, Exception: _failure}
    return Starlette(
        routes=routes,
        middleware=[Middleware(_Headers), Middleware(Guard, host=host)],
        exception_handlers=handlers,
    )


async def _page(_: Request) -> Response:
    return FileResponse(PAGE / "index.html")


async def _bad_parameter(_: Request, error: BadParameter) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _http_error(_: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, dict(error.headers or {}))


async def _failure(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the viewer failed: {type(error).__name__}: {error}"}, 500)


class _Headers:
    """What every answer says: nothing of it is kept, embedded, or loads anything from elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to its answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = _POLICY
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers["Cache-Control"] = "no-store" if scope["path"].startswith("/api/") else "no-cache"
            await send(message)

        await self._app(scope, receive, send_with_headers)
