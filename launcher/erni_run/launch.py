"""Start the command: off means at once, otherwise with a plan in its environment. One page, top to bottom."""

import os
import sys

from erni_run.errors import ConfigError
from erni_run.start import command
from erni_run.switch import is_off

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from erni_run.options import Options
    from erni_run.start.remembered import Origin


def launch(options: "Options", environ: "Mapping[str, str]") -> "NoReturn":
    """Become the command of ``options``. Raises ErniRunError for whatever prevents it."""
    path = command.find(options.command[0], environ)
    if is_off(environ):
        if options.explain:
            _say("nothing is traced: ENABLE_TRACING or OTEL_SDK_DISABLED switches tracing off")
        command.become(path, options.command, environ)
    try:
        plan = _plan(options, environ)
    except ConfigError as error:
        if not options.run_on_error:
            raise
        _say(f"{error}\nerni-run: starting untraced, as --on-error run asks")
        command.become(path, options.command, environ)
    _warn_of_deaf_interpreter(path, options.command)
    if options.view:
        from erni_run.view import beside

        plan = beside(plan, environ)
    from erni_run.start.environment import traced

    command.become(path, options.command, traced(environ, plan, os.getpid()))


def _plan(options: "Options", environ: "Mapping[str, str]") -> str:
    """The plan as one string: remembered from an earlier start, or read anew. Raises ConfigError."""
    from erni_run.config.content import load
    from erni_run.config.find import find
    from erni_run.start.remembered import Origin, working_directory
    from erni_run.start.service import service_name

    config = find(options.config, environ, working_directory())
    if config is None:
        _say("no tracing.toml here or above: no function is traced, a library if its instrumentation is installed")
    content = b"" if config is None else load(config)
    origin = Origin(config, content, service_name(options.command))
    remembered = None if options.explain else origin.recall(environ)
    plan, notices = remembered or _read(origin, options, environ)
    for notice in notices:
        _say(notice)
    return plan


def _read(origin: "Origin", options: "Options", environ: "Mapping[str, str]") -> "tuple[str, Sequence[str]]":
    """The plan, and the lines to be said at every start with it."""
    from erni_run.config.read import read
    from erni_run.plan import encode
    from erni_run.start.observed import Observed

    observed = Observed(environ)
    reading = read(origin.path, observed, origin.command, origin.content)
    if options.explain:
        from erni_run.explain import explain

        sys.stderr.write(explain(reading))
    plan = encode(reading.plan)
    export = reading.plan.export
    has_secrets = bool(export.headers) or "?" in export.endpoint
    if not has_secrets:  # they stay off the disk
        origin.remember(environ, observed.asked, plan, reading.notices)
    return plan, reading.notices


def _warn_of_deaf_interpreter(path: str, argv: "list[str]") -> None:
    from erni_run.start.interpreter import warning

    text = warning(path, argv)
    if text:
        _say(f"warning: {text}")


def _say(line: str) -> None:
    sys.stderr.write(f"erni-run: {line}\n")
    sys.stderr.flush()
