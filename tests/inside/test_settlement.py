"""When a local trace counts as complete, and as what otherwise. Time and losses are the test's own."""

from __future__ import annotations

import threading

import pytest
from erni_run.inside.settlement import BOUNDS, Settlement
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.conftest import Workshop

OTHER = 99
T = 1 << 127 | 1  # a trace id


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Local:
    """A trace below one local root, as the recorder counts it."""

    def __init__(self, trace_id: int = T) -> None:
        self.trace_id = trace_id
        self.started = self.ended = 0


def start(settlement: Settlement, trace_id: int, name: str = "work") -> Local:
    """A local trace whose root has started."""
    local = Local(trace_id)
    local.started = 1
    settlement.began(local, name)
    return local


def end(settlement: Settlement, local: Local, seconds: float = 0.0) -> None:
    """Its root has ended."""
    local.ended += 1
    settlement.over(local, seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def followed(settlement: Settlement) -> Settlement:
    settlement.follow()
    return settlement


@pytest.fixture
def settlement(clock: Clock) -> Settlement:
    return followed(Settlement(clock, capacity=4, grace=30, idle=900))


def encoded(*trace_ids: int) -> list[bytes]:
    """A span of each trace, as it is delivered."""
    return [Span(trace_id=trace_id.to_bytes(16, "big"), name="work").SerializeToString() for trace_id in trace_ids]


STORIES = {
    "all delivered": ("start root, start, end, end root, delivered 2", "complete"),
    "delivered as they end": ("start root, start, end, delivered 1, end root, delivered 1", "complete"),
    "child outlives its root": ("start root, start, end root, delivered 1, pass 20, end, delivered 1", "complete"),
    "a child is lost": ("start root, start, end, end root, rejected 1, delivered 1", "lost_spans"),
    "the root is lost": ("start root, start, end, delivered 1, end root, dropped 1", "lost_spans"),
    "a child never ends": ("start root, start, end root, delivered 1, pass 31", "abandoned"),
    "a child never ends, the root is lost": ("start root, start, end root, dropped 1, pass 31", "lost_spans"),
    "the root never ends": ("start root, start, end, delivered 1, pass 901", "abandoned"),
    "nothing is ever delivered": ("start root, end root, pass 1, pass 901", "untracked"),
    "the root runs long": ("start root, pass 600, start, end, delivered 1, pass 600", ""),
    "a child is still at work": ("start root, start, end root, delivered 1, pass 29", ""),
    "delivery takes its time": ("start root, start, end, end root, delivered 1, pass 600", ""),
    "the process ends with an open root": ("start root, finish", "abandoned"),
    "the process ends with an open child": ("start root, start, end root, delivered 1, finish", "abandoned"),
    "the process ends before all is delivered": ("start root, end root, finish", "untracked"),
    "a root that was never seen": ("start, end, delivered 1, finish", ""),
}


def tell(settlement: Settlement, clock: Clock, story: str) -> None:
    local = Local()
    for step in story.split(", "):
        match step.split():
            case ["start", "root"]:
                local.started += 1
                settlement.began(local, "work")
            case ["end", "root"]:
                end(settlement, local)
            case ["start"]:
                local.started += 1
            case ["end"]:
                local.ended += 1
            case ["pass", seconds]:
                clock.now += float(seconds)
                settlement.sweep(clock.now)
            case ["finish"]:
                settlement.finish()
            case [("delivered" | "rejected" | "dropped") as outcome, spans]:
                settlement.settled(encoded(*[T] * int(spans), OTHER), outcome, "why")


@pytest.mark.parametrize(("story", "outcome"), STORIES.values(), ids=STORIES)
def test_trace_settles_once_as(story: str, outcome: str, settlement: Settlement, clock: Clock) -> None:
    tell(settlement, clock, story)
    expected = {(outcome, "work"): 1} if outcome else {}
    assert settlement.snapshot().settled == expected
    if outcome:
        tell(settlement, clock, "delivered 1, pass 901, finish")
        assert settlement.snapshot().settled == expected


def test_two_requests_of_one_trace_settle_together(settlement: Settlement) -> None:
    first, second = start(settlement, T), start(settlement, T)
    end(settlement, first, 2.0)
    settlement.settled(encoded(T), "delivered")
    assert not settlement.snapshot().settled
    end(settlement, second, 1.0)
    settlement.settled(encoded(T), "delivered")
    totals = settlement.snapshot()
    assert totals.settled == {("complete", "work"): 1}
    assert totals.durations["complete", "work"].total == 2.0


def test_spans_are_counted_before_and_after_their_trace_has_settled(settlement: Settlement, clock: Clock) -> None:
    local = start(settlement, T)
    local.started += 2
    local.ended += 1
    assert (settlement.snapshot().started, settlement.snapshot().ended) == (3, 1)
    settlement.finish()
    assert (settlement.snapshot().started, settlement.snapshot().ended) == (3, 1)


def test_oldest_trace_is_given_up_when_there_are_too_many(settlement: Settlement) -> None:
    started = [start(settlement, trace_id, f"trace {trace_id}") for trace_id in range(6)]
    assert settlement.snapshot().settled == {("untracked", "trace 0"): 1, ("untracked", "trace 1"): 1}
    for local in started:
        end(settlement, local)
    settlement.settled(encoded(*range(6)), "delivered")
    assert settlement.snapshot().settled.total() == 6


def test_flood_that_could_not_be_counted_makes_no_trace_complete() -> None:
    settlement = followed(Settlement())
    first = start(settlement, T)
    settlement.snapshot()
    for trace_id in range(100_000):
        start(settlement, trace_id)
    end(settlement, first)
    settlement.settled(encoded(T), "delivered")
    assert {outcome for outcome, _ in settlement.snapshot().settled} == {"untracked"}


def test_names_are_bounded() -> None:
    settlement = followed(Settlement())
    for trace_id in range(200):
        end(settlement, start(settlement, trace_id, f"GET /{trace_id}"))
        settlement.settled(encoded(trace_id), "delivered")
    settled = settlement.snapshot().settled
    assert len(settled) == 65
    assert settled["complete", "other"] == 136


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, 0), (0.005, 0), (0.006, 1), (300.0, 14), (301.0, 15)])
def test_duration_is_that_of_the_local_root(seconds: float, bucket: int, settlement: Settlement) -> None:
    end(settlement, start(settlement, T), seconds)
    settlement.settled(encoded(T), "delivered")
    durations = settlement.snapshot().durations["complete", "work"]
    assert durations.total == seconds
    assert durations.buckets == [int(i == bucket) for i in range(len(BOUNDS) + 1)]


