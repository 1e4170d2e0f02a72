"""A file's bytes into a drive: in one request when small, in ranges through an upload session when not."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

from ..errors import GraphRefusedError
from ..upstream import is_transient
from .client import GraphClient, Json, path_of
from .library import Library

SMALL = 4 * 1024 * 1024
RESUMES = 3
BEHAVIOR = "@microsoft.graph.conflictBehavior"


class NameTakenError(Exception):
    """The library already has a file of this name."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a file goes; `replace` says what happens to one of the same name."""

    library: Library
    name: str
    folder: str | None = None
    replace: bool = False

    @property
    def url(self) -> str:
        """The path-based address of the file, up to the colon that ends it."""
        segments = [*(self.folder.split("/") if self.folder else []), self.name]
        return f"/drives/{self.library.drive_id}/root:/{path_of(*segments)}:"

    @property
    def behavior(self) -> str:
        """Graph's word for what happens when the name is taken."""
        return "replace" if self.replace else "fail"


class DriveUploads:
    """`chunk` in bytes, a multiple of 320 KiB."""

    def __init__(self, client: GraphClient, *, chunk: int) -> None:
        self._client = client
        self._chunk = chunk

    async def put(self, place: Place, content: bytes) -> Json:
        """The driveItem that Graph made of it. Raises NameTakenError, or GraphRefusedError for any other no."""
        try:
            if len(content) > SMALL:
                return await self._through_session(place, content)
            return await self._client.request("PUT", f"{place.url}/content?{BEHAVIOR}={place.behavior}", data=content)
        except GraphRefusedError as no:
            if no.status == 409 and no.code == "nameAlreadyExists":
                raise NameTakenError(place.name) from no
            raise

    async def _through_session(self, place: Place, content: bytes) -> Json:
        wish = {"item": {BEHAVIOR: place.behavior, "name": place.name}}
        session = await self._client.request("POST", f"{place.url}/createUploadSession", json=wish)
        url = str(session["uploadUrl"])
        try:
            return await self._send_ranges(url, content)
        except BaseException:
            await self._abandon(url)
            raise

    async def _send_ranges(self, url: str, content: bytes) -> Json:
        first, resumes = 0, 0
        while True:
            answer, failure = await self._send_range(url, content, first)
            if failure is not None:
                resumes += 1
                if resumes > RESUMES or not _worth_resuming(failure):
                    raise failure
                answer = await self._client.upload_status(url)
            if "nextExpectedRanges" not in answer:
                return answer
            first = _next_first(answer)

    async def _send_range(self, url: str, content: bytes, first: int) -> tuple[Json, Exception | None]:
        """Graph's answer to one range, or what went wrong with it."""
        try:
            return await self._client.put_range(url, content[first : first + self._chunk], first, len(content)), None
        except (TimeoutError, GraphRefusedError, aiohttp.ClientError) as error:
            return {}, error

    async def _abandon(self, url: str) -> None:
        try:
            await self._client.abandon_upload(url)
        except (TimeoutError, aiohttp.ClientError):
            return  # the session expires on its own; the failure that led here is the one to report


def _worth_resuming(error: Exception) -> bool:
    # 416: Graph has bytes that we think it lacks, because its answer to them was lost. It knows where to go on.
    return is_transient(error) or (isinstance(error, GraphRefusedError) and error.status == 416)


def _next_first(answer: Json) -> int:
    """The first byte still missing, from nextExpectedRanges: ["26-"] or ["12345-55232", …]."""
    return int(str(answer["nextExpectedRanges"][0]).split("-")[0])
