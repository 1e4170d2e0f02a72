"""The journal: what is written is there, whoever writes it, whatever interrupts it, whatever becomes of the file."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from erni_run.inside.delivery import request, segment
from erni_run.inside.delivery.account import Mark, Tally
from erni_run.inside.delivery.folder import Folder, is_mappable
from erni_run.inside.delivery.intake import Intake
from erni_run.inside.delivery.journal import Journal, Remains
from erni_run.inside.delivery.memory import Memory
from erni_run.inside.delivery.request import Batch, Head, Record, head, join, split
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def scope(name: str, schema: str = "", service: str = "shop") -> Head:
    resource = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value=service))])
    return head(resource.SerializeToString(), "", InstrumentationScope(name=name).SerializeToString(), schema)


HEAD = scope("mine")


def span(name: str, size: int = 0) -> bytes:
    return bytes(Span(name=name, trace_state="x" * size).SerializeToString())


def names(*batches: Batch) -> list[str]:
    return [Span.FromString(bytes(record.span)).name for batch in batches for record in split(batch.request)]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder.at(str(tmp_path), create=False)
    yield folder
    folder.close()


def read(folder: Folder, mark: Mark | None = None) -> list[str]:
    """The names of the spans that another process finds in ``folder``."""
    remains = Remains(folder, mark or Mark())
    found = []
    while (oldest := remains.oldest()) is not None:
        found += names(oldest[0])
        remains.settle(oldest[1])
    return found


def test_request_is_what_the_collector_expects() -> None:
    records = [
        Record(scope("a"), span("1")),
        Record(scope("b", schema="https://schema"), span("2")),
        Record(scope("a", service="other"), span("3")),
        Record(scope("b", schema="https://schema"), span("4", size=70_000)),
    ]
    message = ExportTraceServiceRequest.FromString(join(records))
    seen = [
        (resource.resource.attributes[0].value.string_value, scopes.scope.name, scopes.schema_url, one.name)
        for resource in message.resource_spans
        for scopes in resource.scope_spans
        for one in scopes.spans
    ]
    assert sorted(seen, key=lambda row: row[-1]) == [
        ("shop", "a", "", "1"),
        ("shop", "b", "https://schema", "2"),
        ("other", "a", "", "3"),
        ("shop", "b", "https://schema", "4"),
    ]
    again = ExportTraceServiceRequest.FromString(join(split(join(records))))
    assert again == message


@pytest.mark.parametrize("damaged", [b"\n\xff", b"\n\x05abc", b"\x0f\x00", b"\n" + b"\xff" * 12])
def test_what_is_no_request_is_a_value_error(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        split(damaged)


def test_other_process_finds_what_was_written(folder: Folder) -> None:
    written = Journal(folder, 4)
    for number in range(1000):
        assert written.append(scope(f"scope {number % 7}") if number < 10 else HEAD, span(str(number)))
    written.abandon()
    assert read(folder) == [str(number) for number in range(1000)]
    assert segment.numbers(folder) == []


def test_segments_follow_each_other_and_are_used_again(folder: Folder) -> None:
    written = Journal(folder, 4)
    sent: list[str] = []
    for number in range(100):
        written.prepare()
        assert written.append(HEAD, span(str(number), size=100_000))
        if number % 5 == 4:
            while (oldest := written.oldest()) is not None:
                sent += names(oldest[0])
                written.settle(oldest[1])
    assert sent == [str(number) for number in range(100)]
    assert len(segment.numbers(folder)) <= 4
    assert (written.appended, written.settled, written.used) == (100, 100, 0)
    written.close()
    assert segment.numbers(folder) == []


def test_journal_that_is_full_takes_no_more_and_keeps_what_it_has(folder: Folder) -> None:
    written = Journal(folder, 2)
    written.prepare()
    taken = 0
    while written.append(HEAD, span(str(taken), size=100_000)):
        taken += 1
    assert taken > 15
    assert not written.append(HEAD, span("too large for any", size=segment.SIZE))
    written.close()
    assert read(folder) == [str(number) for number in range(taken)]


def test_what_is_left_takes_no_more_of_the_disk_than_it_needs(folder: Folder) -> None:
    written = Journal(folder, 8)
    written.append(HEAD, span("last"))
    for _ in range(3):
        written.prepare()
    written.close()
    ((_, size),) = folder.files()
    assert size <= 4096
    assert read(folder) == ["last"]


DAMAGES = {
    "a bit of the last span": (-1, 2),
    "a bit of the second span": (200, 1),
    "a bit of the head": (segment.START + 20, 0),
    "the magic number": (0, 0),
    "a length": (segment.START, 0),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_gives_what_is_before_the_damage_and_counts_the_rest(folder: Folder, damage: str) -> None:
    position, readable = DAMAGES[damage]
    written = Journal(folder, 1)
    for number in range(3):
        written.append(HEAD, span(f"{number}" * 60))
    path = Path(folder.path, "00000001.jnl")
    end = written._segments[0].end
    written.abandon()
    content = bytearray(path.read_bytes())
    content[position if position >= 0 else end + position] ^= 4
    path.write_bytes(content)
    remains = Remains(folder, Mark())
    oldest = remains.oldest()
    assert (len(names(oldest[0])) if oldest else 0) == readable
    is_ours = damage != "the magic number"
    assert remains.corrupt + remains.beside == (3 - readable if is_ours else 0)


def test_file_that_is_cut_off_is_no_trouble(folder: Folder) -> None:
    written = Journal(folder, 1)
    for number in range(3):
        written.append(HEAD, span(f"{number}" * 60))
    end = written._segments[0].end
    written.abandon()
    for size in (end - 1, 100, 20, 8, 3, 0):
        os.truncate(Path(folder.path, "00000001.jnl"), size)
        remains = Remains(folder, Mark())
        oldest = remains.oldest()
        assert (len(names(oldest[0])) if oldest else 0) == (2 if size == end - 1 else 0)
        Path(folder.path, "00000001.jnl").touch()


def test_marked_spans_do_not_come_again(folder: Folder) -> None:
    written = Journal(folder, 2)
    for number in range(3):
        written.append(HEAD, span(str(number)))
    oldest = written.oldest()
    assert oldest is not None
    written.settle(oldest[1])
    written.append(HEAD, span("3"))
    assert segment.pending(folder, written.mark)[0] == 1
    written.abandon()
    assert read(folder, written.mark) == ["3"]


class Interrupted(Exception):
    """Raised by the application's signal handler."""


