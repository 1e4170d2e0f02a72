"""One request to Graph: the token, one renewal when it is refused, and errors as GraphRefusedError."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from ..errors import GraphRefusedError
from ..upstream import parse_retry_after
from .auth import TokenSource

Json = dict[str, Any]


def path_of(*segments: str) -> str:
    """Segments of a file's path, escaped for a Graph URL."""
    return "/".join(quote(segment, safe="") for segment in segments)


class GraphClient:
    """Requests by path below `base_url`, which ends in the API's version."""

    def __init__(self, http: aiohttp.ClientSession, base_url: str, tokens: TokenSource) -> None:
        self._http = http
        self._base = base_url.rstrip("/")
        self._tokens = tokens

    async def sign_in(self) -> None:
        """Make sure a token is at hand, so that a refusal shows before any work is done."""
        await self._tokens.token()

    async def get(self, path: str) -> Json:
        """The JSON at a path."""
        return await self.request("GET", path)

    async def pages(self, path: str) -> AsyncIterator[Json]:
        """Every entry of a collection, over all its pages."""
        target: str | None = path
        while target:
            page = await self.request("GET", target)
            for entry in page.get("value", []):
                yield entry
            target = page.get("@odata.nextLink")

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Json | None = None,
        data: bytes | None = None,
    ) -> Json:
        """The JSON answer of a status below 300; GraphRefusedError for any other."""
        # encoded=True: names are escaped by path_of, and a second escaping would rename the file.
        url = URL(path if path.startswith("http") else self._base + path, encoded=True)
        token = await self._tokens.token()
        try:
            return await self._send(method, url, token, json=json, data=data)
        except GraphRefusedError as no:
            if no.status != 401:
                raise
        self._tokens.refused(token)
        return await self._send(method, url, await self._tokens.token(), json=json, data=data)

    async def put_range(self, upload_url: str, chunk: bytes, first: int, total: int) -> Json:
        """One range of an upload session: a driveItem when it was the last, else what is still expected.

        Without Authorization: the URL itself is the permission, and may refuse another.
        """
        headers = {"Content-Range": f"bytes {first}-{first + len(chunk) - 1}/{total}"}
        async with self._http.put(URL(upload_url, encoded=True), data=io.BytesIO(chunk), headers=headers) as response:
            return await _json(response)

    async def upload_status(self, upload_url: str) -> Json:
        """What an upload session still expects."""
        async with self._http.get(URL(upload_url, encoded=True)) as response:
            return await _json(response)

    async def abandon_upload(self, upload_url: str) -> None:
        """Give an upload session up, so that its ranges do not count against the quota."""
        async with self._http.delete(URL(upload_url, encoded=True)):
            return

    async def _send(self, method: str, url: URL, token: str, *, json: Json | None, data: bytes | None) -> Json:
        headers: Mapping[str, str] = {"Authorization": f"Bearer {token}"}
        body = None if data is None else io.BytesIO(data)  # aiohttp sends plain bytes in one piece, and blocks
        async with self._http.request(method, url, json=json, data=body, headers=headers) as response:
            return await _json(response)


async def _json(response: aiohttp.ClientResponse) -> Json:
    if response.status == 204:
        return {}
    try:
        answer = await response.json(content_type=None)
    except ValueError:
        answer = None  # a gateway's HTML page: the status says all there is to know
    answer = answer if isinstance(answer, dict) else {}
    if response.status < 300:
        return answer
    error = answer.get("error")
    error = error if isinstance(error, dict) else {}
    after = parse_retry_after(response.headers.get("Retry-After"))
    raise GraphRefusedError(response.status, error.get("code", ""), error.get("message", ""), retry_after=after)
