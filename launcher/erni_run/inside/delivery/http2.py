"""HTTP/2 for a client that sends one request at a time (RFC 9113): a session of streams over one connection.

Frames are hyperframe's, header blocks hpack's; what is here is the state between them. Whatever a server sends, it is
kept within bounds: one frame, one header block, the beginning of one body. It knows nothing of gRPC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hyperframe.exceptions import HyperframeError
from hyperframe.frame import (
    FRAME_MAX_ALLOWED_LEN,
    FRAME_MAX_LEN,
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from erni_run.inside.delivery.connection import Connection
from erni_run.inside.delivery.header_blocks import Decoder, Encoder, HPACKError
from erni_run.inside.delivery.http2_response import Broken, Response

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD = 9  # bytes of a frame before its payload
_LARGEST_WINDOW = 2**31 - 1
_LAST_STREAM = 2**31 - 1
_FIRST_WINDOW = 65_535
_LARGEST_BLOCK = 65_536  # bytes of a header block, compressed or not
_OUTPUT = 131_072  # bytes that are sent at a time
_CANCEL, _REFUSED_STREAM = 0x8, 0x7
_OURS = {
    SettingsFrame.ENABLE_PUSH: 0,
    SettingsFrame.MAX_HEADER_LIST_SIZE: _LARGEST_BLOCK,
}


class NotHttp2(Exception):
    """The server's first bytes are of another protocol."""


class NotProcessed(Exception):
    """The server has not looked at the request, which may be sent again at once (RFC 9113, 8.7)."""


