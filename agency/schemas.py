"""What a library wants to know of a photograph: from the cache, else from SharePoint."""

from __future__ import annotations

from .caches import RedisCache
from .graph.fields import LibrarySchema
from .graph.library import Libraries
from .logs import log_of

log = log_of(__name__)


class SchemaExtractor:
    """Asks SharePoint at most once an hour for each library."""

    def __init__(self, libraries: Libraries, cache: RedisCache[LibrarySchema]) -> None:
        self._libraries = libraries
        self._cache = cache

    async def library_schema(self, library_name: str, *, refresh: bool = False) -> LibrarySchema:
        """The library's writable fields; `refresh` asks SharePoint even if the cache knows."""
        cached = None if refresh else await self._cache.look_up(library_name)
        if cached is not None:
            return cached
        schema = await self._libraries.schema(library_name)
        await self._cache.store(schema, library_name)
        log.info("schema_extracted", library_name=library_name, fields=len(schema.fields))
        return schema
