"""``erni-run check``: would every line of tracing.toml be traced? A table, or JSON; status 1 if something would not."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from erni_run.config.find import find
from erni_run.config.read import read
from erni_run.errors import UsageError
from erni_run.plan import Plan, encode


def check(config: str | None, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Rehearse the plan in a scratch process and print what came of it. Returns 0, or 1 if anything would stay
    untraced.

    Raises ConfigError for mistakes in the file, UsageError if there is no file.
    """
    options = _parse(arguments)
    path = find(options.config or config, environ, os.getcwd())
    if path is None:
        raise UsageError("no tracing.toml here or above: name one with --config FILE")
    reading = read(path, environ, "python")
    for notice in reading.notices:
        print(f"erni-run: {notice}", file=sys.stderr)
    rows = _rehearse(reading.plan)
    if options.json:
        print(json.dumps({"config": path, "rows": rows}, indent=2))
    else:
        print(_table(path, rows), end="")
    return int(any(_fails(row) for row in rows))


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


def _fails(row: Mapping[str, Any]) -> bool:
    return bool(row.get("fails", row["problem"]))


def _table(path: str, rows: list[dict[str, Any]]) -> str:
    lines = [f"{os.path.relpath(path)}"]
    for row in rows:
        if row["kind"] == "span":
            what = f"line {row['line']:<4} {row['target']}"
            outcome = row["problem"] or ", ".join(_without_module(row["target"], name) for name in row["functions"])
        else:
            what = f"library {row['name']}"
            outcome = row["problem"] or row["how"]
        mark = "FAILS" if _fails(row) else "  -  " if row["problem"] else "  ok "
        lines.append(f"{mark} {what}\n        {outcome}")
    failing = sum(map(_fails, rows))
    lines.append(f"{failing} of {len(rows)} would not be traced" if failing else f"all {len(rows)} would be traced")
    return "\n".join(lines) + "\n"


def _without_module(target: str, name: str) -> str:
    return name.removeprefix(target.partition(":")[0] + ":")
