"""A gRPC server by hand: it does over HTTP/2 what a test tells it to, frame by frame, right or wrong."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS = ((":status", "200"), ("content-type", "application/grpc"))


class Talk:
    """One connection. ``requests`` are the bodies that came over it, ``heads`` their headers."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.requests: list[bytes] = []
        self.heads: list[dict[str, str]] = []
        self.passed: list[Frame] = []
        self.encoder, self.decoder = Encoder(), Decoder()
        self._file = sock.makefile("rb")

    def greet(self, settings: dict[int, int] | None = None) -> None:
        """Read the client's preface, and send ours."""
        assert self._file.read(len(PREFACE)) == PREFACE
        self.send(SettingsFrame(settings=settings or {}))

    def read(self) -> Frame:
        """The client's next frame. Raises EOFError."""
        head = self._file.read(9)
        if len(head) < 9:
            raise EOFError
        frame, length = Frame.parse_frame_header(memoryview(head))
        frame.parse_body(memoryview(self._file.read(length)))
        return frame

    def wait_for(self, kind: type[Frame], flag: str = "") -> Any:
        """The next frame of that kind, with that flag; ``take`` gets those before it."""
        while not isinstance(frame := self.read(), kind) or (flag and flag not in frame.flags):
            self.passed.append(frame)
        return frame

    def take(self) -> int:
        """Read a whole request, widening windows as it comes; its stream."""
        body, block = b"", b""
        while True:
            frame = self.passed.pop(0) if self.passed else self.read()
            if isinstance(frame, (HeadersFrame, ContinuationFrame)):
                body, block = b"", frame.data if isinstance(frame, HeadersFrame) else block + frame.data
                if "END_HEADERS" in frame.flags:
                    fields = self.decoder.decode(block)
                    self.heads.append({str(name): str(value) for name, value in fields})
            elif isinstance(frame, DataFrame):
                body += frame.data
                if frame.data:
                    self.send(
                        WindowUpdateFrame(0, len(frame.data)), WindowUpdateFrame(frame.stream_id, len(frame.data))
                    )
                if "END_STREAM" in frame.flags:
                    self.requests.append(body)
                    return frame.stream_id

    def send(self, *frames: Frame | bytes) -> None:
        self.socket.sendall(b"".join(f if isinstance(f, bytes) else f.serialize() for f in frames))

    def headers(self, stream: int, fields: Iterable[tuple[str, str]], *flags: str) -> HeadersFrame:
        return HeadersFrame(stream, self.encoder.encode(fields), flags=("END_HEADERS", *flags))

    def answer(self, stream: int, message: bytes = b"", *trailers: tuple[str, str]) -> list[Frame]:
        """The frames of a success."""
        body = b"\0" + len(message).to_bytes(4, "big") + message
        return [
            self.headers(stream, HEADERS),
            DataFrame(stream, body),
            self.headers(stream, [("grpc-status", "0"), *trailers], "END_STREAM"),
        ]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self._file.close()
        self.socket.close()


Script = Callable[[Talk], object]


def behave(talk: Talk) -> None:
    """As a server should."""
    talk.greet()
    while True:
        talk.send(*talk.answer(talk.take()))


class Peer:
    """Listens on loopback. The first connections go by ``scripts``, one each; all others are served well."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.talks: list[Talk] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @contextlib.contextmanager
    def running(self) -> Iterator[Peer]:
        thread = threading.Thread(target=self._accept)
        thread.start()
        try:
            yield self
        finally:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            for talk in self.talks:
                with contextlib.suppress(OSError):
                    talk.socket.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _accept(self) -> None:
        threads = []
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                break
            talk = Talk(sock)
            self.talks.append(talk)
            script = self.scripts.pop(0) if self.scripts else behave
            threads.append(threading.Thread(target=self._follow, args=(script, talk)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    @staticmethod
    def _follow(script: Script, talk: Talk) -> None:
        try:
            with contextlib.suppress(OSError, EOFError):  # the client has had enough
                script(talk)
        finally:
            talk.close()
