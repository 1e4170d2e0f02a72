"""A photograph filed in SharePoint: a free name, the bytes, the fields; never a personal value."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import PurePath
from typing import Any

from .errors import GraphRefusedError, InvalidRequestError
from .graph.client import GraphClient, Json
from .graph.fields import LibrarySchema, field_values
from .graph.library import Libraries, Library
from .graph.upload import DriveUploads, NameTakenError, Place
from .logs import log_of
from .models import SharePointUploadInput, SharePointUploadOutput
from .personal_data import PERSONAL_FIELDS, withhold_personal
from .photos import Photo, PhotoShelf
from .retry import Patience, retry_on_transient_error

log = log_of(__name__)

DRAFT = "Entwurf KI"
MASK = re.compile(r"Erni_Referenzfoto_(\d{4,})\.\w+", re.IGNORECASE)
NAME_ATTEMPTS = 50
AT_ONCE = 4  # each holds one photo in memory
FORBIDDEN_IN_FOLDER = re.compile(r'["*:<>?\\|#%]|(^|/)\.\.?(/|$)|//')


def upload_name(number: int, suffix: str) -> str:
    """The name a numbered photo gets."""
    return f"Erni_Referenzfoto_{number:04}.{suffix}"


class SharePointUploader:
    """Gives names, sends bytes, fills fields."""

    def __init__(
        self, client: GraphClient, libraries: Libraries, uploads: DriveUploads, shelf: PhotoShelf, *, patience: Patience
    ) -> None:
        self._client = client
        self._libraries = libraries
        self._uploads = uploads
        self._shelf = shelf
        self._next: dict[tuple[str, str | None], int] = {}
        self._naming = asyncio.Lock()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.patience = patience

    async def get_ready(self, library_name: str, folder: str | None = None) -> None:
        """Sign in, find the library and the first free number; what fails here fails before any photo is sent."""
        await self._client.sign_in()
        library = await self._libraries.find(library_name)
        names = await self._libraries.taken_names(library, clean_folder(folder))
        async with self._naming:
            self._next[library_name, clean_folder(folder)] = _first_free(names)

    async def upload(
        self, photo: Photo, wish: SharePointUploadInput, schema: LibrarySchema, *, name: str | None = None
    ) -> SharePointUploadOutput:
        """File `photo` as `wish` says; `name` replaces that file instead of taking the next number."""
        started = time.perf_counter()
        library = await self._libraries.find(wish.library_name)
        async with self._slots:
            item = await self._file(photo, wish, library, name)
        free, personal = withhold_personal(wish.metadata_fields)
        found = {value.internal_name: value.field_value for value in free}
        given, blocked = _without_personal(wish.metadata or {})
        automatic = {"Status": DRAFT, "Title": PurePath(item["name"]).stem, "OriginalName": PurePath(photo.path).name}
        values, problems = field_values(schema, {**found, **given, **automatic})
        problems += await self._fill(library, item["id"], values)
        output = SharePointUploadOutput(
            success=True,
            file_id=item["id"],
            sharepoint_url=item.get("webUrl"),
            metadata_applied=not any(problem.startswith("SharePoint") for problem in problems),
            pii_blocked=bool(personal or blocked),
            validation_errors=problems,
            processing_time_ms=round((time.perf_counter() - started) * 1000),
            upload_name=item["name"],
        )
        log.info("photo_uploaded", image_hash=photo.sha256[:12], name=output.upload_name, size=photo.size)
        return output

    async def _file(self, photo: Photo, wish: SharePointUploadInput, library: Library, name: str | None) -> Json:
        folder = clean_folder(wish.folder_path)
        content = await self._shelf.read(photo.path)
        if name is not None:
            return await self._send(Place(library=library, name=name, folder=folder, replace=True), content)
        for _ in range(NAME_ATTEMPTS):
            free = upload_name(await self._take_number(library.name, folder), photo.suffix)
            try:
                return await self._send(Place(library=library, name=free, folder=folder), content)
            except NameTakenError:
                log.info("name_taken", name=free)
        raise GraphRefusedError(409, "nameAlreadyExists", f"no free name in {NAME_ATTEMPTS} attempts")

    async def _take_number(self, library_name: str, folder: str | None) -> int:
        if (library_name, folder) not in self._next:
            await self.get_ready(library_name, folder)
        async with self._naming:
            number = self._next[library_name, folder]
            self._next[library_name, folder] = number + 1
            return number

    async def _fill(self, library: Library, file_id: str, values: dict[str, Any]) -> list[str]:
        try:
            await self._write_fields(library, file_id, values)
        except GraphRefusedError as no:
            if no.status != 400:
                raise
            return [f"SharePoint refused the fields: {no}"]  # the photo is filed; a person can complete it
        return []

    # Two steps, retried apart: a file whose fields fail must not be sent a second time.
    @retry_on_transient_error(agent_name="sharepoint_uploader")
    async def _send(self, place: Place, content: bytes) -> Json:
        return await self._uploads.put(place, content)

    @retry_on_transient_error(agent_name="sharepoint_uploader")
    async def _write_fields(self, library: Library, file_id: str, values: dict[str, Any]) -> None:
        await self._libraries.write_fields(library, file_id, values)


def clean_folder(folder: str | None) -> str | None:
    """The folder without outer slashes; InvalidRequestError for what SharePoint refuses or what leads elsewhere."""
    cleaned = (folder or "").strip().strip("/")
    if FORBIDDEN_IN_FOLDER.search(cleaned):
        details = [{"field": "folder_path", "reason": "has a part that SharePoint does not allow"}]
        raise InvalidRequestError("folder_path is not a folder's path.", details=details)
    return cleaned or None


def _without_personal(given: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    kept = {name: value for name, value in given.items() if name not in PERSONAL_FIELDS}
    return kept, len(kept) < len(given)


def _first_free(names: list[str]) -> int:
    numbers = [int(match[1]) for name in names if (match := MASK.fullmatch(name))]
    return max(numbers, default=0) + 1
