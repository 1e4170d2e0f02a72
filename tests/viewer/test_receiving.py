"""OTLP as it is sent, well and badly: what is taken, what is answered."""

from __future__ import annotations

import gzip
import http.client
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
from google.rpc import status_pb2
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.json.http._log_exporter import OTLPLogExporter as JsonLogs
from opentelemetry.exporter.otlp.json.http.metric_exporter import OTLPMetricExporter as JsonMetrics
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonSpans
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import format_trace_id

from tests.collector import Collector
from tests.viewer.running import PROTOBUF, RECORDED, START, Viewer, asked, eventually, hexadecimal, request, span

JSON = "application/json"


def exporters(viewer: Viewer, protocol: str) -> tuple[Any, Any, Any]:
    if protocol == "grpc":
        options: dict[str, Any] = {"endpoint": viewer.address.grpc, "insecure": True}
        return GrpcSpans(**options), GrpcLogs(**options), GrpcMetrics(**options)
    if protocol == "http, json":
        made = zip((JsonSpans, JsonLogs, JsonMetrics), ("traces", "logs", "metrics"), strict=True)
        return tuple(kind(endpoint=f"{viewer.address.http}/v1/{name}") for kind, name in made)  # type: ignore[return-value]  # as below
    packed = Compression.Gzip if protocol == "http, gzip" else Compression.NoCompression
    kinds = {"traces": HttpSpans, "logs": HttpLogs, "metrics": HttpMetrics}
    return tuple(  # type: ignore[return-value]  # three of them
        kind(endpoint=f"{viewer.address.http}/v1/{name}", compression=packed) for name, kind in kinds.items()
    )


@pytest.mark.parametrize("protocol", ["grpc", "http", "http, gzip", "http, json"])
def test_official_exporters_are_understood(viewer: Viewer, protocol: str) -> None:
    spans, logs, metrics = exporters(viewer, protocol)
    tracing, logging_, metering = TracerProvider(), LoggerProvider(), None
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    logging_.add_log_record_processor(SimpleLogRecordProcessor(logs))
    metering = MeterProvider([PeriodicExportingMetricReader(metrics, export_interval_millis=1_000_000)])
    metering.get_meter("tests").create_counter("orders").add(3)
    with tracing.get_tracer("tests", "1").start_as_current_span("work", attributes={"number": 7}) as current:
        current.add_event("seen", {"by": "me"})
        record = LogRecord(timestamp=START, severity_number=SeverityNumber.WARN, severity_text="WARN", body="careful")
        logging_.get_logger("tests").emit(record)
    for provider in (tracing, logging_, metering):
        provider.shutdown()  # type: ignore[no-untyped-call]
    found = viewer.get(f"/api/view/traces/{format_trace_id(current.get_span_context().trace_id)}")
    assert [(one["name"], one["attributes"], one["scope"]) for one in found["spans"]] == [
        ("work", {"number": 7}, {"name": "tests", "version": "1"})
    ]
    assert [(one["body"], one["severity"], one["severityNumber"], one["time"]) for one in found["logs"]] == [
        ("careful", "WARN", 13, str(START))
    ]
    assert found["logs"][0]["spanId"] == found["spans"][0]["spanId"]
    (kept,) = viewer.get("/api/view/metrics")["resourceMetrics"]
    (metric,) = kept["scopeMetrics"][0]["metrics"]
    assert (metric["name"], metric["sum"]["dataPoints"][0]["asInt"]) == ("orders", "3")


def test_json_of_a_page_is_understood(viewer: Viewer) -> None:
    answer = viewer.post("/v1/traces", json.dumps(RECORDED).encode(), Content_Type="application/json; charset=utf-8")
    assert (answer.status, answer.json, answer.headers["Content-Type"]) == (200, {}, JSON)
    (found,) = viewer.get("/api/view/traces/5b8efff798038103d269b633813fc60c")["spans"]
    assert (found["spanId"], found["parentId"], found["kind"], found["start"], found["duration"]) == (
        "eee19b7ec3c1b174",
        None,
        "client",
        str(START),
        "1000000",
    )
    assert found["attributes"] == {"http.status_code": 200, "ratio": 0.5, "tags": ["a"]}
    assert found["links"][0]["traceId"] == "5b8efff798038103d269b633813fc60d"


