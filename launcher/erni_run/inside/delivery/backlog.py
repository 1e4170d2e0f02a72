"""What has waited on disk: our own blobs, and all that processes that are gone have left."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from erni_run.inside.delivery.account import Tally
from erni_run.inside.delivery.bulletin import say_not_on_disk, why
from erni_run.inside.delivery.holding import Holding
from erni_run.inside.delivery.journal import Remains
from erni_run.inside.delivery.request import Batch, join
from erni_run.inside.delivery.sender import Outcome
from erni_run.inside.delivery.spool import Spool
from erni_run.inside.notice import describe, say_rarely

_INTERVAL = 10.0  # seconds between two looks at what others have left
_MOST_ORPHANS = 64  # in one look

DAMAGED = "damaged"
"""Why spans are lost that cannot be read."""

Send = Callable[[Batch], Outcome]
Settle = Callable[[Outcome, Tally], None]


class Backlog:
    """Brings what is in ``spool`` to the collector with ``send``, one request at a time; ``settle`` counts what became
    of it. ``own`` is this process's holding, if it has one.
    """

    def __init__(self, spool: Spool, own: Holding | None, send: Send, settle: Settle) -> None:
        self._spool = spool
        self._own = own
        self._send = send
        self._settle = settle
        self._inherited: Holding | None = None
        self._barren: set[str] = set()  # what others have left and cannot be read
        self._troubled: set[str] = set()  # what could not be delivered in this look
        self._next_look = 0.0

    def carry(self, *, at_once: bool = False) -> bool:
        """Send the next request of what has waited; False if there is none. Others' folders are looked through every
        ten seconds, or ``at_once``.
        """
        if self._own is not None and self._own.kept_spans > 0:
            return self._attempt(self._carry_blob, self._own) is not None
        if self._inherited is None and self._is_time(at_once=at_once):
            self._inherited = self._adopt(self._known() | self._troubled)
            self._troubled = self._troubled if self._inherited is not None else set()
            self._next_look = 0.0 if self._inherited is not None else self._next_look  # there may be more
        if self._inherited is None:
            return False
        has_more = self._attempt(self._carry_inherited, self._inherited)
        if not has_more:  # should anything be left of it
            (self._troubled if has_more is None else self._barren).add(self._inherited.name)
            self.release()
        return True

    @staticmethod
    def _attempt(carry: Callable[[Holding], bool], holding: Holding) -> bool | None:
        """``carry(holding)``; None if the disk fails or is full, or if there are no more descriptors."""
        try:
            return carry(holding)
        except (OSError, ValueError) as error:
            say_rarely(f"what waits on disk cannot be delivered: {describe(error)}", kind="backlog")
            return None

    def _adopt(self, seen: set[str]) -> Holding | None:
        try:
            return self._spool.adopt(seen)
        except OSError as error:
            say_rarely(f"the spool cannot be looked through: {why(error)}", kind="spool")
            return None

    def move(self, spool: Spool, own: Holding) -> None:
        """Go on in ``spool``: it has been made anew, and so has this process's ``own`` holding."""
        self.release()
        self._spool, self._own = spool, own

    def tidy(self) -> None:
        """While the collector takes nothing: what others have left becomes small and stays within its bounds."""
        self.release()
        if not self._is_time(at_once=False):
            return
        seen = self._known()
        for _ in range(_MOST_ORPHANS):
            if (orphan := self._adopt(seen)) is None:
                return
            seen.add(orphan.name)
            try:
                self._shrink(orphan)
            except OSError as error:
                say_not_on_disk(error)
            finally:
                orphan.release()

    def release(self) -> None:
        """Let others have what we were at."""
        inherited, self._inherited = self._inherited, None
        if inherited is not None:
            inherited.release()

    def _is_time(self, *, at_once: bool) -> bool:
        now = time.monotonic()
        if now < self._next_look and not at_once:
            return False
        self._next_look = now + _INTERVAL * random.uniform(0.8, 1.2)  # noqa: S311  # spreads load, guards nothing
        return True

    def _known(self) -> set[str]:
        return self._barren | ({self._own.name} if self._own is not None else set())

    def _carry_inherited(self, holding: Holding) -> bool:
        """Send the next of what another process has left; False if there is nothing more."""
        remains = Remains(holding.folder, holding.account.mark)
        found = remains.oldest()
        _count_corrupt(holding, remains)
        if found is None:
            return self._carry_blob(holding)
        batch, mark = found
        outcome = self._send(batch)
        if put_aside(holding, outcome):
            self._settle(outcome, holding.account.tally)
            holding.account.tally.drop(remains.beside, DAMAGED)
            holding.advance(mark)
        return True

    def _carry_blob(self, holding: Holding) -> bool:
        """Send the oldest blob of ``holding``; False if there is none."""
        blob = next(iter(holding.blobs()), None)
        if blob is None:
            holding.recount()
            holding.kept_bytes = 0
            return False
        try:
            outcome = self._send(Batch(holding.load(blob), blob.spans))
        except FileNotFoundError:
            return True
        except (OSError, ValueError) as error:
            say_rarely(f"a file in the spool cannot be read: {describe(error)}", kind="damaged")
            holding.account.tally.drop(blob.spans, DAMAGED)
            holding.cross_off(blob)
            return True
        if outcome.rest and outcome.settled:
            records = outcome.records
            rest = Batch(join(records), len(records))
            holding.keep(rest, blob.origin, blob.last - rest.spans, blob.stamp)
        if outcome.settled:
            self._settle(outcome, holding.account.tally)
            holding.cross_off(blob)
        return True

    def _shrink(self, orphan: Holding) -> None:
        remains = Remains(orphan.folder, orphan.account.mark)
        while (found := remains.oldest()) is not None:
            batch, mark = found
            if not self._spool.keep(orphan, batch, f"j{mark.segment}", mark.spans - batch.spans):
                break
            remains.settle(mark)
            orphan.account.tally.drop(remains.beside, DAMAGED)
            orphan.advance(mark)
        _count_corrupt(orphan, remains)
        self._spool.expire(orphan)


def put_aside(holding: Holding | None, outcome: Outcome) -> bool:
    """Keep as a blob what is left of a batch that was delivered in part. False if nothing of it was, or if it cannot be
    kept: then all of it comes again.
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


def _count_corrupt(holding: Holding, remains: Remains) -> None:
    corrupt, remains.corrupt = remains.corrupt, 0
    if corrupt:
        holding.account.tally.drop(corrupt, DAMAGED)
        holding.advance(remains.mark)
