"""Start the agency traced, send it photographs, print what happened."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from erni_run.printable import printable
from erni_run.viewer import tail
from erni_run.viewer.address import Address
from erni_run.viewer.beside import ensure
from erni_run.viewer.span import Span
from erni_run.viewer.store.place import Unusable
from erni_run.viewer.tree import render

from demo.application import Application, RequestError, StartError
from demo.photos import NoPhotosError, photographs

_ROOT = "POST /api/process-batch"
_QUIET = {
    "timestamp",
    "event",
    "level",
    "logger",
    "trace_id",
    "span_id",
    "service",
    "environment",
    "session_id",
    "batch_id",
}
_DELIVERY_SECONDS = 15
_TICK_SECONDS = 0.1


def main(arguments: list[str]) -> int:
    """Run the demonstration; ``arguments`` may name a folder of photographs. Returns the exit code."""
    try:
        photos = photographs(arguments[0] if arguments else None)
        viewer = ensure(os.environ)
        began = time.time_ns()
        print(
            f"sending {', '.join(photo.name for photo in photos)} to `erni-run uvicorn agency.main:app` …", flush=True
        )
        with Application({"OTLP_ENDPOINT": viewer.grpc}) as application:
            outcome = _send(application, photos)
        _report(outcome, _trace(viewer, began), viewer, application)
    except (NoPhotosError, StartError, Unusable) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def _send(application: Application, photos: list[Any]) -> str:
    try:
        answer = application.process_batch(photos)
        report = answer.get("report") or {}
        return f"the batch is {answer['status']}, the report says {report.get('verdict', 'nothing')}"
    except RequestError as refusal:
        return f"the agency refused: {refusal}"


def _trace(viewer: Address, began: int) -> list[Span]:
    """The spans of the request's trace, as soon as it is complete; [] if the viewer has none after a while."""
    path = f"/api/view/traces?operation={quote(_ROOT)}&start={began}&limit=1"
    deadline = time.monotonic() + _DELIVERY_SECONDS
    while True:
        found = tail.ask(viewer.page, path)["traces"]
        is_late = time.monotonic() > deadline
        if found and (found[0]["complete"] or is_late):
            return tail.spans(viewer.page, found[0]["traceId"])
        if is_late:
            return []
        time.sleep(_TICK_SECONDS)


def _report(outcome: str, spans: list[Span], viewer: Address, application: Application) -> None:
    print(f"{outcome}\n")
    print(render(spans, colour=sys.stdout.isatty()))
    events = application.events(spans[0].trace_id) if spans else []
    print("log lines of this trace")
    for event in events:
        print(f"  {_log_line(event)}")
    failed = sum(span.is_error for span in spans)
    print(f"\n{len(spans)} spans, {failed} with an error, {len(events)} log lines")
    if spans:
        print(f"trace of the photos: {viewer.page}/trace/{spans[0].trace_id}")


def _log_line(event: Mapping[str, Any]) -> str:
    time = str(event.get("timestamp", ""))[11:23]
    details = " ".join(f"{key}={_short(value)}" for key, value in event.items() if key not in _QUIET)
    what = f"{event.get('level', ''):<7} {event.get('event', '')}"
    return f"{time} span {event.get('span_id', '-')} {what} {details}".rstrip()


def _short(value: object) -> str:
    text = printable(" ".join(str(value).split()))
    return text if len(text) <= 60 else f"{text[:59]}…"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
