"""gRPC with servers that do all that HTTP/2 allows, and with those that do not keep to it."""

from __future__ import annotations

import gzip
import os
import select
import tracemalloc
from collections.abc import Callable
from itertools import repeat
from typing import Any

import pytest
from erni_run.inside.delivery.transport import Answer, Transport, open_transport
from erni_run.plan import ExportPlan
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.http2_peer import HEADERS, Peer, Script, Talk, behave

LONG, SHORT = 30.0, 0.3
REQUEST = os.urandom(200_000)
DELIVERED = Answer(delivered=True)
PARTIAL = ExportTraceServiceResponse()
PARTIAL.partial_success.rejected_spans = 3
MANY = ExportTraceServiceResponse()
MANY.partial_success.error_message = "x" * 200_000

UNKNOWN = b"\0\x10\0\xbe\xff\0\0\0\1" + b"x" * 4096  # a frame of a type that nobody has defined


def transport(peer: Peer, **options: Any) -> Transport:
    return open_transport(ExportPlan(endpoint=peer.endpoint, **options))


def answering(*make: Callable[[Talk, int], Any], settings: dict[int, int] | None = None) -> Script:
    """A server that takes a request, sends what ``make`` makes for its stream, and goes on as it should."""

    def script(talk: Talk) -> None:
        talk.greet(settings)
        stream = talk.take()
        for one in make:
            made = one(talk, stream)
            talk.send(*(made if isinstance(made, list) else [made]))
        while True:
            talk.send(*talk.answer(talk.take()))

    return script


def only(*fields: tuple[str, str]) -> Script:
    """Trailers alone."""
    return answering(lambda talk, stream: talk.headers(stream, fields, "END_STREAM"))


def success(talk: Talk, stream: int) -> list[Frame]:
    return talk.answer(stream)


def rejecting(talk: Talk, stream: int) -> list[Frame]:
    return talk.answer(stream, bytes(PARTIAL.SerializeToString()))


def compressed(body: bytes, encoding: str = "gzip") -> Script:
    def frames(talk: Talk, stream: int) -> list[Frame]:
        message = b"\1" + len(body).to_bytes(4, "big") + body
        parts = [message[start : start + 16_384] for start in range(0, len(message), 16_384)]
        return [
            talk.headers(stream, [*HEADERS, ("grpc-encoding", encoding)]),
            *(DataFrame(stream, part) for part in parts),
            talk.headers(stream, [("grpc-status", "0")], "END_STREAM"),
        ]

    return answering(frames)


def in_pieces(talk: Talk, stream: int) -> list[Frame]:
    first, middle, last = talk.answer(stream)
    assert isinstance(first, HeadersFrame)
    block = first.data
    return [
        HeadersFrame(stream, block[:1], flags=("PADDED", "PRIORITY"), pad_length=7),
        *(ContinuationFrame(stream, block[at : at + 1]) for at in range(1, len(block))),
        ContinuationFrame(stream, b"", flags=("END_HEADERS",)),
        middle,
        last,
    ]


def large(talk: Talk, stream: int) -> list[Frame]:
    """In pieces that a client must make room for."""
    body = bytes(MANY.SerializeToString())
    message = b"\0" + len(body).to_bytes(4, "big") + body
    sent, room = 0, 65_535
    talk.send(talk.headers(stream, HEADERS))
    while sent < len(message):
        part = message[sent : sent + min(room, 16_384)]
        talk.send(DataFrame(stream, part))
        sent, room = sent + len(part), room - len(part)
        while room <= 0:
            frame = talk.read()
            room += frame.window_increment if isinstance(frame, WindowUpdateFrame) and frame.stream_id else 0
    return [talk.headers(stream, [("grpc-status", "0")], "END_STREAM")]


def pinging(talk: Talk, stream: int) -> list[Frame]:
    talk.send(PingFrame(opaque_data=b"01234567"))
    assert talk.wait_for(PingFrame, "ACK").opaque_data == b"01234567"
    return talk.answer(stream)


