"""The one thread that writes. Whoever hands it records waits until they are committed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeAlias

from erni_run.viewer.store.database import Database
from erni_run.viewer.store.insert import Inserter
from erni_run.viewer.store.retention import clear, prune
from erni_run.viewer.store.rows import LogRow, MetricRow, SpanRow

_LARGEST_WAITING = 64 * 1024 * 1024  # bytes
_SPANS_AT_ONCE = 4096


class Busy(Exception):
    """More waits for the writer than it will hold; the sender may come back."""


@dataclass(frozen=True)
class Batch:
    """The records of one request; ``size`` is what they take, in bytes."""

    spans: list[SpanRow] = field(default_factory=list)
    logs: list[LogRow] = field(default_factory=list)
    metrics: list[MetricRow] = field(default_factory=list)
    size: int = 0


_Work: TypeAlias = "tuple[Batch | None, Future[None]]"  # None: delete everything


class Writer:
    """Writes batches, several in one transaction where they wait.

    ``most`` bounds the database in bytes; ``changed`` is called in the writer's thread after each commit with the
    numbers of the traces that have new records, and with None after everything was deleted.
    """

    def __init__(self, database: Database, most: int, changed: Callable[[Iterable[int] | None], None]) -> None:
        self._connection = database.writing
        self._inserter = Inserter(database.writing)
        self._most = most
        self._changed = changed
        self._waiting: deque[_Work] = deque()
        self._bytes = 0
        self._is_closed = False
        self._woken = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def write(self, batch: Batch) -> None:
        """Return after ``batch`` is committed. Raises Busy, or sqlite3.Error where it cannot be."""
        self._hand_over(batch).result()

    def clear(self) -> None:
        """Return after everything is deleted."""
        self._hand_over(None).result()

    def close(self) -> None:
        """Write what waits, and end."""
        with self._woken:
            self._is_closed = True
            self._woken.notify()
        self._thread.join()

    def _hand_over(self, batch: Batch | None) -> Future[None]:
        done: Future[None] = Future()
        size = batch.size if batch is not None else 0
        with self._woken:
            if self._is_closed or (self._bytes and self._bytes + size > _LARGEST_WAITING):
                raise Busy("too much waits to be written")
            self._bytes += size
            self._waiting.append((batch, done))
            self._woken.notify()
        return done

    def _run(self) -> None:
        while True:
            with self._woken:
                while not self._waiting and not self._is_closed and not self._inserter.has_due(time.monotonic()):
                    self._woken.wait(self._inserter.due_in(time.monotonic()))
                work = self._take()
                if not work and self._is_closed:
                    self._attempt([])
                    return
            self._write_all(work)

    def _take(self) -> list[_Work]:
        """As many waiting batches as one transaction shall hold. A deletion stands alone."""
        work: list[_Work] = []
        spans = 0
        while self._waiting and spans < _SPANS_AT_ONCE:
            batch, _ = self._waiting[0]
            if batch is None and work:
                break
            work.append(self._waiting.popleft())
            if batch is None:
                break
            spans += len(batch.spans)
        return work

    def _write_all(self, work: list[_Work]) -> None:
        error = self._attempt([batch for batch, _ in work])
        for batch, done in work:
            if error is not None and len(work) > 1:  # the fault of one is not that of the others
                self._settle(done, batch, self._attempt([batch]))
            else:
                self._settle(done, batch, error)

    def _settle(self, done: Future[None], batch: Batch | None, error: Exception | None) -> None:
        with self._woken:
            self._bytes -= batch.size if batch is not None else 0
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def _attempt(self, batches: list[Batch | None]) -> Exception | None:
        """Write ``batches`` in one transaction. Returns what prevented it."""
        try:
            self._connection.execute("begin immediate")
            if batches == [None]:
                clear(self._connection)
                self._inserter.forget()
                self._connection.execute("commit")
                self._connection.execute("pragma incremental_vacuum").fetchall()
                self._changed(None)
                return None
            for batch in batches:
                if batch is not None:
                    self._inserter.insert(batch.spans, batch.logs, batch.metrics)
            touched = self._inserter.settle(time.monotonic(), everything=self._is_closed)
            if prune(self._connection, self._most):
                self._inserter.forget()
            self._connection.execute("commit")
        except Exception as error:  # whatever it is, the senders wait for an answer, and the thread must go on
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            self._inserter.forget()
            return error
        self._changed(touched)
        return None
