"""``${VAR}``, ``${VAR:-default}`` and ``$$`` in the strings of a parsed tracing.toml.

Whatever came out of a variable is ``Written``: it behaves as its value and remembers what stands in the file, because
messages quote the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from erni_run.config.rules import Written, Wrong

Path = tuple[str | int, ...]
"""Where a value stands in the file: ``("span", 0, "layer")``."""

_PART = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^${}]*)?\}|(?P<broken>\{))")


def substitute(
    table: dict[str, Any], environ: Mapping[str, str], fail: Callable[[Path, Wrong], None]
) -> dict[str, Any]:
    """A copy of ``table`` with the variables filled in; keys are left alone.

    A string whose variable is unset, or whose ``${`` cannot be understood, stays as it is and is handed to ``fail``.
    """
    filled: dict[str, Any] = _walk(table, (), environ, fail)
    return filled


def _walk(value: Any, path: Path, environ: Mapping[str, str], fail: Callable[[Path, Wrong], None]) -> Any:
    if isinstance(value, dict):
        return {key: _walk(item, (*path, key), environ, fail) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, (*path, index), environ, fail) for index, item in enumerate(value)]
    if isinstance(value, str) and "$" in value:
        try:
            return fill(value, environ)
        except Wrong as wrong:
            fail(path, wrong)
    return value


def fill(text: str, environ: Mapping[str, str]) -> str:
    """``text`` with its variables replaced, as a POSIX shell reads them: ``:-`` also stands in for an empty value.

    Raises Wrong.
    """

    def replace(part: re.Match[str]) -> str:
        if part["dollar"]:
            return "$"
        if part["broken"]:
            raise Wrong("variable-syntax", "a variable is written ${NAME} or ${NAME:-default}, and a dollar is $$")
        return _value(part["name"], part["default"], environ)

    return Written(_PART.sub(replace, text), text)


def _value(name: str, default: str | None, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if default is not None:
        return value or default[2:]
    if value is None:
        raise Wrong("unset-variable", f"the variable {name} is not set; set it or write ${{{name}:-default}}")
    return value
