"""The agency end to end, traced: the tree that its people look at, over gRPC and over HTTP."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from erni_run.viewer.span import Span

from demo.application import Application, RequestError
from demo.photos import photographs
from tests.collector import Collector

HANDOFFS = {
    "photo_fetcher": ("photo_fetch", "_on_photo_fetch_handoff"),
    "schema_extractor": ("schema_extraction", "_on_schema_handoff"),
    "vision_analyzer": ("vision_analysis", "_on_vision_handoff"),
    "sharepoint_uploader": ("sharepoint_upload", "_on_upload_handoff"),
    "validation_reporter": ("validation_report", "_on_report_handoff"),
}
ROOT = "POST /api/process-batch"


class Run:
    """One traced run of the agency: what it answered, its spans, its log."""

    def __init__(self, answer: dict[str, Any], spans: list[Span], application: Application, requests: Any) -> None:
        self.answer = answer
        (self.root,) = [span for span in spans if span.name == ROOT]
        self.spans = [span for span in spans if span.trace_id == self.root.trace_id]
        self.application = application
        self.requests = requests
        self._known = {span.span_id: span for span in self.spans}

    def named(self, name: str) -> Span:
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def ancestors(self, span: Span) -> list[str]:
        names = []
        while span.parent_id:
            span = self._known[span.parent_id]
            names.append(span.name)
        return names

    def below(self, span: Span) -> list[Span]:
        children = [child for child in self.spans if child.parent_id == span.span_id]
        return children + [grandchild for child in children for grandchild in self.below(child)]


def get(address: str) -> Any:
    with urllib.request.urlopen(address) as response:
        return json.load(response)


def run(collector: Collector, protocol: str, *faults: dict[str, Any]) -> Run:
    with Application(collector.environment(protocol)) as application:
        sandbox = get(f"{application.address}/api/health/detailed")["sandbox_url"]
        for fault in faults:
            urllib.request.urlopen(
                urllib.request.Request(f"{sandbox}/sandbox/faults", json.dumps(fault).encode())
            ).close()
        try:
            answer = application.process_batch(photographs(None))
        except RequestError as refusal:
            answer = json.loads(str(refusal))
        requests = get(f"{sandbox}/sandbox/requests")
        spans = collector.wait_for(lambda spans: any(span.name == ROOT for span in spans))
    return Run(answer, spans, application, requests)


@pytest.fixture(scope="module", params=["grpc", "http/protobuf"])
def traced(request: pytest.FixtureRequest) -> Iterator[Run]:
    with Collector() as collector:
        yield run(collector, request.param)


def test_batch_is_one_trace_from_the_server_span_down(traced: Run) -> None:
    assert traced.answer["status"] == "completed"
    assert (traced.root.kind, traced.root.parent_id, traced.root.is_error) == ("server", "", False)
    assert all(ROOT in traced.ancestors(span) for span in traced.spans if span is not traced.root)


@pytest.mark.parametrize("agent", HANDOFFS)
def test_handoff_is_below_the_orchestrating_agent_and_carries_its_attributes(traced: Run, agent: str) -> None:
    kind, function = HANDOFFS[agent]
    span = traced.named(f"agent_handoff.{agent}")
    assert traced.ancestors(span)[0] == "invoke_agent orchestrator"
    expected = {"agent": agent, "handoff_type": kind, "function.name": function, "gen_ai.agent.name": agent}
    assert expected.items() <= span.attributes.items()
    resource = {"service.name": "erni-foto-agency", "service.version": "1.0.0", "deployment.environment": "production"}
    assert resource.items() <= span.resource.items()


BELOW = {
    "photo_fetcher": {"sqlalchemy"},
    "schema_extractor": {"redis", "aiohttp_client"},
    "vision_analyzer": {"redis"},
    "sharepoint_uploader": {"aiohttp_client", "sqlalchemy"},
    "validation_reporter": {"sqlalchemy"},
}


@pytest.mark.parametrize("agent", BELOW)
def test_client_spans_of_libraries_are_below_their_handoff(traced: Run, agent: str) -> None:
    below = traced.below(traced.named(f"agent_handoff.{agent}"))
    scopes = {span.scope.removeprefix("opentelemetry.instrumentation.") for span in below if span.kind == "client"}
    assert BELOW[agent] <= scopes


def test_agents_follow_their_handoffs_in_order(traced: Run) -> None:
    wanted = {f"agent_handoff.{agent}" for agent in HANDOFFS} | {f"invoke_agent {agent}" for agent in HANDOFFS}
    order = [span.name for span in sorted(traced.spans, key=lambda span: span.start) if span.name in wanted]
    assert order == [f"{what}{agent}" for agent in HANDOFFS for what in ("agent_handoff.", "invoke_agent ")]


def test_retry_is_visible_within_one_handoff_span(traced: Run) -> None:
    handoff = traced.named("agent_handoff.schema_extractor")
    statuses = Counter(span.attributes.get("http.status_code") for span in traced.below(handoff))
    assert statuses[429] == 1
    assert not handoff.is_error
    assert handoff.duration >= 1_000_000_000  # the sandbox's Retry-After, in nanoseconds


def test_every_request_to_the_outside_carries_the_trace(traced: Run) -> None:
    outside = [request for request in traced.requests if not request["path"].startswith("/sandbox")]
    assert len(outside) >= 20
    client_spans = {span.span_id for span in traced.spans if span.kind == "client"}
    for request in outside:
        headers = {name.lower(): value for name, value in request["headers"].items()}
        version, trace_id, parent_id, flags = headers["traceparent"].split("-")
        assert (version, trace_id, int(flags, 16) & 1) == ("00", traced.root.trace_id, 1), request["path"]
        assert parent_id in client_spans


def test_spans_of_fastapi_appear_once(traced: Run) -> None:
    assert Counter(span.name for span in traced.spans if span.kind == "server") == {ROOT: 1}


def test_log_lines_lead_to_their_spans(traced: Run) -> None:
    events = traced.application.events(traced.root.trace_id)
    span_ids = {span.span_id: span.name for span in traced.spans}
    handoffs = [span_ids[event["span_id"]] for event in events if event["event"] == "handoff_completed"]
    assert handoffs == [f"agent_handoff.{agent}" for agent in HANDOFFS]
    assert all(len(event["trace_id"]) == 32 and len(event["span_id"]) == 16 for event in events)
    assert {(event["service"], event["environment"]) for event in events} == {("erni-foto-agency", "production")}


def test_nothing_of_ours_is_said(traced: Run) -> None:
    assert not [line for line in traced.application.said if "erni-run" in line]
    assert not [line for line in traced.application.log_lines if "erni-run" in line]


def test_failing_handoff_is_an_error_span_with_its_exception_and_retries(collector: Collector) -> None:
    failed = run(collector, "grpc", {"path": "/columns", "status": 503, "times": 9})
    assert failed.answer["error"] == "upstream_unavailable"
    handoff = failed.named("agent_handoff.schema_extractor")
    assert handoff.is_error
    (event,) = handoff.events
    assert event.attributes["exception.type"].endswith("Error")
    assert "_on_schema_handoff" in event.attributes["exception.stacktrace"]
    statuses = Counter(span.attributes.get("http.status_code") for span in failed.below(handoff))
    assert statuses[503] + statuses[429] == 3
    assert failed.root.is_error
    events = failed.application.events(failed.root.trace_id)
    assert [event["event"] for event in events if event.get("span_id") == handoff.span_id].count("retrying") == 2


def test_agency_never_imports_tracing() -> None:
    sources = list(Path("agency").rglob("*.py"))
    assert sources
    for source in sources:
        assert not {"erni_run", "opentelemetry"} & set(source.read_text(encoding="utf-8").replace(".", " ").split())


def test_switched_off_agency_loads_neither_us_nor_the_sdk(workshop: Any) -> None:
    code = "import agency.main, sys; print([m for m in sys.modules if m.startswith(('erni_run', 'opentelemetry.sdk'))])"
    environ = {"ENABLE_TRACING": "false", "PYTHONPATH": str(Path.cwd())}
    done = workshop.run("erni-run", "python", "-c", code, environ=environ)
    assert (done.stdout, done.returncode) == ("[]\n", 0)
