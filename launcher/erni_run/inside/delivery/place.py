"""Where one process's spans wait on disk, and what becomes of it while the process runs.

Whoever cleans up may remove the folder or a file in it, the application may close our descriptors or become another
user. It knows nothing of the collector.
"""

from __future__ import annotations

from collections.abc import Callable

from erni_run.inside.delivery.account import Mark, Tally
from erni_run.inside.delivery.bulletin import why
from erni_run.inside.delivery.folder import is_mappable
from erni_run.inside.delivery.holding import Holding
from erni_run.inside.delivery.journal import Journal
from erni_run.inside.delivery.spool import OnDrop, Spool
from erni_run.inside.notice import describe, say_once, say_rarely
from erni_run.plan import ExportPlan, SpoolPlan

InTurn = Callable[[Callable[[], object]], bool]


class Place:
    """The ``spool`` of a destination, and this process's ``holding`` in it; None as long as there is none."""

    def __init__(self, export: ExportPlan, plan: SpoolPlan, tally: Tally, on_drop: OnDrop) -> None:
        self._export = export
        self._plan = plan
        self._tally = tally
        self._on_drop = on_drop
        self.spool: Spool | None = None
        self.holding: Holding | None = None

    def open_spool(self) -> None:
        """Find the spool; where there can be none, spans wait in memory, which is said once."""
        if not self._plan.path:
            return
        try:
            self.spool = Spool.at(self._export, self._plan, self._on_drop)
        except OSError as error:
            say_once(f"spans wait in memory only, there is no place for them on disk: {describe(error)}")

    def open_journal(self) -> Journal | None:
        """A holding for this process, and its journal if it can have one; what prevents it is said once."""
        if self._plan.journal:
            self.open_spool()
        if self.spool is None:
            return None
        try:
            self.holding = Holding.found(self.spool.destination, self._tally)
            if is_mappable(self._plan.path):
                return self.spool.new_journal(self.holding)
            say_once(
                f"{self._plan.path} is on a file system where a journal is not safe: spans wait in memory, and "
                "on disk only while the collector takes none"
            )
        except OSError as error:
            say_once(f"spans wait in memory, no journal can be kept: {describe(error)}")
        return None

    @property
    def is_there(self) -> bool:
        """Whether what is in the holding is on disk, be it where others do not look for it."""
        return self.holding is not None and (self.holding.regain() or not self.holding.folder.is_removed)

    def look_after(self, journal: Journal | None, in_turn: InTurn) -> bool:
        """See that what waits is where others will find it: else it goes on in a new folder. False if there is no place
        on disk. ``in_turn`` calls while nobody writes to ``journal``.
        """
        if self.holding is None:
            return False
        try:
            if not self.holding.regain():
                self._move(self.holding)
            if journal is not None and not journal.is_whole_in(self.holding.folder):
                journal.move(self.holding.folder, in_turn)
            return True
        except OSError as error:
            trouble = f"{self._plan.path} is not what it was, and spans cannot be put there: {why(error)}"
            say_rarely(trouble, kind="place")
            return self.is_there

    def advance(self, journal: Journal, mark: Mark) -> None:
        """What is before ``mark`` in ``journal`` is settled."""
        journal.settle(mark)
        if self.holding is not None:
            self.holding.advance(mark)

    def _move(self, old: Holding) -> None:
        spool = Spool.at(self._export, self._plan, self._on_drop)
        try:
            holding = Holding.found(spool.destination, self._tally)
        except BaseException:
            spool.destination.close()
            raise
        holding.take_over(old)
        self.spool, self.holding = spool, holding
        say_rarely(f"somebody has removed {old.folder.path}: spans wait in a new folder there", kind="place")
