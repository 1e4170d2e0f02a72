"""OTLP in files: JSON lines (OTLP File Exporter specification), and spool files, which are gzip'd requests."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from google.protobuf.message import DecodeError

from erni_run.viewer.receive import json_form
from erni_run.viewer.receive.signal import SIGNALS, Signal

_TRACES = SIGNALS[0]
_SUFFIXES = (".jsonl", ".json", ".otlp.gz", ".jsonl.gz")
_GZIP = b"\x1f\x8b"
_LARGEST_SPOOLED = 256 * 1024 * 1024  # bytes, unpacked


class Unreadable(Exception):
    """A file holds no OTLP; ``str()`` says which, where and why."""


def read(paths: Iterable[str]) -> Iterator[tuple[Signal, Any, int]]:
    """Every request in ``paths``, with its signal and about its size in bytes; folders stand for what they hold.

    Raises Unreadable.
    """
    for path in paths:
        for file in _files(Path(path)):
            try:
                yield from _requests(file)
            except (OSError, EOFError, zlib.error) as error:
                raise Unreadable(f"{file}: {getattr(error, 'strerror', None) or error}") from error


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.name.endswith(_SUFFIXES))
    if not found:
        raise Unreadable(f"{path}: no file here ends in {', '.join(_SUFFIXES)}")
    return found


def _requests(path: Path) -> Iterator[tuple[Signal, Any, int]]:
    with path.open("rb") as raw:
        is_packed = raw.read(2) == _GZIP
    with gzip.open(path, "rb") if is_packed else path.open("rb") as file:
        stream: IO[bytes] = file  # type: ignore[assignment]  # a GzipFile is one in all that matters
        spooled = _spooled(path, stream)
        stream.seek(0)
        if spooled is not None:
            yield spooled
        else:
            yield from _lines(path, stream)


def _spooled(path: Path, stream: IO[bytes]) -> tuple[Signal, Any, int] | None:
    """The request that the file holds, None if it begins as text does. (A request, too, may begin with a new line.)"""
    first = stream.read(1)
    if first in (b"", b"{", b" "):
        return None
    body = first + stream.read(_LARGEST_SPOOLED)
    if len(body) > _LARGEST_SPOOLED:
        raise Unreadable(f"{path}: larger than {_LARGEST_SPOOLED} bytes when unpacked")
    try:
        return _TRACES, _TRACES.request.FromString(body), len(body)
    except DecodeError:
        if body.lstrip()[:1] == b"{":
            return None
        raise Unreadable(f"{path}: neither OTLP JSON lines nor an OTLP request") from None


def _lines(path: Path, stream: IO[bytes]) -> Iterator[tuple[Signal, Any, int]]:
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except ValueError:
            if number > 1:
                raise Unreadable(f"{path}:{number}: no JSON") from None
            line += stream.read()  # noqa: PLW2901  # one object over many lines, as people keep them
            data = _whole(path, line)
        yield _request(path, number, data, len(line))


def _whole(path: Path, text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Unreadable(f"{path}: no JSON: {error}") from None


def _request(path: Path, number: int, data: Any, size: int) -> tuple[Signal, Any, int]:
    for signal in SIGNALS:
        if isinstance(data, dict) and signal.field in data:
            try:
                return signal, json_form.parse(signal.request, data), size
            except (ValueError, RecursionError) as error:
                raise Unreadable(f"{path}:{number}: no OTLP {signal.name}: {error}") from None
    names = ", ".join(signal.field for signal in SIGNALS)
    raise Unreadable(f"{path}:{number}: none of {names} is in it")
