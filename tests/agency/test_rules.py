"""Rules that need no running agency: the environment, Retry-After, who is told what, retries, the sandbox's model."""

from __future__ import annotations

import asyncio
import email.utils
import inspect
import logging
import time
from dataclasses import replace
from typing import Any

import agents
import aiohttp
import openai
import pytest
import sqlalchemy.exc
from agents.tracing.processors import BackendSpanExporter
from httpx2 import Request, Response

from agency.errors import AgencyError, ConfigurationError, GraphRefusedError, NotFoundError
from agency.logs import configure_logs
from agency.orchestrator import ErniWorkflowOrchestratorAgent
from agency.retry import Patience, retry_on_transient_error
from agency.sandbox.model import next_calls
from agency.settings import take_settings
from agency.upstream import as_agency_error, is_transient, parse_retry_after

GRAPH = {"MICROSOFT_CLIENT_ID": "i", "MICROSOFT_CLIENT_SECRET": "s", "MICROSOFT_TENANT_ID": "t"}


def test_the_api_key_is_read_and_leaves_the_environment() -> None:
    environ = {"OPENAI_API_KEY": "sk-secret"}
    settings = take_settings(environ)
    assert settings.openai_key == "sk-secret"
    assert environ == {}
    assert "sk-secret" not in repr(settings)


def test_the_sdk_is_silent_about_the_key_it_shall_not_have(caplog: pytest.LogCaptureFixture) -> None:
    configure_logs(debug=False)
    exporter = BackendSpanExporter()
    exporter.export([agents.trace("x")])
    logging.getLogger("openai.agents").warning("something else")
    assert caplog.messages == ["something else"]


@pytest.mark.parametrize(
    ("environ", "field", "value"),
    [
        ({}, "needs_sandbox", True),
        ({"OPENAI_API_KEY": "k"}, "openai_url", "https://api.openai.com/v1"),
        ({"OPENAI_API_KEY": "k"}, "needs_sandbox", True),
        ({"OPENAI_API_KEY": "k", **GRAPH}, "needs_sandbox", False),
        (GRAPH, "graph_url", "https://graph.microsoft.com/v1.0"),
        (GRAPH, "login_url", "https://login.microsoftonline.com"),
        ({"GRAPH_BASE_URL": "http://here/v1.0"}, "graph_url", "http://here/v1.0"),
        ({"OPENAI_BASE_URL": "http://here/v1"}, "openai_url", "http://here/v1"),
        ({"ENV": "staging"}, "environment", "staging"),
        ({"ENV": "staging", "ENVIRONMENT": "production"}, "environment", "production"),
        ({"SESSION_POSTGRESQL_URL": "postgresql://u@h/d"}, "database_url", "postgresql+asyncpg://u@h/d"),
        ({"DATABASE_URL": "sqlite:////tmp/x.db"}, "database_url", "sqlite+aiosqlite:////tmp/x.db"),
        ({"SESSION_REDIS_URL": "redis://h/0", "REDIS_PASSWORD": "a@b"}, "redis_url", "redis://:a%40b@h/0"),
        ({"SESSION_REDIS_URL": "redis://:own@h/0", "REDIS_PASSWORD": "x"}, "redis_url", "redis://:own@h/0"),
        ({"ERNI_MASTER_KEY": "k"}, "master_key", None),
        ({"ERNI_MASTER_KEY": "k", "ENABLE_AUTHENTICATION": "TRUE"}, "master_key", "k"),
    ],
)
def test_the_environment_alone_switches(environ: dict[str, str], field: str, value: Any) -> None:
    assert getattr(take_settings(dict(environ)), field) == value


def test_every_mistake_in_the_environment_is_told_at_once() -> None:
    environ = {
        "ENABLE_AUTHENTICATION": "true",
        "MICROSOFT_CLIENT_ID": "id",
        "AGENCY_SESSION_MAX": "many",
        "SESSION_BACKEND": "paper",
        "DEBUG": "perhaps",
        "PHOTO_ROOT": "/nowhere/at/all",
        "AGENCY_UPLOAD_CHUNK": "1000",
    }
    with pytest.raises(ConfigurationError) as raised:
        take_settings(environ)
    named = {detail["variable"] for detail in raised.value.details}
    assert named == {*environ, "ERNI_MASTER_KEY", "MICROSOFT_CLIENT_SECRET", "MICROSOFT_TENANT_ID"} - {
        "ENABLE_AUTHENTICATION",
        "MICROSOFT_CLIENT_ID",
    }


@pytest.mark.parametrize(
    ("value", "seconds"), [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("", None), (None, None), ("soon", None)]
)
def test_retry_after_is_read_in_seconds(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value) == seconds


def test_retry_after_is_read_as_a_date() -> None:
    seconds = parse_retry_after(email.utils.formatdate(time.time() + 30, usegmt=True))
    assert seconds is not None
    assert 25 < seconds <= 30


def openai_status(status: int) -> openai.APIStatusError:
    response = Response(status, request=Request("POST", "http://x"))
    return openai.APIStatusError("no", response=response, body=None)


