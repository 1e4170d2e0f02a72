"""TOML, parsed: the table of a text and the line of each key, or the one mistake that parsing stopped at.

tomllib has no bounds: it nests as deep as it is told, and a key with fifty thousand dots keeps it for minutes. So the
lines are located first, which stops at what nests too deep.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from erni_run.config import position
from erni_run.config.substitute import Path
from erni_run.errors import ConfigError, Mistake

_PLACE = re.compile(r"(.*) \(at line (\d+), column (\d+)\)")
_END = re.compile(r"(.*) \(at end of document\)")
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


def parse(text: str, name: str) -> tuple[dict[str, Any], dict[Path, int]]:
    """The table of ``text`` and the line of each path in it. ``name`` is the file's. Raises ConfigError."""
    lines: dict[Path, int] = {}
    try:
        lines = position.locate(text)
    except position.TooDeep as deep:
        raise _stop(f"{name}:{deep.line}", "nesting", f"deeper than {position.DEEPEST}; no option needs that") from None
    except ValueError:
        pass  # tomllib says what is wrong
    try:
        return tomllib.loads(text), lines
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax(name, text, str(error))]) from None
    except ValueError:  # int() takes 4,300 digits
        line = text.count("\n", 0, _longest_number(text)) + 1
        raise _stop(f"{name}:{line}", "integer", "it does not fit into 64 bits; write it as a string") from None


def _stop(where: str, what: str, message: str) -> ConfigError:
    return ConfigError([Mistake(where, what, message, "toml-syntax")])


def _longest_number(text: str) -> int:
    """Where the longest run of digits in ``text`` begins."""
    return max(re.finditer(r"[0-9_]+", text), key=lambda found: len(found[0])).start()


def _syntax(name: str, text: str, message: str) -> Mistake:
    if found := _PLACE.fullmatch(message):
        message, line, column = found[1], found[2], found[3]
    else:
        end = _END.fullmatch(message)
        message, line, column = end[1] if end else message, str(text.count("\n") + 1), "end"
    hint = next((hint for start, hint in _HINTS if message.startswith(start)), "see https://toml.io for the syntax")
    return Mistake(f"{name}:{line}", f"column {column}", f"{message}; {hint}", "toml-syntax")
