"""The viewer's own API, as docs/viewer.md describes it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from erni_run.viewer.store import histogram

from tests.viewer.running import MILLISECOND, START, Viewer, asked, eventually, hexadecimal, request, span

ERROR, SERVER, CLIENT = 2, 2, 3

# Three traces: an order over two services that fails in the second, a quick one, and one whose root is elsewhere.
ORDER = (
    span(1, 1, duration=100, name="POST /orders", kind=SERVER, attributes={"url.path": "/orders", "user.id": 7}),
    span(1, 2, 1, start=10, duration=80, name="charge", kind=CLIENT, status=ERROR, message="declined"),
    span(
        1,
        3,
        2,
        start=20,
        duration=60,
        service="bank",
        name="POST /charges",
        kind=SERVER,
        status=ERROR,
        events={"exception": {"exception.type": "Declined", "exception.message": "no money"}},
        links=[(9, 9)],
    ),
    span(
        1,
        4,
        1,
        start=15,
        duration=5,
        name="agent_handoff.pricing",
        attributes={"agent": "Pricing", "handoff_type": "ask"},
    ),
    span(1, 5, 1, start=12, duration=1, name="think", attributes={"gen_ai.agent.name": "Planner", "agent": "other"}),
)
QUICK = (span(2, 1, start=1000, duration=2, name="GET /health", kind=SERVER, attributes={"ok": True, "ratio": 0.5}),)
ORPHAN = (span(3, 2, 1, start=2000, duration=50, name="late", attributes={"text": "über 50 € * 2", "big": 2**60}),)


@pytest.fixture
def filled(viewer: Viewer) -> Viewer:
    viewer.send(*ORDER)
    viewer.send(*QUICK, *ORPHAN)
    return viewer


@pytest.fixture(scope="module")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    with Viewer(tmp_path_factory.mktemp("state")) as viewer:
        viewer.send(*ORDER, *QUICK, *ORPHAN)
        yield viewer


def test_summary_tells_a_trace(filled: Viewer) -> None:
    late, quick, order = filled.get("/api/view/traces")["traces"]
    assert order == {
        "traceId": hexadecimal(1),
        "root": {"service": "shop", "name": "POST /orders", "kind": "server"},
        "start": str(START),
        "duration": str(100 * MILLISECOND),
        "spans": 5,
        "errors": 2,
        "orphans": 0,
        "services": [{"name": "shop", "spans": 4, "errors": 1}, {"name": "bank", "spans": 1, "errors": 1}],
        "agents": ["Planner", "Pricing"],
        "complete": True,
    }
    assert (quick["errors"], quick["complete"], quick["agents"]) == (0, True, [])
    assert (late["orphans"], late["complete"], late["root"]["name"]) == (1, False, "late")


FILTERS = {
    "": [3, 2, 1],
    "order=asc": [1, 2, 3],
    "sort=duration": [1, 3, 2],
    "sort=duration&order=asc": [2, 3, 1],
    "service=bank": [1],
    "service=shop": [3, 2, 1],
    "service=nobody": [],
    "operation=late": [3],
    "service=bank&operation=charge": [],
    "status=error": [1],
    "status=ok": [3, 2],
    "min=50ms": [3, 1],
    "min=50.001ms": [1],
    "max=50ms": [3, 2],
    "min=2ms&max=0.05s": [3, 2],
    f"start={START + 1}": [3, 2],
    f"end={START + 1000 * MILLISECOND}": [2, 1],
    "attribute=url.path=/orders": [1],
    "attribute=url.path=/ord": [],
    "attribute=url.path=/ord*": [1],
    "attribute=url.path=*": [1],
    "attribute=user.id=7": [1],
    "attribute=user.id=7*": [1],
    "attribute=user.id=70": [],
    "attribute=ok=true": [2],
    "attribute=ok=t*": [2],
    "attribute=ratio=0.5": [2],
    "attribute=big=1152921504606846976": [3],
    "attribute=exception.type=Declined": [1],
    "attribute=deployment.environment=test": [3, 2, 1],
    "attribute=deployment.environment=prod": [],
    f"attribute={quote('text=über*')}": [3],
    f"attribute={quote('text=über 50 € * 2')}": [3],
    "attribute=url.path=/orders&attribute=user.id=7": [1],
    "attribute=url.path=/orders&attribute=exception.type=Declined": [],  # not of one span
    "attribute=url.path=/orders&service=bank": [],
    "attribute=url.path=/orders&service=shop&status=error&min=1ms": [1],
    "attribute=url.path=/orders&status=ok": [],
}


@pytest.mark.parametrize("query", FILTERS)
def test_filter_finds_what_matches(filled_once: Viewer, query: str) -> None:
    page = filled_once.get(f"/api/view/traces?{query}")
    assert [trace["traceId"] for trace in page["traces"]] == [hexadecimal(number) for number in FILTERS[query]]
    assert page["next"] is None


WRONG = (
    "min=5",
    "max=fast",
    "start=yesterday",
    "sort=name",
    "order=up",
    "status=bad",
    "limit=0",
    "limit=501",
    "cursor=1",
    "attribute=novalue",
)


@pytest.mark.parametrize("query", WRONG)
def test_wrong_parameter_is_named(filled_once: Viewer, query: str) -> None:
    answer = filled_once.ask(f"/api/view/traces?{query}")
    assert answer.status == 400
    assert answer.json["error"].startswith(query.partition("=")[0])


@pytest.mark.parametrize(
    "query", ["", "sort=duration&order=asc", "service=shop", "attribute=deployment.environment=t*"]
)
def test_pages_hold_every_trace_once_and_in_order(viewer: Viewer, query: str) -> None:
    viewer.send(*(span(number, 1, start=number // 3, duration=number % 5) for number in range(1, 24)))
    whole = [trace["traceId"] for trace in viewer.get(f"/api/view/traces?{query}")["traces"]]
    paged, cursor = [], ""
    while cursor is not None:
        page = viewer.get(f"/api/view/traces?limit=4&cursor={cursor}&{query}")
        paged += [trace["traceId"] for trace in page["traces"]]
        cursor = page["next"]
        assert len(page["traces"]) <= 4
    assert paged == whole
    assert len(set(paged)) == 23


def test_search_by_attribute_goes_on_where_a_page_ends(viewer: Viewer) -> None:
    viewer.send(span(1, 1, start=0, attributes={"wanted": "yes"}))
    for first in range(10, 40):  # more spans than one request looks at
        viewer.send(*(span(first, number, start=first) for number in range(1, 1001)))
    found, cursor, pages = [], "", 0
    while cursor is not None:
        page = viewer.get(f"/api/view/traces?attribute=wanted=yes&cursor={cursor}")
        found += page["traces"]
        cursor, pages = page["next"], pages + 1
    assert [trace["traceId"] for trace in found] == [hexadecimal(1)]
    assert pages > 1
    tags = quote('{"wanted": "yes"}')  # Jaeger's API has no pages: it goes on by itself
    assert [trace["traceID"] for trace in viewer.get(f"/api/traces?tags={tags}")["data"]] == [hexadecimal(1)]


def test_trace_is_told_whole(filled_once: Viewer) -> None:
    trace = filled_once.get(f"/api/view/traces/{hexadecimal(1)}")
    assert [one["name"] for one in trace["spans"]] == [
        "POST /orders",
        "charge",
        "think",
        "agent_handoff.pricing",
        "POST /charges",
    ]
    charge = trace["spans"][4]
    assert trace["resources"][charge.pop("resource")]["attributes"] == {
        "service.name": "bank",
        "deployment.environment": "test",
    }
    assert charge == {
        "spanId": f"{3:016x}",
        "parentId": f"{2:016x}",
        "name": "POST /charges",
        "kind": "server",
        "service": "bank",
        "scope": {"name": "tests", "version": "1"},
        "start": str(START + 20 * MILLISECOND),
        "duration": str(60 * MILLISECOND),
        "status": {"code": "error", "message": ""},
        "attributes": {},
        "events": [
            {
                "time": str(START + 20 * MILLISECOND),
                "name": "exception",
                "attributes": {"exception.type": "Declined", "exception.message": "no money"},
            }
        ],
        "links": [{"traceId": hexadecimal(9), "spanId": f"{9:016x}", "attributes": {}}],
        "dropped": {"attributes": 0, "events": 0, "links": 0},
    }
    assert trace["summary"]["traceId"] == trace["traceId"] == hexadecimal(1)
    assert trace["spans"][0]["parentId"] is None


def test_values_that_json_cannot_hold_are_strings(viewer: Viewer) -> None:
    attributes = {"big": 2**60, "small": -5, "raw": b"\xff", "odd": float("nan"), "far": float("inf"), "list": ["a"]}
    viewer.send(span(1, 1, attributes=attributes))
    (found,) = viewer.get(f"/api/view/traces/{hexadecimal(1)}")["spans"]
    assert found["attributes"] == {
        "big": str(2**60),
        "small": -5,
        "raw": "/w==",
        "odd": "NaN",
        "far": "Infinity",
        "list": ["a"],
    }


def test_parents_come_before_children_that_start_with_them(viewer: Viewer) -> None:
    viewer.send(span(1, 1, 2), span(1, 2, 3), span(1, 3))
    trace = viewer.get(f"/api/view/traces/{hexadecimal(1)}")
    assert [one["spanId"][-1] for one in trace["spans"]] == ["3", "2", "1"]


def test_spans_that_are_their_own_ancestors_are_shown(viewer: Viewer) -> None:
    viewer.send(span(1, 1, 2), span(1, 2, 1), span(1, 3, 3))
    assert len(viewer.get(f"/api/view/traces/{hexadecimal(1)}")["spans"]) == 3


@pytest.mark.parametrize("trace", ["1", "1".zfill(32)])
def test_id_may_leave_zeros_out(filled_once: Viewer, trace: str) -> None:
    assert filled_once.get(f"/api/view/traces/{trace}")["traceId"] == hexadecimal(1)


@pytest.mark.parametrize(("trace", "status"), [("ff", 404), ("xyz", 400), ("1" * 33, 400)])
def test_trace_that_is_not_there_is_an_error(filled_once: Viewer, trace: str, status: int) -> None:
    for path in (f"/api/view/traces/{trace}", f"/api/view/traces/{trace}/otlp"):
        answer = filled_once.ask(path)
        assert answer.status == status
        assert answer.json["error"]


def test_spans_that_arrive_late_complete_a_trace(viewer: Viewer) -> None:
    viewer.send(span(1, 2, 1, start=5, duration=50))
    (found,) = viewer.get("/api/view/traces")["traces"]
    assert (found["complete"], found["orphans"], found["root"]["name"]) == (False, 1, "span 2")
    viewer.send(span(1, 1, duration=40))
    (found,) = viewer.get("/api/view/traces")["traces"]
    assert (found["complete"], found["orphans"], found["root"]["name"]) == (True, 0, "span 1")
    assert (found["start"], found["duration"], found["spans"]) == (str(START), str(55 * MILLISECOND), 2)


def near(found: str, milliseconds: float) -> bool:
    """Whether a percentile is right within a bucket's width."""
    return abs(int(found) / (milliseconds * MILLISECOND) - 1) < 0.09


