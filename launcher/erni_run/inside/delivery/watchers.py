"""Who wants to know what became of spans: the metrics about traces. Each is told in the thread that delivers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from erni_run.inside.delivery.holding import Blob, Holding
from erni_run.inside.delivery.request import spans_of
from erni_run.inside.notice import describe, say_rarely

Watcher = Callable[[Sequence[bytes], str, str], None]


class Watchers:
    """Tells each of ``watchers`` the spans that are settled, encoded, the outcome, and why."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = watchers
        self._overflow: deque[bytes] = deque()

    def put_off(self, spans: list[bytes]) -> None:
        """Keep ``spans``, which are dropped, until ``catch_up``: this thread is the application's."""
        if self._watchers:
            self._overflow.extend(spans)

    def catch_up(self, reason: str = "memory full") -> None:
        """Tell what has been put off."""
        if self._overflow:
            self._tell([self._overflow.popleft() for _ in range(len(self._overflow))], "dropped", reason)

    def dropped(self, holding: Holding, blob: Blob, reason: str) -> None:
        """Tell that ``blob`` is about to be dropped."""
        if self._watchers:
            try:
                self.settled(holding.load(blob), "dropped", reason)
            except (OSError, ValueError):  # damaged as well
                return

    def settled(self, request: bytes, what: str, reason: str) -> None:
        """Tell what became of the spans of ``request``: "delivered", "rejected" or "dropped"."""
        if self._watchers:
            self._tell(spans_of(request), what, reason)

    def _tell(self, spans: list[bytes], what: str, reason: str) -> None:
        for watcher in self._watchers:
            try:
                watcher(spans, what, reason)
            except Exception as error:  # what is settled is settled
                say_rarely(f"delivery: {describe(error)}", kind="watchers")
