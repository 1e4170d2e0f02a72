"""What tracing reports about itself: names and numbers, when, and what becomes of it where nobody takes metrics."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from erni_run.inside.metrics.report import Moment, request
from erni_run.inside.settlement import BOUNDS, Settlement
from erni_run.plan import ExportPlan
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.semconv._incubating.metrics import otel_metrics

from tests.conftest import Workshop
from tests.servers import Server, grpc_server

RESOURCE = Resource()
RESOURCE.attributes.add(key="service.name").value.string_value = "shop"


def instance(body: bytes) -> str:
    (of_process,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
    (found,) = (pair.value for pair in of_process.resource.attributes if pair.key == "service.instance.id")
    return str(found.string_value)


Points = dict[tuple[str, str], Any]


@dataclass
class Spans:
    delivered: int = 90
    rejected: Mapping[str, int] = field(default_factory=lambda: {"partial success": 2, "INVALID_ARGUMENT": 1})
    dropped: Mapping[str, int] = field(default_factory=lambda: {"memory full": 1, "size": 3, "not encodable": 4})
    pending: int = 5


def numbers(body: bytes) -> Points:
    """Value, or (count, sum), by the metric's name and its points' telling attributes."""
    (of_process,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
    (ours,) = of_process.scope_metrics
    assert ours.scope.name == "erni_run"
    points: Points = {}
    for metric in ours.metrics:
        for point in getattr(metric, metric.WhichOneof("data")).data_points:
            attributes = {pair.key: pair.value.string_value for pair in point.attributes}
            telling = [value for key, value in attributes.items() if key.startswith(("error.type", "erni."))]
            value = (point.count, point.sum) if metric.HasField("histogram") else point.as_int
            points[metric.name, " ".join(telling)] = value
    return points


def encoded(trace_id: int) -> bytes:
    return bytes(Span(trace_id=trace_id.to_bytes(16, "big")).SerializeToString())


@dataclass
class Local:
    """A trace below one local root, as the recorder counts it."""

    trace_id: int
    started: int = 0
    ended: int = 0


def made(protocol: str = "grpc") -> bytes:
    settlement = Settlement(lambda: 0.0)
    settlement.follow()
    traces = [Local(trace_id=trace_id, started=2) for trace_id in range(3)]
    for local in traces:
        settlement.began(local, "work")
    for trace_id in range(2):
        traces[trace_id].ended = 2
        settlement.over(traces[trace_id], 0.0)
        settlement.settled([encoded(trace_id)] * 2, "delivered" if trace_id else "rejected")
    plan = ExportPlan(endpoint="https://collector:4318/v1/traces?key=hush", protocol=protocol)
    moment = Moment(
        since=1, now=2, spans=Spans(), traces=settlement.snapshot(), failed_captures={"tracing.toml:3": 7}, overflowed=8
    )
    return request(plan, RESOURCE.SerializeToString(), moment)


def test_report_has_the_resource_of_the_spans() -> None:
    (of_process,) = ExportMetricsServiceRequest.FromString(made()).resource_metrics
    assert of_process.resource == RESOURCE


def test_numbers_add_up() -> None:
    points = numbers(made())
    assert points == {
        ("otel.sdk.span.started", ""): 6,
        ("otel.sdk.span.live", ""): 2,
        ("otel.sdk.processor.span.processed", ""): 93,
        ("otel.sdk.processor.span.processed", "queue_full"): 4,
        ("otel.sdk.processor.span.processed", "not_encodable"): 4,
        ("otel.sdk.processor.span.queue.size", ""): 5,
        ("otel.sdk.exporter.span.exported", ""): 90,
        ("otel.sdk.exporter.span.exported", "rejected"): 2,
        ("otel.sdk.exporter.span.exported", "INVALID_ARGUMENT"): 1,
        ("erni.trace.settled", "complete work"): 1,
        ("erni.trace.settled", "lost_spans work"): 1,
        ("erni.trace.overflowed", ""): 8,
        ("erni.capture.failed", "tracing.toml:3"): 7,
        ("erni.trace.duration", "complete work"): (1, 0.0),
        ("erni.trace.duration", "lost_spans work"): (1, 0.0),
    }


def test_durations_are_a_histogram_between_known_bounds() -> None:
    (of_process,) = ExportMetricsServiceRequest.FromString(made()).resource_metrics
    (metric,) = (metric for metric in of_process.scope_metrics[0].metrics if metric.name == "erni.trace.duration")
    assert (metric.unit, metric.histogram.aggregation_temporality) == ("s", AGGREGATION_TEMPORALITY_CUMULATIVE)
    for point in metric.histogram.data_points:
        assert tuple(point.explicit_bounds) == BOUNDS
        assert list(point.bucket_counts) == [1] + [0] * len(BOUNDS)
        assert (point.start_time_unix_nano, point.time_unix_nano) == (1, 2)


CONVENTIONS = [
    otel_metrics.create_otel_sdk_span_started,
    otel_metrics.create_otel_sdk_span_live,
    otel_metrics.create_otel_sdk_processor_span_processed,
    otel_metrics.create_otel_sdk_processor_span_queue_size,
    otel_metrics.create_otel_sdk_exporter_span_exported,
]


@pytest.mark.parametrize("create", CONVENTIONS)
def test_name_unit_and_kind_are_those_of_the_conventions(create: Callable[[Any], Any]) -> None:
    provider = MeterProvider(shutdown_on_exit=False)
    expected = create(provider.get_meter("test"))
    (of_process,) = ExportMetricsServiceRequest.FromString(made()).resource_metrics
    (metric,) = (metric for metric in of_process.scope_metrics[0].metrics if metric.name == expected.name)
    assert metric.unit == expected.unit
    assert metric.sum.is_monotonic == (type(expected).__name__ in {"Counter", "_Counter"})
    assert metric.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    assert all((point.start_time_unix_nano, point.time_unix_nano) == (1, 2) for point in metric.sum.data_points)
    provider.shutdown()


@pytest.mark.parametrize(
    ("protocol", "kind"), [("grpc", "otlp_grpc_span_exporter"), ("http/protobuf", "otlp_http_span_exporter")]
)
def test_exporter_is_named_with_its_server_and_without_secrets(protocol: str, kind: str) -> None:
    body = made(protocol)
    (of_process,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
    (exported,) = (m for m in of_process.scope_metrics[0].metrics if m.name == "otel.sdk.exporter.span.exported")
    attributes = {pair.key: pair.value for pair in exported.sum.data_points[0].attributes}
    assert attributes["otel.component.type"].string_value == kind
    assert attributes["otel.component.name"].string_value == f"{kind}/0"
    assert attributes["server.address"].string_value == "collector"
    assert attributes["server.port"].int_value == 4318
    assert b"hush" not in body


PROGRAM = """
import os, sys
from dataclasses import dataclass, field
from erni_run.inside.metrics.reporter import Reporter
from erni_run.inside.settlement import Settlement
from erni_run.plan import ExportPlan, MetricsPlan

