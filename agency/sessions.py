"""Who is talking to us: session records in Redis, least recently used evicted first.

A copy stays in memory for when Redis is gone.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .logs import log_of
from .models import SessionRecord
from .redis_link import RedisAwayError, RedisLink

log = log_of(__name__)
LRU_KEY = "erni:session:lru"


def session_key(session_id: str) -> str:
    """Redis's key of a session."""
    return f"erni:session:{session_id}"


class SessionStore:
    """`ttl` in seconds; `maximum` sessions are kept in Redis and as many in memory."""

    def __init__(self, link: RedisLink, *, ttl: int, maximum: int, clock: Callable[[], float] = time.time) -> None:
        self._link = link
        self._ttl = ttl
        self._maximum = maximum
        self._clock = clock
        self._memory: OrderedDict[str, SessionRecord] = OrderedDict()

    async def touch(self, session_id: str) -> SessionRecord:
        """The session's record with this access counted; a new one for an id never seen."""
        now = self._clock()
        known = await self.find(session_id) or SessionRecord(session_id=session_id, created_at=now, last_accessed=now)
        record = known.model_copy(update={"last_accessed": now, "access_count": known.access_count + 1})
        self._remember(record)
        try:
            await self._link.attempt(lambda redis: self._store(redis, record))
        except RedisAwayError:
            log.debug("session_kept_in_memory", session_id=session_id)
        return record

    async def find(self, session_id: str) -> SessionRecord | None:
        """The fresher of Redis's record and ours: Redis may have missed accesses while it was away."""
        ours = self._fresh(self._memory.get(session_id))
        try:
            stored = await self._link.attempt(lambda redis: redis.get(session_key(session_id)))
        except RedisAwayError:
            return ours
        theirs = SessionRecord.model_validate_json(stored) if stored else None
        return max((each for each in (theirs, ours) if each), key=lambda each: each.last_accessed, default=None)

    def _fresh(self, record: SessionRecord | None) -> SessionRecord | None:
        return record if record and self._clock() - record.last_accessed < self._ttl else None

    def _remember(self, record: SessionRecord) -> None:
        self._memory[record.session_id] = record
        self._memory.move_to_end(record.session_id)
        while len(self._memory) > self._maximum:
            self._memory.popitem(last=False)

    async def _store(self, redis: Any, record: SessionRecord) -> None:
        await redis.set(session_key(record.session_id), record.model_dump_json(), ex=self._ttl)
        await redis.zadd(LRU_KEY, {record.session_id: record.last_accessed})
        excess = await redis.zcard(LRU_KEY) - self._maximum
        if excess > 0:
            evicted = await redis.zrange(LRU_KEY, 0, excess - 1)
            await redis.delete(*(session_key(session_id) for session_id in evicted))
            await redis.zrem(LRU_KEY, *evicted)
            for session_id in evicted:
                self._memory.pop(session_id, None)