def wrapped(error: Exception) -> Exception:
    outer = RuntimeError("as the SDK does with what a tool raises")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "transient", "status", "service"),
    [
        (GraphRefusedError(429, "", ""), True, 503, "graph"),
        (GraphRefusedError(500, "", ""), True, 502, "graph"),
        (GraphRefusedError(504, "", ""), True, 504, "graph"),
        (GraphRefusedError(400, "", ""), False, 502, "graph"),
        (GraphRefusedError(403, "", ""), False, 502, "graph"),
        (openai_status(429), True, 503, "openai"),
        (openai_status(503), True, 503, "openai"),
        (openai_status(401), False, 502, "openai"),
        (openai.APITimeoutError(request=Request("POST", "http://x")), True, 504, "openai"),
        (openai.APIConnectionError(request=Request("POST", "http://x")), True, 503, "openai"),
        (aiohttp.ServerDisconnectedError(), True, 503, "graph"),
        (aiohttp.ServerTimeoutError(), True, 504, "graph"),
        (TimeoutError(), True, 504, "graph"),
        (ConnectionRefusedError(), True, 503, "database"),
        (sqlalchemy.exc.OperationalError("x", {}, Exception("gone")), False, 503, "database"),
    ],
)
def test_a_failure_has_one_meaning(error: Exception, transient: bool, status: int, service: str) -> None:
    assert is_transient(error) is transient
    for each in (error, wrapped(error)):
        told = as_agency_error(each)
        assert told is not None
        assert (told.status, told.details[0]["service"]) == (status, service)


def test_our_own_errors_stay_and_our_bugs_are_not_excused() -> None:
    ours = NotFoundError("x")
    assert as_agency_error(wrapped(ours)) is ours
    assert as_agency_error(wrapped(KeyError("bug"))) is None


class Caller:
    def __init__(self, *outcomes: Exception | str, patience: Patience) -> None:
        self.outcomes = list(outcomes)
        self.patience = patience
        self.calls = 0

    @retry_on_transient_error(max_attempts=3, min_wait=1, max_wait=2, agent_name="tester")
    async def work(self, one: int, *, two: int) -> str:
        """Do it."""
        self.calls += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return f"{outcome}{one}{two}"


QUICK = Patience(pace=0.001, longest=1.0)
BUSY = GraphRefusedError(503, "", "")


@pytest.mark.parametrize(
    ("outcomes", "patience", "calls", "end"),
    [
        (["ok"], QUICK, 1, "ok12"),
        ([BUSY, "ok"], QUICK, 2, "ok12"),
        ([BUSY, BUSY, "ok"], QUICK, 3, "ok12"),
        ([BUSY, BUSY, BUSY, "ok"], QUICK, 3, GraphRefusedError),
        ([ValueError("bug"), "ok"], QUICK, 1, ValueError),
        ([GraphRefusedError(404, "", ""), "ok"], QUICK, 1, GraphRefusedError),
        ([GraphRefusedError(429, "", "", retry_after=0.01), "ok"], QUICK, 2, "ok12"),
        ([GraphRefusedError(429, "", "", retry_after=9), "ok"], QUICK, 1, GraphRefusedError),
        ([GraphRefusedError(429, "", "", retry_after=9), "ok"], replace(QUICK, longest=0), 1, GraphRefusedError),
    ],
)
def test_only_what_may_pass_is_tried_again(outcomes: list[Any], patience: Patience, calls: int, end: Any) -> None:
    caller = Caller(*outcomes, patience=patience)
    if isinstance(end, str):
        assert asyncio.run(caller.work(1, two=2)) == end
    else:
        with pytest.raises(end):
            asyncio.run(caller.work(1, two=2))
    assert caller.calls == calls


def test_a_retried_method_keeps_its_signature() -> None:
    assert list(inspect.signature(Caller.work).parameters) == ["self", "one", "two"]
    for name in ("photo_fetch", "schema", "vision", "upload", "report"):
        method = getattr(ErniWorkflowOrchestratorAgent, f"_on_{name}_handoff")
        assert list(inspect.signature(method).parameters) == ["self", "ctx", "input_data"]
        assert inspect.iscoroutinefunction(method)


def tool(name: str, **properties: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {key: {"type": kind} for key, kind in properties.items()}}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def calling(name: str) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{"function": {"name": name}}]}


ORDER = {"role": "user", "content": 'Los: {"image_paths": ["a", "b"], "library_name": "L", "overwrite": true}'}
BACK = tool("transfer_to_orchestrator")
HANDOFFS = [tool("transfer_to_x", library_name="string"), tool("transfer_to_y", overwrite="boolean", limit="integer")]


@pytest.mark.parametrize(
    ("messages", "tools", "calls"),
    [
        ([ORDER], HANDOFFS, [("transfer_to_x", {"library_name": "L"})]),
        ([ORDER, calling("transfer_to_x")], HANDOFFS, [("transfer_to_y", {"overwrite": True, "limit": 0})]),
        ([ORDER, calling("transfer_to_x"), calling("transfer_to_y")], HANDOFFS, []),
        (
            [ORDER],
            [tool("see", image_path="string"), BACK],
            [("see", {"image_path": "a"}), ("see", {"image_path": "b"})],
        ),
        ([ORDER, calling("see")], [tool("see"), BACK], [("transfer_to_orchestrator", {})]),
        ([ORDER, calling("transfer_to_x"), ORDER], HANDOFFS, [("transfer_to_x", {"library_name": "L"})]),
    ],
)
def test_the_sandbox_model_calls_what_is_left_with_what_was_said(messages: Any, tools: Any, calls: Any) -> None:
    assert next_calls(messages, tools) == calls


def test_every_failure_has_a_slug_of_its_own() -> None:
    kinds: list[type[AgencyError]] = [AgencyError, *AgencyError.__subclasses__()]
    slugs = [kind.slug for kind in kinds]
    assert len(set(slugs)) == len(slugs)
