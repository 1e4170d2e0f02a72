"""What need not be asked twice: a library's schema for an hour, a photo's analysis for a day.

Without Redis it is asked twice.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from .graph.fields import LibrarySchema
from .metrics import CACHE
from .models import VisionAnalysisOutput
from .redis_link import RedisAwayError, RedisLink

Entry = TypeVar("Entry", bound=BaseModel)


class RedisCache(Generic[Entry]):
    """Pydantic models as JSON under one key prefix, each for `ttl` seconds."""

    def __init__(self, link: RedisLink, entry: type[Entry], *, name: str, ttl: int) -> None:
        self._link = link
        self._entry = entry
        self._name = name
        self._ttl = ttl

    async def look_up(self, *parts: str) -> Entry | None:
        """The entry under these parts of a key; None when there is none, or no Redis."""
        try:
            stored = await self._link.attempt(lambda redis: redis.get(self._key(parts)))
        except RedisAwayError:
            stored = None
        found = self._parsed(stored)
        CACHE.labels(self._name, "hit" if found else "miss").inc()
        return found

    async def store(self, entry: Entry, *parts: str) -> None:
        """Keep an entry; without Redis, do not."""
        try:
            await self._link.attempt(lambda redis: redis.set(self._key(parts), entry.model_dump_json(), ex=self._ttl))
        except RedisAwayError:
            return

    def _key(self, parts: tuple[str, ...]) -> str:
        return ":".join((f"erni_foto:{self._name}", *parts))

    def _parsed(self, stored: str | None) -> Entry | None:
        try:
            return self._entry.model_validate_json(stored) if stored else None
        except ValidationError:
            return None  # written by another version of the agency: as good as absent


def schema_cache(link: RedisLink) -> RedisCache[LibrarySchema]:
    """Keys erni_foto:sharepoint_schema:{library}."""
    return RedisCache(link, LibrarySchema, name="sharepoint_schema", ttl=3600)


def vision_cache(link: RedisLink) -> RedisCache[VisionAnalysisOutput]:
    """Keys erni_foto:vision_analysis:{sha256}:{model}."""
    return RedisCache(link, VisionAnalysisOutput, name="vision_analysis", ttl=86400)