class Session:
    """Requests over ``connection``, which has just been opened. Once one has failed in any way the session is over.

    Our table of header fields stays empty, so that whatever SETTINGS_HEADER_TABLE_SIZE a server sends is kept to.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._input = bytearray()
        self._output = bytearray(_PREFACE + SettingsFrame(settings=_OURS).serialize())
        self._encoder, self._decoder = Encoder(), Decoder(_LARGEST_BLOCK)
        self._encoder.header_table_size = 0
        self._block: tuple[Frame, bytearray] | None = None  # one that goes on in the next frame
        self._window = self._first_window = _FIRST_WINDOW
        self._frame_size = FRAME_MAX_LEN
        self._streams = self._last_stream = _LAST_STREAM
        self._has_begun = self._is_unheard = False
        self._next = 1
        self._response = Response(0, 0)
        self._response.is_over = True
        self.is_unanswered = True  # nothing has come in answer to the latest request

    @property
    def is_ending(self) -> bool:
        """Whether it takes no further request."""
        return self._last_stream < _LAST_STREAM or self._next > _LAST_STREAM or self._is_unheard

    def request(self, headers: Iterable[tuple[str, str]], body: bytes) -> Response:
        """Send a request, and return its answer. Raises OSError, NotHttp2, Broken and NotProcessed."""
        self.is_unanswered = True
        try:
            return self._request(headers, body)
        except (HyperframeError, HPACKError) as error:
            raise Broken(f"{type(error).__name__}") from error

    def _request(self, headers: Iterable[tuple[str, str]], body: bytes) -> Response:
        self._catch_up()
        while not self._streams and not self.is_ending:
            self._advance()
        if self.is_ending:
            raise NotProcessed("the connection takes no further calls")
        response = self._response = Response(self._next, self._first_window)
        self._next += 2
        self._send_headers(headers)
        self._send_body(memoryview(body))
        while not response.is_over:
            self._advance()
        return response

    def _catch_up(self) -> None:
        """Read what the server has said since the last answer; that it has gone, perhaps."""
        while self._has_begun and (arrived := self._connection.receive_at_once()) is not None:
            self._take(arrived)
            while (frame := self._parsed()) is not None:
                self._handle(frame)

    def _send_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        block = self._encoder.encode([(name, value, True) for name, value in headers], huffman=False)
        kind: type[HeadersFrame | ContinuationFrame] = HeadersFrame
        while block:
            part, block = block[: self._frame_size], block[self._frame_size :]
            frame = kind(self._response.stream, part)
            if not block:
                frame.flags.add("END_HEADERS")
            self._output += frame.serialize()
            kind = ContinuationFrame

    def _send_body(self, body: memoryview) -> None:
        """As far as the server's windows let us, and until it has answered."""
        response = self._response
        while body and not (response.is_over or self._is_unheard):
            room = min(self._window, response.window, self._frame_size)
            if room <= 0:
                self._advance()
                continue
            part, body = bytes(body[:room]), body[room:]
            self._window -= len(part)
            response.window -= len(part)
            self._output += DataFrame(response.stream, part, flags=() if body else ("END_STREAM",)).serialize()
            if len(self._output) > _OUTPUT:
                self._flush()
        if body and response.reset is None:
            self._output += RstStreamFrame(response.stream, _CANCEL).serialize()
        self._flush()

    def _flush(self) -> None:
        """A server that has closed the connection may have answered before."""
        output, self._output = self._output, bytearray()
        if output and not self._is_unheard:
            try:
                self._connection.send(memoryview(output))
            except (BrokenPipeError, ConnectionResetError):
                self._is_unheard = True

    def _advance(self) -> None:
        """Take the server's next frame."""
        while (frame := self._parsed()) is None:
            self._flush()
            self._take(self._connection.receive())
        self._handle(frame)

    def _take(self, arrived: bytes) -> None:
        if not arrived:
            raise ConnectionResetError("the collector has closed the connection")
        self._input += arrived

    def _parsed(self) -> Frame | None:
        """The first frame of what has arrived; None if that is no whole one."""
        if not self._has_begun and self._input[:5] == b"HTTP/":
            raise NotHttp2
        if len(self._input) < _HEAD:
            return None
        frame, length = Frame.parse_frame_header(memoryview(bytes(self._input[:_HEAD])))
        if length > FRAME_MAX_LEN or not (self._has_begun or isinstance(frame, SettingsFrame)):
            raise Broken("a frame that is too large") if self._has_begun else NotHttp2
        if len(self._input) < _HEAD + length:
            return None
        frame.parse_body(memoryview(bytes(self._input[_HEAD : _HEAD + length])))
        del self._input[: _HEAD + length]
        self._has_begun = True
        return frame

    def _handle(self, frame: Frame) -> None:
        """Kinds of frames that are not known, or of no use to us, are passed over (RFC 9113, 4.1)."""
        if (self._block is None) == isinstance(frame, ContinuationFrame):
            raise Broken("a header block in pieces")
        take = _TAKERS.get(type(frame))
        if take is not None:
            take(self, frame)

    def _take_ping(self, frame: PingFrame) -> None:
        if "ACK" not in frame.flags:
            self._output += PingFrame(opaque_data=frame.opaque_data, flags=("ACK",)).serialize()

    def _take_promise(self, _: PushPromiseFrame) -> None:
        raise Broken("a promise that we have declined")

    def _take_block(self, frame: HeadersFrame | ContinuationFrame) -> None:
        first, block = self._block or (frame, bytearray())
        block += frame.data
        if first.stream_id != frame.stream_id or len(block) > _LARGEST_BLOCK:
            raise Broken("a header block without end")
        self._block = None if "END_HEADERS" in frame.flags else (first, block)
        if self._block is not None:
            return
        fields: dict[str, str] = {}
        for name, value in self._decoder.decode(bytes(block), raw=True):
            fields.setdefault(name.decode("latin-1"), value.decode("latin-1"))
        if self._is_awaited(first):
            self.is_unanswered = False
            self._response.take_headers(fields, is_last="END_STREAM" in first.flags)

    def _take_data(self, frame: DataFrame) -> None:
        is_last = "END_STREAM" in frame.flags
        if taken := frame.flow_controlled_length:
            self._output += WindowUpdateFrame(0, taken).serialize()
            if self._is_awaited(frame) and not is_last:
                self._output += WindowUpdateFrame(frame.stream_id, taken).serialize()
        if self._is_awaited(frame):
            if self._response.headers is None:
                raise Broken("a body without headers")
            self._response.take_data(frame.data, is_last=is_last)

    def _take_settings(self, frame: SettingsFrame) -> None:
        if "ACK" in frame.flags:
            return
        for setting, value in frame.settings.items():
            if setting == SettingsFrame.INITIAL_WINDOW_SIZE:
                self._response.window += value - self._first_window
                self._first_window = value
            elif setting == SettingsFrame.MAX_FRAME_SIZE:
                self._frame_size = value
            elif setting == SettingsFrame.MAX_CONCURRENT_STREAMS:
                self._streams = value
        if max(self._first_window, self._response.window) > _LARGEST_WINDOW or not (
            FRAME_MAX_LEN <= self._frame_size <= FRAME_MAX_ALLOWED_LEN
        ):
            raise Broken("settings out of bounds")
        self._output += SettingsFrame(flags=("ACK",)).serialize()

    def _take_window(self, frame: WindowUpdateFrame) -> None:
        if frame.stream_id == 0:
            self._window += frame.window_increment
        elif self._is_awaited(frame):
            self._response.window += frame.window_increment
        if max(self._window, self._response.window) > _LARGEST_WINDOW:
            raise Broken("a window out of bounds")

    def _take_reset(self, frame: RstStreamFrame) -> None:
        if self._is_awaited(frame):
            if frame.error_code == _REFUSED_STREAM:
                raise NotProcessed("REFUSED_STREAM")
            self._response.reset, self._response.is_over = frame.error_code, True

    def _take_goaway(self, frame: GoAwayFrame) -> None:
        """The answers to the streams up to its last one are still to come. It is sent twice by servers that are
        considerate, the first time for the largest stream that there can be.
        """
        self._last_stream = min(frame.last_stream_id, _LAST_STREAM - 1)
        if not self._response.is_over and self._response.stream > self._last_stream:
            text = bytes(frame.additional_data[:100]).decode("latin-1")
            raise NotProcessed(f"GOAWAY {frame.error_code} {text}".rstrip())

    def _is_awaited(self, frame: Frame) -> bool:
        return frame.stream_id == self._response.stream and not self._response.is_over


_TAKERS: dict[type[Frame], Callable[[Session, Any], None]] = {
    HeadersFrame: Session._take_block,
    ContinuationFrame: Session._take_block,
    DataFrame: Session._take_data,
    SettingsFrame: Session._take_settings,
    PingFrame: Session._take_ping,
    WindowUpdateFrame: Session._take_window,
    RstStreamFrame: Session._take_reset,
    GoAwayFrame: Session._take_goaway,
    PushPromiseFrame: Session._take_promise,
}
