"""Where a collector is: what an endpoint of the configuration means to a socket and to the server behind it."""

from __future__ import annotations

from urllib.parse import urlsplit

_UNIX, _ABSTRACT = "unix", "unix-abstract"
_PORTS = {"http": 80, "https": 443}


class Address:
    """``host`` and ``port``, or ``path`` of a Unix socket. ``name`` is the host as name servers know it, ``zone`` is an
    IPv6 address's, and ``authority`` is how a server is asked for by name.
    """

    __slots__ = ("authority", "host", "is_secure", "name", "path", "port", "zone")

    def __init__(self, endpoint: str) -> None:
        """``endpoint`` is a URL, or as gRPC names Unix sockets: ``unix:/path`` or ``unix-abstract:name``."""
        self.host, self.zone, self.port, self.path, self.is_secure = "", "", 0, "", False
        self.name, self.authority = b"", "localhost"
        scheme, _, rest = endpoint.partition(":")
        if scheme == _UNIX:
            self.path = rest.removeprefix("//")
        elif scheme == _ABSTRACT:
            self.path = f"\0{rest}"
        else:
            self._parse(endpoint)

    def _parse(self, url: str) -> None:
        """A zone of an IPv6 address means something to this machine alone, so it is not sent (RFC 6874, 2 and 4)."""
        parts = urlsplit(url)
        self.host, _, self.zone = (parts.hostname or "localhost").replace("%25", "%", 1).partition("%")
        self.is_secure = parts.scheme == "https"
        usual = _PORTS.get(parts.scheme, 0)
        self.port = parts.port or usual
        self.name = self.host.encode("ascii" if self.host.isascii() else "idna")
        host = self.name.decode()
        host = f"[{host}]" if ":" in host else host
        self.authority = host if self.port == usual else f"{host}:{self.port}"
