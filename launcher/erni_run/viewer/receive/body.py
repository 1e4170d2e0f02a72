"""The body of a request, never larger than allowed: neither as sent nor unpacked."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable

ENCODINGS = ("", "identity", "gzip")
_GZIP = 16 + zlib.MAX_WBITS


class TooLarge(Exception):
    """The body is larger than allowed."""


async def read(stream: AsyncIterable[bytes], encoding: str, largest: int) -> bytes:
    """The content of ``stream``, unpacked as it arrives. Raises TooLarge, or ValueError for what is no gzip."""
    unpack = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    parts: list[bytes] = []
    size = 0
    async for chunk in stream:
        part = _unpacked(unpack, chunk, largest - size + 1) if unpack is not None else chunk
        size += len(part)
        if size > largest:
            raise TooLarge
        parts.append(part)
    if unpack is not None and (not unpack.eof or unpack.unused_data):
        raise ValueError("the body is not one whole gzip stream")
    return b"".join(parts)


def _unpacked(unpack: zlib._Decompress, chunk: bytes, most: int) -> bytes:
    try:
        return unpack.decompress(chunk, most)
    except zlib.error as error:
        raise ValueError("the body is no gzip") from error
