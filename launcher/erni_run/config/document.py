"""tracing.toml as text: read, parsed, and every key with the place where it stands."""

from __future__ import annotations

import os
import re
import tomllib
from binascii import crc32
from dataclasses import dataclass, field
from typing import Any

from erni_run.config import position
from erni_run.config.substitute import Path
from erni_run.errors import ConfigError, Mistake

_PLACE = re.compile(r"(.*) \(at line (\d+), column (\d+)\)")
_END = re.compile(r"(.*) \(at end of document\)")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HINTS = (
    ("Invalid value", "strings stand in quotes; booleans are true and false"),
    ("Expected '=' after a key", "write key = value; a key with dots, stars or blanks in its name stands in quotes"),
    ("Cannot declare", "a section stands only once; join the two, or write [[span]] for one more entry"),
    ("Cannot overwrite", "a key stands only once in its section; remove one"),
    ("Expected newline or end of document", "one key = value a line; a string is closed by the quote that opened it"),
    ("Illegal character", "close the string on its line, or use three quotes for several lines"),
    ("Unterminated string", "close the string with the quote that opened it"),
    ('Expected "\'"', "close the string with the quote that opened it"),
    ("Invalid statement", "a line is a [section] or key = value; a key with other characters stands in quotes"),
    ("Unescaped", "use 'single quotes' for text with backslashes"),
    ("Unclosed array", "separate the items by commas and close the array with ]"),
    ("Unclosed inline table", "separate the pairs by commas and close the table with }"),
    ("Invalid initial character for a key", "a key holds letters, digits, _ and -; anything else stands in quotes"),
    ("Expected ']", "a section is written [name], an entry of a list [[name]]"),
)


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


def load(path: str | None) -> Source:
    """The file at ``path``; an empty one for None. Raises ConfigError if it cannot be read or is no TOML."""
    if path is None:
        return Source()
    name = _as_typed(path)
    content, text = _read(path, name)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax(name, text, str(error))]) from None
    return Source(
        path=os.path.abspath(path), name=name, table=table, lines=position.locate(text), digest=crc32(content)
    )


def dotted(path: Path) -> str:
    """``path`` as a message names it: ``span[0].capture."photo.id"``."""
    words = ""
    for part in path:
        if isinstance(part, int):
            words += f"[{part}]"
        else:
            words += ("." if words else "") + (part if _BARE.fullmatch(part) else f'"{part}"')
    return words


def _as_typed(path: str) -> str:
    absolute = os.path.abspath(path)
    try:
        return min(os.path.relpath(absolute), absolute, key=len)
    except (OSError, ValueError):  # the working directory is gone, or another drive: the absolute name always exists
        return absolute


def _read(path: str, name: str) -> tuple[bytes, str]:
    try:
        with open(path, "rb") as file:
            content = file.read()
        return content, content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError(
            [Mistake(name, "file", f"not UTF-8 at byte {error.start}; save it as UTF-8", "file-unreadable")]
        ) from None
    except OSError as error:
        raise ConfigError([Mistake(name, "file", f"cannot be read: {error.strerror}", "file-unreadable")]) from None


def _syntax(name: str, text: str, message: str) -> Mistake:
    if found := _PLACE.fullmatch(message):
        message, line, column = found[1], found[2], found[3]
    else:
        end = _END.fullmatch(message)
        message, line, column = end[1] if end else message, str(text.count("\n") + 1), "end"
    hint = next((hint for start, hint in _HINTS if message.startswith(start)), "see https://toml.io for the syntax")
    return Mistake(f"{name}:{line}", f"column {column}", f"{message}; {hint}", "toml-syntax")
