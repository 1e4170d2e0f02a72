"""One process's spans on their way: from the intake to the collector, and over the spool where that takes none."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Sequence

from erni_run.inside.delivery.account import Counts, Tally
from erni_run.inside.delivery.backlog import Backlog, put_aside
from erni_run.inside.delivery.bulletin import Bulletin, why
from erni_run.inside.delivery.holding import Holding
from erni_run.inside.delivery.intake import Intake
from erni_run.inside.delivery.journal import Journal
from erni_run.inside.delivery.offload import Offload
from erni_run.inside.delivery.place import Place
from erni_run.inside.delivery.request import Batch, spans_of
from erni_run.inside.delivery.sender import Connect, Outcome, Sender
from erni_run.inside.delivery.spool import Spool
from erni_run.inside.delivery.transport import open_transport
from erni_run.inside.delivery.watchers import Watcher, Watchers
from erni_run.inside.notice import say_once, say_rarely
from erni_run.plan import ExportPlan, SpoolPlan

_BACKLOG, _BACKLOG_AT_END = 16, 64  # requests of what has waited, between two looks at what is new
_PAUSE = 0.05  # seconds between two looks at the clock


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
        self._watchers = Watchers(watchers)
        self._tally = Tally()
        self._place = Place(export, plan, self._tally, self._watchers.dropped)
        self._backlog: Backlog | None = None
        self.lock = threading.Lock()
        self.until = math.inf
        self.intake = Intake(self._tally, self._open_journal, self._overflown)
        self._offload = Offload(self.intake, self._place)
        self.sender = Sender(export, self._keep_rejected, connect)
        self.bulletin = Bulletin(export.endpoint.partition("?")[0], "in memory")  # a query may hold a key

    def _open_journal(self) -> Journal | None:
        """On an application's thread, for its first span."""
        journal = self._place.open_journal()
        if self._spool is not None and self._holding is not None:
            self._backlog = Backlog(self._spool, self._holding, self._send, self._settle)
            self.bulletin.place = "on disk"
        return journal

    @property
    def _spool(self) -> Spool | None:
        return self._place.spool

    @property
    def _holding(self) -> Holding | None:
        return self._place.holding

    def _look_after_place(self) -> None:
        before = self._holding
        is_there = self._place.look_after(self.intake.journal, self.intake.in_turn)
        spool, holding = self._spool, self._holding
        if self._backlog is not None and spool is not None and holding is not None and holding is not before:
            self._backlog.move(spool, holding)
        self.bulletin.place = "on disk" if is_there else "in memory"

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
        self._look_after_place()
        self._prepare()
        self._carry_own()
        if self.sender.breaker.is_open:
            self._offload.make_room()
        self._carry_backlog()
        self._watchers.catch_up()
        self._write_account()
        self._tell()

    def _prepare(self) -> None:
        journal = self.intake.journal
        if journal is None:
            return
        try:
            journal.prepare()
        except OSError as error:
            say_rarely(f"the journal cannot grow, spans wait in memory as well: {why(error)}", kind="journal")

    def _write_account(self) -> None:
        """Spans may have been dropped and none settled, which would have written it."""
        holding = self._holding
        if holding is not None and not holding.account.is_written:
            with contextlib.suppress(OSError):  # its folder is gone: the next one gets another file
                holding.account.write()

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
        if put_aside(self._holding, outcome):
            self._settle(outcome, self._tally)
            self._place.advance(journal, mark)
        return is_crowded

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
            self._watchers.settled(batch.request, what, reason)

    def _carry_backlog(self) -> None:
        backlog, is_at_end = self._backlog, self.until is not math.inf
        if backlog is None:
            return
        for _ in range(_BACKLOG_AT_END if is_at_end else _BACKLOG):
            if not self._may_send() or not backlog.carry(at_once=is_at_end):
                break
            self._carry_own()
        if self.sender.breaker.is_open and not is_at_end:
            backlog.tidy()

    def _keep_rejected(self, batch: Batch) -> None:
        if self._spool is not None:
            self._spool.keep_rejected(batch)

    def _tell(self) -> None:
        if self.sender.trouble.reason or self.bulletin.has_spoken:
            self.bulletin.update(self.sender.trouble, self.counts, self.size)

    def _overflown(self, spans: list[bytes]) -> None:
        say_once("too many spans wait in memory: the oldest are being dropped, and counted")
        self._watchers.put_off(spans)

    def drain(self, until: float) -> None:
        """Deliver what others have left, until there is no more of it or the clock (monotonic) says ``until``."""
        self._place.open_spool()
        if self._spool is None:
            return
        self.until = until
        backlog = Backlog(self._spool, None, self._send, self._settle)
        while time.monotonic() < until:
            if self.sender.breaker.is_open:
                time.sleep(_PAUSE)
            elif not backlog.carry(at_once=True):
                break
        backlog.release()

    def leave(self) -> None:
        """The end of the process: leave things so that another can go on. In a thread that holds ``lock``."""
        is_over = self.intake.close()
        self._look_after_place()
        journal, holding = self.intake.journal, self._holding
        if self._backlog is not None:
            self._backlog.release()
        self._offload.keep_displaced()
        self._offload.keep_memory()
        self._give_up()
        self._tell_at_end()
        if not is_over:
            return  # as in leave_as_it_is
        if journal is not None:
            journal.close()
        if holding is not None:
            holding.advance(journal.mark if journal is not None else holding.account.mark)
            holding.release()

    def leave_as_it_is(self) -> None:
        """The end of the process, while the thread waits for the collector: the journal is safe as it is."""
        self.intake.close()
        self._offload.keep_memory()
        self._lose(self.intake.memory.give_up())
        self._tell_at_end()

    def _give_up(self) -> None:
        """What is not on disk by now is lost."""
        journal, is_there = self.intake.journal, self._place.is_there
        lost = self.intake.memory.give_up()
        while journal is not None and not (is_there and not journal.displaced) and (found := journal.oldest()):
            batch, mark = found
            lost += spans_of(batch.request)
            journal.settle(mark)
        self._lose(lost)

    def _lose(self, lost: list[bytes]) -> None:
        if lost:
            self._tally.drop(len(lost), "end of the process")
            self.bulletin.lost(len(lost), self._reason_at_end)
            self._watchers.put_off(lost)
            self._watchers.catch_up("end of the process")

    @property
    def _reason_at_end(self) -> str:
        late = f"no answer within the exit budget of {self._export.exit_budget:g} s"
        return self.sender.trouble.reason or (late if time.monotonic() >= self.until else "they ended too late")

    def _tell_at_end(self) -> None:
        holding = self._holding
        if holding is not None:
            with contextlib.suppress(OSError):
                holding.recount()
        if (kept := self.counts.pending) > 0:
            if self._place.is_there:
                self.bulletin.kept(kept, self.size, self._reason_at_end)
            else:
                self.bulletin.lost(kept, self._reason_at_end)

    def abandon(self) -> None:
        """In a forked child: all of this is the parent's."""
        if self.intake.journal is not None:
            self.intake.journal.abandon()
