"""The verbs: understand the command line, call the room that does the work. Imports what the chosen verb needs."""

import sys

from erni_run.options import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE = """\
usage: erni-run [OPTIONS] [--] COMMAND [ARG...]    start COMMAND traced
       erni-run check [COMMAND [ARG...]]           would every line of tracing.toml be traced?
       erni-run init PACKAGE|PATH [-o FILE]        propose a tracing.toml from source
       erni-run view [FILE...] [--tail]            a trace backend for this machine
       erni-run status [--json]                    what waits on disk, and what became of the rest
       erni-run drain [--timeout 30s]              deliver what waits on disk now
       erni-run schema                             the JSON Schema of tracing.toml, for editors

Each of check, init, view, status and drain has --help.

options:
  -c, --config FILE      tracing.toml (default: ERNI_RUN_CONFIG, then ./tracing.toml and the folders above)
  --explain              print on stderr what will be traced, and where each setting comes from
  --view                 the viewer beside COMMAND: the running one is used, else one is started
  --on-error stop|run    mistakes in tracing.toml: stop with status 2 (default), or run COMMAND untraced
  --version, -h, --help

ENABLE_TRACING=false starts COMMAND as if erni-run were not there.
A program that bears the name of a verb is started by `erni-run -- check`.
"""


def run(words: "list[str]", environ: "Mapping[str, str]") -> int:
    """Do what ``words`` say. Returns the exit code; raises ErniRunError; does not return once a command has started."""
    options = parse(words)
    if options.verb == "help":
        sys.stdout.write(USAGE)
    elif options.verb == "version":
        from erni_run.version import __version__

        sys.stdout.write(f"erni-run {__version__}\n")
    elif options.verb == "schema":
        from erni_run.arguments import Parser
        from erni_run.config.schema import render

        Parser("schema", "Print the JSON Schema of tracing.toml.").parse_args(options.arguments)
        sys.stdout.write(render())
    elif options.verb == "check":
        from erni_run.check import check

        return check(options.config, options.arguments, environ)
    elif options.verb == "init":
        from erni_run.init import init

        return init(options.arguments)
    elif options.verb == "view":
        from erni_run.view import view

        return view(options.arguments, environ)
    elif options.verb == "status":
        from erni_run.status import status

        return status(options.config, options.arguments, environ)
    elif options.verb == "drain":
        from erni_run.drain import drain

        return drain(options.config, options.arguments, environ)
    else:
        from erni_run.launch import launch

        launch(options, environ)
    return 0
