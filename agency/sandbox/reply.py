"""What a sandbox route takes and gives: one request in, one reply out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request, read to its end."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The decoded path, without the query."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """The last value of each query parameter."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    def header(self, name: str) -> str:
        """A header's value by its name in any case; empty when absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; ValueError or TypeError for anything else."""
        parsed = json.loads(self.body or b"{}")
        if not isinstance(parsed, dict):
            raise TypeError("the body must be a JSON object")
        return parsed


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer; `body` is sent as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_up: bool = False  # close the connection without a word, as a crashed proxy does

    def encoded(self) -> bytes:
        """The body's bytes."""
        return b"" if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()
