"""``erni-run drain``: deliver now what processes that are gone have left in the spool."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping

from erni_run.arguments import Parser
from erni_run.config.find import find
from erni_run.config.read import read
from erni_run.config.units import seconds
from erni_run.errors import UsageError
from erni_run.inside.delivery.courier import Courier
from erni_run.inside.delivery.spool import destination_name
from erni_run.inside.delivery.survey import Standing, survey
from erni_run.plan import OTLP, Plan
from erni_run.printable import printable
from erni_run.start.remembered import working_directory


def drain(config: str | None, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Deliver to the collector that the configuration names. Returns 0, or 1 if spans for it still wait.

    Raises ConfigError for mistakes in the file, UsageError if there is no collector or no spool to speak of.
    """
    options = _parse(arguments)
    reading = read(find(options.config or config, environ, working_directory()), environ, "python")
    plan = reading.plan
    if plan.export.protocol not in OTLP:
        raise UsageError(f"nothing can be delivered with the protocol {plan.export.protocol}")
    ours = destination_name(plan.export)
    if not any(standing.destination == ours for standing in _survey(plan)):
        print(f"nothing waits for {ours}")
        return 0
    courier = Courier(plan.export, plan.spool)
    courier.drain(time.monotonic() + options.timeout)
    return _report(plan, ours, courier)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = Parser("drain", "Deliver now what waits on disk.")
    parser.add_argument("-c", "--config", metavar="FILE", help="tracing.toml, found as for a start")
    parser.add_argument("--timeout", metavar="TIME", type=_duration, default=30.0, help='such as "10s"; default: 30s')
    return parser.parse_args(arguments)


def _duration(text: str) -> float:
    try:
        return seconds(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text!r} is not a time; write "10s" or "2m"') from None


def _survey(plan: Plan) -> list[Standing]:
    try:
        return survey(plan.spool.path)
    except OSError as error:
        raise UsageError(f"{plan.spool.path}: the spool cannot be read: {error.strerror}") from error


def _report(plan: Plan, ours: str, courier: Courier) -> int:
    left = {standing.destination: standing.pending for standing in _survey(plan)}
    sent = courier.sender.sent
    print(f"{ours}: {sent.delivered:,} delivered, {sent.lost:,} lost, {left.get(ours, 0):,} still wait")
    if courier.sender.trouble.reason:
        print(f"erni-run: {plan.export.endpoint.partition('?')[0]}: {courier.sender.trouble.reason}", file=sys.stderr)
    for destination, pending in left.items():
        if pending and destination != ours:
            advice = "drain them with the configuration that names this destination"
            print(f"{printable(destination)}: {pending:,} wait; {advice}")
    return int(left.get(ours, 0) > 0)
