"""The collector's address: which URLs are accepted, and the one that traces are finally sent to.

OTLP exporter specification, "Endpoint URLs for OTLP/HTTP": OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is used as it is,
``v1/traces`` is appended to OTEL_EXPORTER_OTLP_ENDPOINT. The file's endpoint and OTLP_ENDPOINT are ours: they get
``/v1/traces`` only if they have no path.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from erni_run.config.rules import Wrong, text

GRPC = "http://localhost:4317"
HTTP = "http://localhost:4318/v1/traces"

_TRACES = "/v1/traces"
_UNIX = ("unix:/", "unix-abstract:")
_PATH = re.compile(r"unix:(//)?/[^\0]+|unix-abstract:[^\0]+")


def endpoint(value: object) -> str:
    """An http:// or https:// URL with a host, without credentials, or a Unix socket as gRPC names it. Raises Wrong,
    which never shows it.
    """
    url = text(value)
    if url.startswith(("unix:", "unix-abstract:")):
        if not _PATH.fullmatch(url):
            raise Wrong("endpoint", "a Unix socket is unix:/run/collector.sock, with its whole path")
        return url
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in url):
        raise Wrong("endpoint", f"expected a URL such as {GRPC}, or https:// for TLS")
    if parts.username is not None:
        raise Wrong("endpoint", "the URL holds a user name; put credentials into export.headers")
    return url


def final(url: str, protocol: str, variable: str = "") -> str:
    """The URL that traces are posted to with http/protobuf; for every other protocol ``url`` as it is.

    ``variable`` is the environment variable that named ``url``, empty for the file. Raises Wrong for a Unix socket with
    http/protobuf.
    """
    if protocol == "http/protobuf" and is_unix(url):
        raise Wrong("endpoint", 'a Unix socket is spoken to with protocol = "grpc"')
    if protocol != "http/protobuf" or variable == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT":
        return url
    parts = urlsplit(url)
    if variable == "OTEL_EXPORTER_OTLP_ENDPOINT" or parts.path in {"", "/"}:
        return parts._replace(path=parts.path.rstrip("/") + _TRACES).geturl()
    return url


def is_unix(url: str) -> bool:
    """Whether ``url`` is a Unix socket's name."""
    return url.startswith(_UNIX)


def default(protocol: str) -> str:
    """The local collector's address for ``protocol``."""
    return HTTP if protocol == "http/protobuf" else GRPC
