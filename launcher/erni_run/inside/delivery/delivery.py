"""Ended spans are delivered: encoded and kept at once, and sent by a thread that does all the work.

A span is encoded and copied into the journal on the application's thread; from then on it is safe. The thread starts
with the first span of a process, and again in each forked child.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import context

from erni_run.inside import ourselves
from erni_run.inside.background import Background
from erni_run.inside.delivery.account import Counts
from erni_run.inside.delivery.courier import Courier
from erni_run.inside.delivery.encoder import encode, encode_resource, encode_scope
from erni_run.inside.delivery.request import Head, head
from erni_run.inside.delivery.watchers import Watcher
from erni_run.inside.forks import in_child
from erni_run.inside.notice import describe, say_once, say_rarely
from erni_run.plan import ExportPlan, SpoolPlan

if TYPE_CHECKING:
    from erni_run.inside.recorder.span import Span
    from erni_run.inside.recorder.tracer import Tracer

_TICK = 0.5  # seconds
_MOST_HEADS = 1000


class Delivery:
    """Delivers ended spans to the collector of ``export``, by way of the spool of ``spool``."""

    def __init__(self, export: ExportPlan, spool: SpoolPlan) -> None:
        self._export = export
        self._spool = spool
        self._watchers: list[Watcher] = []
        self._turns: list[Callable[[], object]] = []
        self._beginnings: list[Callable[[], object]] = []
        self._background = Background("delivery", self._work, _TICK)
        self._begin()
        in_child(self._begin_in_child)

    def _begin(self) -> None:
        self._courier = self._counted = Courier(self._export, self._spool, self._watchers)
        self._heads: dict[Tracer, Head] = {}
        self._flushes: deque[threading.Event] = deque()
        self._is_over = False

    def _begin_in_child(self) -> None:
        parents = self._courier
        self._begin()
        parents.abandon()

    @property
    def counts(self) -> Counts:
        """What became of the spans that ended in this process."""
        return self._counted.counts

    def watch(self, callback: Watcher) -> Callable[[], None]:
        """Call ``callback(spans, outcome, reason)`` for all spans that are settled, encoded, in the thread that works
        here. The outcome is "delivered", "rejected" or "dropped". Returns what ends this, once.
        """
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    def each_turn(self, callback: Callable[[], object]) -> None:
        """Call ``callback()`` whenever the thread that works here has done so."""
        self._turns.append(callback)

    def when_begun(self, callback: Callable[[], object]) -> None:
        """Call ``callback()`` when the first span of a process has ended, a forked child's, too, in its thread."""
        self._beginnings.append(callback)

    def on_end(self, span: Span) -> None:
        """Take ``span``, which is sampled."""
        try:
            tracer = span.template.tracer
            common = self._heads.get(tracer) or self._head(tracer)
            encoded = encode(span)
            while not self._courier.intake.take(common, encoded):
                continue  # another thread has just ended what was, and begun anew
        except Exception as error:
            if ourselves.is_to_be_raised(error):
                raise
            self._courier.intake.refuse("not encodable")
            say_rarely(f"a span cannot be encoded: {describe(error)}", kind="encoding")
        if self._is_over and self._courier.intake.journal is None:
            say_once("spans that end after the end of the process are dropped")
        if not self._background.is_running and ourselves.aside(self._background.start):
            for callback in self._beginnings:
                ourselves.aside(callback)

    def _head(self, tracer: Tracer) -> Head:
        scope, resource = tracer.scope, tracer.resource
        new = head(encode_resource(resource), resource.schema_url, encode_scope(scope), scope.schema_url or "")
        if len(self._heads) >= _MOST_HEADS:  # an application that makes a tracer for each call
            self._heads.clear()
        equal = next((known for known in list(self._heads.values()) if known.equals(new)), new)
        self._heads[tracer] = equal
        return equal

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Deliver what waits now; False if that took longer than ``timeout_millis`` milliseconds, or was in vain. What
        ends meanwhile does not count.
        """
        ended = self.counts.ended
        done = threading.Event()
        if self._background.is_running:
            self._flushes.append(done)
            self._background.wake()
            return done.wait(timeout_millis / 1000) and self._has_settled(ended)
        if not self._courier.lock.acquire(timeout=timeout_millis / 1000):
            return False
        try:  # no span has ended yet, or no thread could be started so late
            self._round(self._courier)
        finally:
            self._courier.lock.release()
        return self._has_settled(ended)

    def _has_settled(self, spans: int) -> bool:
        counts = self.counts
        return counts.ended - counts.pending >= spans

    def shutdown(self) -> None:
        """Deliver what waits, for as long as the exit budget lasts. Once is enough."""
        if not self._is_over:
            self._is_over = True
            ourselves.aside(self._leave)

    def _leave(self) -> None:
        courier = self._courier
        until = time.monotonic() + self._export.exit_budget
        courier.until = until
        if courier.intake.ended and not courier.sender.breaker.is_open:
            self.force_flush(int(self._export.exit_budget * 1000))
        self._courier = Courier(self._export, self._spool, self._watchers)  # for what still ends, in threads
        if courier.lock.acquire(timeout=max(0.0, until - time.monotonic())):
            try:
                courier.leave()
            finally:
                courier.lock.release()
        else:  # the thread waits for the collector; the journal is safe as it is
            courier.leave_as_it_is()

    def _work(self) -> None:
        """One turn of the thread."""
        courier = self._courier
        asked = len(self._flushes)
        try:
            with courier.lock:
                self._round(courier)
        finally:
            for _ in range(asked):
                self._flushes.popleft().set()
        for callback in self._turns:
            callback()

    @staticmethod
    def _round(courier: Courier) -> None:
        with _instrumentation_suppressed():
            courier.round()


@contextmanager
def _instrumentation_suppressed() -> Iterator[None]:
    """As ``opentelemetry.instrumentation.utils`` has it, without its imports: they take 11 MB."""
    suppressed = context.set_value("suppress_instrumentation", True)
    token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True, suppressed))
    try:
        yield
    finally:
        context.detach(token)
