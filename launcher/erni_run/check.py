"""``erni-run check``: would every line of tracing.toml be traced? A table, or JSON; status 1 if something would not."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from erni_run.config.find import find
from erni_run.config.read import read
from erni_run.errors import UsageError
from erni_run.plan import Plan, encode
from erni_run.start.remembered import working_directory
from erni_run.table import fails, table


def check(config: str | None, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Rehearse the plan in a scratch process and print what came of it. Returns 0, or 1 if anything would stay
    untraced.

    Raises ConfigError for mistakes in the file, UsageError if there is no file.
    """
    options = _parse(arguments)
    path = find(options.config or config, environ, working_directory())
    if path is None:
        raise UsageError("no tracing.toml here or above: name one with --config FILE")
    reading = read(path, environ, "python")
    for notice in reading.notices:
        print(f"erni-run: {notice}", file=sys.stderr)
    rows = _rehearse(reading.plan)
    if options.json:
        print(json.dumps({"config": path, "rows": rows}, indent=2))
    else:
        print(table(path, rows, shutil.get_terminal_size((120, 0)).columns), end="")
    return int(any(fails(row) for row in rows))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="erni-run check", description="Would every line of tracing.toml be traced?")
    parser.add_argument("-c", "--config", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    return parser.parse_args(arguments)


def _rehearse(plan: Plan) -> list[dict[str, Any]]:
    """Rows as ``erni_run.inside.rehearse`` writes them. What the imported modules print goes to standard error."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as report:
        sink = report.fileno()
        command = [sys.executable, "-m", "erni_run.inside.rehearse", str(sink)]
        done = subprocess.run(
            command, input=encode(plan), stdout=sys.stderr.fileno(), pass_fds=(sink,), text=True, check=False
        )
        report.seek(0)
        text = report.read()
    if not text:
        raise UsageError(f"the scratch process ended with status {done.returncode} before it could report")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows
