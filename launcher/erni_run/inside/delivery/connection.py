"""Bytes to a collector and back, over TLS where its address says so, each exchange within its deadline.

It knows nothing of what the bytes mean, and asks for no proxy.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from erni_run.inside.delivery.address import Address
from erni_run.inside.delivery.answer import Answer
from erni_run.inside.delivery.certificates import Contexts, Unusable
from erni_run.inside.delivery.sockets import Deadline, Socket, connected
from erni_run.inside.notice import describe
from erni_run.plan import ExportPlan

if TYPE_CHECKING:
    import ssl

_LONGEST = 86_400.0  # seconds; sockets take no more than some weeks


class NotSpoken(Exception):
    """The server does not speak the protocol that it must."""


class Connection:
    """To ``address``, opened anew as often as needed. ``protocol`` is what the server must speak over TLS, in ALPN's
    words; empty for what they have no word for.
    """

    def __init__(self, address: Address, plan: ExportPlan, protocol: str = "") -> None:
        self._address = address
        self._protocol = protocol
        self._contexts = Contexts(plan, protocol)
        self._deadline = Deadline()
        self._stream: Socket | _Tls | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has been opened and not closed since, by us."""
        return self._stream is not None

    def must_end(self, seconds: float) -> None:
        """All that follows raises TimeoutError when ``seconds`` are over."""
        self._deadline.until = time.monotonic() + min(seconds, _LONGEST)

    @property
    def left(self) -> float:
        """Seconds until then."""
        return self._deadline.left

    def open(self) -> None:
        """Connect anew. Raises OSError, and NotSpoken or Unusable if that is in vain until the
        configuration is another.
        """
        self.close()
        context = self._contexts.latest() if self._address.is_secure else None
        sock = connected(self._address, self._deadline)
        if context is None:
            self._stream = sock
            return
        try:
            self._stream = _Tls(sock, context, self._address.host, self._protocol)
        except BaseException:
            sock.close()
            raise

    def send(self, data: bytes | memoryview) -> None:
        """Send all of ``data``. Raises OSError."""
        self._opened.send(data)

    def receive(self) -> bytes:
        """What has arrived, as soon as something has; nothing at the end. Raises OSError."""
        return self._opened.receive()

    def receive_at_once(self) -> bytes | None:
        """The same, or None if nothing is there."""
        return self._opened.receive_at_once()

    def close(self) -> None:
        """Give it up. Once is enough."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    @property
    def _opened(self) -> Socket | _Tls:
        if self._stream is None:
            raise ConnectionError("not connected")
        return self._stream


class _Tls:
    """TLS over ``sock``, in memory: what OpenSSL itself reads and writes could be another file by then."""

    def __init__(self, sock: Socket, context: ssl.SSLContext, name: str, protocol: str) -> None:
        import ssl  # late: see certificates

        self._ssl = ssl
        self._socket = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._in, self._out, server_hostname=name)
        self._shake_hands()
        if protocol and self._object.selected_alpn_protocol() != protocol:
            raise NotSpoken

    def _shake_hands(self) -> None:
        try:
            self._do(self._object.do_handshake)
        except self._ssl.SSLCertVerificationError as error:
            why = f"the collector's certificate is not trusted ({error.verify_message})"
            raise Unusable(f"{why}: set export.certificate to the authority that has signed it") from error
        except self._ssl.SSLError as error:
            if error.reason == "TLSV1_ALERT_NO_APPLICATION_PROTOCOL":
                raise NotSpoken from error
            raise

    def send(self, data: bytes | memoryview) -> None:
        """See ``Socket.send``."""
        self._do(self._object.write, data)

    def receive(self) -> bytes:
        """See ``Socket.receive``."""
        try:
            return bytes(self._do(self._object.read, 65_536))
        except self._ssl.SSLEOFError:  # without a word of goodbye, as many do
            return b""

    def receive_at_once(self) -> bytes | None:
        """See ``Socket.receive_at_once``."""
        while True:
            try:
                return self._object.read(65_536)
            except self._ssl.SSLWantReadError:
                arrived = self._socket.receive_at_once()
            except self._ssl.SSLEOFError:
                return b""
            if arrived is None:
                return None
            self._take(arrived)

    def close(self) -> None:
        """See ``Socket.close``."""
        self._socket.close()

    def _do(self, operation: Callable[..., Any], *arguments: object) -> Any:
        while True:
            try:
                result = operation(*arguments)
            except self._ssl.SSLWantReadError:
                self._flush()
                self._take(self._socket.receive())
            except self._ssl.SSLError:
                with contextlib.suppress(OSError):
                    self._flush()  # what tells the server why
                raise
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if self._out.pending:
            self._socket.send(self._out.read())

    def _take(self, arrived: bytes) -> None:
        if arrived:
            self._in.write(arrived)
        else:
            self._in.write_eof()


def failure(error: Exception) -> Answer:
    """The answer for what goes wrong on the way."""
    if isinstance(error, Unusable):
        return Answer(misconfigured=True, reason=str(error))
    return Answer(reason=describe(error))
