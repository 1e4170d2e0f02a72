"""``erni-run check``: would every line of tracing.toml be traced? A table, or JSON, and an exit code for scripts."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from erni_run.arguments import Parser
from erni_run.config.find import find
from erni_run.config.read import read
from erni_run.errors import UsageError
from erni_run.plan import Plan, encode
from erni_run.start import command, interpreter
from erni_run.start.program import Program, program
from erni_run.start.remembered import working_directory
from erni_run.table import status, table


@dataclass(frozen=True)
class _Asked:
    config: str | None
    as_json: bool
    command: list[str]


def check(config: str | None, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Rehearse the plan in a scratch process and print what came of it. Returns 0; 1 if something would stay untraced;
    3 if that is not known of everything, for some modules could not be imported.

    Raises ConfigError for mistakes in the file, UsageError if the scratch process cannot tell, and CommandNotFound or
    CommandNotExecutable as a start with the command does.
    """
    asked = _parse(arguments)
    started = _program(asked.command, environ)
    path = find(asked.config or config, environ, working_directory())
    reading = read(path, environ, "python")
    for notice in reading.notices:
        _say(notice)
    obstacle = _obstacle(started, asked.command)
    rows = [] if obstacle else _rehearse(reading.plan, started)
    if asked.as_json:
        print(json.dumps({"config": path, "problem": obstacle, "rows": rows}, indent=2))
    elif obstacle:
        _say(obstacle)
    else:
        width = shutil.get_terminal_size((120, 0)).columns
        print(table(path, rows, width, has_command=bool(asked.command)), end="")
    return 1 if obstacle else status(rows)


def _parse(arguments: list[str]) -> _Asked:
    parser = Parser(
        "check",
        usage="erni-run check [-h] [-c FILE] [--json] [[--] COMMAND [ARG...]]",
        description="Would every line of tracing.toml be traced? Modules are imported in a scratch process, as COMMAND "
        "would do it; COMMAND itself is not started.",
        epilog="exit code: 0 yes, 1 no, 2 a mistake in the file or on the command line, 3 not known, "
        "for modules could not be imported",
    )
    parser.add_argument("-c", "--config", metavar="FILE", help="tracing.toml, found as for a start")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command that you start")
    options = parser.parse_args(arguments)
    words = options.command[1:] if options.command[:1] == ["--"] else options.command
    return _Asked(options.config, options.json, words)


def _program(words: list[str], environ: Mapping[str, str]) -> Program:
    """What the command runs; the Python of ours if it is none itself."""
    if not words:
        return Program(path="", interpreter=sys.executable, kind="", name="")
    found = program(command.find(words[0], environ), words, environ)
    if not found.interpreter:
        _say(f"{words[0]} is no Python, so which one it starts is not known: tried with {sys.executable}")
        return replace(found, interpreter=sys.executable)
    return found


def _obstacle(started: Program, words: list[str]) -> str:
    """Why nothing at all would be traced in the Python of the command, "" if that is not so."""
    if words and (warning := interpreter.warning(started.path, words)):
        return warning
    asks = [started.interpreter, *started.options, "-c", "import erni_run"]
    if (
        started.interpreter == sys.executable
        or not subprocess.run(asks, stderr=subprocess.DEVNULL, check=False).returncode
    ):
        return ""
    return f"{started.interpreter} has no erni-run installed: nothing would be traced; pip install it there"


def _rehearse(plan: Plan, started: Program) -> list[dict[str, Any]]:
    """Rows as ``erni_run.inside.rehearse`` writes them. What the imported modules print goes to standard error."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as report:
        sink = report.fileno()
        words = [started.kind, started.name, *started.arguments] if started.kind else []
        done = subprocess.run(
            [started.interpreter, *started.options, "-m", "erni_run.inside.rehearse", str(sink), *words],
            input=encode(plan),
            stdout=sys.stderr.fileno(),
            pass_fds=(sink,),
            text=True,
            check=False,
        )
        report.seek(0)
        rows = [json.loads(line) for line in report]
    if done.returncode:
        where = plan.spans[len(rows)].target if len(rows) < len(plan.spans) else "the application"
        raise UsageError(
            f"importing {where} ended the scratch process with status {done.returncode}, before it could report"
        )
    return rows


def _say(line: str) -> None:
    print(f"erni-run: {line}", file=sys.stderr)