def test_what_is_downloaded_is_what_was_sent(viewer: Viewer) -> None:
    viewer.post("/v1/traces", json.dumps(RECORDED).encode(), Content_Type=JSON)
    answer = viewer.ask("/api/view/traces/5b8efff798038103d269b633813fc60c/otlp")
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    (sent,), (got,) = RECORDED["resourceSpans"], answer.json["resourceSpans"]
    assert got["resource"]["attributes"] == sent["resource"]["attributes"]  # type: ignore[index]
    assert got["scopeSpans"][0]["spans"][0]["spanId"] == "eee19b7ec3c1b174"
    assert viewer.post("/v1/traces", answer.body, Content_Type=JSON).status == 200
    assert viewer.get("/api/view/about")["spans"] == 1


def test_json_with_bytes_of_all_kinds_is_taken_in_silence(tmp_path: Path) -> None:
    """Base64 has two alphabets, and protobuf's JSON mapping takes both; newer Pythons warn of one."""
    ids = {"traceId": "FB" * 16, "spanId": "ff" * 8, "parentSpanId": "fb" * 8}
    values = [{"bytesValue": text} for text in ("+/+/", "-_-_", "YQ==", "YQ")]
    attribute = {"key": "k", "value": {"arrayValue": {"values": values}}}
    scoped = {"spans": [{**ids, "name": "work", "startTimeUnixNano": "1", "attributes": [attribute]}]}
    with Viewer(tmp_path) as viewer:
        body = json.dumps({"resourceSpans": [{"scopeSpans": [scoped]}]}).encode()
        assert viewer.post("/v1/traces", body, Content_Type=JSON).status == 200
        found = viewer.ask(f"/api/view/traces/{'fb' * 16}/otlp").json["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
        assert viewer.stop()[2].count("\n") == 1  # where it listens
    assert {name: found[name] for name in ids} == {name: value.lower() for name, value in ids.items()}
    kept = [value["bytesValue"] for value in found["attributes"][0]["value"]["arrayValue"]["values"]]
    assert kept == ["+/+/", "+/+/", "YQ==", "YQ=="]


GOOD = request(span(1, 1)).SerializeToString()
DEEP = b'{"resourceSpans":' * 5000 + b"1" + b"}" * 5000
BOMB = gzip.compress(bytes(30 * 1024 * 1024))
REFUSED = {
    "no protobuf": ({}, b"\xff\xff\xff", 400),
    "no JSON": ({"Content_Type": JSON}, b"{", 400),
    "JSON of something else": ({"Content_Type": JSON}, b"[]", 400),
    "JSON with a wrong type": ({"Content_Type": JSON}, b'{"resourceSpans": 5}', 400),
    "JSON with an id that is no hexadecimal": (
        {"Content_Type": JSON},
        json.dumps(RECORDED).replace("EEE19B7EC3C1B174", "wrong").encode(),
        400,
    ),
    "JSON that is nested too deep": ({"Content_Type": JSON}, DEEP, 400),
    "not the gzip that it says": ({"Content_Encoding": "gzip"}, GOOD, 400),
    "half a gzip": ({"Content_Encoding": "gzip"}, gzip.compress(GOOD)[:-9], 400),
    "two gzips": ({"Content_Encoding": "gzip"}, gzip.compress(GOOD) * 2, 400),
    "another encoding": ({"Content_Encoding": "br"}, GOOD, 415),
    "another type": ({"Content_Type": "text/plain"}, GOOD, 415),
    "no type": ({"Content_Type": ""}, GOOD, 415),
    "larger than 20 MiB": ({}, bytes(20 * 1024 * 1024 + 1), 413),
    "a gzip bomb": ({"Content_Encoding": "gzip"}, BOMB, 413),
    "a page of a web site": ({"Origin": "https://example.com"}, GOOD, 403),
    "a page without an origin of its own": ({"Origin": "null"}, GOOD, 403),
    "a name that is not ours": ({"Host": "attacker.example:4318"}, GOOD, 403),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_request_is_refused_and_the_next_one_taken(viewer: Viewer, case: str) -> None:
    headers, body, status = REFUSED[case]
    answer = viewer.post("/v1/traces", body, **headers)
    assert answer.status == status
    if status != 403:
        is_protobuf = headers.get("Content_Type", PROTOBUF) == PROTOBUF
        said = status_pb2.Status.FromString(answer.body).message if is_protobuf else answer.json["message"]
        assert said
        assert answer.headers["Content-Type"] == (PROTOBUF if is_protobuf else JSON)
    assert viewer.get("/api/view/about")["spans"] == 0
    viewer.send(span(1, 1))
    assert viewer.get("/api/view/about")["spans"] == 1


def test_other_methods_and_paths_are_refused(viewer: Viewer) -> None:
    assert asked(viewer.address.http, "/v1/traces", "GET").status == 405
    assert asked(viewer.address.http, "/v1/spans", "POST", {}, b"").status == 404


def test_request_in_chunks_is_taken(viewer: Viewer) -> None:
    connection = http.client.HTTPConnection(urlsplit(viewer.address.http).netloc)
    packed = gzip.compress(GOOD)
    headers = {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}
    connection.request("POST", "/v1/traces", iter([packed[:20], packed[20:]]), headers, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert viewer.get("/api/view/about")["spans"] == 1


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:8080", "https://localhost"])
def test_page_on_this_machine_may_send(viewer: Viewer, origin: str) -> None:
    asking = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    preflight = asked(viewer.address.http, "/v1/traces", "OPTIONS", asking)
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (200, origin)
    sent = viewer.post("/v1/traces", json.dumps(RECORDED).encode(), Content_Type=JSON, Origin=origin)
    assert (sent.status, sent.headers["Access-Control-Allow-Origin"]) == (200, origin)


def test_span_without_a_valid_id_is_counted_and_the_others_are_kept(viewer: Viewer) -> None:
    message = request(span(0, 1), span(1, 0), span(1, 1))
    answer = viewer.post("/v1/traces", message.SerializeToString())
    partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert (answer.status, partial.rejected_spans) == (200, 2)
    assert "16 bytes" in partial.error_message
    assert viewer.get("/api/view/about")["spans"] == 1


def test_times_that_no_database_holds_are_taken(viewer: Viewer) -> None:
    message = request(span(1, 1))
    message.resource_spans[0].scope_spans[0].spans[0].start_time_unix_nano = 2**64 - 1
    assert viewer.post("/v1/traces", message.SerializeToString()).status == 200
    (found,) = viewer.get("/api/view/traces")["traces"]
    assert (found["start"], found["duration"]) == (str(2**63 - 1), "0")


def test_log_record_of_no_trace_is_kept(viewer: Viewer) -> None:
    message = ExportLogsServiceRequest()
    message.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=START).body.string_value = "alone"
    assert viewer.post("/v1/logs", message.SerializeToString()).status == 200
    (kept,) = viewer.get("/api/view/logs")["resourceLogs"]
    assert kept["scopeLogs"][0]["logRecords"][0]["body"] == {"stringValue": "alone"}


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"\xff\xff", grpc.StatusCode.INVALID_ARGUMENT), (bytes(21 * 1024 * 1024), grpc.StatusCode.RESOURCE_EXHAUSTED)],
)
@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_bad_grpc_call_is_refused(
    viewer: Viewer, body: bytes, code: grpc.StatusCode, compression: grpc.Compression
) -> None:
    with grpc.insecure_channel(urlsplit(viewer.address.grpc).netloc) as channel:
        call = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as refused:
            call(body, compression=compression)
        assert refused.value.code() is code
        assert call(GOOD) == b""


