"""Access tokens by client credentials: fetched once, shared, renewed before they expire or when one was refused."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import aiohttp

from ..errors import GraphRefusedError
from ..upstream import parse_retry_after

EARLY = 120.0  # seconds; a token must outlive the slowest upload that starts with it


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """An app registration's, with a client secret."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)


class TokenSource:
    """One for all requests: whoever comes second waits for the first one's token."""

    def __init__(self, http: aiohttp.ClientSession, login_url: str, credentials: Credentials) -> None:
        self._http = http
        self._url = f"{login_url}/{credentials.tenant_id}/oauth2/v2.0/token"
        self._credentials = credentials
        self._token: str | None = None
        self._expires = 0.0
        self._lock = asyncio.Lock()

    async def token(self) -> str:
        """A token that is good for some minutes; GraphRefusedError when the login service says no."""
        async with self._lock:
            if self._token is None or time.monotonic() > self._expires - EARLY:
                self._token = await self._fetch()
            return self._token

    def refused(self, token: str) -> None:
        """Graph no longer takes this token; the next `token()` fetches another."""
        if self._token == token:
            self._token = None

    async def _fetch(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
            "scope": "https://graph.microsoft.com/.default",
        }
        async with self._http.post(self._url, data=form) as response:
            answer = await response.json(content_type=None)
            if response.status != 200:
                after = parse_retry_after(response.headers.get("Retry-After"))
                code = str(answer.get("error", "")) if isinstance(answer, dict) else ""
                raise GraphRefusedError(response.status, code, "no access token", retry_after=after)
            self._expires = time.monotonic() + float(answer.get("expires_in", 3600))
            return str(answer["access_token"])
