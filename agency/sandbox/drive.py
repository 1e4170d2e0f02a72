"""The sandbox's document library: files by name, upload sessions by range, fields by the multi-choice rule."""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from .library import MULTIPLE, SINGLE

RANGE_UNIT = 320 * 1024
RANGE_LIMIT = 60 * 1024 * 1024


class RefusedError(Exception):
    """The service says no: an HTTP status, Graph's code and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(kw_only=True)
class StoredFile:
    """A file without its content; `size` in bytes."""

    id: str
    name: str
    size: int
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Upload:
    """An upload session; `received` bytes so far."""

    name: str
    behavior: str
    received: int = 0


class Drive:
    """Sizes and fields are kept, contents are not: a sandbox that runs for days must not grow by photos."""

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}
        self._uploads: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def files(self) -> list[StoredFile]:
        """All files, oldest first."""
        with self._lock:
            return list(self._files.values())

    def file(self, file_id: str) -> StoredFile:
        """A file by its id, or 404."""
        found = next((file for file in self.files() if file.id == file_id), None)
        if found is None:
            raise RefusedError(404, "itemNotFound", "The resource could not be found.")
        return found

    def put(self, name: str, size: int, behavior: str) -> tuple[StoredFile, bool]:
        """The file and whether it is new; a taken name is refused, replaced or renamed as `behavior` says."""
        with self._lock:
            taken = self._files.get(name)
            if taken is not None and behavior == "fail":
                raise RefusedError(409, "nameAlreadyExists", "The specified item name already exists.")
            if taken is not None and behavior == "replace":
                taken.size = size
                return taken, False
            stored = StoredFile(id=f"01{uuid.uuid4().hex[:18].upper()}", name=self._free(name), size=size)
            self._files[stored.name] = stored
            return stored, True

    def _free(self, name: str) -> str:
        stem, dot, suffix = name.rpartition(".")
        names = (name, *(f"{stem} {number}{dot}{suffix}" for number in range(1, 10_000)))
        return next(candidate for candidate in names if candidate not in self._files)

    def open_upload(self, name: str, behavior: str) -> str:
        """A new upload session's id; 409 for a taken name under `fail`."""
        with self._lock:
            if behavior == "fail" and name in self._files:
                raise RefusedError(409, "nameAlreadyExists", "The specified item name already exists.")
            upload_id = uuid.uuid4().hex
            self._uploads[upload_id] = Upload(name=name, behavior=behavior)
            return upload_id

    def upload(self, upload_id: str) -> Upload:
        """An upload session by its id, or 404."""
        with self._lock:
            if upload_id not in self._uploads:
                raise RefusedError(404, "itemNotFound", "The upload session was not found.")
            return self._uploads[upload_id]

    def drop_upload(self, upload_id: str) -> None:
        """End an upload session without a file."""
        self.upload(upload_id)
        with self._lock:
            self._uploads.pop(upload_id, None)

    def receive(self, upload_id: str, content_range: str, size: int) -> tuple[StoredFile, bool] | None:
        """Take one range; the finished file with the last one, None before."""
        upload = self.upload(upload_id)
        first, last, total = _parse_range(content_range, size)
        if first != upload.received:
            raise RefusedError(416, "invalidRange", f"Expected a range that starts at {upload.received}.")
        if last + 1 != total and size % RANGE_UNIT:
            raise RefusedError(400, "invalidRequest", "Every range but the last must be a multiple of 320 KiB.")
        upload.received = last + 1
        if upload.received < total:
            return None
        self.drop_upload(upload_id)
        return self.put(upload.name, total, upload.behavior)

    def write_fields(self, file_id: str, fields: dict[str, Any]) -> StoredFile:
        """Set fields of a file; 400 for a value that does not fit its column."""
        stored = self.file(file_id)
        for name, value in fields.items():
            _check_field(name, value, fields)
        with self._lock:
            stored.fields.update({name: value for name, value in fields.items() if "@" not in name})
        return stored


def _parse_range(content_range: str, size: int) -> tuple[int, int, int]:
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", content_range)
    if match is None:
        raise RefusedError(400, "invalidRequest", "Content-Range must read: bytes first-last/total.")
    first, last, total = (int(part) for part in match.groups())
    if last - first + 1 != size or last >= total or size > RANGE_LIMIT:
        raise RefusedError(400, "invalidRequest", "Content-Range does not fit the body.")
    return first, last, total


def _check_field(name: str, value: Any, fields: dict[str, Any]) -> None:
    if "@" in name:
        return
    if name in MULTIPLE:
        if fields.get(f"{name}@odata.type") != "Collection(Edm.String)" or not isinstance(value, list):
            raise RefusedError(
                400, "invalidRequest", f"Field '{name}' needs a Collection(Edm.String) annotation and a list."
            )
        _check_choices(name, value, MULTIPLE[name])
    elif isinstance(value, list):
        raise RefusedError(400, "invalidRequest", f"Field '{name}' takes one value.")
    elif name in SINGLE:
        _check_choices(name, [value], SINGLE[name])


def _check_choices(name: str, values: list[Any], terms: str) -> None:
    if any(value not in terms.split("|") for value in values):
        raise RefusedError(400, "invalidRequest", f"Field '{name}' has a value that is not among its choices.")
