"""What is not sent goes to disk, as blobs: what memory and the journal have no room for, and what is left at the end.

It knows nothing of the collector.
"""

from __future__ import annotations

from erni_run.inside.delivery.bulletin import say_not_on_disk
from erni_run.inside.delivery.intake import Intake
from erni_run.inside.delivery.place import Place

_MOST_IN_MEMORY = 1 << 20  # bytes, where there is no journal; more goes to the disk while the collector takes nothing


class Offload:
    """Moves spans from ``intake`` to the holding of ``place``. What the disk does not take stays where it is."""

    def __init__(self, intake: Intake, place: Place) -> None:
        self._intake = intake
        self._place = place

    def make_room(self) -> None:
        """Full segments, and what grows in memory, become blobs; blobs that are too old go."""
        spool, holding = self._place.spool, self._place.holding
        journal, memory = self._intake.journal, self._intake.memory
        if spool is None or holding is None:
            return
        try:
            while journal is not None and journal.is_crowded and (found := journal.oldest()) is not None:
                batch, mark = found
                first = mark.spans - batch.spans
                if not journal.is_crowded or not spool.keep(holding, batch, f"j{mark.segment}", first):
                    break
                self._place.advance(journal, mark)
            most = _MOST_IN_MEMORY if journal is None else 0
            while memory.used > most and (left := memory.oldest()) is not None:
                if not spool.keep(holding, left):
                    break
                memory.settle()
            spool.expire(holding)
        except OSError as error:
            say_not_on_disk(error)

    def keep_memory(self) -> None:
        """Put what is in memory on disk, as far as there is one."""
        memory, holding = self._intake.memory, self._place.holding
        try:
            while holding is not None and (batch := memory.oldest()) is not None:
                holding.keep(batch, durable=False)
                memory.settle()
        except OSError as error:
            say_not_on_disk(error)

    def keep_displaced(self) -> None:
        """Put on disk what is in files that somebody has removed."""
        journal, holding = self._intake.journal, self._place.holding
        if journal is None or holding is None:
            return
        try:
            while journal.displaced and (found := journal.oldest()) is not None:
                batch, mark = found
                holding.keep(batch, f"j{mark.segment}", mark.spans - batch.spans, durable=False)
                self._place.advance(journal, mark)
        except OSError as error:
            say_not_on_disk(error)