def test_operations_tell_calls_errors_and_percentiles(viewer: Viewer) -> None:
    viewer.send(
        *(span(number, 1, name="read", start=60_000 * (number % 2), duration=number) for number in range(1, 101))
    )
    viewer.send(span(200, 1, name="write", duration=1, status=ERROR))
    read, write = viewer.get("/api/view/operations")["operations"]
    assert (read["name"], read["kind"], read["service"]) == ("read", "internal", "shop")
    assert (read["calls"], read["errors"], read["total"]) == (100, 0, str(5050 * MILLISECOND))
    assert near(read["p50"], 50)
    assert near(read["p95"], 95)
    assert near(read["p99"], 99)
    assert [(step["time"], step["calls"]) for step in read["trend"]] == [
        (str(START), 50),
        (str(START + 60 * 10**9), 50),
    ]
    assert (write["calls"], write["errors"]) == (1, 1)
    later = viewer.get(f"/api/view/operations?start={START + 60 * 10**9}&service=shop")["operations"]
    assert [(one["name"], one["calls"]) for one in later] == [("read", 50)]
    assert viewer.get("/api/view/operations?service=nobody")["operations"] == []


def test_trend_has_at_most_thirty_steps(viewer: Viewer) -> None:
    viewer.send(*(span(number, 1, name="read", start=60_000 * number) for number in range(1, 101)))
    (read,) = viewer.get("/api/view/operations")["operations"]
    assert 20 < len(read["trend"]) <= 30
    assert sum(step["calls"] for step in read["trend"]) == 100


