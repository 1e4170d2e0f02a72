"""Somebody else's computer fails: a clear 5xx, the batch marked, the session intact, and the next call works."""

from __future__ import annotations

from typing import Any

import pytest

from tests.agency.running import Agency, Darkroom

CHAT = "/v1/chat/completions"
FAULTS: list[tuple[str, dict[str, Any], int, str]] = [
    ("/columns", {"status": 503, "times": 9}, 503, "graph"),
    ("/columns", {"status": 500, "times": 9}, 502, "graph"),
    ("/columns", {"status": 429, "times": 9, "retry_after": 0.01}, 503, "graph"),
    ("/columns", {"status": 401, "times": 9}, 502, "graph"),
    ("/columns", {"status": 504, "times": 9}, 504, "graph"),
    ("/columns", {"hang_up": True, "times": 9}, 503, "graph"),
    ("/columns", {"status": 200, "delay": 1, "times": 9}, 504, "graph"),
    (CHAT, {"status": 401, "times": 9}, 502, "openai"),
    (CHAT, {"status": 500, "times": 9, "retry_after": 0.01}, 502, "openai"),
    (CHAT, {"status": 429, "times": 9, "retry_after": 0.01}, 503, "openai"),
    ("root/children", {"status": 503, "times": 9}, 503, "graph"),
    ("/content", {"status": 503, "times": 9}, 503, "graph"),
    ("/listItem/fields", {"status": 500, "times": 9}, 502, "graph"),
]


@pytest.fixture(scope="module")
def impatient() -> Any:
    with Agency({"AGENCY_TIMEOUT": "0.6", "AGENCY_SANDBOX_THROTTLE": "0"}) as agency:
        yield agency


@pytest.mark.parametrize(("path", "fault", "status", "service"), FAULTS)
def test_a_failing_upstream_is_told_and_leaves_the_session_intact(
    impatient: Agency, darkroom: Darkroom, path: str, fault: dict[str, Any], status: int, service: str
) -> None:
    session = f"intact-{status}-{abs(hash((path, str(fault))))}"
    photo = darkroom.print()
    impatient.sandbox.reset()
    assert impatient.batch(darkroom.print(), session_id=session).status == 200
    items = impatient.get(f"/api/sessions/{session}").json["history_items"]

    impatient.sandbox.fail(path, **fault)
    answer = impatient.batch(photo, session_id=session, force_schema_refresh=True)
    assert answer.status == status, answer.text
    assert answer.json["details"][0] == {"service": service}
    batch = impatient.get(f"/api/batches/{answer.json['details'][-1]['batch_id']}").json
    assert batch["status"] == "failed"
    assert batch["reason"] == answer.json["message"]

    impatient.sandbox.reset()
    after = impatient.get(f"/api/sessions/{session}").json
    assert after["history_items"] == items + 2  # the request and one sentence; no tool call without its result
    retried = impatient.batch(photo, session_id=session)
    assert (retried.status, retried.json["status"]) == (200, "completed"), retried.text
    assert impatient.get(f"/api/sessions/{session}").json["access_count"] == 3


@pytest.mark.parametrize("path", ["/columns", "root/children", "/content", "/listItem/fields", "oauth2"])
def test_a_hiccup_is_not_noticed(darkroom: Darkroom, agency: Agency, path: str) -> None:
    agency.sandbox.fail(path, status=503, times=2 if path != "/columns" else 1, retry_after=0.01)
    answer = agency.batch(darkroom.print(), force_schema_refresh=True)
    assert answer.status == 200, answer.text


def test_exhausted_retries_are_counted_and_limited(agency: Agency, darkroom: Darkroom) -> None:
    line = 'erni_retry_exhausted_total{agent="sharepoint_uploader"}'
    before = agency.metric(line)
    agency.sandbox.fail("root/children", status=503, times=9)
    assert agency.batch(darkroom.print()).status == 503
    assert agency.metric(line) == before + 1
    assert len(agency.sandbox.requests("root/children")) == 3


def test_a_retry_after_beyond_patience_is_passed_on_at_once(agency: Agency, darkroom: Darkroom) -> None:
    agency.sandbox.fail("root/children", status=429, times=9, retry_after=3600)
    answer = agency.batch(darkroom.print())
    assert (answer.status, answer.headers["retry-after"]) == (503, "3600")
    assert len(agency.sandbox.requests("root/children")) == 1


def test_a_wrong_client_secret_is_a_502_that_names_graph(darkroom: Darkroom) -> None:
    with Agency({"SESSION_BACKEND": "memory"}) as sandboxed:
        url = sandboxed.sandbox.url
        environ = {
            "SESSION_BACKEND": "memory",
            "MICROSOFT_CLIENT_ID": "id",
            "MICROSOFT_CLIENT_SECRET": "wrong",
            "MICROSOFT_TENANT_ID": "tenant",
            "GRAPH_BASE_URL": f"{url}/v1.0",
            "GRAPH_LOGIN_URL": url,
            "AGENCY_SANDBOX_URL": url,
        }
        with Agency(environ) as agency:
            answer = agency.batch(darkroom.print())
            assert (answer.status, answer.json["details"][0]) == (502, {"service": "graph"})


def test_nobody_at_the_address_is_a_503(darkroom: Darkroom) -> None:
    environ = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "SESSION_BACKEND": "memory"}
    with Agency(environ) as agency:
        answer = agency.batch(darkroom.print())
        assert (answer.status, answer.json["error"]) == (503, "upstream_unavailable")
        assert answer.json["details"][0] == {"service": "openai"}
