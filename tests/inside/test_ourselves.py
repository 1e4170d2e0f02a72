"""Whether a thread is at our own work, and what a trace that is not kept looks like to whoever asks about it."""

import asyncio
import contextvars
import sys
import threading

import opentelemetry.context
import pytest
from erni_run.inside.ourselves import aside, exchange, is_ours, thread, under_way
from erni_run.inside.recorder import unsampled
from erni_run.inside.recorder.context import get, install
from erni_run.inside.recorder.current import current
from erni_run.inside.recorder.drawn import share, trace_id
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace import SpanContext

from tests.conftest import Workshop


def hook() -> bool:
    return is_ours()


def test_only_the_thread_that_is_at_work_is() -> None:
    seen = []
    other = threading.Thread(target=lambda: seen.append((under_way.work, hook())))

    def work() -> None:
        other.start()
        other.join()
        seen.append((under_way.work, hook()))

    before = under_way.work
    aside(work)
    assert seen == [(before + 1, False), (before + 1, True)]
    assert (under_way.work, hook()) == (before, False)


def test_work_within_work_is_the_same_work_and_an_error_ends_it() -> None:
    def fail() -> None:
        assert aside(hook)
        raise LookupError

    with pytest.raises(LookupError):
        aside(fail)
    assert not hook()


COLLECTS_ANYWHERE = sys.version_info < (3, 12)
"""Whether the collector of garbage can call something in the middle of an exchange."""


def test_what_is_called_from_the_middle_of_an_exchange_is_ours() -> None:
    assert exchange(lambda _: hook(), None) == COLLECTS_ANYWHERE
    assert under_way.exchanging is None
    assert not hook()
    with pytest.raises(LookupError):
        exchange({}.__getitem__, "nothing")
    assert under_way.exchanging is None


@pytest.mark.parametrize("first_to_end", ["one", "other"])
def test_exchanges_of_two_threads_are_marked_for_as_long_as_each_lasts(first_to_end: str) -> None:
    seen: dict[str, list[bool]] = {"one": [], "other": []}
    has_begun = {name: threading.Event() for name in seen}
    may_end = {name: threading.Event() for name in seen}

    def wait(name: str) -> None:
        seen[name].append(hook())
        has_begun[name].set()
        may_end[name].wait()
        seen[name].append(hook())

    threads = {name: threading.Thread(target=exchange, args=(wait, name)) for name in seen}
    for name in ("one", "other"):
        threads[name].start()
        has_begun[name].wait()
    assert not hook()  # neither of them is this one
    for name in sorted(seen, key=lambda name: name != first_to_end):
        may_end[name].set()
        threads[name].join()
    assert seen == dict.fromkeys(seen, [COLLECTS_ANYWHERE] * 2)
    assert (under_way.work, under_way.beside, under_way.exchanging, thread.at_work) == (0, 0, None, False)


def test_count_of_what_is_under_way_survives_threads() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        before = under_way.work
        threads = [threading.Thread(target=lambda: [aside(hook) for _ in range(20_000)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert under_way.work == before
    finally:
        sys.setswitchinterval(interval)


FORKING = """
import os, threading
from erni_run.inside.ourselves import aside, is_ours, under_way

def fork():
    pid = os.fork()
    if not pid:
        print(under_way.work, under_way.exchanging, is_ours(), flush=True)
    return pid

busy, over = threading.Event(), threading.Event()
threading.Thread(target=aside, args=(lambda: (busy.set(), over.wait()),)).start()
busy.wait()
for fork_there in (fork, lambda: aside(fork)):
    pid = fork_there()
    if not pid:
        print(under_way.work, flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
over.set()
"""


def test_forked_child_goes_on_with_its_own_work_alone(workshop: Workshop) -> None:
    workshop.write("fork.py", FORKING)
    done = workshop.run(sys.executable, "-W", "ignore", "fork.py")
    assert (done.stdout.split("\n"), done.stderr) == (["0 None False", "0", "1 None True", "0", ""], "")


def ids_of(context: SpanContext) -> tuple[int, int]:
    return context.trace_id, context.span_id


LAST = 1 - 2**-53
"""The greatest number that can be drawn."""


@pytest.mark.parametrize("drawn", [0.0, 2**-53, 0.1, 0.75, LAST])
def test_number_that_decided_leads_to_one_trace(drawn: float) -> None:
    context = unsampled.of(drawn).get_span_context()
    assert context.is_valid
    assert context.trace_id >> 3 & (1 << 53) - 1 == int(drawn * 2**53)
    assert (int(context.trace_flags), context.is_remote, len(context.trace_state)) == (2, False, 0)
    assert ids_of(context) == ids_of(unsampled.of(drawn).get_span_context())


def test_numbers_lead_to_traces_of_their_own() -> None:
    contexts = [unsampled.of(number / 2**53).get_span_context() for number in range(10_000)]
    assert len({context.span_id for context in contexts}) == 10_000
    assert len({context.trace_id >> 56 for context in contexts}) > 1


@given(st.floats(0, LAST), st.integers(0, (1 << 75) - 1), st.integers(0, 1 << 56))
def test_decision_by_number_is_the_decision_by_trace_id(drawn: float, bits: int, threshold: int) -> None:
    found = trace_id(drawn, bits)
    assert found < 1 << 128
    randomness = found & (1 << 56) - 1
    if drawn < share(threshold):
        assert randomness < threshold
    else:
        assert randomness >= threshold & -8
        assert trace_id(drawn, bits, threshold) & (1 << 56) - 1 >= threshold


def test_whoever_asks_sees_one_span_in_every_task_until_it_is_over() -> None:
    async def ask() -> tuple[int, int]:
        span = trace.get_current_span()
        assert span is trace.get_current_span()
        assert not span.is_recording()
        return ids_of(span.get_span_context())

    async def ask_everywhere() -> None:
        token = current.set(0.625)
        tasks = [asyncio.create_task(ask()) for _ in range(2)]
        here = ids_of(trace.get_current_span().get_span_context())
        below = opentelemetry.context.attach(opentelemetry.context.set_value("a", 1))
        assert ids_of(trace.get_current_span().get_span_context()) == here
        opentelemetry.context.detach(below)
        assert [await task for task in tasks] == [here, here]
        assert here[0] >> 52 & 0xF == 0xA
        current.reset(token)
        assert trace.get_current_span() is trace.INVALID_SPAN
        assert current not in contextvars.copy_context()

    before = opentelemetry.context._RUNTIME_CONTEXT
    install()
    try:
        contextvars.Context().run(asyncio.run, ask_everywhere())
    finally:
        opentelemetry.context._RUNTIME_CONTEXT = before


def test_nobody_asks_nothing_is_made() -> None:
    def work() -> None:
        current.set(0.5)
        assert current.get() == 0.5
        assert get() is current.get()  # from now on it is there

    contextvars.Context().run(work)


FORKED = """
import os
from erni_run.inside.recorder import unsampled

def show():
    print(unsampled.of(0.9).get_span_context(), flush=True)

show()
if os.fork():
    os.wait()
else:
    show()
    os._exit(0)
"""


def test_number_leads_to_the_same_trace_in_a_forked_child(workshop: Workshop) -> None:
    done = workshop.run("python", "-c", FORKED)
    first, second = done.stdout.splitlines()
    assert (first, done.stderr) == (second, "")
