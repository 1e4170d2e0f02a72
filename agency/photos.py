"""Photographs as files: which are acceptable, what identifies them, and what the model gets to see of them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from .errors import PhotosRejectedError

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif"}
MAX_PIXELS = 120_000_000
MODEL_SIDE = 1024


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photograph that was decoded once from end to end; `size` in bytes."""

    path: str
    sha256: str
    size: int
    width: int
    height: int
    suffix: str


@dataclass(frozen=True, kw_only=True)
class PhotoRules:
    """Which files are taken; `root` of None means from anywhere."""

    root: Path | None
    max_bytes: int
    max_photos: int


class RejectedError(Exception):
    """Why one file is not a photograph we take."""


class PhotoShelf:
    """Opens photographs under the rules. Decoding happens on threads: it holds no event loop up."""

    def __init__(self, rules: PhotoRules) -> None:
        self._rules = rules

    async def check(self, paths: list[str]) -> None:
        """Refuse at the door what needs no decoding. Raises PhotosRejectedError that lists every bad path."""
        if len(paths) > self._rules.max_photos:
            words = f"At most {self._rules.max_photos} photos a batch, not {len(paths)}."
            raise PhotosRejectedError(words, details=[{"path": "", "reason": "too many photos"}])
        doubles = {path for path in paths if paths.count(path) > 1}
        bad = [{"path": path, "reason": "listed more than once"} for path in sorted(doubles)]
        bad += await asyncio.to_thread(_complaints, paths, self._look)
        _raise_for(bad)

    async def inspect(self, paths: list[str]) -> list[Photo]:
        """Decode and hash each photograph. Raises PhotosRejectedError that lists every bad path."""
        outcomes = await asyncio.gather(*(asyncio.to_thread(self._inspected, path) for path in paths))
        _raise_for([each for each in outcomes if isinstance(each, dict)])
        return [each for each in outcomes if isinstance(each, Photo)]

    async def read(self, path: str) -> bytes:
        """A photo's bytes as they are on disk."""
        return await asyncio.to_thread(Path(path).read_bytes)

    async def prepare(self, path: str) -> bytes:
        """A JPEG for the model: upright, no side above MODEL_SIDE, without EXIF, which may hold where and who."""
        return await asyncio.to_thread(_prepared, path)

    def _look(self, text: str) -> None:
        path = self._allowed(text)
        with _opened(path) as picture:
            if picture.format not in FORMATS:
                raise RejectedError(f"{picture.format} is not one of {', '.join(FORMATS)}")
            if picture.width * picture.height > MAX_PIXELS:
                raise RejectedError(f"{picture.width}x{picture.height} is above {MAX_PIXELS:,} pixels")

    def _allowed(self, text: str) -> Path:
        try:
            path = Path(text).resolve()
            status = path.stat()
        except (OSError, ValueError, RuntimeError) as error:
            raise RejectedError(
                "no such file" if isinstance(error, FileNotFoundError) else "not a readable path"
            ) from error
        if self._rules.root is not None and not path.is_relative_to(self._rules.root):
            raise RejectedError("outside PHOTO_ROOT")
        if not stat.S_ISREG(status.st_mode):
            raise RejectedError("not a regular file")
        if status.st_size > self._rules.max_bytes:
            raise RejectedError(f"{status.st_size:,} bytes are above the limit of {self._rules.max_bytes:,}")
        return path

    def _inspected(self, text: str) -> Photo | dict[str, str]:
        try:
            self._look(text)
            return _decoded(text)
        except RejectedError as no:
            return {"path": text, "reason": str(no)}


def data_uri(jpeg: bytes) -> str:
    """A JPEG as chat models take it."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _complaints(paths: Iterable[str], look: Callable[[str], None]) -> list[dict[str, str]]:
    reasons = {path: _complaint(path, look) for path in dict.fromkeys(paths)}
    return [{"path": path, "reason": reason} for path, reason in reasons.items() if reason]


def _complaint(path: str, look: Callable[[str], None]) -> str | None:
    try:
        look(path)
    except RejectedError as no:
        return str(no)
    return None


def _raise_for(bad: list[dict[str, str]]) -> None:
    if bad:
        raise PhotosRejectedError(f"{len(bad)} photo(s) cannot be taken.", details=bad)


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except Image.DecompressionBombError as error:
        raise RejectedError("too many pixels") from error
    except OSError as error:
        unreadable = isinstance(error, PermissionError)
        raise RejectedError("not readable" if unreadable else "not an image") from error


def _decoded(text: str) -> Photo:
    content = Path(text).read_bytes()
    try:
        Image.open(io.BytesIO(content)).verify()  # checks a PNG's sums, and leaves the image unusable
        picture = Image.open(io.BytesIO(content))
        picture.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise RejectedError("damaged or cut short") from error
    return Photo(
        path=text,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        width=picture.width,
        height=picture.height,
        suffix=FORMATS[str(picture.format)],
    )


def _prepared(path: str) -> bytes:
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((MODEL_SIDE, MODEL_SIDE))
    target = io.BytesIO()
    upright.save(target, "JPEG", quality=85)
    return target.getvalue()
