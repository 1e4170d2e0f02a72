"""What ``erni-run check`` prints: what each entry of tracing.toml leads to, and what to do where that is nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from erni_run.config.libraries import installation
from erni_run.printable import printable

Row = Mapping[str, Any]
"""What came of one entry or library, as ``erni_run.inside.rehearse`` writes it."""

_MARKS = {"ok": "ok", "fails": "FAILS", "untried": "?", "missing": "-"}
_MOST_FUNCTIONS = 8  # of one entry: a glob may name thousands
_HEAD = ("", "line", "target", "at", "captures")


def status(rows: Sequence[Row]) -> int:
    """The exit code: 1 if something would stay untraced, 3 if that is not known of everything, else 0."""
    states = {row["state"] for row in rows}
    return 1 if "fails" in states else 3 if "untried" in states else 0


def table(path: str | None, rows: Sequence[Row], width: int, *, has_command: bool) -> str:
    """The whole report on the file at ``path`` (None: no file), in lines of at most ``width`` characters where that
    can be.
    """
    spans = [row for row in rows if row["kind"] == "span"]
    libraries = [row for row in rows if row["kind"] == "library"]
    lines = [_short(path) if path else "no tracing.toml here or above: these are the defaults"]
    lines += _aligned([_HEAD, *(cells for row in _shortened(spans) for cells in _span(row))], width) if spans else []
    wide = max((len(row["name"]) for row in libraries), default=0)
    lines += [f"  {_mark(row):<5} library {row['name']:<{wide}}  {row['problem'] or row['how']}" for row in libraries]
    lines += [_verdict(spans), *_on_libraries(libraries)]
    if not has_command and any(row["state"] == "untried" for row in spans):
        lines.append("name the command that starts the application, and check does what comes before: check COMMAND")
    return "\n".join(map(printable, lines)) + "\n"


def _shortened(spans: Sequence[Row]) -> Iterator[Row]:
    """``spans``, in which a module that could not be imported says why only once."""
    first: dict[str, int] = {}
    for row in spans:
        line = first.setdefault(row["problem"], row["line"]) if row["state"] == "untried" else row["line"]
        yield row if line == row["line"] else {**row, "problem": f"could not be tried, as line {line}"}


def _verdict(spans: Sequence[Row]) -> str:
    """How many of the entries would be traced."""
    if not spans:
        return "no entry names a function: `erni-run init PACKAGE` proposes some"
    states = [row["state"] for row in spans]
    counts = {"would not be traced": states.count("fails"), "could not be tried": states.count("untried")}
    said = [f"{count} of {_count(len(spans), 'entry')} {what}" for what, count in counts.items() if count]
    every = "" if len(spans) == 1 else "all "
    return ", ".join(said) or f"{every}{_count(len(spans), 'entry')} would be traced"


def _on_libraries(libraries: Sequence[Row]) -> Iterator[str]:
    """What to install for the libraries that lack their instrumentation."""
    lacking = [row for row in libraries if row["package"]]
    if lacking:
        verb = "lacks its" if len(lacking) == 1 else "lack their"
        command = installation(row["package"] for row in lacking)
        yield f"{_count(len(lacking), 'library')} {verb} instrumentation: {command}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun.removesuffix('y')}ies"


def _short(path: str) -> str:
    try:
        return min(os.path.relpath(path), path, key=len)
    except OSError:  # the working directory has been removed
        return path


def _mark(row: Row) -> str:
    return _MARKS[row["state"]]


def _span(row: Row) -> Iterator[tuple[str, ...]]:
    """Cells by column; a tuple of one is a sentence, which belongs to no column."""
    start = (_mark(row), str(row["line"]), row["target"])
    captures = ", ".join(row["captures"])
    functions = list(zip(row["functions"], row["places"], strict=True))
    if [name for name, _ in functions] == [row["target"]]:
        yield (*start, functions[0][1], captures)
    else:
        yield (*start, "", captures)
        module = row["target"].partition(":")[0] + ":"
        for name, place in functions[:_MOST_FUNCTIONS]:
            yield "", "", f"  {name.removeprefix(module)}", place, ""
    if len(functions) > _MOST_FUNCTIONS:
        yield (f"  and {len(functions) - _MOST_FUNCTIONS} more",)
    for sentence in (*filter(None, [row["problem"]]), *row["notes"]):
        yield (f"  {sentence}",)


def _aligned(cells: list[tuple[str, ...]], width: int) -> Iterator[str]:
    """Lines with aligned columns; where they would be too wide, what a target leads to stands below it."""
    widths = [max(len(row[column]) for row in cells if len(row) > 1) for column in range(len(_HEAD))]
    indent = " " * (widths[0] + widths[1] + 6)
    is_wide = 2 + sum(widths) + 2 * len(widths) > width
    for row in cells[is_wide:]:
        if len(row) == 1:
            yield f"{indent}{row[0]}"
            continue
        columns = [f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)]
        if not is_wide:
            yield f"  {'  '.join(columns)}".rstrip()
            continue
        yield f"  {'  '.join(columns[:3])}".rstrip()
        rest = "  ".join(filter(None, row[3:]))
        if rest:
            yield f"{indent}  {rest}"
