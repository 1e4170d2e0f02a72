"""OTLP/HTTP with binary protobuf, over one connection that is kept (OTLP specification, "OTLP/HTTP")."""

from __future__ import annotations

import gzip
import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from erni_run.inside import ourselves
from erni_run.inside.delivery import certificates
from erni_run.inside.delivery.answer import Answer, bounded, success
from erni_run.inside.notice import describe
from erni_run.plan import ExportPlan
from erni_run.version import __version__

_LARGEST_BODY = 64 * 1024  # bytes of an answer that we read
_STALE = (ConnectionError, http.client.BadStatusLine, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
_CREDENTIALS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_AS_IT_IS = "%/:=&?~+!$,;'@()*[]"
_OURS = {"content-type": "application/x-protobuf"}


class Http:
    """Posts requests to ``url``."""

    def __init__(self, plan: ExportPlan, url: str) -> None:
        parts = urlsplit(url)
        self._plan = plan
        self._url = url
        self._path = quote(parts.path or "/", _AS_IT_IS) + (f"?{quote(parts.query, _AS_IT_IS)}" if parts.query else "")
        self._connection = _Connection(plan, parts.hostname or "localhost", parts.port, tls=parts.scheme == "https")
        self._headers = {"user-agent": f"erni-run/{__version__}", **plan.headers, **_OURS}

    def send(self, request: bytes, timeout: float, *, gzipped: bool = False) -> Answer:
        """See ``Transport.send``."""
        headers = self._headers
        if self._plan.compression == "gzip" and not gzipped:
            request, gzipped = gzip.compress(request, compresslevel=1), True
        if gzipped:
            headers = {**headers, "content-encoding": "gzip"}
        self._connection.must_end(time.monotonic() + timeout)
        try:
            return self._exchange(request, headers)
        except (certificates.Unusable, OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            if ourselves.is_to_be_raised(error):
                raise
            return _failure(error)

    def _exchange(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """A server may close a connection that is idle just when we use it: that is no failure, but a new one is."""
        was_open = self._connection.sock is not None
        try:
            return self._post(body, headers)
        except _STALE:
            if not was_open:
                raise
            self._connection.close()
            return self._post(body, headers)

    def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        self._connection.request("POST", self._path, body, headers)
        response = self._connection.getresponse()
        return self._read(response)

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        """The status is the answer, whether its body ends or not."""
        try:
            body = response.read(_LARGEST_BODY)
        except (OSError, http.client.HTTPException) as error:
            if ourselves.is_to_be_raised(error):
                raise
            body = b""
        if not response.isclosed():
            self._connection.close()
        return body

    def _read(self, response: http.client.HTTPResponse) -> Answer:
        status, body = response.status, self._body(response)
        if 200 <= status < 300:
            return success(body)
        name = f"HTTP {status} {http.client.responses.get(status, '')}".rstrip()
        if status in _REFUSED or status == _TOO_LARGE:
            return Answer(refused=status in _REFUSED, too_large=status == _TOO_LARGE, reason=name)
        wait = _seconds(response.getheader("Retry-After", ""))
        if 300 <= status < 500 and status not in _AGAIN:
            advice = self._advice(status, response.getheader("Location", ""))
            return Answer(misconfigured=True, retry_after=wait, reason=f"{name}{advice}")
        return Answer(retry_after=wait, reason=name)

    def _advice(self, status: int, location: str) -> str:
        """What to change. No query is shown: it may hold a key."""
        if location and status < 400:
            parts = urlsplit(urljoin(self._url, location))
            address = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
            return f" to {address}: set export.endpoint to that address"
        return ": check export.headers" if status in _CREDENTIALS else ": check export.endpoint"


class _Connection(http.client.HTTPConnection):
    """One that has until a certain time for everything: http.client's own timeout begins anew with every byte."""

    def __init__(self, plan: ExportPlan, host: str, port: int | None, *, tls: bool) -> None:
        super().__init__(host, port or (443 if tls else 80))
        self._plan = plan
        self._tls = tls
        self._stamp: tuple[int, ...] | None = None
        self._context: ssl.SSLContext | None = None
        self._until = 0.0

    def must_end(self, until: float) -> None:
        """Whatever happens, stop at ``until`` of the monotonic clock."""
        self._until = until
        if isinstance(self.sock, _Socket):
            self.sock.until = until

    def connect(self) -> None:
        """Connect, without asking for a proxy. Raises OSError and certificates.Unusable."""
        context = self._secured() if self._tls else None
        sock = self._reached()
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                sock.settimeout(_left(self._until))
                sock = context.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise
        self.sock = _Socket(sock, self._until)

    def _reached(self) -> socket.socket:
        """A socket to the first address of the host that answers; each gets its share of the time left."""
        addresses = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        for others, (family, kind, protocol, _, address) in zip(
            reversed(range(len(addresses))), addresses, strict=True
        ):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(_left(self._until) / (others + 1))
                sock.connect(address)
                return sock
            except BaseException as error:
                sock.close()
                if not others or not isinstance(error, OSError):
                    raise
        raise OSError(f"{self.host} has no address")

    def _secured(self) -> ssl.SSLContext:
        """Made anew only if a file has changed: the system's authorities alone take 10 ms to read."""
        stamp = certificates.stamp(self._plan)
        if self._context is None or stamp != self._stamp:
            self._context = certificates.context(self._plan)
            self._stamp = stamp
        return self._context


class _Socket:
    """What http.client needs of a socket, each call with the time left as its timeout."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock = sock
        self.until = until

    def sendall(self, data: bytes) -> None:
        """See ``socket.sendall``, which over TLS would wait as long for each part."""
        left = memoryview(data)
        while left:
            self._sock.settimeout(_left(self.until))
            left = left[self._sock.send(left) :]

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002  # http.client reads, and nothing else
        """A file to read from."""
        return io.BufferedReader(_Reader(self, self._sock.makefile("rb", buffering=0)))

    def receive(self, raw: socket.SocketIO, buffer: Any) -> int | None:
        """Read into ``buffer`` what has arrived."""
        self._sock.settimeout(_left(self.until))
        return raw.readinto(buffer)

    def close(self) -> None:
        """Close the socket, once whatever reads from it is closed, too."""
        self._sock.close()


class _Reader(io.RawIOBase):
    def __init__(self, sock: _Socket, raw: socket.SocketIO) -> None:
        self._sock = sock
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        return self._sock.receive(self._raw, buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _failure(error: Exception) -> Answer:
    if isinstance(error, certificates.Unusable):
        return Answer(misconfigured=True, reason=str(error))
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"the collector's certificate is not trusted ({error.verify_message})"
        return Answer(misconfigured=True, reason=f"{why}: set export.certificate to the authority that has signed it")
    if type(error) is http.client.BadStatusLine:  # its text is whatever the server has sent
        return Answer(reason='the answer is not HTTP; port 4317 is usually for protocol = "grpc", 4318 for HTTP')
    if isinstance(error, ValueError) and not isinstance(error, OSError):  # its text may hold a header's value
        return Answer(misconfigured=True, reason="check export.headers and export.endpoint: HTTP does not allow them")
    return Answer(reason=describe(error))


def _seconds(retry_after: str) -> float:
    """Retry-After in seconds; 0.0 for what is neither seconds nor a date (RFC 9110, 10.2.3)."""
    if retry_after.strip().isdecimal():
        return bounded(float(retry_after))
    try:
        return bounded(parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return 0.0
