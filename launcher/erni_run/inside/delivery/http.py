"""OTLP/HTTP with binary protobuf, over one connection that is kept (OTLP specification, "OTLP/HTTP")."""

from __future__ import annotations

import gzip
import http.client
import io
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from erni_run.inside import ourselves
from erni_run.inside.delivery.address import Address
from erni_run.inside.delivery.answer import Answer, bounded, success
from erni_run.inside.delivery.certificates import Unusable
from erni_run.inside.delivery.connection import Connection, failure
from erni_run.plan import ExportPlan
from erni_run.version import __version__

_LARGEST_BODY = 64 * 1024  # bytes of an answer that we read
_STALE = (ConnectionError, http.client.BadStatusLine)
_FAILURES = (Unusable, OSError, http.client.HTTPException, ValueError)
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, _TOO_LARGE}
_CREDENTIALS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_AS_IT_IS = "%/:=&?~+!$,;'@()*[]"


class Http:
    """Posts requests to ``url``."""

    def __init__(self, plan: ExportPlan, url: str) -> None:
        parts = urlsplit(url)
        address = Address(url)
        self._plan = plan
        self._url = url
        self._path = quote(parts.path or "/", _AS_IT_IS) + (f"?{quote(parts.query, _AS_IT_IS)}" if parts.query else "")
        self._connection = Connection(address, plan)
        self._client = _Client(self._connection)
        self._headers = {
            "host": address.authority,
            "user-agent": f"erni-run/{__version__}",
            **plan.headers,
            "content-type": "application/x-protobuf",
        }

    def send(self, request: bytes, timeout: float) -> Answer:
        """See ``Transport.send``."""
        headers = self._headers
        if self._plan.compression == "gzip":
            request, headers = gzip.compress(request, compresslevel=1), {**headers, "content-encoding": "gzip"}
        self._connection.must_end(timeout)
        try:
            return self._exchange(request, headers)
        except BaseException as error:
            self._close()
            if not isinstance(error, _FAILURES) or ourselves.is_to_be_raised(error):
                raise
            return _failure(error)

    def _exchange(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """A server may close a connection that is idle just when we use it: that is no failure, but a new one is."""
        was_open = self._connection.is_open
        try:
            return self._post(body, headers)
        except _STALE:
            if not was_open:
                raise
            self._close()
            return self._post(body, headers)

    def _close(self) -> None:
        self._client.close()
        self._connection.close()

    def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            self._client.request("POST", self._path, body, headers)
        except (BrokenPipeError, ConnectionResetError):  # it may have answered before it closed the connection
            if not self._connection.is_open:
                raise
        return self._read(self._client.getresponse())

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        """The status is the answer, whether its body ends or not."""
        try:
            body = response.read(_LARGEST_BODY)
        except (OSError, http.client.HTTPException) as error:
            if ourselves.is_to_be_raised(error):
                raise
            body = b""
        if not response.isclosed():
            self._close()
        return body

    def _read(self, response: http.client.HTTPResponse) -> Answer:
        status, body = response.status, self._body(response)
        if 200 <= status < 300:
            return success(body)
        name = f"HTTP {status} {http.client.responses.get(status, '')}".rstrip()
        if status in _REFUSED:
            return Answer(refused=True, too_large=status == _TOO_LARGE, reason=name)
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


class _Client(http.client.HTTPConnection):
    """HTTP over a connection of ours: http.client's own has a timeout that begins anew with every byte."""

    def __init__(self, connection: Connection) -> None:
        super().__init__("")  # the host is a header's matter
        self._connection = connection

    def connect(self) -> None:
        """Connect. Raises OSError and certificates.Unusable."""
        self._connection.open()
        self.sock = _Socket(self._connection)


class _Socket:
    """What http.client needs of a socket."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._reader: _Reader | None = None

    def sendall(self, data: bytes) -> None:
        """See ``socket.sendall``."""
        self._connection.send(data)

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002  # http.client reads, and nothing else
        """A file to read from."""
        self._reader = _Reader(self._connection)
        return io.BufferedReader(self._reader)

    def close(self) -> None:
        """Close the connection, once whatever reads from it is closed, too."""
        if self._reader is None or self._reader.closed:
            self._connection.close()
        else:
            self._reader.is_last = True


class _Reader(io.RawIOBase):
    is_last = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._arrived = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._arrived:
            self._arrived = memoryview(self._connection.receive())
        part, self._arrived = self._arrived[: len(buffer)], self._arrived[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        if self.is_last and not self.closed:
            self._connection.close()
        super().close()


def _failure(error: Exception) -> Answer:
    if type(error) is http.client.BadStatusLine:  # its text is whatever the server has sent
        return Answer(reason='the answer is not HTTP; port 4317 is usually for protocol = "grpc", 4318 for HTTP')
    if isinstance(error, ValueError) and not isinstance(error, OSError):  # its text may hold a header's value
        return Answer(misconfigured=True, reason="check export.headers and export.endpoint: HTTP does not allow them")
    return failure(error)


def _seconds(retry_after: str) -> float:
    """Retry-After in seconds; 0.0 for what is neither seconds nor a date (RFC 9110, 10.2.3)."""
    if retry_after.strip().isdecimal():
        return bounded(float(retry_after))
    try:
        return bounded(parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return 0.0