def narrow(talk: Talk) -> None:
    """Windows of a few bytes, which once are less than nothing."""
    talk.greet({SettingsFrame.INITIAL_WINDOW_SIZE: 10, SettingsFrame.HEADER_TABLE_SIZE: 0})
    talk.decoder.max_allowed_table_size = 0
    talk.wait_for(SettingsFrame, "ACK")
    talk.send(SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 3}))
    talk.wait_for(SettingsFrame, "ACK")
    talk.send(SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 65_535, SettingsFrame.MAX_FRAME_SIZE: 60_000}))
    talk.send(*talk.answer(talk.take()))


def hesitant(talk: Talk) -> None:
    """No stream is allowed for a while after the first."""
    talk.greet()
    stream = talk.take()
    talk.send(SettingsFrame(settings={SettingsFrame.MAX_CONCURRENT_STREAMS: 0}), *talk.answer(stream), PingFrame())
    talk.wait_for(PingFrame, "ACK")
    assert not any(isinstance(frame, HeadersFrame) for frame in talk.passed)
    talk.send(SettingsFrame(settings={SettingsFrame.MAX_CONCURRENT_STREAMS: 1}))
    talk.send(*talk.answer(talk.take()))


def allowing_no_more(talk: Talk) -> None:
    talk.greet()
    talk.send(*talk.answer(talk.take()), SettingsFrame(settings={SettingsFrame.MAX_CONCURRENT_STREAMS: 0}))
    talk.wait_for(PriorityFrame)


def hasty(talk: Talk) -> None:
    """An answer before the request is through."""
    talk.greet({SettingsFrame.INITIAL_WINDOW_SIZE: 100})
    stream = talk.wait_for(HeadersFrame).stream_id
    talk.send(talk.headers(stream, [(":status", "200"), ("grpc-status", "8"), ("grpc-message", "slow")], "END_STREAM"))
    assert talk.wait_for(RstStreamFrame).error_code == 8
    talk.send(RstStreamFrame(stream, 0), WindowUpdateFrame(0, 70_000), WindowUpdateFrame(stream, 1))
    talk.send(*talk.answer(talk.take()))


def leaving(last: int) -> Callable[[Talk, int], Frame]:
    return lambda _, stream: GoAwayFrame(last_stream_id=last, additional_data=b"bye")


RIGHT: dict[str, tuple[Script, Answer]] = {
    "success": (behave, DELIVERED),
    "partial success": (answering(rejecting), Answer(delivered=True, rejected=3)),
    "compressed": (compressed(gzip.compress(PARTIAL.SerializeToString())), Answer(delivered=True, rejected=3)),
    "compressed, large": (compressed(gzip.compress(b"\0" * 10**8)), DELIVERED),
    "compressed, damaged": (compressed(b"no gzip"), DELIVERED),
    "compressed in another way": (compressed(b"?", "br"), DELIVERED),
    "large": (answering(large), DELIVERED),
    "headers in pieces": (answering(in_pieces), DELIVERED),
    "padded": (
        answering(lambda talk, stream: DataFrame(0x7FFFFFFF, b"", flags=("PADDED",), pad_length=200), success),
        DELIVERED,
    ),
    "interim answer": (answering(lambda talk, stream: talk.headers(stream, [(":status", "103")]), success), DELIVERED),
    "frames of no use": (
        answering(
            lambda talk, stream: [
                PriorityFrame(stream, depends_on=0, stream_weight=1),
                UNKNOWN,
                PingFrame(flags=("ACK",)),
                RstStreamFrame(99, 1),
                WindowUpdateFrame(99, 1),
            ],
            success,
        ),
        DELIVERED,
    ),
    "ping": (answering(pinging), DELIVERED),
    "narrow windows": (narrow, DELIVERED),
    "no streams for a while": (hesitant, DELIVERED),
    "answer before the end": (hasty, Answer(too_large=True, reason="RESOURCE_EXHAUSTED slow")),
    "status": (only((":status", "200"), ("grpc-status", "14"), ("grpc-message", "%E2%82%AC%0A busy %zz%FF")),
               Answer(reason="UNAVAILABLE € busy %zz\ufffd")),
    "status that is none": (only((":status", "200"), ("grpc-status", "17")), Answer(reason="UNKNOWN")),
    "no status": (only((":status", "200"), ("content-type", "text/html")),
                  Answer(reason="UNKNOWN no status in an answer of type text/html")),
    "status of HTTP": (only((":status", "503")), Answer(reason="UNAVAILABLE HTTP 503")),
    "unknown status of HTTP": (only((":status", "418")), Answer(reason="UNKNOWN HTTP 418")),
    "not found": (only((":status", "404")),
                  Answer(misconfigured=True, reason="UNIMPLEMENTED HTTP 404: check export.endpoint")),
    "too large": (only((":status", "200"), ("grpc-status", "8"), ("grpc-message", "message larger than max (5 vs. 4)")),
                  Answer(refused=True, too_large=True, reason="RESOURCE_EXHAUSTED message larger than max (5 vs. 4)")),
    "too large, out of range": (
        only((":status", "200"), ("grpc-status", "11"), ("grpc-message", "decoded message length too large: 5")),
        Answer(refused=True, too_large=True, reason="OUT_OF_RANGE decoded message length too large: 5")),
    **{f"reset {code}": (answering(lambda _, stream, code=code: RstStreamFrame(stream, code)),
                         Answer(reason=f"{name} RST_STREAM {code}"))
       for code, name in ((0, "INTERNAL"), (1, "INTERNAL"), (8, "CANCELLED"), (11, "UNAVAILABLE"), (99, "INTERNAL"))},
    "refused stream": (answering(lambda _, stream: RstStreamFrame(stream, 7)), DELIVERED),
    "going away": (answering(leaving(0)), DELIVERED),
    "going away in a while": (answering(leaving(2**31 - 1), success), DELIVERED),
    "going away in two steps": (answering(leaving(2**31 - 1), leaving(1), success), DELIVERED),
}  # fmt: skip


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("name", RIGHT)
def test_whatever_http2_allows_is_understood(name: str, compression: str) -> None:
    script, expected = RIGHT[name]
    with Peer(script).running() as peer:
        sender = transport(peer, compression=compression)
        assert sender.send(REQUEST, LONG) == expected
        assert sender.send(REQUEST, LONG) == DELIVERED
    for body in (body for talk in peer.talks for body in talk.requests):
        message = gzip.decompress(body[5:]) if compression == "gzip" else body[5:]
        assert (body[0], int.from_bytes(body[1:5], "big"), message) == (compression == "gzip", len(body) - 5, REQUEST)