def test_handoffs_are_told_by_agent_and_type(filled_once: Viewer) -> None:
    (handoff,) = filled_once.get("/api/view/handoffs")["handoffs"]
    assert (handoff["agent"], handoff["type"], handoff["calls"], handoff["errors"]) == ("Pricing", "ask", 1, 0)
    assert near(handoff["p95"], 5)
    assert len(handoff["trend"]) == 1


def test_map_tells_calls_between_services(filled_once: Viewer) -> None:
    found = filled_once.get("/api/view/map")
    nodes = {node["service"]: (node["calls"], node["errors"]) for node in found["nodes"]}
    assert nodes == {"shop": (6, 1), "bank": (1, 1)}
    (edge,) = found["edges"]
    assert (edge["parent"], edge["child"], edge["calls"], edge["errors"]) == ("shop", "bank", 1, 1)
    assert near(edge["p50"], 60)
    assert filled_once.get(f"/api/view/map?start={START + 10**12}")["edges"] == []


def test_call_is_counted_once_in_whatever_order_its_spans_arrive(viewer: Viewer) -> None:
    caller, called = span(1, 2, 1, name="ask"), span(1, 3, 2, service="bank", duration=7)
    for one in (called, span(1, 1), caller, span(1, 4, 1), called):
        viewer.send(one)
    (edge,) = viewer.get("/api/view/map")["edges"]
    assert (edge["parent"], edge["child"], edge["calls"]) == ("shop", "bank", 1)
    assert near(edge["p50"], 7)