def test_threads_need_no_lock(settlement: Settlement) -> None:
    """Each trace runs on two threads; a third delivers what has ended meanwhile."""
    settlement = followed(Settlement())
    ended: list[int] = []
    is_over = threading.Event()

    def child(local: Local) -> None:
        for _ in range(20):
            local.started += 1
            local.ended += 1
            ended.append(local.trace_id)

    def run(first: int) -> None:
        for trace_id in range(first, first + 40):
            local = start(settlement, trace_id, "root")
            helper = threading.Thread(target=child, args=(local,))
            helper.start()
            child(local)
            helper.join()
            end(settlement, local)
            ended.append(trace_id)

    def deliver() -> None:
        while not is_over.is_set() or ended:
            batch = ended[:]
            del ended[: len(batch)]
            settlement.settled(encoded(*batch), "delivered")

    workers = [threading.Thread(target=run, args=(1000 * number,)) for number in range(3)]
    sender = threading.Thread(target=deliver)
    for thread in (*workers, sender):
        thread.start()
    for thread in workers:
        thread.join()
    is_over.set()
    sender.join()
    totals = settlement.snapshot()
    assert totals.settled == {("complete", "root"): 120}
    assert totals.started == totals.ended == 120 * 41


FORKS = """
import os
from erni_run.inside.settlement import Settlement

class Local:
    ended, started = 0, 1
    def __init__(self, trace_id):
        self.trace_id = trace_id

settlement = Settlement()
settlement.follow()
settlement.began(Local(1), "work")
settlement.snapshot()
settlement.began(Local(2), "work")
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
settlement.finish()
print(settlement.snapshot().started, end=" ", flush=True)
"""


def test_forked_child_counts_its_own(workshop: Workshop) -> None:
    done = workshop.run("python", "-c", FORKS)
    assert (done.stdout, done.stderr) == ("0 2 ", "")
