"""Headers of ``[export]``: what they may be called, which are sent with each request, and which the protocol sets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_NAME = re.compile(r"[!#-'*+\-.0-9A-Z^-z|~]+")
_RESERVED = frozenset(
    {
        # what a body is and how long, RFC 9110
        "content-encoding",
        "content-length",
        "content-type",
        # what answers may be like, and when a body is sent, RFC 9110
        "accept-encoding",
        "expect",
        # one connection's, RFC 9110 and RFC 9113, 8.2.2
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        # gRPC over HTTP/2, "Requests"
        "grpc-accept-encoding",
        "grpc-encoding",
        "grpc-message-type",
        "grpc-timeout",
    }
)


def is_name(text: str) -> bool:
    """Whether a header may be called that (RFC 9110, 5.6.2)."""
    return _NAME.fullmatch(text) is not None


def sent(headers: Mapping[str, str]) -> dict[str, str]:
    """``headers`` by their names in lower case, without those that the protocol sets itself."""
    return {name.lower(): value for name, value in headers.items() if name.lower() not in _RESERVED}


def notices(headers: Mapping[str, str], origin: str) -> Iterator[str]:
    """One line for each of ``headers`` that is not sent; ``origin`` tells where they were set."""
    for name in headers:
        if name.lower() in _RESERVED:
            yield f"{origin}: export.headers.{name} is set by the protocol itself; yours is not sent"
