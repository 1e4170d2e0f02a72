"""What the spool gives up, and how it is said: size, age, memory; and what those who watch hear of it."""

from __future__ import annotations

import base64
import random
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from erni_run.inside.delivery.account import Counts
from erni_run.inside.delivery.bulletin import Bulletin
from erni_run.inside.delivery.courier import Courier
from erni_run.inside.delivery.request import head
from erni_run.inside.delivery.survey import survey
from erni_run.inside.delivery.transport import Answer
from erni_run.plan import ExportPlan, SpoolPlan
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.collector import Collector

EXPORT = ExportPlan(endpoint="http://collector:4318/v1/traces", protocol="http/protobuf")
HEAD = head(b"", "", b"", "")


class Away:
    """A collector that is not there, until it is."""

    def __init__(self) -> None:
        self.answer = Answer(reason="connection refused")

    def send(self, request: bytes, timeout: float) -> Answer:
        return self.answer


class Heard:
    """What a watcher has heard."""

    def __init__(self) -> None:
        self.by_outcome: Counter[tuple[str, str]] = Counter()
        self.names: list[str] = []

    def __call__(self, spans: Sequence[bytes], outcome: str, reason: str) -> None:
        self.by_outcome[outcome, reason] += len(spans)
        self.names += [Span.FromString(span).name for span in spans]


def end(courier: Courier, first: int, last: int, size: int = 100_000) -> None:
    """End spans, with time for the sender in between."""
    for number in range(first, last):
        noise = base64.b85encode(random.Random(number).randbytes(size * 4 // 5))  # gzip cannot make it much smaller
        span = Span(name=str(number), trace_state=noise.decode())
        courier.intake.take(HEAD, span.SerializeToString())
        if number % 5 == 0:
            courier.round()


def test_spool_that_is_full_gives_up_the_oldest_and_counts_them(tmp_path: Path) -> None:
    heard = Heard()
    backend = Away()
    courier = Courier(EXPORT, SpoolPlan(path=str(tmp_path), max_size=2_000_000), [heard], lambda _: backend)
    end(courier, 0, 100)
    counts = courier.counts
    assert counts.ended == 100 == counts.pending + sum(counts.dropped.values())
    assert set(counts.dropped) == {"size"}
    given_up = counts.dropped["size"]
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.otlp.gz")) <= 2_000_000
    assert heard.by_outcome == {("dropped", "size"): given_up}
    assert heard.names == [str(number) for number in range(given_up)]
    backend.answer = Answer(delivered=True)
    for _ in range(20):
        courier.sender.breaker.succeeded()
        courier.round()
    assert courier.counts.delivered == 100 - given_up
    assert courier.counts.pending == 0
    assert heard.by_outcome["delivered", ""] == 100 - given_up
    courier.leave()
    assert (courier.counts.ended, courier.counts.pending) == (100, 0)
    (standing,) = survey(str(tmp_path))
    assert (standing.pending, standing.tally.delivered, standing.tally.dropped) == (
        0,
        100 - given_up,
        {"size": given_up},
    )


def test_blob_is_a_request_that_any_tool_can_post(tmp_path: Path) -> None:
    courier = Courier(EXPORT, SpoolPlan(path=str(tmp_path)), connect=lambda _: Away())
    end(courier, 0, 25)
    courier.leave()
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    blobs = sorted(tmp_path.rglob("*.otlp.gz"))
    with Collector() as collector:
        for blob in blobs:
            posted = urllib.request.Request(collector.http_endpoint, blob.read_bytes(), headers)
            with urllib.request.urlopen(posted, timeout=10) as response:
                assert response.status == 200
        names = [span.name for span in collector.spans]
    assert len(blobs) >= 2
    assert names == [str(number) for number in range(len(names))]


def test_what_is_too_old_is_given_up_and_counted(tmp_path: Path) -> None:
    heard = Heard()
    courier = Courier(EXPORT, SpoolPlan(path=str(tmp_path), max_age=3600), [heard], lambda _: Away())
    end(courier, 0, 25)
    blobs = sorted(tmp_path.rglob("*.otlp.gz"))
    assert len(blobs) >= 2
    blobs[0].rename(blobs[0].with_name(f"{time.time_ns() - 7200 * 10**9:020d}{blobs[0].name[20:]}"))
    courier.round()
    counts = courier.counts
    assert counts.dropped == {"age": heard.by_outcome["dropped", "age"]}
    assert 0 < counts.dropped["age"] < 25
    assert counts.pending == 25 - counts.dropped["age"]
    courier.leave()


def test_memory_that_is_full_gives_up_the_oldest_and_counts_them() -> None:
    heard = Heard()
    courier = Courier(EXPORT, SpoolPlan(journal=False), [heard], lambda _: Away())
    end(courier, 0, 200)
    counts = courier.counts
    assert counts.ended == 200 == counts.pending + counts.dropped["memory full"]
    assert 150 <= counts.pending <= 170
    courier.round()
    assert heard.by_outcome == {("dropped", "memory full"): counts.dropped["memory full"]}
    courier.leave()
    counts = courier.counts
    assert counts.ended == 200 == sum(counts.dropped.values())
    assert sum(heard.by_outcome.values()) == 200


AWAY = Answer(reason="connection refused")
COUNTS = Counts(ended=12_345, pending=12_345)


def test_user_hears_of_trouble_that_lasts_and_of_its_end() -> None:
    now = 1000.0
    said: list[str] = []
    bulletin = Bulletin("http://collector", "on disk", lambda: now, said.append)
    bulletin.update(AWAY, COUNTS, 1_200_000)
    bulletin.update(Answer(), COUNTS, 0)
    assert said == []
    bulletin.update(AWAY, COUNTS, 1_200_000)
    now += 40
    bulletin.update(AWAY, COUNTS, 1_200_000)
    bulletin.update(AWAY, COUNTS, 1_200_000)
    assert said == [
        "collector http://collector unreachable for 40 s (connection refused): "
        "12,345 spans kept on disk (1.2 MB), 0 lost"
    ]
    lost = Counts(ended=12_345, pending=12_000, dropped={"size": 345})
    now += 59
    bulletin.update(AWAY, lost, 1_200_000)
    assert len(said) == 1
    now += 1
    bulletin.update(AWAY, lost, 1_200_000)
    assert said[1].endswith("12,000 spans kept on disk (1.2 MB), 345 lost")
    now += 1
    bulletin.update(Answer(), lost, 0)
    bulletin.update(Answer(), lost, 0)
    assert said[2:] == ["collector http://collector is back after 101 s: 345 lost"]


def test_user_hears_at_once_of_what_is_theirs_to_mend() -> None:
    said: list[str] = []
    bulletin = Bulletin("http://collector", "on disk", lambda: 1000.0, said.append)
    bulletin.update(Answer(misconfigured=True, reason="HTTP 401 Unauthorized"), COUNTS, 1000)
    assert said == [
        "collector http://collector takes no spans until this is mended: HTTP 401 Unauthorized: "
        "12,345 spans kept on disk (1.0 kB), 0 lost"
    ]
