"""Operations, agent handoffs, service map, comparison, delivery."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.viewer.page import story
from tests.viewer.page.conftest import Told, Visit, tell
from tests.viewer.running import Viewer


def table_row(page: Page, table: str, text: str) -> Locator:
    return page.get_by_role("table", name=table).locator("tbody tr", has_text=text).first


def column(page: Page, table: str, name: str) -> list[str]:
    return page.get_by_role("table", name=table).locator(f"tbody td.{name}").all_inner_texts()


def test_operations_show_rates_percentiles_and_trends(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/operations", "table[aria-label=Operations] tbody tr")
    batches = table_row(page, "Operations", "POST /api/process-batch")
    expect(batches).to_contain_text("erni-foto-agency")
    expect(batches.locator(".rate")).to_have_text(re.compile(r"1[0-9] %"))
    for figure in ("calls", "p50", "p95", "p99", "total"):
        expect(batches.locator(f"td.{figure}")).to_have_text(re.compile(r"\d"))
    expect(batches.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"calls, at most .* p95 last"))
    assert batches.locator(".sparkline .calls").count() > 5
    assert batches.locator(".sparkline .errors").count() > 1
    visitor.look("operations-light")


def test_handoffs_have_a_table_of_their_own(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/operations", "table[aria-label='Agent handoffs'] tbody tr")
    agents = [name.removeprefix("handoff") for name in column(page, "Agent handoffs", "name")]
    assert sorted(agents) == sorted([*story.AGENTS, story.MARKUP])
    expect(table_row(page, "Agent handoffs", "schema_extractor").locator(".rate .badge")).to_be_visible()
    expect(table_row(page, "Agent handoffs", "vision_analyzer").locator(".rate")).to_have_text("0 %")


def test_operations_are_sorted_filtered_and_lead_to_their_traces(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/operations", "table[aria-label=Operations] tbody tr")
    operations = page.get_by_role("table", name="Operations")
    operations.get_by_role("button", name="Calls").click()
    calls = [int(text.replace("\u00a0", "")) for text in column(page, "Operations", "calls")]
    assert calls == sorted(calls, reverse=True)
    expect(operations.get_by_role("columnheader", name="Calls")).to_have_attribute("aria-sort", "descending")
    page.keyboard.press("/")
    page.keyboard.type("process-")
    expect(operations.locator("tbody tr")).to_have_count(2)
    assert "q=process-" in visitor.path
    page.reload()
    expect(operations.locator("tbody tr")).to_have_count(2)
    table_row(page, "Operations", "POST /api/process-batch").locator(".rate a").click()
    visitor.wait_for_path(r"/\?service=erni-foto-agency&operation=POST.*&status=error")
    page.locator(f'tr[data-trace="{told.throttled}"]').wait_for()
    page.select_option("[name=service]", "sharepoint-gateway")


@pytest.mark.parametrize(
    ("path", "table", "leads"),
    [
        ("/operations", ".sorted tbody tr", r"/\?operation=agent_handoff.*"),
        ("/map", "svg.map .node", r"/\?service=.*"),
    ],
)
def test_tables_and_map_are_walked_with_keys(visit: Visit, told: Told, path: str, table: str, leads: str) -> None:
    visitor = visit()
    visitor.open(path, table)
    visitor.page.evaluate("window.isStill = true")
    visitor.press("j", "j", "k", "Enter")
    visitor.wait_for_path(leads)
    assert visitor.page.evaluate("window.isStill"), "the page was loaded again"


def test_operations_of_the_chosen_time_only(visit: Visit, viewer: Viewer, told: Told) -> None:
    tell(viewer, story.batch(f"just now {told.now}", time.time_ns()))
    visitor = visit()
    page = visitor.open("/operations", "table[aria-label=Operations] tbody tr")
    before = table_row(page, "Operations", "sharepoint.upload").locator("td.total").inner_text()
    chats = table_row(page, "Operations", "chat gpt-4o-mini").locator("td.calls").inner_text()
    page.select_option("[name=last]", "5m")
    expect(table_row(page, "Operations", "chat gpt-4o-mini").locator("td.calls")).not_to_have_text(chats)
    expect(table_row(page, "Operations", "sharepoint.upload").locator("td.total")).to_have_text(before)
    assert visitor.path == "/operations?last=5m"


def test_map_shows_who_calls_whom(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/map", "svg.map .node")
    names = page.locator("svg.map .node .name").evaluate_all("names => names.map(name => name.firstChild.data)")
    assert {"erni-foto-agency", "sharepoint-gateway", "model-gateway"} <= set(names)
    to_graph = page.locator(".call[aria-label^='erni-foto-agency calls sharepoint-gateway']")
    expect(to_graph).to_have_count(1)
    boxes = {name: page.locator(f"svg.map .node[aria-label^='{name}:'] .card").bounding_box()
             for name in ("erni-foto-agency", "sharepoint-gateway")}  # fmt: skip
    assert boxes["erni-foto-agency"]["x"] < boxes["sharepoint-gateway"]["x"]  # type: ignore[index]  # both are shown
    expect(table_row(page, "Calls between services", "sharepoint-gateway")).to_contain_text("ms")
    visitor.look("map-light")
    page.locator("svg.map .node[aria-label^='sharepoint-gateway']").focus()
    visitor.press("Enter")
    visitor.wait_for_path(r"/\?service=sharepoint-gateway")


def test_comparison_shows_what_differs(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/compare/{told.ordinary}/{told.throttled}", ".virtual .compare-row")
    expect(page.locator(".compare-verdict")).to_contain_text(re.compile(r"B took −.* · \d+ places only in A"))
    only = page.locator(".virtual .compare-row", has_text="invoke_agent schema_extractor")
    expect(only).to_contain_text("only in A")
    retried = page.locator(".virtual .compare-row.error", has_text="GET").first
    expect(retried).to_contain_text("3 ×")
    visitor.look("compare-light")
    table = page.get_by_role("table", name="Spans of both traces")
    before = int(table.get_attribute("aria-rowcount") or 0)
    visitor.press("f")
    assert int(table.get_attribute("aria-rowcount") or 0) < before
    assert visitor.path.endswith("?only=differences")
    visitor.press("x")
    visitor.wait_for_path(f"/compare/{told.throttled}/{told.ordinary}")
    expect(page.locator(".compare-verdict")).to_contain_text("B took +")


def test_trace_is_compared_with_another_of_its_operation(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.slow}", ".virtual .row")
    page.get_by_role("button", name="Compare …").click()
    dialog = page.get_by_role("dialog", name="Compare with")
    expect(dialog.get_by_role("listitem").first).to_be_visible()
    dialog.get_by_label("Trace id").fill(told.ordinary)
    visitor.press("Enter")
    visitor.wait_for_path(f"/compare/{told.slow}/{told.ordinary}")
    page.locator(".compare-row .number a").first.click()
    visitor.wait_for_path(rf"/trace/{told.slow}/\w+")


HERE = {"destination": "http://localhost:4317", "pending_spans": 0, "pending_bytes": 0, "oldest_age_seconds": None,
        "delivered": 1200, "rejected": {}, "dropped": {}}  # fmt: skip
DELIVERIES: dict[str, tuple[dict[str, Any], str, str]] = {
    "all": ({"destinations": [HERE]}, "good", "Everything that was recorded has been delivered."),
    "waiting": (
        {"destinations": [HERE | {"pending_spans": 128, "pending_bytes": 52_310, "oldest_age_seconds": 42.5}]},
        "waiting",
        "128 spans are still on the way; nothing is lost.",
    ),
    "lost": (
        {"destinations": [HERE | {"dropped": {"disk full": 3}, "rejected": {"invalid": 1}}]},
        "bad",
        "4 spans did not arrive; the reasons stand below.",
    ),
    "nothing yet": ({"destinations": []}, "good", "Nothing has been recorded on this machine yet."),
    "unknown": (
        {"destinations": [], "error": "the state folder is unreadable"},
        "bad",
        "the state folder is unreadable",
    ),
}


@pytest.mark.parametrize("name", DELIVERIES)
def test_delivery_says_what_became_of_the_spans(visit: Visit, name: str) -> None:
    answer, mood, verdict = DELIVERIES[name]
    visitor = visit()
    visitor.page.route("**/api/view/delivery", lambda route: route.fulfill(body=json.dumps(answer)))
    try:
        page = visitor.open("/delivery", ".store")
        expect(page.locator(".verdict")).to_have_text(verdict)
        expect(page.locator(".verdict")).to_have_class(re.compile(mood))
        if name == "lost":
            expect(page.locator(".reasons li")).to_have_text(["1 rejected: invalid", "3 dropped: disk full"])
            visitor.look("delivery-light")
    finally:
        visitor.page.unroute("**/api/view/delivery")


def test_delivery_of_this_machine_and_the_store(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/delivery", ".store .figures")
    expect(page.locator(".verdict")).not_to_be_empty()
    expect(page.locator(".store")).to_contain_text(re.compile(r"Stored.*MB of 1\.07 GB", re.DOTALL))