def test_two_senders_at_once_lose_nothing(viewer: Viewer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    providers = []
    for protocol in ("grpc", "http, gzip"):
        provider = TracerProvider()
        spans, logs, metrics = exporters(viewer, protocol)
        logs.shutdown()
        metrics.shutdown()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        providers.append(provider)
    for number in range(100):
        providers[number % 2].get_tracer("tests").start_span(f"span {number}").end()
    for provider in providers:
        provider.shutdown()  # type: ignore[no-untyped-call]
    assert eventually(lambda: viewer.get("/api/view/about")["spans"] == 100)
    assert caplog.messages == []


def test_the_same_span_twice_is_one(viewer: Viewer) -> None:
    viewer.send(span(1, 1), span(1, 2, 1), span(1, 1))
    viewer.send(span(1, 2, 1, name="another"))
    (found,) = viewer.get("/api/view/traces")["traces"]
    assert (found["traceId"], found["spans"]) == (hexadecimal(1), 2)
    calls = {one["name"]: one["calls"] for one in viewer.get("/api/view/operations")["operations"]}
    assert calls == {"span 1": 1, "span 2": 1}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_receiver_that_is_not_the_viewers_forgets_metrics(collector: Collector, protocol: str) -> None:
    metrics: Any = HttpMetrics(endpoint=collector.http_endpoint.replace("traces", "metrics"))
    if protocol == "grpc":
        metrics = GrpcMetrics(endpoint=collector.grpc_endpoint, insecure=True)
    metering = MeterProvider([PeriodicExportingMetricReader(metrics, export_interval_millis=1_000_000)])
    metering.get_meter("of the test").create_counter("calls").add(1)
    assert metering.force_flush()
    metering.shutdown()
    assert collector.spans == []
