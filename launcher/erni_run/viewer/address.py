"""Where the running viewer is: written beside its database, and believed only if it answers there."""

from __future__ import annotations

import http.client
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

PRODUCT = "erni-run view"
_NAME = "address.json"
_SECONDS = 2


@dataclass(frozen=True)
class Address:
    """``page`` and ``http`` are URLs, ``grpc`` is one for exporters (http://host:port)."""

    page: str
    grpc: str
    http: str
    pid: int


def publish(folder: Path, address: Address) -> None:
    """Write ``address`` into the state directory ``folder``."""
    new = folder / f"{_NAME}.new"
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(address), file)
    new.replace(folder / _NAME)


def withdraw(folder: Path) -> None:
    """The viewer of ``folder`` ends."""
    (folder / _NAME).unlink(missing_ok=True)


def running(folder: Path) -> Address | None:
    """The viewer that keeps its traces in ``folder``, None if none answers."""
    try:
        address = Address(**json.loads((folder / _NAME).read_text(encoding="utf-8")))
        return address if _answers(address) else None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, http.client.HTTPException):
        return None  # the file, and whoever listens there, may say anything


def _answers(address: Address) -> bool:
    connection = http.client.HTTPConnection(urlsplit(address.page).netloc, timeout=_SECONDS)
    try:
        connection.request("GET", "/api/view/about")
        about = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return bool(about.get("product") == PRODUCT and about.get("pid") == address.pid)
