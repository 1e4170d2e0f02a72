"""httpx against a server on loopback: methods, redirects, streams, timeouts, authentication, hooks, transports."""

import asyncio
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from observe import describe, show


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(0.5)
        if self.path.startswith("/redirect"):
            return self.answer(302, b"", location="/end")
        if self.path == "/loop":
            return self.answer(302, b"", location="/loop")
        if self.path == "/auth" and "authorization" not in self.headers:
            return self.answer(
                401, b"", **{"www-authenticate": 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'}
            )
        if self.path == "/broken":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            self.close_connection = True
            return None
        if self.path == "/cookie":
            return self.answer(200, b"set", **{"set-cookie": "a=b; Path=/"})
        if self.path == "/latin":
            return self.answer(200, "für".encode("latin-1"), **{"content-type": "text/plain; charset=latin-1"})
        status = int(self.path.rpartition("/")[2]) if self.path.startswith("/status/") else 200
        return self.answer(status, f"{self.command} {self.path} {self.headers.get('cookie')}".encode())

    def do_POST(self):
        if self.headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["content-length"]))
        self.answer(200, body, **{"x-type": self.headers.get("content-type", "none").partition(";")[0]})

    do_HEAD = do_PUT = do_DELETE = do_GET

    def answer(self, status, body, **headers):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Clients that break off are meant to."""


server = Server(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
seen = []
hooks = {"request": [lambda request: seen.append(request.method)], "response": [lambda r: seen.append(r.status_code)]}


def plain(response):
    return response, response.text, sorted(response.headers.items()), [str(r) for r in response.history]


with httpx.Client(base_url=base, event_hooks=hooks, trust_env=False, timeout=5) as client:
    for name, call in {
        "get": lambda: plain(client.get("/a", params={"q": ["1", "2"]})),
        "head": lambda: plain(client.head("/a")),
        "json": lambda: plain(client.post("/p", json={"a": [1, None]})),
        "form": lambda: plain(client.post("/p", data={"a": "1", "b": ["2", "3"]})),
        "files": lambda: client.post("/p", files={"f": ("n.txt", b"x", "text/plain")}).headers["x-type"],
        "chunks": lambda: plain(client.post("/p", content=(part for part in (b"one", b"two")))),
        "redirects": lambda: plain(client.get("/redirect", follow_redirects=True)),
        "a redirect not followed": lambda: client.get("/redirect").next_request,
        "a loop": lambda: client.get("/loop", follow_redirects=True),
        "cookies": lambda: (plain(client.get("/cookie")), plain(client.get("/b")), dict(client.cookies)),
        "basic": lambda: client.get("/auth", auth=("u", "p")).status_code,
        "digest": lambda: client.get("/auth", auth=httpx.DigestAuth("u", "p")).status_code,
        "charset": lambda: plain(client.get("/latin")),
        "status": lambda: client.get("/status/404").raise_for_status(),
        "server error": lambda: client.get("/status/503").raise_for_status(),
        "times out": lambda: client.get("/slow", timeout=0.05),
        "breaks off": lambda: client.get("/broken"),
        "no server": lambda: client.get("http://127.0.0.1:1/"),
        "no scheme": lambda: client.get("ftp://x/"),
        "wrong url": lambda: client.get("http://[x"),
        "wrong argument": lambda: client.get("/", nothing=1),
        "no json": lambda: client.get("/a").json(),
    }.items():
        show(name, call)

    def streamed():
        with client.stream("GET", "/a") as response:
            first = next(response.iter_bytes(2))
            return first, response.is_closed

    def read_late():
        with client.stream("GET", "/a") as response:
            pass
        return response.read()

    show("streamed", streamed)
    show("read too late", read_late)
    show("lines", lambda: list(httpx.Response(200, text="a\nb\r\nc").iter_lines()))
print(seen)


async def several():
    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
        answers = await asyncio.gather(*(client.get(f"/{number}") for number in range(5)))
        async with client.stream("POST", "/p", content=b"x" * 10) as response:
            parts = [part async for part in response.aiter_bytes(4)]
        return [answer.text for answer in answers], parts


async def cancelled():
    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
        return await asyncio.wait_for(client.get("/slow"), 0.05)


async def asynchronous_timeout():
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=0.05) as client:
        return await client.get("/slow")


async def asgi(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


async def inside():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(asgi), base_url="http://app") as client:
        return plain(await client.get("/inner"))


show("several at once", several)
show("cancelled", cancelled)
show("asynchronous timeout", asynchronous_timeout)
show("an application", inside)
show(
    "mock",
    lambda: httpx.Client(transport=httpx.MockTransport(lambda r: httpx.Response(201, json=str(r.url)))).get(
        "http://m/"
    ),
)
show("closed", lambda: client.get("/"))
show("url", lambda: (httpx.URL("http://u:p@h:8/ä?x#f").copy_with(host="g"), httpx.QueryParams({"a": 1}).set("b", 2)))
show("invalid url", lambda: httpx.URL("http://h:port/"))
show("headers", lambda: (httpx.Headers({"Authorization": "x", "B": "c"}), httpx.Timeout(5, connect=1), httpx.Limits()))
show("request", lambda: httpx.Request("POST", "http://h/", json={"a": 1}).read())
describe("httpx")
