"""Metadata of gRPC calls: which headers may be sent as such, and how bytes are written in them (gRPC over HTTP/2,
"Custom-Metadata").
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

_NAME = re.compile("[0-9a-z_.-]+")
_BINARY = "-bin"


def encoded(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What is sent of ``headers``, without those that gRPC does not allow."""
    return tuple((name, _value(name, value)) for name, value in headers.items() if _is_allowed(name, value))


def problem(headers: Mapping[str, str]) -> str:
    """What is to be done about the first of ``headers`` that gRPC does not allow, "" if there is none. Never with its
    value, which may be a secret.
    """
    wrong = next((name for name, value in headers.items() if not _is_allowed(name, value)), "")
    if _NAME.fullmatch(wrong) and wrong.endswith(_BINARY):
        return f"check export.headers: {wrong} is for bytes, which are written in base64"
    return "check export.headers: gRPC does not allow one of them" if wrong else ""


def decoded(value: str) -> bytes:
    """The bytes that ``value`` stands for, with its padding or without. Raises ValueError."""
    bare = value.rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def _is_allowed(name: str, value: str) -> bool:
    if not (_NAME.fullmatch(name) and value.isascii() and value.isprintable()):
        return False
    try:
        if name.endswith(_BINARY):
            decoded(value)
    except ValueError:
        return False
    return True


def _value(name: str, value: str) -> str:
    """Bytes are in base64 where they are configured, too, for text holds none; they are sent without padding."""
    return value.rstrip("=") if name.endswith(_BINARY) else value