def closing_at_once(talk: Talk) -> None:
    talk.greet()


def closing_when_idle(talk: Talk) -> None:
    talk.greet()
    talk.send(*talk.answer(talk.take()))


def closing_at_the_second(talk: Talk) -> None:
    closing_when_idle(talk)
    talk.take()


def leaving_when_idle(talk: Talk) -> None:
    closing_when_idle(talk)
    talk.send(GoAwayFrame(last_stream_id=1))
    talk.wait_for(PriorityFrame)


def test_connection_that_works_is_kept() -> None:
    with Peer().running() as peer:
        sender = transport(peer)
        assert all(sender.send(REQUEST, LONG).delivered for _ in range(20))
        assert len(peer.talks) == 1


@pytest.mark.parametrize("script", [closing_when_idle, closing_at_the_second, leaving_when_idle])
def test_connection_that_the_server_gives_up_is_opened_anew(script: Script) -> None:
    with Peer(script).running() as peer:
        sender = transport(peer)
        assert all(sender.send(REQUEST, LONG).delivered for _ in range(3))
        assert len(peer.talks) == 2


@pytest.mark.parametrize("script", [closing_at_once, answering(lambda _, stream: RstStreamFrame(stream, 7))])
def test_server_that_never_answers_is_asked_twice_at_most(script: Script) -> None:
    with Peer(*repeat(script, 9)).running() as peer:
        answer = transport(peer).send(REQUEST, LONG)
        assert answer == Answer(reason=answer.reason)
        assert len(peer.talks) <= 2


HTTP1 = b"HTTP/1.1 400 Bad Request\r\n\r\n"
OTHER = 'the answer is not gRPC; port 4318 is usually for protocol = "http/protobuf", 4317 for gRPC'
BREAKS = "the collector breaks HTTP/2: "
BOMB = Encoder().encode([("x", "y" * 4000)], huffman=False) + b"\xbe" * 1000  # a field, and a thousand times the same


def saying(*data: Frame | bytes) -> Script:
    return lambda talk: (talk.greet(), talk.take(), talk.send(*data), talk.read())


