"""``erni-run view``: a trace backend for this machine. Understands the command line; the rest is the viewer's."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import NoReturn

from erni_run.arguments import Parser
from erni_run.config.endpoint import default
from erni_run.errors import ViewerError
from erni_run.plan import ExportPlan, decode, encode
from erni_run.printable import printable

_NEEDED = ("grpc", "starlette", "uvicorn")
_ENDPOINTS = ("OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?)?B", re.IGNORECASE)
_FACTORS = {
    "": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4,
    "ki": 1024, "mi": 1024**2, "gi": 1024**3, "ti": 1024**4,
}  # fmt: skip
_LEAST = 1024 * 1024


def view(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Be the viewer, until a signal ends it. Returns the exit code; raises UsageError or ViewerError."""
    options = _parse(arguments)
    _require_extra()
    if "ERNI_RUN_PLAN" in environ and environ.get("ENABLE_TRACING") != "false":
        _start_untraced(arguments, environ)
    from erni_run.viewer import process
    from erni_run.viewer.receive.files import Unreadable
    from erni_run.viewer.store.place import Unusable

    try:
        return process.run(process.Options(**vars(options)), environ)
    except (process.PortsInUse, Unusable, Unreadable) as error:
        raise ViewerError(str(error)) from error


def beside(plan: str, environ: Mapping[str, str]) -> str:
    """Have a viewer run beside the application of ``plan``, and say where. Returns the plan that sends there, or as it
    was where the user has named an endpoint, and where no viewer runs: that never keeps an application from starting.
    """
    decoded = decode(plan)
    export = decoded.export
    try:
        _require_extra()
        from erni_run.viewer.beside import ensure

        address = ensure(environ)
    except Exception as error:  # whatever it is, the application is what the user wants to start
        _say(f"no viewer: {error}; spans go where they go without --view: {export.endpoint.partition('?')[0]}")
        return plan
    elsewhere = _elsewhere(export, environ)
    _say(f"traces at {address.page} (erni-run view, pid {address.pid}){elsewhere}")
    if elsewhere:
        return plan
    endpoint = f"{address.http}/v1/traces" if export.protocol == "http/protobuf" else address.grpc
    return encode(replace(decoded, export=replace(export, endpoint=endpoint, configured=export.endpoint)))


def _elsewhere(export: ExportPlan, environ: Mapping[str, str]) -> str:
    """Why this application's spans do not go to the viewer, "" if they do."""
    if export.protocol in ("console", "none"):
        return f"; this application's protocol is {export.protocol}, so it sends nothing there"
    is_named = any(environ.get(name) for name in _ENDPOINTS) or export.endpoint != default(export.protocol)
    return "; this application's endpoint is set, and left as it is" if is_named else ""


def _say(line: str) -> None:
    sys.stderr.write(f"erni-run: {printable(line)}\n")
    sys.stderr.flush()


def _require_extra() -> None:
    if any(find_spec(name) is None for name in _NEEDED):
        raise ViewerError("the viewer is not installed: pip install 'erni-run[view]'")


def _start_untraced(arguments: list[str], environ: Mapping[str, str]) -> NoReturn:
    """A traced process started us, so this one is traced: become one that is not."""
    command = [sys.executable, "-m", "erni_run", "view", *arguments]
    os.execve(sys.executable, command, {**environ, "ENABLE_TRACING": "false"})


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = Parser("view", "A trace backend for this machine: OTLP in, a page and APIs out.")
    parser.add_argument("files", nargs="*", metavar="FILE", help="show OTLP JSON lines or spool files, receive nothing")
    parser.add_argument("--tail", action="store_true", help="print finished traces as trees")
    parser.add_argument("--json", action="store_true", help="with --tail: print them as lines of JSON")
    parser.add_argument("--port", type=_port, default=16686, metavar="N", help="page and API (default: %(default)s)")
    parser.add_argument("--grpc-port", type=_port, default=4317, metavar="N", help="OTLP over gRPC (%(default)s)")
    parser.add_argument("--http-port", type=_port, default=4318, metavar="N", help="OTLP over HTTP (%(default)s)")
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--max-size", dest="most", type=_size, default="1GiB", metavar="SIZE", help="of the database (%(default)s)"
    )
    options = parser.parse_args(arguments)
    if options.json and not options.tail:
        parser.error("--json is for --tail")
    options.files = tuple(options.files)
    return options


def _port(text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text) or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: write a number up to 65535, 0 for any that is free")
    return int(text)


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * _FACTORS[(found[2] or "").lower()]) if found else 0
    if size < _LEAST:
        raise argparse.ArgumentTypeError(f"{text!r} is no size of at least 1MiB: write one such as 500MB or 2GiB")
    return size
