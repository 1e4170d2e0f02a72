"""``erni-run init PACKAGE``: propose a tracing.toml from the source of a package."""

from __future__ import annotations

import argparse
import os
import sys

from erni_run.arguments import Parser
from erni_run.errors import UsageError
from erni_run.propose.proposal import propose
from erni_run.propose.sources import NoSource
from erni_run.propose.write import write


def init(arguments: list[str]) -> int:
    """Print the proposal, or write it to a file. Returns 0; raises UsageError."""
    options = _parse(arguments)
    try:
        proposal = propose(options.package, os.getcwd(), sys.path)
    except (NoSource, OSError) as error:
        raise UsageError(str(error)) from None
    text = write(proposal)
    if options.output is None:
        print(text, end="")
    else:
        _write(options.output, text, options.force)
        entries = "1 entry" if proposal.count == 1 else f"{proposal.count} entries"
        comments = f", {proposal.comments} more as comments" if proposal.comments else ""
        print(f"{options.output}: {entries} proposed{comments}; try them: erni-run check --config {options.output}")
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = Parser("init", "Propose a tracing.toml from source; nothing of it is imported.")
    parser.add_argument("package", metavar="PACKAGE", help="a dotted name, or a path; . is all below this folder")
    parser.add_argument("-o", "--output", metavar="FILE", help="write here, not to standard output")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    return parser.parse_args(arguments)


def _write(path: str, text: str, force: bool) -> None:
    try:
        with open(path, "w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists, nothing was written: --force replaces it") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