WRONG: dict[str, tuple[Script, str]] = {
    "HTTP/1.1": (lambda talk: talk.send(HTTP1), OTHER),
    "another protocol": (lambda talk: talk.send(b"220 mail.example ESMTP\r\n"), OTHER),
    "no settings at first": (lambda talk: talk.send(PingFrame()), OTHER),
    "nothing": (lambda talk: None, "Connection"),
    "half a frame": (
        lambda talk: (talk.greet(), talk.take(), talk.send(b"\0\0\x09\x00")),
        "ConnectionResetError",
    ),
    "frame that is too large": (saying(b"\0\x40\x01\0\0\0\0\0\1"), f"{BREAKS}a frame that is too large"),
    "promise": (saying(PushPromiseFrame(1, promised_stream_id=2, flags=("END_HEADERS",))), BREAKS),
    "body without headers": (saying(DataFrame(1, b"x")), f"{BREAKS}a body without headers"),
    "headers three times": (
        lambda talk: (talk.greet(), talk.take(), talk.send(*(talk.headers(1, HEADERS) for _ in range(3))), talk.read()),
        f"{BREAKS}headers in the middle of an answer",
    ),
    "header block within another": (saying(HeadersFrame(1, b""), PingFrame()), f"{BREAKS}a header block in pieces"),
    "continuation of nothing": (saying(ContinuationFrame(1, b"")), f"{BREAKS}a header block in pieces"),
    "continuation of another": (saying(HeadersFrame(1, b""), ContinuationFrame(3, b"")), BREAKS),
    "header block without end": (
        saying(HeadersFrame(1, b""), *(ContinuationFrame(1, b"\0" * 10_000) for _ in range(9))),
        f"{BREAKS}a header block without end",
    ),
    "headers that grow": (saying(HeadersFrame(1, BOMB, flags=("END_HEADERS",))), f"{BREAKS}OversizedHeaderListError"),
    "headers that are none": (saying(HeadersFrame(1, b"\xff" * 9, flags=("END_HEADERS",))), f"{BREAKS}HPACK"),
    "window without end": (saying(*[WindowUpdateFrame(0, 2**31 - 1)] * 2), f"{BREAKS}a window out of bounds"),
    "stream's window without end": (saying(*[WindowUpdateFrame(1, 2**31 - 1)] * 2), BREAKS),
    "window that does not grow": (saying(b"\0\0\x04\x08\0\0\0\0\0\0\0\0\0"), f"{BREAKS}InvalidDataError"),
    "settings out of bounds": (saying(SettingsFrame(settings={4: 2**31})), f"{BREAKS}settings out of bounds"),
    "frame size out of bounds": (saying(SettingsFrame(settings={5: 1})), f"{BREAKS}settings out of bounds"),
    "settings of seven bytes": (saying(b"\0\0\x07\x04\0\0\0\0\0" + b"\0" * 7), f"{BREAKS}InvalidFrameError"),
    "ping of one byte": (saying(b"\0\0\x01\x06\0\0\0\0\0\0"), f"{BREAKS}InvalidFrameError"),
    "padding that is too long": (saying(b"\0\0\x01\0\x08\0\0\0\1\xff"), f"{BREAKS}InvalidPaddingError"),
}


@pytest.mark.parametrize("name", WRONG)
def test_server_that_breaks_http2_is_left_and_tried_again(name: str) -> None:
    script, reason = WRONG[name]
    with Peer(script).running() as peer:
        sender = transport(peer)
        answer = sender.send(REQUEST, LONG)
        assert answer == Answer(reason=answer.reason)
        assert answer.reason.startswith(reason)
        assert sender.send(REQUEST, LONG) == DELIVERED


def pouring(frame: Callable[[Talk], Frame | bytes], *before: Callable[[Talk], Frame]) -> Script:
    """Frames without end."""

    def script(talk: Talk) -> None:
        talk.greet()
        talk.take()
        talk.send(*(make(talk) for make in before))
        once = frame(talk)
        many = (once if isinstance(once, bytes) else once.serialize()) * 100
        while True:
            talk.send(many)

    return script


def silent(talk: Talk) -> None:
    talk.greet()
    talk.take()
    talk.read()
    talk.wait_for(PriorityFrame)


def begin(talk: Talk) -> Frame:
    return talk.headers(1, HEADERS)


