"""Traces to look at: batches of the agency, some slow, some failing, one of 5,000 spans, one that is up to no good."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

AGENCY, GRAPH, MODEL = "erni-foto-agency", "sharepoint-gateway", "model-gateway"
AGENTS = ("photo_fetcher", "schema_extractor", "vision_analyzer", "sharepoint_uploader", "validation_reporter")
MARKUP = "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>"
STACK = """Traceback (most recent call last):
  File "/app/agency/orchestrator.py", line 214, in _on_schema_handoff
    schema = await self._schema.extract(context.library_name)
  File "/usr/lib/python3.11/site-packages/tenacity/asyncio/__init__.py", line 189, in async_wrapped
    return await copy(fn, *args, **kwargs)
  File "/app/agency/graph/client.py", line 97, in columns
    raise GraphRefusedError(429, "activityLimitReached: The request has been throttled.")
agency.graph.errors.GraphRefusedError: Microsoft Graph answered 429 activityLimitReached
"""
_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_SEVERITIES = {"debug": 5, "info": 9, "warn": 13, "error": 17}
MS = 1_000_000


@dataclass
class Story:
    """One trace; times are milliseconds after ``start``, which is nanoseconds since the epoch."""

    name: str
    start: int
    spans: list[tuple[str, Span]] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)

    @property
    def trace_id(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()[:32]

    def span(
        self,
        name: str,
        at: float,
        took: float,
        parent: Span | None = None,
        *,
        service: str = AGENCY,
        kind: str = "internal",
        error: str | None = None,
        **attributes: Any,
    ) -> Span:
        """Add a span; ``_`` in the names of attributes stands for a dot, ``__`` for an underscore."""
        number = hashlib.sha256(f"{self.name} {len(self.spans)}".encode()).digest()[:8]
        span = Span(
            trace_id=bytes.fromhex(self.trace_id),
            span_id=number,
            parent_span_id=parent.span_id if parent else b"",
            name=name,
            kind=_KINDS[kind],  # type: ignore[arg-type]  # enums of protobuf are numbers
            start_time_unix_nano=self.start + round(at * MS),
            end_time_unix_nano=self.start + round((at + took) * MS),
            attributes=_pairs(attributes),
        )
        if error is not None:
            span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=error))
        self.spans.append((service, span))
        return span

    def exception(self, span: Span, at: float, kind: str, message: str, stack: str = "") -> None:
        values = {"exception.type": kind, "exception.message": message, "exception.stacktrace": stack}
        self.event(span, at, "exception", values)

    def link(self, span: Span, other: Story) -> None:
        """Link ``span`` to the first span of ``other``."""
        target = other.spans[0][1]
        span.links.append(Span.Link(trace_id=target.trace_id, span_id=target.span_id))

    def event(self, span: Span, at: float, name: str, values: dict[str, Any]) -> None:
        span.events.append(
            Span.Event(name=name, time_unix_nano=self.start + round(at * MS), attributes=_exact_pairs(values))
        )

    def log(self, span: Span, at: float, severity: str, body: str, **attributes: Any) -> None:
        self.logs.append(
            LogRecord(
                time_unix_nano=self.start + round(at * MS),
                severity_text=severity.upper(),
                severity_number=_SEVERITIES[severity],  # type: ignore[arg-type]  # as above
                body=AnyValue(string_value=body),
                attributes=_exact_pairs(attributes),
                trace_id=bytes.fromhex(self.trace_id),
                span_id=span.span_id,
            )
        )

    def trace_request(self) -> ExportTraceServiceRequest:
        """What an exporter would send."""
        request = ExportTraceServiceRequest()
        by_service = defaultdict(list)
        for service, span in self.spans:
            by_service[service].append(span)
        for service, spans in by_service.items():
            resource_spans = request.resource_spans.add()
            resource_spans.resource.attributes.extend(_exact_pairs(_resource(service)))
            scope_spans = resource_spans.scope_spans.add()
            scope_spans.scope.name, scope_spans.scope.version = "erni_run", "0.1.0"
            scope_spans.spans.extend(spans)
        return request

    def logs_request(self) -> ExportLogsServiceRequest:
        """As an exporter of logs would send it."""
        request = ExportLogsServiceRequest()
        resource_logs = request.resource_logs.add()
        resource_logs.resource.attributes.extend(_exact_pairs(_resource(AGENCY)))
        resource_logs.scope_logs.add().log_records.extend(self.logs)
        return request


def batch(name: str, start: int, *, pace: float = 1.0, throttled: bool = False) -> Story:
    """A batch of photographs through the five agents. ``throttled``: SharePoint refuses the schema, and that is all."""
    story = Story(name, start)
    total = (230 if throttled else 1350) * pace
    root = story.span("POST /api/process-batch", 0, total, kind="server", http_request_method="POST",
                      url_path="/api/process-batch", http_response_status__code=502 if throttled else 200,
                      **({"error": "Microsoft Graph refused"} if throttled else {}))  # fmt: skip
    _statements(story, root, 2, 12)
    workflow = story.span("workflow", 20, total - 30, root, code_function_name="agency.orchestrator.run",
                          **({"error": ""} if throttled else {}))  # fmt: skip
    orchestrator = story.span("invoke_agent orchestrator", 22, total - 40, workflow,
                              gen__ai_operation_name="invoke_agent", gen__ai_agent_name="orchestrator")  # fmt: skip
    at = 30.0 * pace
    for agent, share in zip(AGENTS, (0.05, 0.16, 0.42, 0.2, 0.06), strict=True):
        took = 1400 * pace * share
        failed = throttled and agent == "schema_extractor"
        _turn(story, orchestrator, agent, at, took, failed=failed)
        at += took + 12 * pace
        if failed:
            break
    return story


def _turn(story: Story, orchestrator: Span, agent: str, at: float, took: float, *, failed: bool) -> None:
    chat(story, orchestrator, at, 4, 180, 12)
    handoff = story.span(f"agent_handoff.{agent}", at + 5, took * 0.3, orchestrator, agent=agent,
                         handoff__type=agent, gen__ai_agent_name=agent,
                         **({"error": "GraphRefusedError: throttled"} if failed else {}))  # fmt: skip
    story.log(handoff, at + 6, "info", "handoff_started", handoff=agent, photos=2)
    for attempt in range(3 if failed else 1):
        call = story.span("GET", at + 7 + attempt * took * 0.1, took * 0.08, handoff, kind="client",
                          http_method="GET", http_url="http://127.0.0.1:4000/v1.0/sites/erni/lists/columns",
                          http_status__code=429 if failed else 200, **({"error": ""} if failed else {}))  # fmt: skip
        story.span("GET /v1.0/sites/{site}/lists/{list}/columns", at + 8 + attempt * took * 0.1, took * 0.06, call,
                   service=GRAPH, kind="server", http_route="/v1.0/sites/{site}/lists/{list}/columns",
                   http_response_status__code=429 if failed else 200)  # fmt: skip
    if failed:
        message = "Microsoft Graph answered 429 activityLimitReached: The request has been throttled."
        story.exception(handoff, at + 5 + took * 0.29, "agency.graph.errors.GraphRefusedError", message, STACK)
        story.log(handoff, at + took * 0.2, "warn", "handoff_failed", handoff=agent, error=message)
        return
    turn = story.span(f"invoke_agent {agent}", at + 6 + took * 0.3, took * 0.65, orchestrator,
                      gen__ai_operation_name="invoke_agent", gen__ai_agent_name=agent)  # fmt: skip
    chat(story, turn, at + 8 + took * 0.3, took * 0.2, 960, 210)
    tool = story.span(f"execute_tool {agent}_tool", at + 9 + took * 0.5, took * 0.3, turn,
                      gen__ai_operation_name="execute_tool", gen__ai_tool_name=f"{agent}_tool")  # fmt: skip
    _statements(story, tool, at + 10 + took * 0.5, 5)
    story.log(tool, at + took * 0.7, "debug", f"{agent} did its work", photos=2)


def chat(story: Story, parent: Span, at: float, took: float, tokens_in: int, tokens_out: int) -> Span:
    call = story.span("chat gpt-4o-mini", at, took, parent, kind="client", gen__ai_operation_name="chat",
                      gen__ai_request_model="gpt-4o-mini", gen__ai_usage_input__tokens=tokens_in,
                      gen__ai_usage_output__tokens=tokens_out)  # fmt: skip
    story.span("POST /v1/chat/completions", at + took * 0.1, took * 0.8, call, service=MODEL, kind="server",
               url_path="/v1/chat/completions", http_response_status__code=200)  # fmt: skip
    return call


def _statements(story: Story, parent: Span, at: float, many: int) -> None:
    for number in range(many):
        verb = ("SELECT", "UPDATE", "INSERT")[number % 3]
        story.span(f"{verb} agency", at + number * 0.9, 0.6, parent, kind="client", db_system="sqlite",
                   db_statement=f"{verb} agent_messages WHERE session_id = ?")  # fmt: skip


def large(start: int, photographs: int = 1249) -> Story:
    """4 spans a photograph and 4 more: 5,000 with the default; two of them have failed."""
    story = Story("large", start)
    root = story.span("POST /api/process-archive", 0, photographs * 4.0 + 20, kind="server")
    for number in range(photographs):
        at = 10 + number * 4.0
        error = {"error": "cannot identify image file"} if number in (700, 1100) else {}
        photo = story.span(f"photo {number % 7}", at, 3.8, root, photo_number=number, **error)
        story.span("photos.prepare", at + 0.1, 0.8, photo)
        story.span("vision.analyze", at + 1.0, 1.9, photo, service=MODEL, photo_needle="yes" if number == 900 else "no")
        story.span("sharepoint.upload", at + 3.0, 0.7, photo, service=GRAPH)
    for number in range(3):
        story.span(f"tidy {number}", photographs * 4.0 + 10 + number * 3, 2, root)
    return story


def hostile(start: int) -> Story:
    """Markup wherever somebody else's text can stand."""
    story = Story("hostile", start)
    root = story.span(MARKUP, 0, 40, service=f"shop {MARKUP}", kind="server", error=MARKUP)
    root.attributes.extend(_exact_pairs({MARKUP: MARKUP, "url.full": "javascript:document.title='ran'"}))
    story.event(root, 2, MARKUP, {MARKUP: MARKUP})
    story.exception(root, 3, MARKUP, MARKUP, f"{STACK}{MARKUP}")
    child = story.span(f"agent_handoff.{MARKUP}", 1, 30, root, service=f"shop {MARKUP}", agent=MARKUP)
    story.span("chat", 2, 9, child, gen__ai_operation_name="chat", gen__ai_request_model=MARKUP)
    for at in (12, 14, 16, 18):
        story.span(MARKUP, at, 1, child, db_system=MARKUP)
    story.log(child, 5, "info", MARKUP, **{MARKUP: MARKUP})
    return story


def night(start: int, many: int = 24) -> list[Story]:
    """Batches a minute apart: every sixth is throttled, every seventh slow. The second has a link to the fifth."""
    stories = [
        batch(
            f"batch {number}",
            start + number * 60_000 * MS,
            throttled=number % 6 == 4,
            pace=(4.0 if number % 7 == 3 else 1.0) + number % 5 * 0.13,
        )
        for number in range(many)
    ]
    stories[1].link(stories[1].spans[0][1], stories[4])
    return stories


def _resource(service: str) -> dict[str, str]:
    return {"service.name": service, "service.version": "1.0.0", "deployment.environment": "test"}


def _pairs(attributes: dict[str, Any]) -> list[KeyValue]:
    return _exact_pairs({key.replace("__", "\0").replace("_", ".").replace("\0", "_"): value
                         for key, value in attributes.items()})  # fmt: skip


def _exact_pairs(attributes: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in attributes.items()]


def _value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))
    return AnyValue(string_value=str(value))
