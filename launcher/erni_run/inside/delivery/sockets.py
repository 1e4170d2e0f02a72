"""A socket of ours in a process that is not: each call on it ends in time, and reaches no file but its own.

An application may close all numbers, and get the same ones for its own sockets and files. So the socket never blocks:
what waits is ``poll``, and what is behind the number is looked at again between the wait and the use of it.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import time
import weakref

from erni_run.inside.delivery.address import Address
from erni_run.inside.descriptor import Descriptor
from erni_run.inside.forks import in_child

_AT_ONCE = 65_536  # bytes
_LOOK = 0.5  # seconds until a wait is over: it may be for another file by then, and the kernel does not say so
_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)  # else SIGPIPE ends a process that has given it back its meaning


class Deadline:
    """When something must be over, by the monotonic clock."""

    def __init__(self) -> None:
        self.until = 0.0

    @property
    def left(self) -> float:
        """Seconds from now. Raises TimeoutError if there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left

    def check(self) -> None:
        """Raise TimeoutError if it is over."""
        if time.monotonic() >= self.until:
            raise TimeoutError("timed out")


class Socket:
    """One that is connected. Whatever is done with it raises OSError if it fails, or if it is not ours any more."""

    def __init__(self, family: int, kind: int, protocol: int, deadline: Deadline) -> None:
        self._socket = socket.socket(family, kind, protocol)
        self._descriptor = Descriptor(self._socket.fileno())
        self._deadline = deadline
        _open.add(self)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # the interpreter may be half gone, and there is nobody to tell
            self.close()

    def connect(self, address: object, seconds: float) -> None:
        """Connect to ``address``, which is of the socket's family, within ``seconds``."""
        self._socket.settimeout(seconds)
        self._socket.connect(address)  # type: ignore[arg-type]  # whatever getaddrinfo has given
        if self._socket.family in {socket.AF_INET, socket.AF_INET6}:
            self._ours().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ours().setblocking(False)

    def send(self, data: bytes | memoryview) -> None:
        """Send all of ``data``."""
        left = memoryview(data)
        while left:
            try:
                left = left[self._ours().send(left, _NO_SIGNAL) :]
            except BlockingIOError:
                self._wait(is_reading=False)

    def receive(self) -> bytes:
        """What has arrived, as soon as something has; nothing if nothing more will."""
        while (data := self.receive_at_once()) is None:
            self._wait(is_reading=True)
        return data

    def receive_at_once(self) -> bytes | None:
        """The same, or None if nothing is there."""
        try:
            return self._ours().recv(_AT_ONCE)
        except BlockingIOError:
            return None

    def close(self) -> None:
        """Close it, unless its number is another file's by now. Once is enough."""
        _open.discard(self)
        if self._descriptor.is_ours:
            self._socket.close()
        else:
            self._socket.detach()

    def _ours(self) -> socket.socket:
        self._deadline.check()
        if not self._descriptor.is_ours:
            raise ConnectionAbortedError("closed by somebody else")
        return self._socket

    def _wait(self, *, is_reading: bool) -> None:
        number, seconds = self._ours().fileno(), min(self._deadline.left, _LOOK)
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(number, select.POLLIN if is_reading else select.POLLOUT)
            poll.poll(math.ceil(seconds * 1000))
        else:  # as eventlet leaves it
            select.select([number] * is_reading, [number] * (not is_reading), [], seconds)


def connected(address: Address, deadline: Deadline) -> Socket:
    """A socket to the first address of the host that answers; each gets its share of the time left. Raises OSError."""
    addresses = _addresses(address)
    for others, (family, kind, protocol, _, found) in zip(reversed(range(len(addresses))), addresses, strict=True):
        sock = Socket(family, kind, protocol, deadline)
        try:
            sock.connect(found, deadline.left / (others + 1))
            return sock
        except BaseException as error:
            sock.close()
            if not others or not isinstance(error, OSError):
                raise
    raise OSError(f"{address.host} has no address")


def _addresses(address: Address) -> list[tuple[int, int, int, str, object]]:
    if address.path:
        return [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", address.path)]
    # bytes, for which no codec is imported
    found = socket.getaddrinfo(address.name, address.port, type=socket.SOCK_STREAM)
    if not address.zone:
        return list(found)
    # getaddrinfo knows names of zones for link-local addresses alone
    zone = int(address.zone) if address.zone.isdecimal() else socket.if_nametoindex(address.zone)
    return [(family, kind, protocol, "", (*at[:3], zone)) for family, kind, protocol, _, at in found]


_open: weakref.WeakSet[Socket] = weakref.WeakSet()


def _in_child() -> None:
    """The other end hears that a process has gone when no other has its connections."""
    for sock in list(_open):
        sock.close()


in_child(_in_child)