def test_names_to_choose_from(filled_once: Viewer) -> None:
    assert filled_once.get("/api/view/services")["services"] == [
        {"name": "bank", "operations": ["POST /charges"]},
        {
            "name": "shop",
            "operations": ["GET /health", "POST /orders", "agent_handoff.pricing", "charge", "late", "think"],
        },
    ]
    assert filled_once.get("/api/view/attributes?prefix=exc")["keys"] == ["exception.message", "exception.type"]
    assert "deployment.environment" in filled_once.get("/api/view/attributes")["keys"]


def test_about_says_where_and_how_much(filled_once: Viewer) -> None:
    about = filled_once.get("/api/view/about")
    assert about["product"] == "erni-run view"
    assert (about["spans"], about["traces"], about["dropped"]) == (7, 3, 0)
    assert about["http"] == filled_once.address.http
    assert about["grpc"] == urlsplit(filled_once.address.grpc).netloc
    assert 0 < about["bytes"] < about["maxBytes"] == 1024**3


def test_delivery_says_what_status_says_or_why_it_does_not(viewer: Viewer) -> None:
    found = viewer.get("/api/view/delivery")
    assert isinstance(found["destinations"], list)
    assert found["destinations"] or "error" in found or found == {"destinations": []}


class Listening:
    """A page that listens to what is live."""

    def __init__(self, viewer: Viewer) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(viewer.address.page).netloc, timeout=30)
        self._connection.request("GET", "/api/view/live")
        self._response = self._connection.getresponse()
        self.events: list[tuple[str, Any]] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        assert eventually(lambda: self.events)

    def _listen(self) -> None:
        for name, data in self._lines():
            self.events.append((name, json.loads(data)))

    def _lines(self) -> Iterator[tuple[str, str]]:
        name = ""
        try:
            for line in self._response:
                if line.startswith(b"event: "):
                    name = line[7:].decode().strip()
                elif line.startswith(b"data: "):
                    yield name, line[6:].decode()
        except (OSError, ValueError, AttributeError):
            return  # closed

    def traces(self) -> list[Any]:
        return [data for name, data in self.events if name == "trace"]


