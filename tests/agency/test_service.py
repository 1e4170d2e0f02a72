"""The service round the workflow: streams, single agents, metrics, health, keys."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.agency.running import Agency, Darkroom, call, eventually

SINGLE = ["sharepoint-schema", "vision-analyze", "sharepoint-upload", "validation-report", "orchestrator"]


def test_a_stream_tells_a_run_from_start_to_finish(agency: Agency, darkroom: Darkroom) -> None:
    seen = {"Kunde": {"values": ["Muster AG"], "confidence": 0.95, "reasoning": ""}}
    call(agency.sandbox.url, "POST", "/sandbox/sightings", seen)
    body = {"workflow_config": {"image_paths": [str(darkroom.print())]}, "session_id": "stream"}
    events = agency.events("orchestrator", body)
    kinds = [event["type"] for event in events]
    assert (kinds[0], kinds[-1]) == ("RUN_STARTED", "RUN_FINISHED")
    assert set(kinds) == {
        "RUN_STARTED",
        "THINKING_STEP",
        "TOOL_CALL_START",
        "TOOL_RESULT_STREAM",
        "STATE_UPDATE",
        "INTERRUPT_REQUEST",
        "RUN_FINISHED",
    }
    tools = ["list_photos", "describe_library", "analyze_photo", "upload_photo", "write_report"]
    assert [event["tool"] for event in events if event["type"] == "TOOL_CALL_START"] == tools
    assert next(event for event in events if event["type"] == "INTERRUPT_REQUEST")["pii_fields"] == ["Kunde"]
    assert events[-1]["result"]["status"] == "completed"


def test_a_caller_who_hangs_up_leaves_no_batch_running(agency: Agency, darkroom: Darkroom) -> None:
    agency.sandbox.fail("/columns", status=0, delay=2)
    body = {"workflow_config": {"image_paths": [str(darkroom.print())], "force_schema_refresh": True}}
    address = urlsplit(agency.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    connection.request(
        "POST", "/api/agents/orchestrator/stream", json.dumps(body), {"Content-Type": "application/json"}
    )
    response = connection.getresponse()
    told = (line for line in iter(response.readline, b"") if line.startswith(b"data: ") and b"STATE_UPDATE" in line)
    batch_id = json.loads(next(told)[6:])["state"]["batch_id"]
    assert agency.get(f"/api/batches/{batch_id}").json["status"] == "running"
    response.close()
    connection.close()
    batch = eventually(lambda: _if_ended(agency, batch_id))
    assert (batch["status"], batch["reason"]) == ("failed", "cancelled: the caller hung up")


def _if_ended(agency: Agency, batch_id: str) -> Any:
    batch = agency.get(f"/api/batches/{batch_id}").json
    return batch if batch["status"] != "running" else None


def test_a_stream_that_fails_says_why(agency: Agency, darkroom: Darkroom) -> None:
    agency.sandbox.fail("root/children", status=503, times=9)
    events = agency.events("orchestrator", {"workflow_config": {"image_paths": [str(darkroom.print())]}})
    assert (events[-1]["type"], events[-1]["error"]) == ("RUN_FAILED", "upstream_unavailable")


def test_a_single_agent_streams_too(agency: Agency) -> None:
    events = agency.events("schema_extractor", {})
    assert [event["type"] for event in events] == ["RUN_STARTED", "RUN_FINISHED"]
    assert len(events[-1]["result"]["fields"]) == 23


def test_all_agents_are_listed(agency: Agency) -> None:
    assert [card["id"] for card in agency.get("/api/agents").json["agents"]] == SINGLE


def test_each_agent_answers_alone(agency: Agency, darkroom: Darkroom) -> None:
    photo = darkroom.print()
    schema = agency.post("/api/agents/sharepoint-schema", {"workflow_config": {"force_schema_refresh": True}})
    assert len(schema.json["result"]["fields"]) == 23

    image = "data:image/jpeg;base64," + base64.b64encode(photo.read_bytes()).decode()
    vision = agency.post("/api/agents/vision-analyze", {"image_data": image}).json
    assert (vision["success"], vision["agent"]) == (True, "vision_analyzer")
    fields = vision["result"][0]["detected_fields"]

    kunde = {"internal_name": "Kunde", "display_name": "Kunde", "field_value": "Muster AG", "confidence": 0.9}
    wish = {"image_path": str(photo), "metadata_fields": [*fields, kunde], "metadata": {"Auftragsnummer": 4711}}
    upload = agency.post("/api/agents/sharepoint-upload", {"workflow_config": {"uploads": [wish]}}).json["result"][0]
    stored = agency.sandbox.file(upload["upload_name"])["fields"]
    assert (upload["pii_blocked"], "Kunde" in stored, stored["Auftragsnummer"]) == (True, False, "4711")

    batch = agency.post("/api/agents/orchestrator", {"workflow_config": {"image_paths": [str(photo)]}}).json["result"]
    report = agency.post("/api/agents/validation-report", {"workflow_config": {"batch_id": batch["batch_id"]}}).json
    assert report["result"]["verdict"].startswith("PASSED")


@pytest.mark.parametrize("agent_id", ["sharepoint-schema", "vision-analyze"])
def test_a_single_agent_tells_a_failing_upstream(agency: Agency, darkroom: Darkroom, agent_id: str) -> None:
    agency.sandbox.fail("/columns", status=500, times=9)
    config: dict[str, Any] = {"image_paths": [str(darkroom.print())], "force_schema_refresh": True}
    answer = agency.post(f"/api/agents/{agent_id}", {"workflow_config": config})
    assert (answer.status, answer.json["error"]) == (502, "upstream_failed")


def test_metrics_count_what_happened(agency: Agency, darkroom: Darkroom) -> None:
    lines = [
        'erni_batches_total{status="completed"}',
        'erni_photos_total{status="uploaded"}',
        "erni_batch_seconds_count",
    ]
    before = [agency.metric(line) for line in lines]
    assert agency.batch(darkroom.print(), darkroom.print()).status == 200
    assert [agency.metric(line) for line in lines] == [before[0] + 1, before[1] + 2, before[2] + 1]
    assert agency.metric('erni_vision_cost_usd_total{model="gpt-4o-mini"}') > 0
    assert agency.get("/metrics").headers["content-type"].startswith("text/plain")


def test_health_names_every_part(agency: Agency) -> None:
    assert agency.get("/health").json["status"] == "healthy"
    health = agency.get("/api/health/detailed").json
    parts = {"database": "up", "redis": "up", "openai": "sandbox", "graph": "sandbox"}
    assert (health["status"], health["components"]) == ("healthy", parts)


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("POST", "/api/process-batch", None, 401),
        ("POST", "/api/process-batch", "wrong", 401),
        ("POST", "/api/process-batch", "schlüssel", 422),
        *(("POST", f"/api/agents/{agent_id}", None, 401) for agent_id in SINGLE),
        ("POST", "/api/agents/orchestrator/stream", None, 401),
        ("GET", "/api/batches/x", None, 401),
        ("GET", "/api/batches/x", "schlüssel", 404),
        ("GET", "/health", None, 200),
        ("GET", "/metrics", None, 200),
        ("GET", "/api/agents", None, 200),
    ],
)
def test_with_authentication_only_the_key_opens(
    locked: Agency, method: str, path: str, key: str | None, status: int
) -> None:
    headers = {} if key is None else {"X-API-Key": key.encode().decode("latin-1")}
    body: Any = {} if method == "POST" else None
    assert call(locked.url, method, path, body, headers).status == status


@pytest.fixture(scope="module")
def locked() -> Any:
    environ = {"ENABLE_AUTHENTICATION": "true", "ERNI_MASTER_KEY": "schlüssel", "SESSION_BACKEND": "memory"}
    with Agency(environ) as agency:
        yield agency


def test_headers_of_a_caller_of_the_sandbox_are_recorded_without_secrets(agency: Agency) -> None:
    call(agency.sandbox.url, "GET", "/v1/models", headers={"X-Any": "thing", "Authorization": "Bearer secret"})
    headers = agency.sandbox.requests("/v1/models")[0]["headers"]
    assert headers["X-Any"] == "thing"
    assert "Authorization" not in headers
