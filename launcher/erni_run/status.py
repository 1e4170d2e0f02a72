"""``erni-run status``: what the spool holds and what became of the rest, a line for each destination, or JSON."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from typing import Any

from erni_run.arguments import Parser
from erni_run.config.find import find
from erni_run.config.read import read
from erni_run.errors import UsageError
from erni_run.inside.delivery.survey import Standing, survey
from erni_run.printable import printable
from erni_run.start.remembered import working_directory

_HEADINGS = ("destination", "pending", "on disk", "oldest", "delivered", "rejected", "dropped")
_AGES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def status(config: str | None, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Print what the spool holds. Returns 0.

    Raises ConfigError for mistakes in the file, UsageError if the spool cannot be read.
    """
    options = _parse(arguments)
    path = spool_path(options.config or config, environ)
    try:
        standings = survey(path)
    except OSError as error:
        raise UsageError(f"{path}: the spool cannot be read: {error.strerror}") from error
    if options.json:
        print(json.dumps({"spool": path, "destinations": [_as_json(standing) for standing in standings]}, indent=2))
    else:
        print(_table(path, standings), end="")
    return 0


def spool_path(config: str | None, environ: Mapping[str, str]) -> str:
    """The folder that the configuration names. Raises ConfigError."""
    return read(find(config, environ, working_directory()), environ, "python").plan.spool.path


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = Parser("status", "What waits on disk, and what became of it.")
    parser.add_argument("-c", "--config", metavar="FILE", help="tracing.toml, found as for a start")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    return parser.parse_args(arguments)


def _age(standing: Standing) -> float:
    """Seconds since the oldest span waits."""
    return max(0.0, time.time() - standing.oldest / 1e9) if standing.oldest else 0.0


def _as_json(standing: Standing) -> dict[str, Any]:
    return {
        "destination": standing.destination,
        "pending_spans": standing.pending,
        "pending_bytes": standing.size,
        "oldest_age_seconds": round(_age(standing), 1),
        **standing.tally.as_json(),
        "unreadable": standing.unreadable,
    }


def _table(path: str, standings: list[Standing]) -> str:
    if not standings:
        return f"{path}: nothing has been here yet\n"
    rows = [_HEADINGS, *(_row(standing) for standing in standings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = [path]
    for name, *figures in rows:
        lines.append(
            "  ".join([name.ljust(widths[0]), *(f.rjust(w) for f, w in zip(figures, widths[1:], strict=True))])
        )
    lines += [line for standing in standings for line in (*_reasons(standing), *_unreadable(standing))]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _row(standing: Standing) -> tuple[str, ...]:
    tally = standing.tally
    return (
        printable(standing.destination),
        f"{standing.pending:,}",
        _bytes(standing.size),
        _duration(_age(standing)) if standing.oldest else "-",
        f"{tally.delivered:,}",
        f"{sum(tally.rejected.values()):,}",
        f"{sum(tally.dropped.values()):,}",
    )


def _reasons(standing: Standing) -> list[str]:
    what = {"rejected": standing.tally.rejected, "dropped": standing.tally.dropped}
    return [
        f"{printable(standing.destination)}: {count:,} {outcome}: {printable(reason)}"
        for outcome, reasons in what.items()
        for reason, count in sorted(reasons.items())
    ]


def _unreadable(standing: Standing) -> list[str]:
    found = f"{standing.unreadable:,} in the place of a file or folder of ours and cannot be read"
    return [f"{printable(standing.destination)}: {found}"] if standing.unreadable else []


def _bytes(size: int) -> str:
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def _duration(seconds: float) -> str:
    unit, name = next((row for row in _AGES if seconds >= row[0]), _AGES[-1])
    return f"{seconds / unit:.0f} {name}"
