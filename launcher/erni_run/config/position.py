"""The line on which each key of a TOML text stands; tomllib tells none.

This scanner only walks the text: it looks at keys, brackets and quotes and never at what values mean (TOML 1.0.0). What
tomllib accepts it understands; of what tomllib refuses, it finds no error before tomllib's.
"""

from __future__ import annotations

import bisect
import re

from erni_run.config.substitute import Path

DEEPEST = 64
"""How deep keys, tables and arrays may nest."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"((?:[^"\\]|\\.)*)"')
_LITERAL = re.compile(r"'([^']*)'")
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL)
_PLAIN = re.compile(r"[^,\]}#\n]+")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


class TooDeep(Exception):
    """Something on ``line`` is nested deeper than ``DEEPEST``."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def locate(text: str) -> dict[Path, int]:
    """The line, from 1, of every table, key and array item in the TOML ``text``.

    Raises TooDeep, and ValueError for some of what is no TOML.

    Entries of ``[[span]]`` are ``("span", 0)``, ``("span", 1)``; items of an array likewise.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def line_of(path: Path, lines: dict[Path, int]) -> int:
    """The line of ``path``, or of the nearest thing around it that stands in the file; 1 if there is none."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.entries: dict[Path, int] = {}
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def document(self) -> None:
        table: Path = ()
        while self.blank():
            if self.peek("["):
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> Path:
        start = self.at
        repeated = self.text.startswith("[[", start)
        self.at += 2 if repeated else 1
        parts = self.key()
        self.blank()
        self.at += 2 if repeated else 1
        path: Path = ()
        for part in parts[:-1]:
            path = self.last((*path, part))
            self.note(path, start)
        path = (*path, parts[-1])
        if not repeated:
            path = self.last(path)
        else:
            self.note(path, start)
            self.entries[path] = self.entries.get(path, -1) + 1
            path = (*path, self.entries[path])
        self.note(path, start)
        return path

    def last(self, path: Path) -> Path:
        return (*path, self.entries[path]) if path in self.entries else path

    def pair(self, table: Path) -> None:
        start = self.at
        path = table
        for part in self.key():
            path = (*path, part)
            self.note(path, start)
        self.blank()
        self.at += 1
        self.blank()
        self.value(path)

    def key(self) -> list[str]:
        parts = [self.key_part()]
        while self.blank() and self.peek("."):
            self.at += 1
            parts.append(self.key_part())
        return parts

    def key_part(self) -> str:
        self.blank()
        if self.peek('"'):
            return _ESCAPE.sub(_unescape, self.take(_BASIC)[1])
        return self.take(_LITERAL)[1] if self.peek("'") else self.take(_BARE_KEY)[0]

    def value(self, path: Path) -> None:
        if self.peek("["):
            self.array(path)
        elif self.peek("{"):
            self.inline_table(path)
        else:
            quotes = {'"""': _LONG_BASIC, "'''": _LONG_LITERAL, '"': _BASIC, "'": _LITERAL}
            self.take(next((pattern for quote, pattern in quotes.items() if self.peek(quote)), _PLAIN))

    def array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self.blank() and not self.peek("]"):
            self.note((*path, index), self.at)
            self.value((*path, index))
            self.comma()
            index += 1
        self.at += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        while self.blank() and not self.peek("}"):
            self.pair(path)
            self.comma()
        self.at += 1

    def comma(self) -> None:
        if self.blank() and self.peek(","):
            self.at += 1

    def blank(self) -> bool:
        self.take(_BLANK)
        return self.at < len(self.text)

    def peek(self, wanted: str) -> bool:
        return self.text.startswith(wanted, self.at)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError(f"not TOML at character {self.at}")
        self.at = found.end()
        return found

    def note(self, path: Path, at: int) -> None:
        line = bisect.bisect_right(self.starts, at)
        if len(path) > DEEPEST:
            raise TooDeep(line)
        self.lines.setdefault(path, line)


def _unescape(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code[1:], 16)) if code[0] in "uU" and len(code) > 1 else _ESCAPED.get(code, code)
