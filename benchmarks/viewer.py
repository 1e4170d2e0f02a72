"""What the viewer must hold: ready soon and small, quick to take spans, quick to answer from a million of them.

    python benchmarks/viewer.py [SPANS]

Everything happens in a temporary state directory and on ports that the system chooses. Spans are written by the
viewer's own store, which is quicker than sending a million; the official exporter is measured by itself.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from erni_run.viewer.address import Address, running
from erni_run.viewer.intake import Intake
from erni_run.viewer.receive.signal import SIGNALS
from erni_run.viewer.store.database import Database
from erni_run.viewer.store.place import make_private, state_directory
from erni_run.viewer.store.writer import Writer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SPANS = 1_000_000
SPANS_A_TRACE = 10
TRACES_A_REQUEST = 400
HOURS = 6
SERVICES = tuple(f"service-{letter}" for letter in "abcdefgh")
NAMES = tuple(f"{verb} /{thing}/{{id}}" for verb in ("GET", "PUT", "call") for thing in "abc")
SENDER = """
import sys, time
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

class Kept(SpanProcessor):
    spans = []
    def on_end(self, span): self.spans.append(span)

provider = TracerProvider()
provider.add_span_processor(Kept())
tracer = provider.get_tracer("benchmark")
for trace in range(int(sys.argv[2]) // 10):
    with tracer.start_as_current_span("GET /orders/{id}", attributes={"url.path": f"/orders/{trace}"}):
        for call in range(9):
            attributes = {"db.system": "postgresql", "db.statement": "select * from orders where id = ?", "row": call}
            with tracer.start_as_current_span("select", attributes=attributes):
                pass
exporter = OTLPSpanExporter(endpoint=sys.argv[1], insecure=True)
exporter.export(Kept.spans[:1])
began = time.perf_counter()
for first in range(0, len(Kept.spans), 512):
    assert exporter.export(Kept.spans[first : first + 512]) is SpanExportResult.SUCCESS
print(len(Kept.spans) / (time.perf_counter() - began))
exporter.shutdown()
"""


@dataclass(frozen=True)
class Verdict:
    """A line of the result; ``bound`` is the most that may be, or the least where ``is_least``."""

    name: str
    figure: float
    unit: str
    bound: float | None = None
    is_least: bool = False

    @property
    def holds(self) -> bool:
        if self.bound is None:
            return True
        return self.figure >= self.bound if self.is_least else self.figure <= self.bound

    def __str__(self) -> str:
        shown = f"{self.name:58} {self.figure:10,.1f} {self.unit:8}"
        if self.bound is None:
            return shown.rstrip()
        least = "at least" if self.is_least else "at most"
        return f"{shown} {least} {self.bound:,g}: {'holds' if self.holds else 'DOES NOT HOLD'}"


def request(first_trace: int, traces: int, start: int, step: int) -> ExportTraceServiceRequest:
    """Traces of ten spans over three services each, with the attributes that instrumentations set."""
    message = ExportTraceServiceRequest()
    scopes: dict[str, Any] = {}
    for number in range(first_trace, first_trace + traces):
        trace_id = random.Random(number).randbytes(16)
        ids = [random.randbytes(8) for _ in range(SPANS_A_TRACE)]
        for position in range(SPANS_A_TRACE):
            service = SERVICES[(number + position // 4) % len(SERVICES)]
            scope = scopes.get(service)
            if scope is None:
                group = message.resource_spans.add()
                for key, value in {"service.name": service, "service.version": "1.2.3", "host.name": "host"}.items():
                    group.resource.attributes.add(key=key).value.string_value = value
                scope = scopes[service] = group.scope_spans.add()
                scope.scope.name = "opentelemetry.instrumentation.fastapi"
            fill(scope.spans.add(trace_id=trace_id), number, position, ids, start + (number - first_trace) * step)
    return message


def fill(span: Span, number: int, position: int, ids: list[bytes], start: int) -> None:
    span.span_id = ids[position]
    if position:
        span.parent_span_id = ids[(position - 1) // 2]
    span.name = NAMES[(number + position) % len(NAMES)]
    span.kind = Span.SPAN_KIND_CLIENT if span.name.startswith("call") else Span.SPAN_KIND_SERVER
    span.start_time_unix_nano = start + position * 100_000
    span.end_time_unix_nano = span.start_time_unix_nano + random.randint(100_000, 80_000_000)
    texts = {
        "http.request.method": "GET",
        "url.full": f"http://127.0.0.1:8000/orders/{number}/lines/{position}?expand=all",
        "server.address": "127.0.0.1",
        "user_agent.original": "python-httpx/0.28.1",
        "network.protocol.version": "1.1",
        "order.id": f"order-{number}",
    }
    for key, value in texts.items():
        span.attributes.add(key=key).value.string_value = value
    span.attributes.add(key="http.response.status_code").value.int_value = 500 if number % 50 == 0 else 200
    span.attributes.add(key="server.port").value.int_value = 8000
    if number % 50 == 0 and position == 3:
        span.status.code = Span().status.STATUS_CODE_ERROR


def populate(folder: Path, spans: int) -> float:
    """Write ``spans`` spans of the last hours. Returns spans a second of the store alone."""
    database = Database(folder)
    writer = Writer(database, sys.maxsize, lambda _: None)
    intake = Intake(writer)
    traces = spans // SPANS_A_TRACE
    step = HOURS * 3600 * 10**9 // traces
    start = time.time_ns() - HOURS * 3600 * 10**9
    spent = 0.0
    for first in range(0, traces, TRACES_A_REQUEST):
        message = request(first, min(TRACES_A_REQUEST, traces - first), start + first * step, step)
        began = time.perf_counter()
        intake.take(SIGNALS[0], message, 1)
        spent += time.perf_counter() - began
    writer.close()
    database.close()
    return spans / spent


@contextlib.contextmanager
def viewer(environ: dict[str, str], folder: Path) -> Iterator[tuple[Address, float, float]]:
    """A running viewer: where, seconds until it answered, MiB that it then took."""
    ports = ("--port", "0", "--grpc-port", "0", "--http-port", "0", "--max-size", "100GiB")
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "erni_run", "view", *ports], env=environ, stderr=subprocess.DEVNULL
    )
    try:
        while (address := running(folder)) is None:
            assert process.poll() is None, "the viewer has ended"
            time.sleep(0.005)
        yield address, time.perf_counter() - began, resident(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def resident(pid: int) -> float:
    """MiB of memory that the process has in use."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def processor_seconds(pid: int) -> float:
    """User and system time that the process has used (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def exported(address: Address, senders: int, spans: int) -> float:
    """Spans a second from so many processes that send with the official exporter at once."""
    command = [sys.executable, "-c", SENDER, address.grpc, str(spans)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(senders)]
    return sum(float(process.communicate()[0]) for process in processes)


class Client:
    """Asks the viewer over one connection."""

    def __init__(self, page: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(page).netloc)

    def get(self, path: str) -> Any:
        self._connection.request("GET", path)
        response = self._connection.getresponse()
        body = response.read()
        assert response.status == 200, (path, response.status, body)
        return json.loads(body)

    def milliseconds(self, *paths: str, rounds: int = 1) -> float:
        """The median over ``paths``, each asked ``rounds`` times."""
        times = []
        for path in paths * rounds:
            began = time.perf_counter()
            self.get(path)
            times.append((time.perf_counter() - began) * 1000)
        return statistics.median(times)


def questions() -> dict[str, str]:
    """Lists with filters, the common and the rare."""
    since = time.time_ns() - HOURS * 3600 * 10**9
    hour = 3600 * 10**9
    return {
        "list, newest": "",
        "list, by service": "service=service-c",
        "list, by service and operation": f"service=service-c&operation={quote(NAMES[5])}",
        "list, an operation that is not there": "service=service-c&operation=none",
        "list, errors": "status=error",
        "list, errors of a service, slower than 100 ms": "service=service-a&status=error&min=100ms",
        "list, longest": "sort=duration&order=desc",
        "list, longest of a service within an hour": f"sort=duration&service=service-b&end={since + hour}",
        "list, by an attribute that many have": "attribute=http.response.status_code=500",
        "list, by service and prefix of an attribute": "service=service-a&attribute=url.full=http://127.0.0.1:8000/*",
    }


def measure(spans: int) -> Iterator[Verdict]:
    """Every line, as soon as it is known."""
    with tempfile.TemporaryDirectory(prefix="erni-run-benchmark-") as state:
        environ = {**os.environ, "XDG_STATE_HOME": state}
        folder = state_directory(environ)
        make_private(folder)
        starts = []
        for _ in range(5):
            with viewer(environ, folder) as (_, seconds, memory):
                starts.append((seconds, memory))
        yield Verdict("ready", statistics.median(start[0] for start in starts), "s", 1.5)
        yield Verdict("memory when ready", max(start[1] for start in starts), "MiB", 90)
        with viewer(environ, folder) as (address, _, _):
            rates = [exported(address, 1, 20_000) for _ in range(3)]
            yield Verdict(
                "taken from one official exporter", statistics.median(rates), "spans/s", 10_000, is_least=True
            )
            used = processor_seconds(address.pid)
            yield Verdict("taken from two at once", exported(address, 2, 20_000), "spans/s")
            used = processor_seconds(address.pid) - used
            yield Verdict("what the viewer would take, had it a core to itself", 40_000 / used, "spans/s")
            held = Client(address.page).get("/api/view/about")["spans"]
            yield Verdict("of those sent, lost", 5 * 20_000 - held, "spans", 0)
        (folder / "traces.db").unlink()
        yield Verdict("written by the store alone", populate(folder, spans), "spans/s")
        with viewer(environ, folder) as (address, _, _):
            client = Client(address.page)
            about = client.get("/api/view/about")
            assert about["spans"] == spans, about
            yield Verdict(f"size, with {spans:,} spans", about["bytes"] / spans, "B/span", 600)
            found = client.get("/api/view/traces?limit=500")["traces"]
            ids = [random.Random(number).randbytes(16).hex() for number in range(0, spans // SPANS_A_TRACE, 997)]
            paths = [f"/api/view/traces/{one}" for one in [*ids, *(trace["traceId"] for trace in found[::50])]]
            yield Verdict("trace by id", client.milliseconds(*paths), "ms", 20)
            for name, query in questions().items():
                yield Verdict(name, client.milliseconds(f"/api/view/traces?{query}", rounds=7), "ms", 100)
            rare = f"/api/view/traces?attribute=order.id=order-{spans // SPANS_A_TRACE // 2}"
            yield Verdict(
                "list, by an attribute of one trace: its first page", client.milliseconds(rare, rounds=3), "ms"
            )
            yield Verdict("p95 table", client.milliseconds("/api/view/operations", rounds=7), "ms", 500)
            yield Verdict("map", client.milliseconds("/api/view/map", rounds=3), "ms")
            yield Verdict("services", client.milliseconds("/api/view/services", rounds=3), "ms")


def main() -> int:
    """Print a line a measurement. Returns 1 if something that must hold does not."""
    spans = int(sys.argv[1]) if len(sys.argv) > 1 else SPANS
    held = True
    for verdict in measure(spans):
        print(verdict, flush=True)
        held = held and verdict.holds
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