class Spans:
    delivered = pending = 0
    rejected = dropped = {{}}

class Local:
    trace_id = started = ended = 1

url, protocol, enabled, every = sys.argv[1:]
resource = {resource!r}
settlement = Settlement()
reporter = Reporter(ExportPlan(endpoint=url, protocol=protocol), MetricsPlan(enabled=enabled, every=float(every)),
                    lambda: resource, lambda: Spans, settlement, follow=lambda: lambda: None)

def span():
    local = Local()
    settlement.began(local, "work")
    settlement.over(local, 0.0)
    settlement.settled([b"\\x0a\\x10" + bytes(15) + b"\\x01"], "delivered")
    Spans.delivered += 1

span()
reporter.start()
for line in sys.stdin:
    exec(line)
reporter.finish(5)
"""


class Metrics(Server):
    """Takes metrics over both protocols, or refuses them; ``reports`` is what it was sent."""

    def __init__(self, *, takes: bool = True) -> None:
        super().__init__(200 if takes else 404)
        self._takes = takes
        self.reports: list[bytes] = []
        self.arrived = threading.Semaphore(0)

    def answer(self, handler: Any) -> None:
        assert handler.path == "/v1/metrics"
        self._keep(gzip.decompress(self.requests[-1][2]))
        super().answer(handler)

    def answer_call(self, method: str, body: bytes, context: grpc.ServicerContext) -> bytes:
        assert method == "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
        self._keep(body)
        if not self._takes:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "no metrics")
        return b""

    def _keep(self, report: bytes) -> None:
        self.reports.append(report)
        self.arrived.release()

    def has(self, reports: int) -> None:
        """Wait until as many more have come."""
        for _ in range(reports):
            assert self.arrived.acquire(timeout=30)


def start(workshop: Workshop, url: str, protocol: str, enabled: str, every: float) -> Any:
    workshop.write("reports.py", PROGRAM.format(resource=RESOURCE.SerializeToString()))
    return workshop.start("python", "reports.py", url, protocol, enabled, str(every), stdin=-1)


PROTOCOLS = pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])


@PROTOCOLS
def test_reports_go_out_regularly_and_at_the_end(workshop: Workshop, protocol: str) -> None:
    metrics = Metrics()
    with metrics.running() as server, grpc_server(metrics.answer_call) as endpoint:
        url = endpoint if protocol == "grpc" else server.url
        with start(workshop, url, protocol, "auto", 0.05) as process:
            metrics.has(2)
            out, err = process.communicate("span()\nreporter._background._every = 3600\n", timeout=30)
    assert (out, err, process.returncode) == ("", "", 0)
    first, last = numbers(metrics.reports[0]), numbers(metrics.reports[-1])
    assert first["otel.sdk.exporter.span.exported", ""] == 1
    assert last["otel.sdk.exporter.span.exported", ""] == 2
    assert ("erni.trace.settled", "complete work") not in first  # nobody had asked for it
    assert last["erni.trace.settled", "complete work"] == 1


@PROTOCOLS
@pytest.mark.parametrize(
    ("enabled", "said"), [("auto", ""), ("true", "erni-run: {url} takes no metrics: {reason}: check export.endpoint\n")]
)
def test_collector_without_metrics_is_left_alone(workshop: Workshop, protocol: str, enabled: str, said: str) -> None:
    metrics = Metrics(takes=False)
    with metrics.running() as server, grpc_server(metrics.answer_call) as endpoint:
        url = endpoint if protocol == "grpc" else server.url
        with start(workshop, url, protocol, enabled, 0.05) as process:
            metrics.has(1)
            out, err = process.communicate("import time; time.sleep(0.3)\n", timeout=30)
    reason = "UNIMPLEMENTED no metrics" if protocol == "grpc" else "HTTP 404 Not Found"
    assert (out, err, process.returncode) == ("", said.format(url=url, reason=reason), 0)
    assert (len(metrics.reports) == 1) == (enabled == "auto")


@pytest.mark.parametrize(("enabled", "reports"), [("auto", 0), ("true", 1)])
def test_short_process_reports_only_if_it_was_told_to(workshop: Workshop, enabled: str, reports: int) -> None:
    metrics = Metrics()
    with (
        metrics.running() as server,
        start(workshop, server.url, "http/protobuf", enabled, 3600) as process,
    ):
        _, err = process.communicate("", timeout=30)
    assert (err, process.returncode, len(metrics.reports)) == ("", 0, reports)


def test_collector_that_is_away_is_tried_again_in_silence(workshop: Workshop) -> None:
    metrics = Metrics()
    metrics.status = 503
    with (
        metrics.running() as server,
        start(workshop, server.url, "http/protobuf", "auto", 0.05) as process,
    ):
        metrics.has(2)
        metrics.status = 200
        metrics.has(2)
        _, err = process.communicate("", timeout=30)
    assert (err, process.returncode) == ("", 0)


def test_address_that_tells_nothing_about_metrics_is_said_to_who_wants_them(workshop: Workshop) -> None:
    with start(workshop, "http://127.0.0.1:1/ingest?key=hush", "http/protobuf", "true", 3600) as process:
        _, err = process.communicate("", timeout=30)
    assert err == "erni-run: http://127.0.0.1:1/ingest takes no metrics: no address for metrics\n"


def test_forked_child_reports_its_own_numbers(workshop: Workshop) -> None:
    metrics = Metrics()
    with (
        metrics.running() as server,
        start(workshop, server.url, "http/protobuf", "true", 3600) as process,
    ):
        child = "Spans.delivered = 0; span(); span(); reporter.start()"
        quiet = "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"  # 3.13: of a fork with threads
        fork = f"{quiet}child = os.fork()\nif child == 0: {child}\n"
        wait = "if child: os.waitpid(child, 0)\n"
        out, err = process.communicate(fork + wait, timeout=30)
    assert (out, err) == ("", "")
    counts = [numbers(report)["otel.sdk.span.started", ""] for report in metrics.reports]
    assert sorted(counts) == [1, 2]


class Everything(Metrics):
    """Takes traces as well, whatever it says to metrics."""

    def answer(self, handler: Any) -> None:
        if handler.path == "/v1/traces":
            handler.send_response(200)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        else:
            super().answer(handler)

    def answer_call(self, method: str, body: bytes, context: grpc.ServicerContext) -> bytes:
        return b"" if "Trace" in method else super().answer_call(method, body, context)


ALL = 'target = "shop:*"'
LEFT_OUT = 'target = "shop:sell"\ncapture = { gone = "result.nothing" }'
SHOP = """
import shop, sys, os

