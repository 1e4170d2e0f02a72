"""starlette: routing, middleware, streaming, websockets, background tasks, errors, sessions, static files."""

import asyncio
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

from observe import describe, show
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser, requires
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.datastructures import URL, Headers, MutableHeaders, QueryParams, Secret
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

done = []


async def home(request):
    return PlainTextResponse(
        f"{request.method} {request.url.path} {dict(request.query_params)} {request.user.display_name}"
    )


async def photo(request):
    return JSONResponse({"id": request.path_params["id"], "url": str(request.url_for("photo", id=7))})


async def upload(request):
    async with request.form() as form:
        file = form["file"]
        return JSONResponse({"name": file.filename, "size": len(await file.read()), "title": form["title"]})


async def stream(request):
    async def parts():
        for number in range(3):
            await asyncio.sleep(0)
            yield f"part {number}\n"

    return StreamingResponse(parts(), media_type="text/plain")


def in_a_thread(request):
    tasks = BackgroundTasks([BackgroundTask(done.append, "sync")])

    async def later(value):
        done.append(value)

    tasks.add_task(later, value="async")
    return PlainTextResponse("ok", background=tasks)


async def fails(request):
    kind = request.path_params["kind"]
    if kind == "http":
        raise HTTPException(418, "teapot", headers={"x-kind": "tea"})
    if kind == "handled":
        raise KeyError("handled")
    raise RuntimeError(kind)


@requires("admin", redirect="home")
async def admin(request):
    return PlainTextResponse("admin")


class Resource(HTTPEndpoint):
    async def get(self, request):
        return PlainTextResponse("got")

    def delete(self, request):
        return RedirectResponse("/", status_code=303)


class Echo(WebSocketEndpoint):
    encoding = "json"

    async def on_connect(self, websocket):
        await websocket.accept(subprotocol="shop")

    async def on_receive(self, websocket, data):
        if data == "close":
            await websocket.close(4001)
        else:
            await websocket.send_json({"echo": data})

    async def on_disconnect(self, websocket, close_code):
        done.append(close_code)


class Backend(AuthenticationBackend):
    async def authenticate(self, connection):
        name = connection.headers.get("x-user")
        return (AuthCredentials(["admin"] if name == "root" else []), SimpleUser(name)) if name else None


class Stamp(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["x-stamp"] = request.url.path
        return response


async def on_key_error(request, error):
    return JSONResponse({"error": repr(error)}, status_code=400)


@asynccontextmanager
async def lifespan(app):
    done.append("started")
    yield {"shared": 1}
    done.append("stopped")


folder = tempfile.mkdtemp()
(Path(folder) / "a.txt").write_text("static")
app = Starlette(
    routes=[
        Route("/", home, name="home"),
        Route("/photo/{id:int}", photo, name="photo"),
        Route("/upload", upload, methods=["POST"]),
        Route("/stream", stream),
        Route("/thread", in_a_thread),
        Route("/fails/{kind}", fails),
        Route("/admin", admin),
        Route("/resource", Resource),
        Route("/file", lambda request: FileResponse(Path(folder) / "a.txt", filename="b.txt")),
        WebSocketRoute("/echo", Echo),
        Mount("/static", StaticFiles(directory=folder), name="static"),
    ],
    middleware=[
        Middleware(TrustedHostMiddleware, allowed_hosts=["testserver"]),
        Middleware(CORSMiddleware, allow_origins=["http://a.org"], allow_methods=["GET"]),
        Middleware(GZipMiddleware, minimum_size=10),
        Middleware(AuthenticationMiddleware, backend=Backend()),
        Middleware(Stamp),
    ],
    exception_handlers={KeyError: on_key_error},
    lifespan=lifespan,
)


def answer(response):
    headers = {k: v for k, v in response.headers.items() if k not in ("last-modified", "etag")}
    return response.status_code, response.text, sorted(headers.items()), [r.status_code for r in response.history]


with TestClient(app) as client:
    for method, path, options in [
        ("GET", "/?a=1&b=2", {}),
        ("GET", "/", {"headers": {"x-user": "ann", "origin": "http://a.org"}}),
        ("OPTIONS", "/", {"headers": {"origin": "http://b.org", "access-control-request-method": "GET"}}),
        ("GET", "/photo/3", {}),
        ("GET", "/photo/x", {}),
        ("POST", "/photo/3", {}),
        ("POST", "/upload", {"files": {"file": ("x.jpg", b"123")}, "data": {"title": "t"}}),
        ("GET", "/stream", {}),
        ("GET", "/thread", {}),
        ("GET", "/fails/http", {}),
        ("GET", "/fails/handled", {}),
        ("GET", "/fails/other", {}),
        ("GET", "/admin", {}),
        ("GET", "/admin", {"headers": {"x-user": "root"}}),
        ("GET", "/resource", {}),
        ("DELETE", "/resource", {}),
        ("PUT", "/resource", {}),
        ("GET", "/file", {"headers": {"range": "bytes=1-3"}}),
        ("GET", "/static/a.txt", {}),
        ("GET", "/static/../b.txt", {}),
        ("GET", "/resource/", {}),
        ("GET", "/", {"headers": {"host": "evil"}}),
    ]:
        show(f"{method} {path}", lambda m=method, p=path, o=options: answer(client.request(m, p, **o)))

    def talk():
        with client.websocket_connect("/echo") as socket:
            socket.send_json({"a": 1})
            heard = socket.receive_json()
            socket.send_json("close")
            return heard, socket.accepted_subprotocol, socket.receive()

    show("websocket", talk)
    show("no websocket", lambda: client.websocket_connect("/").__enter__())
print(done)
show("error without a server", lambda: TestClient(app, raise_server_exceptions=False).get("/fails/x").text)
show(
    "debug page",
    lambda: len(
        TestClient(Starlette(debug=True, routes=app.routes), raise_server_exceptions=False).get("/nowhere").text
    ),
)
show(
    "urls",
    lambda: (app.url_path_for("photo", id=1), URL("http://u:p@h:1/p?q#f").replace(port=2), QueryParams("a=1&a=2")),
)
show("headers", lambda: (Headers({"A": "b"}), MutableHeaders(raw=[(b"a", b"b")]), Secret("hidden")))
show("no such route", lambda: app.url_path_for("nope"))
describe("starlette")
