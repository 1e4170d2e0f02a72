"""A SharePoint document library: where it is, which columns it has, which names are taken."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..errors import GraphRefusedError, NotFoundError
from .client import GraphClient, path_of
from .fields import LibrarySchema, field_of


@dataclass(frozen=True, kw_only=True)
class Library:
    """A document library by the three ids that Graph knows it under."""

    name: str
    site_id: str
    list_id: str
    drive_id: str


class Libraries:
    """The libraries of one site; where each is found is remembered, for it does not move."""

    def __init__(self, client: GraphClient, site_url: str) -> None:
        self._client = client
        self._site_url = site_url
        self._site_id: str | None = None
        self._known: dict[str, Library] = {}

    async def find(self, name: str) -> Library:
        """Raises NotFoundError, with the nearest names, when the site has no such library."""
        if name not in self._known:
            self._known[name] = await self._locate(name)
        return self._known[name]

    async def schema(self, name: str) -> LibrarySchema:
        """The library's writable fields."""
        library = await self.find(name)
        path = f"/sites/{library.site_id}/lists/{library.list_id}/columns"
        fields = [field_of(column) async for column in self._client.pages(path)]
        return LibrarySchema(library_name=name, fields=[field for field in fields if field is not None])

    async def taken_names(self, library: Library, folder: str | None = None) -> list[str]:
        """File names in the library's root or in one folder of it; a folder not yet there is empty."""
        place = f"root:/{path_of(*folder.split('/'))}:/children" if folder else "root/children"
        try:
            path = f"/drives/{library.drive_id}/{place}?$select=id,name&$top=999"
            return [entry["name"] async for entry in self._client.pages(path)]
        except GraphRefusedError as no:
            if no.status == 404 and folder:
                return []
            raise

    async def write_fields(self, library: Library, file_id: str, values: dict[str, Any]) -> None:
        """Set fields of the list item behind a file."""
        # By the drive item: its id is not the list item's, and this path spares the mapping.
        path = f"/drives/{library.drive_id}/items/{file_id}/listItem/fields"
        await self._client.request("PATCH", path, json=values)

    async def _locate(self, name: str) -> Library:
        site_id = await self._site()
        found = {entry["displayName"]: entry async for entry in self._client.pages(f"/sites/{site_id}/lists")}
        if name not in found:
            near = difflib.get_close_matches(name, found, n=3)
            details = [{"library_name": name, "nearest": ", ".join(near)}]
            raise NotFoundError(f"The site has no library {name!r}.", details=details)
        list_id = found[name]["id"]
        drive = await self._client.get(f"/sites/{site_id}/lists/{list_id}/drive")
        return Library(name=name, site_id=site_id, list_id=list_id, drive_id=drive["id"])

    async def _site(self) -> str:
        if self._site_id is None:
            parts = urlsplit(self._site_url)
            path = path_of(*(segment for segment in parts.path.split("/") if segment))
            answer = await self._client.get(f"/sites/{parts.hostname}:/{path}")
            self._site_id = str(answer["id"])
        return self._site_id
