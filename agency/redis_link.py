"""The way to Redis, which may be gone: a caller gets an answer or RedisAwayError at once, never a wait."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .logs import log_of

log = log_of(__name__)
T = TypeVar("T")
PAUSE = 0.5
CONNECT_TIMEOUT = 0.25
COMMAND_TIMEOUT = 1.0


class RedisAwayError(Exception):
    """Redis did not answer, or did not a moment ago."""


class RedisLink:
    """Runs commands; after a failure it asks nothing for PAUSE seconds: an outage costs one time-out and not many."""

    def __init__(self, url: str | None) -> None:
        # One reconnect without a wait: the pool may hold connections to a server that has restarted since.
        self._redis: Redis | None = url and Redis.from_url(  # type: ignore[assignment]  # "" and None both mean: none
            url,
            decode_responses=True,
            socket_connect_timeout=CONNECT_TIMEOUT,
            socket_timeout=COMMAND_TIMEOUT,
            retry=Retry(NoBackoff(), 1),
        )
        self._away_until = 0.0
        self._was_away = False

    async def attempt(self, work: Callable[[Redis], Awaitable[T]]) -> T:
        """The result of `work`; RedisAwayError when Redis fails or failed a moment ago."""
        if self._redis is None or time.monotonic() < self._away_until:
            raise RedisAwayError
        try:
            result = await work(self._redis)
        except (RedisError, OSError, TimeoutError) as error:
            self._went_away(error)
            raise RedisAwayError from error
        self._came_back()
        return result

    async def answers(self) -> bool:
        """Whether Redis is there."""
        try:
            await self.attempt(lambda redis: redis.get("erni:ping"))
        except RedisAwayError:
            return False
        return True

    async def close(self) -> None:
        """Close all connections."""
        if self._redis is not None:
            await self._redis.aclose()

    def _went_away(self, error: Exception) -> None:
        self._away_until = time.monotonic() + PAUSE
        if not self._was_away:
            log.warning("redis_away", error=type(error).__name__)
        self._was_away = True

    def _came_back(self) -> None:
        if self._was_away:
            log.info("redis_back")
        self._was_away = False