def test_live_tells_of_each_trace_that_got_spans(viewer: Viewer) -> None:
    listening = Listening(viewer)
    name, hello = listening.events[0]
    assert (name, hello["product"]) == ("hello", "erni-run view")
    viewer.send(span(1, 2, 1))
    assert eventually(listening.traces)
    viewer.send(span(1, 1))
    assert eventually(lambda: [found for found in listening.traces() if found["complete"]])
    assert listening.traces()[-1] == viewer.get("/api/view/traces")["traces"][0]
    viewer.ask("/api/view/traces", "DELETE")
    assert eventually(lambda: ("cleared", {}) in listening.events)


def test_live_tells_at_most_five_times_a_second(viewer: Viewer) -> None:
    listening = Listening(viewer)
    for number in range(1, 60):
        viewer.send(span(1, number))
    assert eventually(lambda: [found for found in listening.traces() if found["spans"] == 59])
    assert len(listening.traces()) < 59


def test_deletion_leaves_nothing(filled: Viewer) -> None:
    assert filled.ask("/api/view/traces", "DELETE").status == 204
    assert filled.get("/api/view/traces") == {"traces": [], "next": None}
    assert filled.get("/api/view/services") == {"services": []}
    assert filled.get("/api/view/operations") == {"operations": []}
    assert filled.ask(f"/api/view/traces/{hexadecimal(1)}").status == 404
    filled.send(*QUICK)
    assert filled.get("/api/view/about")["spans"] == 1


FOREIGN = {
    "another site": {"Origin": "https://example.com"},
    "another page on this machine": {"Origin": "http://localhost:3000"},
    "no origin of its own": {"Origin": "null"},
    "a name for this address": {"Host": "attacker.example:16686"},
    "a name that begins like ours": {"Host": "localhost.attacker.example"},
    "another address": {"Host": "192.0.2.7:16686"},
    "no name": {"Host": ""},
}


@pytest.mark.parametrize("case", FOREIGN)
@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/api/view/traces"), ("GET", "/api/view/traces"), ("GET", "/")]
)
def test_foreign_page_is_refused(filled_once: Viewer, case: str, method: str, path: str) -> None:
    answer = filled_once.ask(path, method, FOREIGN[case])
    assert answer.status == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert filled_once.get("/api/view/about")["spans"] == 7


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:16686", "127.0.0.1", "127.0.0.1:9", "[::1]:16686"])
def test_every_name_of_this_machine_is_ours(filled_once: Viewer, host: str) -> None:
    assert filled_once.ask("/api/view/about", headers={"Host": host}).status == 200


def test_own_page_may_delete(filled: Viewer) -> None:
    assert filled.ask("/api/view/traces", "DELETE", {"Origin": filled.address.page}).status == 204


def test_answers_forbid_what_a_page_does_not_need(filled_once: Viewer) -> None:
    for path in ("/api/view/about", "/nothing/here/at/all", "/api/view/traces/xyz"):
        headers = filled_once.ask(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self'; ")
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert filled_once.ask("/api/view/about").headers["Cache-Control"] == "no-store"


def test_files_outside_the_page_are_not_served(filled_once: Viewer) -> None:
    for path in ("/page/../process.py", "/page/%2e%2e/process.py", "/page/..%2fprocess.py"):
        assert filled_once.ask(path).status == 404


def test_otlp_is_not_taken_on_the_port_of_the_page(filled_once: Viewer) -> None:
    body = request(span(9, 9)).SerializeToString()
    assert asked(filled_once.address.page, "/v1/traces", "POST", {}, body).status == 404


@pytest.mark.parametrize(
    ("durations", "share", "expected"),
    [([], 0.5, 0), ([0], 0.5, 1), ([1], 0.99, 1), ([1000] * 99 + [10**9], 0.95, 1000), ([1000, 10**9], 0.99, 10**9)],
)
def test_percentile_is_right_within_a_bucket(durations: list[int], share: float, expected: int) -> None:
    counts: dict[int, int] = {}
    for duration in durations:
        counts[histogram.bucket(duration)] = counts.get(histogram.bucket(duration), 0) + 1
    packed = histogram.pack(counts)
    (found,) = histogram.percentiles(histogram.unpack([packed, packed]), share)
    assert abs(found - expected) <= expected * 0.09
