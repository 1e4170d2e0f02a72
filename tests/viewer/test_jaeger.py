"""Jaeger's API: the shapes that its own server answers, version 1 and version 3, and how its clients ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.viewer.running import MILLISECOND, START, Viewer, hexadecimal, span

MICROSECONDS = START // 1000
SPANS = (
    span(1, 1, duration=100, name="GET /orders", kind=2, attributes={"http.status_code": 200, "cached": False}),
    span(
        1,
        2,
        1,
        start=10,
        duration=80,
        service="store",
        name="select",
        kind=3,
        status=2,
        message="timed out",
        attributes={"db.system": "postgresql", "share": 0.5, "raw": b"\x00", "tables": ["a", "b"], "big": 2**60},
        events={"exception": {"exception.type": "Timeout"}},
        links=[(7, 8)],
        trace_state="vendor=1",
    ),
    span(2, 1, start=1000, duration=5, name="GET /health", kind=2),
)


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    with Viewer(tmp_path_factory.mktemp("state")) as viewer:
        viewer.send(*SPANS)
        yield viewer


def envelope(data: list[Any]) -> dict[str, Any]:
    return {"data": data, "total": len(data), "limit": 0, "offset": 0, "errors": None}


PROCESS_TAGS = [{"key": "deployment.environment", "type": "string", "value": "test"}]
SCOPE_TAGS = [
    {"key": "otel.scope.name", "type": "string", "value": "tests"},
    {"key": "otel.scope.version", "type": "string", "value": "1"},
]
TRACE = {
    "traceID": hexadecimal(1),
    "spans": [
        {
            "traceID": hexadecimal(1),
            "spanID": "0000000000000001",
            "flags": 0,
            "operationName": "GET /orders",
            "references": [],
            "startTime": MICROSECONDS,
            "duration": 100_000,
            "tags": [
                {"key": "http.status_code", "type": "int64", "value": 200},
                {"key": "cached", "type": "bool", "value": False},
                *SCOPE_TAGS,
                {"key": "span.kind", "type": "string", "value": "server"},
            ],
            "logs": [],
            "processID": "p1",
            "warnings": None,
        },
        {
            "traceID": hexadecimal(1),
            "spanID": "0000000000000002",
            "flags": 0,
            "operationName": "select",
            "references": [
                {"refType": "CHILD_OF", "traceID": hexadecimal(1), "spanID": "0000000000000001"},
                {"refType": "FOLLOWS_FROM", "traceID": hexadecimal(7), "spanID": "0000000000000008"},
            ],
            "startTime": MICROSECONDS + 10_000,
            "duration": 80_000,
            "tags": [
                {"key": "db.system", "type": "string", "value": "postgresql"},
                {"key": "share", "type": "float64", "value": 0.5},
                {"key": "raw", "type": "binary", "value": "AA=="},
                {"key": "tables", "type": "string", "value": '["a", "b"]'},
                {"key": "big", "type": "int64", "value": str(2**60)},
                *SCOPE_TAGS,
                {"key": "span.kind", "type": "string", "value": "client"},
                {"key": "otel.status_code", "type": "string", "value": "ERROR"},
                {"key": "error", "type": "bool", "value": True},
                {"key": "otel.status_description", "type": "string", "value": "timed out"},
                {"key": "w3c.tracestate", "type": "string", "value": "vendor=1"},
            ],
            "logs": [
                {
                    "timestamp": MICROSECONDS + 10_000,
                    "fields": [
                        {"key": "event", "type": "string", "value": "exception"},
                        {"key": "exception.type", "type": "string", "value": "Timeout"},
                    ],
                }
            ],
            "processID": "p2",
            "warnings": None,
        },
    ],
    "processes": {
        "p1": {"serviceName": "shop", "tags": PROCESS_TAGS},
        "p2": {"serviceName": "store", "tags": PROCESS_TAGS},
    },
    "warnings": None,
}
TIMES = urlencode({"query.startTimeMin": "2020-01-01T00:00:00Z", "query.startTimeMax": "2040-01-01T00:00:00.5+01:00"})
UNENCODED = "query.start_time_min=2020-01-01T00:00:00.123456789Z&query.start_time_max=2040-01-01T00:00:00+01:00"
ANSWERS = {
    "/api/services": envelope(["shop", "store"]),
    "/api/services/shop/operations": envelope(["GET /health", "GET /orders"]),
    "/api/services/nobody/operations": envelope([]),
    "/api/operations?service=store": envelope([{"name": "select", "spanKind": "client"}]),
    "/api/operations?service=store&spanKind=server": envelope([]),
    f"/api/traces/{hexadecimal(1)}": envelope([TRACE]),
    "/api/traces/1?start=1&end=2": envelope([TRACE]),
    f"/api/dependencies?endTs={START // MILLISECOND + 1000}&lookback=60000": envelope(
        [{"parent": "shop", "child": "store", "callCount": 1}]
    ),
    "/api/v3/services": {"services": ["shop", "store"]},
    "/api/v3/operations?service=store": {"operations": [{"name": "select", "spanKind": "client"}]},
    "/api/v3/operations?service=store&span_kind=server": {"operations": []},
    "/api/v3/dependencies?startTime=2020-01-01T00:00:00Z&endTime=2040-01-01T00:00:00Z": {
        "dependencies": [{"parent": "shop", "child": "store", "callCount": 1}]
    },
    f"/api/v3/trace-summaries?{TIMES}&query.serviceName=store": {
        "summaries": [
            {
                "traceId": hexadecimal(1),
                "rootServiceName": "shop",
                "rootOperationName": "GET /orders",
                "minStartTimeUnixNano": str(START),
                "maxEndTimeUnixNano": str(START + 100 * MILLISECOND),
                "spanCount": 2,
                "errorSpanCount": 1,
                "orphanSpanCount": 0,
                "services": [
                    {"name": "shop", "spanCount": 1, "errorSpanCount": 0},
                    {"name": "store", "spanCount": 1, "errorSpanCount": 1},
                ],
            }
        ]
    },
}


@pytest.mark.parametrize("path", ANSWERS)
def test_answer_has_the_shape_of_jaegers(viewer: Viewer, path: str) -> None:
    assert viewer.get(path) == ANSWERS[path]


def tags(**pairs: object) -> str:
    return "tags=" + quote(json.dumps(pairs))


SEARCHES = {
    "service=shop": [2, 1],
    "service=store": [1],
    "service=shop&operation=GET+/health": [2],
    "service=shop&limit=1": [2],
    f"start={MICROSECONDS}&end={MICROSECONDS + 1}": [1],
    "service=store&minDuration=80ms&maxDuration=80ms": [1],
    "service=store&minDuration=90ms": [],  # of the service's span, not of the trace
    "maxDuration=5ms": [2],
    tags(error="true"): [1],
    tags(error=True): [1],
    "service=shop&" + tags(error="true"): [],
    tags(**{"http.status_code": "200"}): [1],
    tags(**{"http.status_code": 200}): [1],
    tags(**{"span.kind": "client"}): [1],
    tags(**{"otel.status_code": "ERROR", "db.system": "postgresql"}): [1],
    tags(**{"exception.type": "Timeout"}): [1],
    "tag=db.system:postgresql&tag=share:0.5": [1],
    "tag=db.system:mysql": [],
    f"traceID={hexadecimal(2)}&traceID={hexadecimal(1)}&traceID=99": [2, 1],
}


@pytest.mark.parametrize("query", SEARCHES)
def test_search_of_version_1_finds_what_matches(viewer: Viewer, query: str) -> None:
    found = viewer.get(f"/api/traces?{query}")
    assert [trace["traceID"] for trace in found["data"]] == [hexadecimal(number) for number in SEARCHES[query]]
    assert all(trace == TRACE for trace in found["data"] if trace["traceID"] == hexadecimal(1))


SEARCHES_3 = {
    TIMES: [2, 1],
    UNENCODED: [2, 1],
    f"{UNENCODED}&query.service_name=store&query.operation_name=select": [1],
    f"{TIMES}&query.serviceName=shop&query.searchDepth=1": [2],
    f"{UNENCODED}&query.num_traces=1": [2],
    f"{TIMES}&query.durationMin=80ms&query.durationMax=90ms": [1],
    f"{TIMES}&query.attributes={quote(json.dumps({'error': 'true'}))}": [1],
    f"{TIMES}&query.attributes={quote(json.dumps({'db.system': 'postgresql'}))}": [1],
    f"{TIMES}&query.rawTraces=true": [2, 1],
}


@pytest.mark.parametrize("query", SEARCHES_3)
def test_search_of_version_3_finds_what_matches(viewer: Viewer, query: str) -> None:
    expected = [hexadecimal(number) for number in SEARCHES_3[query]]
    found = viewer.get(f"/api/v3/traces?{query}")
    ids = [
        one["traceId"]
        for group in found["result"]["resourceSpans"]
        for scope in group["scopeSpans"]
        for one in scope["spans"]
    ]
    assert list(dict.fromkeys(ids)) == expected
    summaries = viewer.get(f"/api/v3/trace-summaries?{query}")["summaries"]
    assert [one["traceId"] for one in summaries] == expected


def test_trace_of_version_3_is_otlp(viewer: Viewer) -> None:
    shop, store = viewer.get(f"/api/v3/traces/{hexadecimal(1)}")["result"]["resourceSpans"]
    assert shop["resource"]["attributes"][0] == {"key": "service.name", "value": {"stringValue": "shop"}}
    (found,) = store["scopeSpans"][0]["spans"]
    assert (found["spanId"], found["parentSpanId"], found["kind"], found["startTimeUnixNano"], found["status"]) == (
        "0000000000000002",
        "0000000000000001",
        3,
        str(START + 10 * MILLISECOND),
        {"message": "timed out", "code": 2},
    )


def error_1(status: int, message: str, **more: str) -> dict[str, Any]:
    return {"data": None, "total": 0, "limit": 0, "offset": 0, "errors": [{"code": status, "msg": message, **more}]}


def error_3(status: int, message: str) -> dict[str, Any]:
    return {"error": {"httpCode": status, "message": message}}


TIME_HINT = "query.startTimeMin: write a time as RFC 3339 does, such as 2026-08-20T12:00:00Z"
ERRORS = {
    "/api/traces/99": error_1(404, "trace not found", traceID=hexadecimal(0x99)),
    "/api/traces/xyz": error_1(400, "a trace id has up to 32 hexadecimal digits"),
    "/api/operations": error_1(400, "parameter 'service' is required"),
    "/api/traces?tag=x": error_1(400, "tag: write key:value"),
    "/api/traces?tags=[]": error_1(400, 'tags: write a JSON object, such as {"error":"true"}'),
    "/api/v3/traces/99": error_3(404, "No traces found"),
    f"/api/v3/traces?{TIMES}&query.serviceName=nobody": error_3(404, "No traces found"),
    "/api/v3/traces": error_3(400, "query.startTimeMin is required"),
    "/api/v3/traces?query.startTimeMin=now&query.startTimeMax=now": error_3(400, TIME_HINT),
    "/api/v3/traces?query.startTimeMin=2026-02-30T00:00:00Z&query.startTimeMax=": error_3(400, TIME_HINT),
}


@pytest.mark.parametrize("path", ERRORS)
def test_error_has_the_shape_of_jaegers(viewer: Viewer, path: str) -> None:
    answer = viewer.ask(path)
    expected = ERRORS[path]
    status = expected["errors"][0]["code"] if "errors" in expected else expected["error"]["httpCode"]
    assert (answer.status, answer.json) == (status, expected)
