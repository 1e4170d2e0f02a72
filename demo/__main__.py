"""Start the agency traced, send it photographs, print what happened."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import Any

from erni_run.printable import printable
from erni_run.viewer.receive import Receiver
from erni_run.viewer.span import Span
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


class _Trace:
    """Spans as they arrive, and whether the request's own span is among them: it ends last."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._whole = threading.Event()

    def take(self, spans: list[Span]) -> None:
        self._spans += spans
        if any(span.name == _ROOT for span in spans):
            self._whole.set()

    def wait(self) -> list[Span]:
        """The spans of the request's trace, [] if its root has not arrived within a while."""
        self._whole.wait(_DELIVERY_SECONDS)
        roots = [span for span in self._spans if span.name == _ROOT]
        return [span for span in self._spans if roots and span.trace_id == roots[0].trace_id]


def main(arguments: list[str]) -> int:
    """Run the demonstration; ``arguments`` may name a folder of photographs. Returns the exit code."""
    try:
        photos = photographs(arguments[0] if arguments else None)
        trace = _Trace()
        print(
            f"sending {', '.join(photo.name for photo in photos)} to `erni-run uvicorn agency.main:app` …", flush=True
        )
        with Receiver(trace.take) as receiver:
            with Application({"OTLP_ENDPOINT": receiver.grpc_endpoint}) as application:
                outcome = _send(application, photos)
                trace.wait()
            _report(outcome, trace.wait(), application)
    except (NoPhotosError, StartError) as error:
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


def _report(outcome: str, spans: list[Span], application: Application) -> None:
    print(f"{outcome}\n")
    print(render(spans, colour=sys.stdout.isatty()))
    events = application.events(spans[0].trace_id) if spans else []
    print("log lines of this trace")
    for event in events:
        print(f"  {_log_line(event)}")
    failed = sum(span.is_error for span in spans)
    trace_id = spans[0].trace_id if spans else "none"
    print(f"\ntrace {trace_id}: {len(spans)} spans, {failed} with an error, {len(events)} log lines")


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
