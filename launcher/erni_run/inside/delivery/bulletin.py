"""What the user hears of delivery: a line when something changes, at most one a minute, nothing while all is well."""

from __future__ import annotations

import time
from collections.abc import Callable

from erni_run.inside.delivery.account import Counts
from erni_run.inside.delivery.transport import Answer
from erni_run.inside.notice import describe, say, say_rarely

_PATIENCE = 5.0  # seconds of trouble that nobody needs to hear of
_INTERVAL = 60.0  # seconds between two lines


class Bulletin:
    """The lines about the collector at ``address``; ``place`` is where spans wait: "on disk" or "in memory"."""

    def __init__(
        self,
        address: str,
        place: str,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = say,
    ) -> None:
        self._address = address
        self._clock = clock
        self._tell = tell
        self.place = place
        self._since = 0.0
        self._last_line = -_INTERVAL
        self._said: tuple[str, int] | None = None

    @property
    def has_spoken(self) -> bool:
        """Whether the last word was of trouble."""
        return self._said is not None

    def update(self, trouble: Answer, counts: Counts, size: int) -> None:
        """Say what has changed. ``trouble`` has no reason while the collector takes spans; ``size`` is in bytes."""
        now = self._clock()
        if not trouble.reason:
            self._over(now, counts)
            return
        self._since = self._since or now
        lost = _lost(counts)
        state = (trouble.reason, lost)
        is_news = self._said is None or state != self._said
        is_due = now - self._since >= _PATIENCE or trouble.misconfigured
        if is_news and is_due and now - self._last_line >= _INTERVAL:
            self._said = state
            self._last_line = now
            kept = f"{spans(counts.pending)} kept {self.place} ({_bytes(size)})"
            self._tell(f"{self._complaint(trouble, now)}: {kept}, {lost:,} lost")

    def _over(self, now: float, counts: Counts) -> None:
        if self._said is not None:
            lasted = now - self._since
            self._tell(f"collector {self._address} is back after {lasted:.0f} s: {_lost(counts):,} lost")
        self._said, self._since = None, 0.0

    def _complaint(self, trouble: Answer, now: float) -> str:
        if trouble.misconfigured:
            return f"collector {self._address} takes no spans until this is mended: {trouble.reason}"
        return f"collector {self._address} unreachable for {now - self._since:.0f} s ({trouble.reason})"

    def rejected(self, count: int, reason: str) -> None:
        """The collector has refused ``count`` spans for good."""
        say_rarely(f"{self._address} rejected {spans(count)}: {reason}", kind="rejected")

    def kept(self, count: int, size: int, reason: str) -> None:
        """At the end of the process, ``count`` spans are left on disk."""
        verb, them = ("waits", "it") if count == 1 else ("wait", "them")
        where = f"{spans(count)} ({_bytes(size)}) for {self._address} {verb} on disk"
        self._tell(f"{where} for the next process to deliver {them}: {reason}")

    def lost(self, count: int, reason: str) -> None:
        """At the end of the process, ``count`` spans are left in memory."""
        self._tell(f"{spans(count)} could not be delivered to {self._address}, and there is no place on disk: {reason}")


def spans(count: int) -> str:
    """``count`` with its noun."""
    return "1 span" if count == 1 else f"{count:,} spans"


def say_not_on_disk(error: OSError) -> None:
    """Spans that are to go to disk stay where they are."""
    say_rarely(f"spans cannot be put on disk: {why(error)}", kind="disk")


def why(error: OSError) -> str:
    """Why the disk fails, without the path, which is another one each time."""
    return error.strerror or describe(error)


def _lost(counts: Counts) -> int:
    return sum(counts.rejected.values()) + sum(counts.dropped.values())


def _bytes(size: int) -> str:
    if size < 1_000_000:
        return f"{size / 1000:.1f} kB"
    return f"{size / 1_000_000:.1f} MB"