def trade():
    for _ in range(50): shop.sell()

trade()
sys.stdin.readline()
if len(sys.argv) > 1 and os.fork() == 0: trade(); sys.exit(0)
if len(sys.argv) > 1: os.wait()
trade()
"""


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    workshop.write("shop.py", "def sell(): return part()\ndef part(): return 1\n")
    workshop.write("main.py", SHOP)
    workshop.environ["OTEL_TRACES_EXPORTER"] = "otlp"
    return workshop


def trade(shop: Workshop, url: str, protocol: str, metrics: str, span: str = ALL, *arguments: str) -> Any:
    shop.write("tracing.toml", f"[[span]]\n{span}\n[metrics]\n{metrics}\n")
    where = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url}
    return shop.start("erni-run", "python", "-W", "ignore", "main.py", *arguments, environ=where, stdin=-1)


@PROTOCOLS
def test_traced_process_reports_what_became_of_its_spans(shop: Workshop, protocol: str) -> None:
    metrics = Everything()
    with metrics.running() as server, grpc_server(metrics.answer_call) as endpoint:
        url = endpoint if protocol == "grpc" else server.url
        with trade(shop, url, protocol, 'enabled = true\nevery = "100ms"') as process:
            metrics.has(1)
            out, err = process.communicate("\n", timeout=30)
    assert (out, err, process.returncode) == ("", "", 0)
    last = numbers(metrics.reports[-1])
    assert last["otel.sdk.span.started", ""] == 200
    assert last["otel.sdk.span.live", ""] == 0
    assert last["otel.sdk.exporter.span.exported", ""] == 200
    assert last["otel.sdk.processor.span.queue.size", ""] == 0
    assert last["erni.trace.settled", "complete sell"] == 100
    assert last["erni.trace.duration", "complete sell"][0] == 100


def test_attributes_that_were_left_out_are_reported(shop: Workshop) -> None:
    metrics = Everything()
    with metrics.running() as server, trade(shop, server.url, "http/protobuf", "enabled = true", LEFT_OUT) as process:
        process.communicate("\n", timeout=30)
    assert numbers(metrics.reports[-1])["erni.capture.failed", "tracing.toml:1"] == 100


def test_forked_child_reports_for_itself(shop: Workshop) -> None:
    metrics = Everything()
    with (
        metrics.running() as server,
        trade(shop, server.url, "http/protobuf", "enabled = true", ALL, "forks") as process,
    ):
        out, err = process.communicate("\n", timeout=30)
    assert (out, err, process.returncode) == ("", "", 0)
    assert sorted(numbers(report)["otel.sdk.span.started", ""] for report in metrics.reports) == [100, 200]
    instances = {instance(report) for report in metrics.reports}
    assert len(instances) == 2


def test_traced_process_is_quiet_where_nobody_takes_metrics(shop: Workshop) -> None:
    metrics = Everything(takes=False)
    with metrics.running() as server, trade(shop, server.url, "http/protobuf", 'every = "100ms"') as process:
        metrics.has(1)
        out, err = process.communicate("\n", timeout=30)
    assert (out, err, process.returncode) == ("", "", 0)
    assert len(metrics.reports) == 1


def test_metrics_that_are_switched_off_are_not_sent(shop: Workshop) -> None:
    metrics = Everything()
    with (
        metrics.running() as server,
        trade(shop, server.url, "http/protobuf", 'enabled = false\nevery = "10ms"') as process,
    ):
        process.communicate("\n", timeout=30)
    assert metrics.requests
    assert not metrics.reports