def intake(folder: Folder) -> Intake:
    return Intake(Tally(), lambda: Journal(folder, 16), lambda _: None)


def test_threads_write_side_by_side(folder: Folder) -> None:
    taken = intake(folder)

    def write(name: str) -> None:
        for number in range(2000):
            taken.take(HEAD, span(f"{name}{number}"))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.ended == 8000
    assert sorted(read(folder)) == sorted(f"{name}{number}" for name in "abcd" for number in range(2000))


def test_threads_write_side_by_side_while_each_of_their_lines_is_traced(folder: Folder) -> None:
    taken = intake(folder)

    def let_others_run(*_: object) -> Any:
        time.sleep(0)
        return let_others_run

    def write(name: str) -> None:
        sys.settrace(let_others_run)
        for number in range(30):
            taken.take(HEAD, span(f"{name}{number}"))
        sys.settrace(None)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, "abcd"))
    assert sorted(read(folder)) == sorted(f"{name}{number}" for name in "abcd" for number in range(30))


class Slow(bytes):
    """An encoded span that takes its time to be written."""

    def __init__(self, _: bytes) -> None:
        self.is_being_written, self.may_go_on = threading.Event(), threading.Event()

    def __len__(self) -> int:
        self.is_being_written.set()
        self.may_go_on.wait()
        return super().__len__()


@contextmanager
def slow_span(folder: Folder) -> Iterator[tuple[Intake, threading.Event]]:
    """An intake where another thread writes a second span, until it may go on."""
    taken = intake(folder)
    taken.take(HEAD, span("first"))
    second = Slow(span("second"))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(taken.take, HEAD, second)
        second.is_being_written.wait()
        try:
            yield taken, second.may_go_on
        finally:
            second.may_go_on.set()


def test_who_comes_while_a_span_is_being_written_waits_for_its_end(folder: Folder) -> None:
    with slow_span(folder) as (taken, may_go_on), ThreadPoolExecutor(1) as pool:
        third = pool.submit(taken.take, HEAD, span("third"))
        with pytest.raises(TimeoutError):
            third.result(0.02)
        assert taken.ended == 1
        may_go_on.set()
        assert third.result()
    assert read(folder) == ["first", "second", "third"]


