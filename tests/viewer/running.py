"""A viewer in a process of its own, as a user starts it, and records to send to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from erni_run.viewer.address import Address, running
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ANY_PORTS = ("--port", "0", "--grpc-port", "0", "--http-port", "0")
PROTOBUF = "application/x-protobuf"
MINUTE = 60 * 10**9
START = 1_790_000_000 * 10**9 // MINUTE * MINUTE  # nanoseconds; a whole minute, so that steps can be told
MILLISECOND = 10**6
RECORDED: dict[str, Any] = {  # as opentelemetry-js posts it from a page
    "resourceSpans": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "page"}}],
                "droppedAttributesCount": 0,
            },
            "scopeSpans": [
                {
                    "scope": {"name": "@opentelemetry/instrumentation-fetch", "version": "0.57.0"},
                    "spans": [
                        {
                            "traceId": "5B8EFFF798038103D269B633813FC60C",
                            "spanId": "EEE19B7EC3C1B174",
                            "parentSpanId": "",
                            "name": "HTTP GET",
                            "kind": 3,
                            "startTimeUnixNano": str(START),
                            "endTimeUnixNano": START + 10**6,
                            "attributes": [
                                {"key": "http.status_code", "value": {"intValue": "200"}},
                                {"key": "ratio", "value": {"doubleValue": 0.5}},
                                {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": "a"}]}}},
                            ],
                            "events": [],
                            "links": [{"traceId": "5b8efff798038103d269b633813fc60d", "spanId": "eee19b7ec3c1b175"}],
                            "status": {"code": 0},
                            "aFieldOfTomorrow": {"nested": [1, 2]},
                        }
                    ],
                }
            ],
        }
    ]
}


class Answer:
    """What an HTTP server answered."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Viewer:
    """``erni-run view`` with its state in ``folder``, from entry to exit of the ``with`` block."""

    def __init__(
        self, folder: Path, *arguments: str, environ: Mapping[str, str] | None = None, before: tuple[str, ...] = ()
    ) -> None:
        self.state = folder / "erni-run" / "viewer"
        self.environ = {**os.environ, "XDG_STATE_HOME": str(folder), **(environ or {})}
        self.command = [*before, sys.executable, "-m", "erni_run", "view", *ANY_PORTS, *arguments]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.address = eventually(self._address)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _address(self) -> Address | None:
        assert self.process.poll() is None, self.process.communicate()[1]
        return running(self.state)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """End it. Returns status, standard output and standard error; those of the first call, if there were more."""
        if not hasattr(self, "ended"):
            self.process.send_signal(number)
            out, err = self.process.communicate(timeout=20)
            self.ended = self.process.returncode, out, err
        return self.ended

    def ask(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Ask the page's port."""
        return asked(self.address.page, path, method, headers, body)

    def get(self, path: str) -> Any:
        """The JSON that the path is answered with; AssertionError for anything but success."""
        answer = self.ask(path)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json

    def send(self, *spans: Mapping[str, Any]) -> None:
        """Have spans taken, as OTLP over HTTP."""
        answer = self.post("/v1/traces", request(*spans).SerializeToString())
        assert (answer.status, answer.body) == (200, b"")

    def post(self, path: str, body: bytes, **headers: str) -> Answer:
        """Post ``body`` to the port of OTLP; headers with ``_`` for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return asked(self.address.http, path, "POST", {"Content-Type": PROTOBUF, **named}, body)


def asked(
    server: str, path: str, method: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Answer:
    """What the server at the URL ``server`` answers."""
    connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=20)
    try:
        connection.request(method, path, body, dict(headers or {}))
        return Answer(connection.getresponse())
    finally:
        connection.close()


def eventually(found: Callable[[], Any], seconds: float = 20) -> Any:
    """What ``found`` returns, as soon as it is something; AssertionError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"nothing after {seconds} s")


def span(trace: int, number: int, parent: int = 0, *, start: int = 0, duration: int = 1, **more: Any) -> dict[str, Any]:
    """A span: times in milliseconds after START; ``more`` are name, service, kind, status, attributes, events, ..."""
    return {"trace": trace, "number": number, "parent": parent, "start": start, "duration": duration, **more}


def request(*spans: Mapping[str, Any]) -> ExportTraceServiceRequest:
    """A request with what ``span`` describes."""
    message = ExportTraceServiceRequest()
    for described in spans:
        group = message.resource_spans.add()
        group.resource.attributes.add(key="service.name").value.string_value = described.get("service", "shop")
        group.resource.attributes.add(key="deployment.environment").value.string_value = "test"
        scope = group.scope_spans.add()
        scope.scope.name, scope.scope.version = "tests", "1"
        start = START + described["start"] * MILLISECOND
        made = scope.spans.add(
            trace_id=described["trace"].to_bytes(16, "big"),
            span_id=described["number"].to_bytes(8, "big"),
            parent_span_id=described["parent"].to_bytes(8, "big") if described["parent"] else b"",
            name=described.get("name", f"span {described['number']}"),
            kind=described.get("kind", 1),
            start_time_unix_nano=start,
            end_time_unix_nano=start + described["duration"] * MILLISECOND,
            trace_state=described.get("trace_state", ""),
        )
        made.status.code = described.get("status", 0)
        made.status.message = described.get("message", "")
        put(made.attributes, described.get("attributes", {}))
        for name, attributes in described.get("events", {}).items():
            put(made.events.add(name=name, time_unix_nano=start).attributes, attributes)
        for trace, number in described.get("links", ()):
            made.links.add(trace_id=trace.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"))
    return message


def put(pairs: Any, attributes: Mapping[str, Any]) -> None:
    """Fill a list of KeyValue."""
    fields = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value", bytes: "bytes_value"}
    for key, value in attributes.items():
        pair = pairs.add(key=key)
        if isinstance(value, list):
            for item in value:
                pair.value.array_value.values.add(string_value=item)
        else:
            setattr(pair.value, fields[type(value)], value)


def hexadecimal(trace: int) -> str:
    """The id of a trace."""
    return f"{trace:032x}"
