"""Ended spans wait in a bounded queue until a thread of ours has delivered them.

The thread starts with the first span of a process, again in each forked child. What cannot be delivered stays in the
queue and is tried again with growing pauses; when the queue is full the oldest spans go. Every span is accounted for:
``ended = delivered + rejected + dropped + pending``.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections import deque
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from erni_run.inside import forks, ourselves
from erni_run.inside.delivery.transport import Answer, Transport, open_transport
from erni_run.inside.notice import describe, say, say_once
from erni_run.plan import ExportPlan

_BATCH = 512
_TICK = 0.5  # seconds
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds


class Sender(SpanProcessor):
    """Delivers ended spans to the collector of ``plan``."""

    def __init__(self, plan: ExportPlan, capacity: int = 65_536) -> None:
        self._plan = plan
        self._name = plan.endpoint.partition("?")[0]  # a query may hold a key
        self._capacity = capacity
        self._begin()
        if _multiprocessing() is not None:
            self._finalize_with_multiprocessing()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin_in_child)

    def _begin(self) -> None:
        """A process's own state: after a fork, what waits in the parent is the parent's to deliver."""
        self.ended = self.delivered = self.rejected = self.dropped = 0
        self._waiting: deque[ReadableSpan] = deque()
        self._thread: threading.Thread | None = None
        self._start_lock = threading.RLock()
        self._wake = threading.Event()
        self._flushes: deque[threading.Event] = deque()
        self._transport: Transport | None = None
        self._trouble = ""
        self._failures = 0
        self._batch = _BATCH
        self._closing = False

    def _begin_in_child(self) -> None:
        self._begin()
        if (multiprocessing := _multiprocessing()) is not None:
            multiprocessing.register_after_fork(self, Sender._finalize_with_multiprocessing)

    def _finalize_with_multiprocessing(self) -> None:
        """Its children leave by ``os._exit``: no atexit there, but its own finalizers."""
        _multiprocessing().Finalize(self, self.shutdown, exitpriority=0)

    def on_end(self, span: ReadableSpan) -> None:
        """Take ``span``, if it was sampled. No lock either: a signal handler may end a span while we take another."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        self.ended += 1
        if sys.is_finalizing():  # the end has been; no thread would run any more
            self.dropped += 1
            say_once(f"{self._name}: spans that end after the end of the process are dropped")
            return
        self._waiting.append(span)
        if len(self._waiting) > self._capacity:
            self._drop_oldest()
        if self._thread is None:
            self._start()

    def shutdown(self) -> None:
        """Deliver what waits, for as long as the exit budget lasts, and say what could not be. Once is enough."""
        if self._closing:
            return
        self._closing = True
        ourselves.aside(self.force_flush, int(self._plan.exit_budget * 1000))
        lost = self.ended - self.delivered - self.rejected - self.dropped
        if lost:
            why = self._trouble or f"no answer within the exit budget of {self._plan.exit_budget:g} s"
            say(f"{_count(lost)} could not be delivered to {self._name}: {why}")
        self._waiting.clear()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Deliver what waits now; False if that took longer than ``timeout_millis`` milliseconds."""
        if self._thread is None:
            self._deliver_all()  # nothing has ended yet, or no thread could be started so late
            return not self._waiting
        done = threading.Event()
        self._flushes.append(done)
        self._wake.set()
        return done.wait(timeout_millis / 1000)

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="erni-run-sender", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is shutting down (3.12): the flush at the end delivers
                    return
                self._thread = thread

    def _drop_oldest(self) -> None:
        try:
            self._waiting.popleft()
        except IndexError:
            return
        self.dropped += 1
        say_once(f"{self._capacity:,} spans wait for {self._name}: the oldest are being dropped, and counted")

    def _run(self) -> None:
        ourselves.thread.at_work = True
        with suppress_instrumentation():
            while True:
                self._wake.wait(_TICK)
                self._wake.clear()
                asked = len(self._flushes)
                try:
                    self._deliver_all()
                except Exception as error:  # the thread must outlive whatever goes wrong with one batch
                    say_once(f"delivery: {describe(error)}")
                for _ in range(asked):
                    self._flushes.popleft().set()

    def _deliver_all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            answer = self._send(batch)
            if answer.delivered or answer.refused or (answer.too_large and len(batch) == 1):
                self._settle(batch, answer)
                self._batch = _BATCH if answer.delivered else self._batch
                continue
            self._waiting.extendleft(reversed(batch))
            if answer.too_large:
                self._batch = len(batch) // 2
            elif self._closing:
                break  # the exit does not wait for a collector that is away
            else:
                self._pause(answer)

    def _send(self, batch: list[ReadableSpan]) -> Answer:
        try:
            request = encode_spans(batch).SerializeToString()
        except Exception as error:  # a span that cannot be encoded never will be
            return Answer(refused=True, reason=f"not encodable: {describe(error)}")
        try:
            if self._transport is None:
                with forks.late_import():
                    self._transport = open_transport(self._plan)
            answer = self._transport.send(request, self._timeout())
        except Exception as error:  # e.g. a certificate file that does not exist
            answer = Answer(reason=describe(error))
        if not answer.delivered:
            self._trouble = answer.reason
        return answer

    def _timeout(self) -> float:
        return min(self._plan.timeout, self._plan.exit_budget) if self._closing else self._plan.timeout

    def _settle(self, batch: list[ReadableSpan], answer: Answer) -> None:
        rejected = answer.rejected if answer.delivered else len(batch)
        self.rejected += rejected
        self.delivered += len(batch) - rejected
        if rejected:
            say_once(f"{self._name} rejected {_count(rejected)}: {answer.reason or 'no reason given'}")
        if answer.delivered:
            if self._failures and not self._closing:
                say(f"{self._name} is back: {_count(self.delivered)} delivered, {self.dropped:,} dropped")
            self._failures = 0
            self._trouble = ""

    def _pause(self, answer: Answer) -> None:
        if not self._failures:
            why = f"{self._name} takes no spans ({answer.reason})"
            say(f"{why}: keeping up to {self._capacity:,} and trying again")
        longest = min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        self._failures += 1
        jittered = random.uniform(_FIRST_PAUSE, longest)  # noqa: S311  # spreads load, guards nothing
        until = time.monotonic() + max(answer.retry_after, jittered)
        while not self._closing and (left := until - time.monotonic()) > 0:
            self._wake.wait(left)
            self._wake.clear()


def _count(spans: int) -> str:
    return "1 span" if spans == 1 else f"{spans:,} spans"


def _multiprocessing() -> Any:
    """``multiprocessing.util``, None where the application does without."""
    return sys.modules.get("multiprocessing.util")
