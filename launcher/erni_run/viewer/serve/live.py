"""News of traces as server-sent events (HTML Living Standard, 9.2)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from starlette.concurrency import run_in_threadpool

_PAUSE_SECONDS = 0.2  # between two events for the same trace
_COMMENT_SECONDS = 15
_MOST_PENDING = 500  # traces: of a storm of new ones a page is told the latest


class _Subscriber:
    """A page that listens: what it has not yet been told, in the order in which it happened."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self.pending: dict[int, None] = {}
        self.is_cleared = False
        self.is_ended = False

    def tell(self, traces: Iterable[int] | None) -> None:
        """Called in any thread."""
        numbers = None if traces is None else list(traces)
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the page with it
            self._loop.call_soon_threadsafe(self._told, numbers)

    def end(self) -> None:
        """Called in any thread."""
        self.is_ended = True
        with contextlib.suppress(RuntimeError):  # as above
            self._loop.call_soon_threadsafe(self._woken.set)

    async def wait(self) -> bool:
        """Whether something happened before it was time for a comment."""
        try:
            await asyncio.wait_for(self._woken.wait(), _COMMENT_SECONDS)
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    def take(self) -> list[int]:
        """The pending traces, which are then no longer pending."""
        numbers = list(self.pending)[-_MOST_PENDING:]
        self.pending.clear()
        return numbers

    def _told(self, numbers: list[int] | None) -> None:
        if numbers is None:
            self.is_cleared = True
            self.pending.clear()
        else:
            for number in numbers:
                self.pending.pop(number, None)
                self.pending[number] = None
        self._woken.set()


class Live:
    """Tells every page that listens what the writer has written."""

    def __init__(self) -> None:
        self._subscribers: set[_Subscriber] = set()

    def changed(self, traces: Iterable[int] | None) -> None:
        """There is news of the traces with these numbers, or (None) everything was deleted. Called by the writer."""
        for subscriber in tuple(self._subscribers):
            subscriber.tell(traces)

    def end(self) -> None:
        """End all streams."""
        for subscriber in tuple(self._subscribers):
            subscriber.end()

    async def events(self, hello: Callable[[], Any], summaries: Callable[[list[int]], list[str]]) -> AsyncIterator[str]:
        """The stream of one page. ``summaries`` makes JSON of traces by their numbers."""
        subscriber = _Subscriber()
        self._subscribers.add(subscriber)
        try:
            yield _event("hello", json.dumps(await run_in_threadpool(hello)))
            while not subscriber.is_ended:
                if not await subscriber.wait():
                    yield ": still here\n\n"
                    continue
                if subscriber.is_cleared:
                    subscriber.is_cleared = False
                    yield _event("cleared", "{}")
                for summary in await run_in_threadpool(summaries, subscriber.take()):
                    yield _event("trace", summary)
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            self._subscribers.discard(subscriber)


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"
