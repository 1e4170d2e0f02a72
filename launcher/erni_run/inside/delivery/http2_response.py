"""What has come of the answer to a request over HTTP/2. It knows nothing of frames."""

from __future__ import annotations

_LARGEST_BODY = 65_536  # bytes of an answer that we keep


class Broken(Exception):
    """The server has not kept to HTTP/2: nothing that it says on this connection can be relied on."""


class Response:
    """What has come of an answer, until ``is_over``. Of several fields of one name the first counts.

    ``trailers`` are the headers where there is nothing else. ``reset`` is the code with which the server has cut the
    answer off. Of ``body`` the first 64 KiB are kept.
    """

    def __init__(self, stream: int, window: int) -> None:
        self.stream, self.window = stream, window
        self.headers: dict[str, str] | None = None
        self.trailers: dict[str, str] = {}
        self.body = bytearray()
        self.reset: int | None = None
        self.is_over = False

    def take_headers(self, fields: dict[str, str], *, is_last: bool) -> None:
        """Headers come first, after interim ones perhaps; trailers come last. Raises Broken."""
        if self.headers is None and not is_last:
            self.headers = None if fields.get(":status", "").startswith("1") else fields
        elif is_last:
            self.headers, self.trailers, self.is_over = self.headers or fields, fields, True
        else:
            raise Broken("headers in the middle of an answer")

    def take_data(self, data: bytes, *, is_last: bool) -> None:
        """More of the body."""
        self.body += data[: _LARGEST_BODY - len(self.body)]
        self.is_over = is_last