def test_who_waits_for_a_turn_that_does_not_end_leaves_its_span_to_whose_turn_it_is(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("erni_run.inside.delivery.intake._MOST_PAUSES", 20)
    with slow_span(folder) as (taken, _):
        assert taken.take(HEAD, span("third"))
        assert taken.take(HEAD, span("fourth"))
        assert taken.ended == 1
    assert read(folder) == ["first", "second", "third", "fourth"]


def test_turn_of_a_thread_that_is_no_more_holds_nobody_up(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("erni_run.inside.delivery.intake._MOST_PAUSES", 20)
    taken = intake(folder)
    taken.take(HEAD, span("first"))
    taken._is_busy = True
    assert taken.take(HEAD, span("second"))
    assert taken.take(HEAD, span("third"))
    assert [Span.FromString(bytes(record.span)).name for record in taken.memory._records] == ["second", "third"]


def test_nobody_waits_for_a_disk_that_takes_its_time(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("erni_run.inside.delivery.intake._MOST_PAUSES", 20)
    is_opening, may_go_on = threading.Event(), threading.Event()

    def open_journal() -> Journal:
        is_opening.set()
        may_go_on.wait()
        return Journal(folder, 16)

    taken = Intake(Tally(), open_journal, lambda _: None)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(taken.take, HEAD, span("first"))
        is_opening.wait()
        assert taken.take(HEAD, span("second"))
        may_go_on.set()
    assert read(folder) == ["first", "second"]


def test_end_does_not_wait_for_a_turn_that_does_not_end(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("erni_run.inside.delivery.intake._MOST_PAUSES", 20)
    with slow_span(folder) as (taken, _):
        assert not taken.close()
    assert read(folder) == ["first", "second"]


def test_end_waits_for_the_span_that_is_being_written(folder: Folder) -> None:
    with slow_span(folder) as (taken, may_go_on), ThreadPoolExecutor(1) as pool:
        closing = pool.submit(taken.close)
        with pytest.raises(TimeoutError):
            closing.result(0.02)
        may_go_on.set()
        assert closing.result()
    assert not taken.take(HEAD, span("too late"))
    assert read(folder) == ["first", "second"]


def test_signal_handler_that_ends_spans_does_not_wait_for_the_thread_it_interrupts(folder: Folder) -> None:
    taken = intake(folder)
    handled: list[str] = []
    numbers = itertools.count()

    def handle(*_: object) -> None:
        name = f"handler {next(numbers)}"
        taken.take(HEAD, span(name))
        handled.append(name)

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        written = 0
        while len(handled) < 200:
            taken.take(HEAD, span(f"thread {written}"))
            written += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    ours = [f"thread {number}" for number in range(written)] + handled
    assert taken.journal is not None
    left = [Span.FromString(bytes(record.span)).name for record in taken.memory._records]
    assert sorted(read(folder) + left) == sorted(ours)


def test_exception_of_a_signal_handler_leaves_a_journal_that_goes_on(folder: Folder) -> None:
    taken = intake(folder)

    def handle(*_: object) -> None:
        raise Interrupted

    taken.take(HEAD, span("first"))
    before = signal.signal(signal.SIGALRM, handle)
    done = 0
    try:
        for _ in range(200):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0005)
                while True:
                    taken.take(HEAD, span(str(done)))
                    done += 1
            except Interrupted:
                continue
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    taken.take(HEAD, span("after"))
    left = [Span.FromString(bytes(record.span)).name for record in taken.memory._records]
    found = set(read(folder) + left)
    assert {str(number) for number in range(done)} | {"after"} <= found


def test_memory_drops_the_oldest_and_says_which() -> None:
    memory = Memory(capacity=1000)
    gone = [name for number in range(10) for name in memory.append(HEAD, span(str(number), size=200))]
    assert [Span.FromString(one).name for one in gone] == ["0", "1", "2", "3", "4", "5"]
    batch = memory.oldest()
    assert batch is not None
    assert names(batch) == ["6", "7", "8", "9"]
    memory.put_back(split(batch.request)[2:])
    assert memory.pending == 2
    memory.settle()
    assert (memory.pending, memory.used) == (0, 0)


def test_halves_hold_what_the_whole_did() -> None:
    records = [Record(HEAD, span(str(number))) for number in range(5)]
    halves = request.halves(Batch(join(records), 5))
    assert [batch.spans for batch in halves] == [2, 3]
    assert names(*halves) == ["0", "1", "2", "3", "4"]
    with pytest.raises(ValueError, match="5 spans instead of 4"):
        request.halves(Batch(join(records), 4))


def test_journal_is_kept_off_file_systems_that_copy_on_write() -> None:
    assert is_mappable("/dev/shm")
    assert not is_mappable("/proc/self")
