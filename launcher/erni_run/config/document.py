"""tracing.toml as text: read, parsed, and every key with the place where it stands."""

from __future__ import annotations

import os
import re
from binascii import crc32
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from erni_run.config import position
from erni_run.config.content import as_typed
from erni_run.config.content import load as read_bytes
from erni_run.config.rules import quote
from erni_run.config.substitute import Path
from erni_run.config.syntax import parse
from erni_run.errors import ConfigError, Mistake

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_INT64 = 2**63


@dataclass(frozen=True, kw_only=True)
class Source:
    """A parsed file: its ``name`` as the user would type it, its ``table``, the line of each path, and the CRC-32 of
    its bytes.
    """

    path: str = ""
    name: str = ""
    table: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    digest: int = 0

    def line(self, path: Path) -> int:
        """The line of ``path`` or of what is around it."""
        return position.line_of(path, self.lines)

    def place(self, path: Path) -> str:
        """``"tracing.toml:12"``."""
        return f"{self.name}:{self.line(path)}"


def load(path: str | None, content: bytes | None = None) -> Source:
    """The file at ``path``; an empty one for None. ``content`` is what it holds, where somebody has read it already.

    Raises ConfigError if it cannot be read or is no TOML.
    """
    if path is None:
        return Source()
    if content is None:
        content = read_bytes(path)
    name = as_typed(path)
    table, lines = parse(_decoded(content, name), name)
    source = Source(path=os.path.abspath(path), name=name, table=table, lines=lines, digest=crc32(content))
    if mistakes := [_out_of_range(source, place, value) for place, value in _too_large(table)]:
        raise ConfigError(mistakes)
    return source


def dotted(path: Path) -> str:
    """``path`` as a message names it: ``span[0].capture."photo.id"``."""
    words = ""
    for part in path:
        if isinstance(part, int):
            words += f"[{part}]"
        else:
            words += ("." if words else "") + (part if _BARE.fullmatch(part) else f'"{part}"')
    return words


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError(
            [Mistake(name, "file", f"not UTF-8 at byte {error.start}; save it as UTF-8", "file-unreadable")]
        ) from None


def _out_of_range(source: Source, path: Path, value: int) -> Mistake:
    message = f"{quote(value)} does not fit into 64 bits; write it as a string"
    return Mistake(source.place(path), dotted(path), message, "out-of-range")


def _too_large(value: Any, path: Path = ()) -> Iterator[tuple[Path, int]]:
    """The integers that do not fit into 64 bits, which TOML asks to be refused."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _too_large(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _too_large(item, (*path, index))
    elif isinstance(value, int) and not -_INT64 <= value < _INT64:
        yield path, value