ENDLESS: dict[str, Script] = {
    "silence": silent,
    "pings": pouring(lambda _: PingFrame()),
    "settings": pouring(lambda _: SettingsFrame(settings={1: 0, 4: 70_000}).serialize() + SettingsFrame().serialize()),
    "data": pouring(lambda _: DataFrame(1, b"x" * 16_384), begin),
    "empty data": pouring(lambda _: DataFrame(1, b""), begin),
    "another stream": pouring(lambda _: DataFrame(7, b"x" * 1000)),
    "interim answers": pouring(lambda _: HeadersFrame(1, b"\x08\x03100", flags=("END_HEADERS",))),
    "continuations": pouring(lambda _: ContinuationFrame(1, b""), lambda _: HeadersFrame(1, b"")),
    "unknown frames": pouring(lambda _: UNKNOWN),
    "no window": lambda talk: (talk.greet({SettingsFrame.INITIAL_WINDOW_SIZE: 0}), [talk.read() for _ in repeat(0)]),
    "no stream": allowing_no_more,
}  # fmt: skip


@pytest.mark.parametrize("name", ENDLESS)
def test_server_without_end_costs_the_timeout_and_little_memory(name: str) -> None:
    with Peer(ENDLESS[name]).running() as peer:
        sender = transport(peer)
        if name == "no stream":
            assert sender.send(REQUEST, LONG).delivered
        tracemalloc.start()
        try:
            answer = sender.send(REQUEST, SHORT)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert answer == Answer(reason="TimeoutError: timed out")
        assert most < 8_000_000
        assert sender.send(REQUEST, LONG) == DELIVERED


def test_server_that_reads_nothing_costs_the_timeout() -> None:
    def deaf(talk: Talk) -> None:
        talk.greet({SettingsFrame.INITIAL_WINDOW_SIZE: 2**31 - 1})
        talk.send(WindowUpdateFrame(0, 2**30))
        gone = select.poll()
        gone.register(talk.socket, select.POLLRDHUP)
        gone.poll(LONG * 1000)

    with Peer(deaf).running() as peer:
        sender = transport(peer, compression="none")
        assert sender.send(REQUEST * 100, SHORT) == Answer(reason="TimeoutError: timed out")
        assert sender.send(REQUEST, LONG) == DELIVERED


EXAMPLES = int(os.environ.get("ERNI_RUN_EXAMPLES", "40"))
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["drop", "double", "swap", "flip", "cut", "insert"]), st.integers(0, 99), st.binary(max_size=40)
    ),
    min_size=1,
    max_size=4,
)


def distorted(frames: list[bytes], operations: list[tuple[str, int, bytes]]) -> bytes:
    """``frames``, after ``operations``."""
    for operation, number, data in operations:
        at = number % len(frames)
        if operation == "drop":
            frames[at] = b""
        elif operation == "double":
            frames.insert(at, frames[at])
        elif operation == "swap":
            frames[at], frames[0] = frames[0], frames[at]
        elif operation == "flip" and frames[at]:
            place = sum(data) % len(frames[at])
            changed = bytearray(frames[at])
            changed[place] ^= 1 << number % 8
            frames[at] = bytes(changed)
        elif operation == "cut":
            frames[at] = frames[at][: number % 9]
        elif operation == "insert":
            frames.insert(at, data)
    return b"".join(frames)


def frames_of_an_answer(talk: Talk) -> list[bytes]:
    frames = [
        SettingsFrame(settings={3: 9, 4: 100_000}),
        PingFrame(),
        WindowUpdateFrame(0, 9),
        *in_pieces(talk, 1),
        GoAwayFrame(last_stream_id=1),
    ]
    return [frame.serialize() for frame in frames]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.binary(max_size=300), OPERATIONS), st.booleans())
def test_no_server_makes_us_raise_or_hang(noise: bytes | list[tuple[str, int, bytes]], greets: bool) -> None:
    """It says what it wants, and nothing more; a good one is then served as if nothing had been."""

    def script(talk: Talk) -> None:
        if greets:
            talk.greet()
            talk.take()
        talk.send(noise if isinstance(noise, bytes) else distorted(frames_of_an_answer(talk), noise))

    with Peer(script).running() as peer:
        sender = transport(peer)
        assert isinstance(sender.send(REQUEST[:1000], LONG), Answer)
        assert sender.send(REQUEST[:1000], LONG) == DELIVERED
