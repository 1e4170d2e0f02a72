"""One process's spans on their way: from the intake to the collector, and over the spool where that takes none."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from erni_run.inside.delivery.account import Counts, Mark, Tally
from erni_run.inside.delivery.bulletin import Bulletin
from erni_run.inside.delivery.folder import is_mappable
from erni_run.inside.delivery.intake import Intake
from erni_run.inside.delivery.journal import Journal, Remains
from erni_run.inside.delivery.request import Batch, join, spans_of
from erni_run.inside.delivery.sender import Connect, Outcome, Sender
from erni_run.inside.delivery.spool import Blob, Holding, Spool
from erni_run.inside.delivery.transport import open_transport
from erni_run.inside.notice import describe, say_once
from erni_run.plan import ExportPlan, SpoolPlan

Watcher = Callable[[Sequence[bytes], str, str], None]

_BACKLOG, _BACKLOG_AT_END = 16, 64  # requests of what has waited, between two looks at what is new
_ADOPTION = 10.0  # seconds between two looks at what others have left
_PAUSE = 0.05  # seconds between two looks at the clock
_MOST_ORPHANS = 64  # in one look
_MOST_IN_MEMORY = 1 << 20  # bytes; more of it goes to the disk while the collector takes nothing


class Courier:
    """Works in one thread at a time, which holds ``lock``; ``intake`` is for all."""

    def __init__(
        self,
        export: ExportPlan,
        plan: SpoolPlan,
        watchers: Sequence[Watcher] = (),
        connect: Connect = open_transport,
    ) -> None:
        self._export = export
        self._plan = plan
        self._watchers = watchers
        self._tally = Tally()
        self._spool: Spool | None = None
        self._holding: Holding | None = None
        self._inherited: Holding | None = None
        self._overflow: deque[bytes] = deque()
        self._barren: set[str] = set()  # what others have left and cannot be read
        self._next_adoption = 0.0
        self.lock = threading.Lock()
        self.until = math.inf
        self.intake = Intake(self._tally, self._open_journal, self._overflown)
        self.sender = Sender(export, self._keep_rejected, connect)
        self.bulletin = Bulletin(export.endpoint.partition("?")[0], "in memory")  # a query may hold a key

    def open_spool(self) -> None:
        """Find the place on disk; where there is none, spans wait in memory, which is said once."""
        if not self._plan.path:
            return
        try:
            self._spool = Spool.at(self._export, self._plan, self._report_dropped)
        except OSError as error:
            say_once(f"spans wait in memory only, there is no place for them on disk: {describe(error)}")

    def _open_journal(self) -> Journal | None:
        """On an application's thread, for its first span."""
        if self._plan.journal:
            self.open_spool()
        if self._spool is None:
            return None
        try:
            self._holding = Holding.found(self._spool.destination, self._tally)
            self.bulletin.place = "on disk"
            if is_mappable(self._plan.path):
                return self._spool.new_journal(self._holding)
            say_once(
                f"{self._plan.path} is on a file system where a journal is not safe: spans wait in memory, and "
                "on disk only while the collector takes none"
            )
        except OSError as error:
            say_once(f"spans wait in memory, no journal can be kept: {describe(error)}")
        return None

    @property
    def counts(self) -> Counts:
        """What became of the spans that ended in this process."""
        ended, tally = self.intake.ended, self._tally.as_json()
        return Counts(ended=ended, pending=self._pending(), **tally)

    def _pending(self) -> int:
        journal, holding = self.intake.journal, self._holding
        in_journal = journal.appended - journal.settled if journal is not None else 0
        return in_journal + self.intake.memory.pending + (holding.kept_spans if holding is not None else 0)

    @property
    def size(self) -> int:
        """Bytes that wait."""
        journal, holding = self.intake.journal, self._holding
        in_journal = journal.used if journal is not None else 0
        return in_journal + self.intake.memory.used + (holding.kept_bytes if holding is not None else 0)

    def round(self) -> None:
        """Deliver what is there: what is new first, then what has waited. In a thread that holds ``lock``."""
        self._prepare()
        self._carry_own()
        if self.sender.breaker.is_open:
            self._put_on_disk()
        self._carry_backlog()
        self._report_overflow()
        self._tell()

    def _prepare(self) -> None:
        journal = self.intake.journal
        if journal is None:
            return
        try:
            journal.prepare()
        except OSError as error:
            say_once(f"the journal cannot grow, spans wait in memory as well: {describe(error)}")

    def _may_send(self) -> bool:
        return not self.sender.breaker.is_open and time.monotonic() < self.until

    def _timeout(self) -> float:
        return min(self._export.timeout, max(0.05, self.until - time.monotonic()))

    def _carry_own(self) -> None:
        journal = self.intake.journal
        goes_on = journal is not None
        while goes_on and self._may_send():
            goes_on = journal is not None and self._carry_segment(journal)
        while self._may_send() and (batch := self.intake.memory.oldest()) is not None:
            self._settle_memory(self._send(batch))

    def _carry_segment(self, journal: Journal) -> bool:
        """Send the oldest of ``journal``; whether there was more of it before."""
        is_crowded = journal.is_crowded
        found = journal.oldest()
        if found is None:
            return False
        batch, mark = found
        outcome = self._send(batch)
        if self._put_aside(self._holding, outcome):
            self._settle(outcome, self._tally)
            self._advance(journal, mark)
        return is_crowded

    def _advance(self, journal: Journal, mark: Mark) -> None:
        journal.settle(mark)
        if self._holding is not None:
            self._holding.advance(mark)

    def _put_aside(self, holding: Holding | None, outcome: Outcome) -> bool:
        """Keep as a blob what is left of a batch that was delivered in part. False if nothing of it was, or if it
        cannot be kept: then all of it comes again.
        """
        if not outcome.rest:
            return True
        if not outcome.settled or holding is None:
            return False
        records = outcome.records
        try:
            holding.keep(Batch(join(records), len(records)))
        except OSError:
            return False
        return True

    def _settle_memory(self, outcome: Outcome) -> None:
        self.intake.memory.put_back(outcome.records)
        self._settle(outcome, self._tally)
        if self._holding is not None:
            self._holding.advance(self._holding.account.mark)

    def _send(self, batch: Batch) -> Outcome:
        return self.sender.send(batch, self._timeout)

    def _settle(self, outcome: Outcome, tally: Tally) -> None:
        tally.add(outcome.tally)
        rejected = sum(outcome.tally.rejected.values())
        if rejected:
            self.bulletin.rejected(rejected, self.sender.rejection)
        for batch, what, reason in outcome.settled:
            self._report(batch.request, what, reason)

    def _put_on_disk(self) -> None:
        """While the collector takes nothing: full segments, and what grows in memory, become blobs."""
        holding, journal, memory = self._holding, self.intake.journal, self.intake.memory
        if self._spool is None or holding is None:
            return
        try:
            while journal is not None and journal.is_crowded and (found := journal.oldest()) is not None:
                batch, mark = found
                first = mark.spans - batch.spans
                if not journal.is_crowded or not self._spool.keep(holding, batch, f"j{mark.segment}", first):
                    break
                self._advance(journal, mark)
            while memory.used > _MOST_IN_MEMORY and (left := memory.oldest()) is not None:
                if not self._spool.keep(holding, left):
                    break
                memory.settle()
            self._spool.expire(holding)
        except OSError as error:
            say_once(f"spans cannot be put on disk: {describe(error)}")

    def _carry_backlog(self) -> None:
        for _ in range(_BACKLOG if self.until is math.inf else _BACKLOG_AT_END):
            if not self._may_send():
                break
            if self._holding is not None and self._holding.kept_spans > 0:
                self._carry_blob(self._holding)
            elif (inherited := self._heir()) is None:
                return
            elif not self._carry_inherited(inherited):
                self._barren.add(inherited.name)  # should anything be left of it
                self._release()
            self._carry_own()
        if self.sender.breaker.is_open and self._inherited is not None:
            self._release()
        if self.sender.breaker.is_open and self.until is math.inf and self._is_time_to_adopt():
            self._tidy_orphans()

    def _heir(self) -> Holding | None:
        """What another process has left: what we are at, or the next one if it is time to look."""
        if self._inherited is None and self._spool is not None and self._is_time_to_adopt():
            self._inherited = self._spool.adopt(self._ours())
            if self._inherited is not None:
                self._next_adoption = 0.0  # there may be more
        return self._inherited

    def _ours(self) -> set[str]:
        return self._barren | ({self._holding.name} if self._holding is not None else set())

    def _is_time_to_adopt(self) -> bool:
        now = time.monotonic()
        if now < self._next_adoption and self.until is math.inf:
            return False
        self._next_adoption = now + _ADOPTION * random.uniform(0.8, 1.2)  # noqa: S311  # spreads load, guards nothing
        return self._spool is not None

    def _carry_inherited(self, holding: Holding) -> bool:
        """Send the next of what another process has left; False if there is nothing more."""
        remains = Remains(holding.folder, holding.account.mark)
        found = remains.oldest()
        _count_corrupt(holding, remains)
        if found is None:
            return self._carry_blob(holding)
        batch, mark = found
        outcome = self._send(batch)
        if self._put_aside(holding, outcome):
            self._settle(outcome, holding.account.tally)
            holding.advance(mark)
        return True

    def _carry_blob(self, holding: Holding) -> bool:
        """Send the oldest blob of ``holding``; False if there is none."""
        blob = next(iter(holding.blobs()), None)
        if blob is None:
            holding.kept_spans = holding.kept_bytes = 0  # somebody has removed them
            return False
        try:
            batch = Batch(holding.load(blob), blob.spans)
        except FileNotFoundError:
            return True
        except (OSError, ValueError) as error:
            say_once(f"a file in the spool cannot be read: {describe(error)}")
            holding.account.tally.drop(blob.spans, "damaged")
            holding.cross_off(blob)
            return True
        self._settle_blob(holding, blob, self._send(batch))
        return True

    def _settle_blob(self, holding: Holding, blob: Blob, outcome: Outcome) -> None:
        if outcome.rest and not outcome.settled:
            return
        if outcome.rest:
            records = outcome.records
            holding.keep(Batch(join(records), len(records)), blob.origin, blob.last - len(records), blob.stamp)
        self._settle(outcome, holding.account.tally)
        holding.cross_off(blob)

    def _tidy_orphans(self) -> None:
        """While the collector takes nothing: what others have left becomes small, and stays within its bounds."""
        seen = self._ours()
        for _ in range(_MOST_ORPHANS):
            if self._spool is None or (orphan := self._spool.adopt(seen)) is None:
                return
            seen.add(orphan.name)
            try:
                self._tidy(self._spool, orphan)
            except OSError as error:
                say_once(f"spans cannot be put on disk: {describe(error)}")
            finally:
                orphan.release()

    @staticmethod
    def _tidy(spool: Spool, orphan: Holding) -> None:
        remains = Remains(orphan.folder, orphan.account.mark)
        while (found := remains.oldest()) is not None:
            batch, mark = found
            if not spool.keep(orphan, batch, f"j{mark.segment}", mark.spans - batch.spans):
                break
            remains.settle(mark)
            orphan.advance(mark)
        _count_corrupt(orphan, remains)
        spool.expire(orphan)

    def _release(self) -> None:
        inherited, self._inherited = self._inherited, None
        if inherited is not None:
            inherited.release()

    def _keep_rejected(self, batch: Batch) -> None:
        if self._spool is not None:
            self._spool.keep_rejected(batch)

    def _tell(self) -> None:
        if self.sender.trouble.reason or self.bulletin.has_spoken:
            self.bulletin.update(self.sender.trouble, self.counts, self.size)

    def _overflown(self, spans: list[bytes]) -> None:
        say_once("too many spans wait in memory: the oldest are being dropped, and counted")
        if self._watchers:
            self._overflow.extend(spans)

    def _report_overflow(self, reason: str = "memory full") -> None:
        if self._overflow:
            spans = [self._overflow.popleft() for _ in range(len(self._overflow))]
            for watcher in self._watchers:
                watcher(spans, "dropped", reason)

    def _report_dropped(self, holding: Holding, blob: Blob, reason: str) -> None:
        if self._watchers:
            try:
                self._report(holding.load(blob), "dropped", reason)
            except (OSError, ValueError):  # damaged as well
                return

    def _report(self, request: bytes, what: str, reason: str) -> None:
        if self._watchers:
            spans = spans_of(request)
            for watcher in self._watchers:
                watcher(spans, what, reason)

    def drain(self, until: float) -> None:
        """Deliver what others have left, until there is no more of it or the clock (monotonic) says ``until``."""
        self.open_spool()
        self.until = until
        while time.monotonic() < until:
            if self.sender.breaker.is_open:
                time.sleep(_PAUSE)
            elif (inherited := self._heir()) is None:
                break
            elif not self._carry_inherited(inherited):
                self._barren.add(inherited.name)
                self._release()
        self._release()

    def leave(self) -> None:
        """The end of the process: leave things so that another can go on. In a thread that holds ``lock``."""
        journal, holding = self.intake.close(), self._holding
        self._release()
        self._keep_memory()
        self._tell_at_end()
        if journal is not None:
            journal.close()
        if holding is not None:
            holding.advance(journal.mark if journal is not None else holding.account.mark)
            holding.release()

    def leave_as_it_is(self) -> None:
        """The end of the process, while the thread waits for the collector: the journal is safe as it is."""
        self.intake.close()
        self._keep_memory()
        self._tell_at_end()

    def _tell_at_end(self) -> None:
        reason = self.sender.trouble.reason or f"no answer within the exit budget of {self._export.exit_budget:g} s"
        lost = self.intake.memory.give_up()
        if lost:
            self._tally.drop(len(lost), "end of the process")
            self.bulletin.lost(len(lost), reason)
            self._overflow.extend(lost)
            self._report_overflow("end of the process")
        if (kept := self.counts.pending) > 0:
            self.bulletin.kept(kept, self.size, reason)

    def _keep_memory(self) -> None:
        """Put what is in memory on disk, as far as there is one."""
        memory, holding = self.intake.memory, self._holding
        try:
            while holding is not None and (batch := memory.oldest()) is not None:
                holding.keep(batch, durable=False)
                memory.settle()
        except OSError as error:
            say_once(f"spans cannot be put on disk: {describe(error)}")

    def abandon(self) -> None:
        """In a forked child: all of this is the parent's."""
        if self.intake.journal is not None:
            self.intake.journal.abandon()


def _count_corrupt(holding: Holding, remains: Remains) -> None:
    corrupt, remains.corrupt = remains.corrupt, 0
    if corrupt:
        holding.account.tally.drop(corrupt, "damaged")
        holding.advance(remains.mark)
