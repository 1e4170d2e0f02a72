"""The trace list: filters, sorting, scatter, live tail, keyboard."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.viewer.page import story
from tests.viewer.page.conftest import Told, Visit, Visitor, tell
from tests.viewer.running import Viewer

ROWS = ".traces tbody tr"


def rows(page: Page) -> list[str]:
    """The trace ids of the list, from top to bottom."""
    ids: list[str] = page.eval_on_selector_all(ROWS, "rows => rows.map(row => row.dataset.trace)")
    return ids


def shown(page: Page) -> int:
    return page.locator(ROWS).count()


def test_list_shows_every_trace_and_what_failed(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/", ROWS)
    assert shown(page) == told.all
    failed = page.locator(f'{ROWS}[data-trace="{told.throttled}"]')
    expect(failed).to_contain_text("6 errors")
    expect(failed).to_contain_text("POST /api/process-batch")
    expect(failed).to_contain_text("sharepoint-gateway")
    expect(failed).to_contain_text("3 agents")
    visitor.look("list-light")


FILTERS: dict[str, tuple[Callable[[Page], object], str, Callable[[Told, list[str]], bool]]] = {
    "service": (
        lambda page: page.select_option("[name=service]", f"shop {story.MARKUP}"),
        "service=",
        lambda told, ids: ids == [told.hostile],
    ),
    "operation": (
        lambda page: page.fill("[name=operation]", "POST /api/process-archive"),
        "operation=POST",
        lambda told, ids: ids == [told.large],
    ),
    "status error": (
        lambda page: page.locator(".segmented label", has_text="Errors").click(),
        "status=error",
        lambda told, ids: told.throttled in ids and told.ordinary not in ids,
    ),
    "status ok": (
        lambda page: page.locator(".segmented label", has_text="OK").click(),
        "status=ok",
        lambda told, ids: told.throttled not in ids and told.ordinary in ids,
    ),
    "shortest": (
        lambda page: page.fill("[name=min]", "5s"),
        "min=5s",
        lambda told, ids: {told.slow, told.large} <= set(ids) and told.ordinary not in ids,
    ),
    "longest": (
        lambda page: page.fill("[name=max]", "50ms"),
        "max=50ms",
        lambda told, ids: ids == [told.hostile],
    ),
    "attribute": (
        lambda page: page.fill("[name=attribute]", "http.status_code=429"),
        "attribute=http.status_code",
        lambda told, ids: told.throttled in ids and told.ordinary not in ids,
    ),
    "attribute prefix": (
        lambda page: page.fill("[name=attribute]", "photo.needle=y*"),
        "attribute=photo.needle",
        lambda told, ids: ids == [told.large],
    ),
    "time": (
        lambda page: page.select_option("[name=last]", "5m"),
        "last=5m",
        lambda told, ids: set(ids) == {told.large, told.hostile},
    ),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filter_keeps_what_matches_and_stands_in_the_address(visit: Visit, told: Told, name: str) -> None:
    act, noted, holds = FILTERS[name]
    visitor = visit()
    page = visitor.open("/", ROWS)
    act(page)
    page.keyboard.press("Enter")
    visitor.until(f"document.querySelectorAll('{ROWS}').length < {told.all}")
    assert noted in visitor.path
    assert holds(told, [trace for trace in rows(page) if trace in told.ids])
    visitor.open(visitor.path, ROWS)
    assert holds(told, [trace for trace in rows(page) if trace in told.ids])


def test_filters_are_cleared_one_by_one_or_all(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/?attribute=http.status_code%3D429&status=error&min=1ms", ROWS)
    page.get_by_role("button", name="Remove the filter http.status_code=429").click()
    visitor.until("!location.search.includes('attribute')")
    page.get_by_role("button", name="Clear filters").click()
    visitor.until(f"document.querySelectorAll('{ROWS}').length === {told.all}")
    assert visitor.path == "/"


@pytest.mark.parametrize(
    ("column", "key", "address"),
    [("Duration", "duration", "sort=duration"), ("Start", "start", "order=asc")],
)
def test_list_sorts_both_ways(visit: Visit, column: str, key: str, address: str) -> None:
    visitor = visit()
    page = visitor.open("/", ROWS)
    heading = page.get_by_role("columnheader", name=column)
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending" if key == "duration" else "ascending")
    visitor.wait_for_path(f".*{address}.*")
    first = rows(page)
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending" if key == "duration" else "descending")
    visitor.until(f"first => document.querySelector('{ROWS}').dataset.trace !== first", first[0])
    assert rows(page) == first[::-1]


def test_click_on_a_point_of_the_scatter_opens_its_trace(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/", ".plot .dot")
    assert page.locator(".plot .dot").count() == told.all
    page.locator(f'.plot [data-trace="{told.slow}"]').hover()
    expect(page.locator(".tip")).to_contain_text("POST /api/process-batch")
    page.mouse.down()
    page.mouse.up()
    visitor.wait_for_path(f"/trace/{told.slow}")


def test_drag_over_the_scatter_filters_for_what_is_under_it(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/", ".plot .dot")
    box = page.locator(f'.plot [data-trace="{told.slow}"]').bounding_box()
    assert box
    page.mouse.move(box["x"] - 8, box["y"] - 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] + 20, steps=3)
    page.mouse.up()
    visitor.until(f"document.querySelectorAll('{ROWS}').length === 1")
    assert rows(page) == [told.slow]
    assert {"start=", "end=", "min=", "max="} <= {part.split("=")[0] + "=" for part in visitor.path[2:].split("&")}


def tell_one_more(viewer: Viewer) -> str:
    return tell(viewer, story.batch(f"one more {time.time_ns()}", time.time_ns()))


def test_live_tail_brings_new_traces_until_it_is_paused(visit: Visit, viewer: Viewer, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/?min=1s&last=5m", ".tail[data-state=live]")
    seen = tell_one_more(viewer)
    page.locator(f'tr[data-trace="{seen}"]').wait_for()
    assert rows(page)[0] == seen
    visitor.press("p")
    page.locator(".tail[data-state=paused]").wait_for()
    unseen = tell_one_more(viewer)
    expect(page.locator(".tail")).to_contain_text("1 new")
    assert unseen not in rows(page)
    visitor.look("list-paused")
    page.locator(".tail").click()
    page.locator(f'tr[data-trace="{unseen}"]').wait_for()


def test_hidden_page_lets_go_of_its_connection_and_catches_up(visit: Visit, viewer: Viewer, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/?min=1s&last=5m", ".tail[data-state=live]")
    hide = """isHidden => {
        Object.defineProperty(document, 'hidden', { value: isHidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page.evaluate(hide, True)
    page.locator(".tail[data-state=asleep]").wait_for()
    missed = tell_one_more(viewer)
    page.evaluate(hide, False)
    page.locator(f'tr[data-trace="{missed}"]').wait_for()


def test_list_is_used_without_a_mouse(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/?min=1ms&end={told.now}", ROWS)
    ids = rows(page)

    def focused() -> str:
        trace: str = page.evaluate("document.activeElement.closest('tr')?.dataset.trace ?? document.activeElement.name")
        return trace

    visitor.press("j", "j")
    assert focused() == ids[1]
    visitor.press("x", "k")
    assert focused() == ids[0]
    visitor.press("x", "c")
    visitor.wait_for_path("/compare/.+/.+")
    page.locator(".compare-card").first.wait_for()
    page.go_back()
    page.locator(ROWS).first.wait_for()
    visitor.press("/")
    assert focused() == "attribute"
    visitor.press("Escape", "j", "Enter")
    visitor.wait_for_path(f"/trace/{ids[0]}")


def test_trace_id_in_the_filter_opens_the_trace(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/", ROWS)
    page.fill("[name=attribute]", told.slow.upper())
    visitor.press("Enter")
    visitor.wait_for_path(f"/trace/{told.slow}")


def test_nothing_found_offers_the_way_back(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/?operation=nobody", ".empty")
    expect(page.locator(".empty")).to_contain_text("No trace passes these filters")
    page.get_by_role("link", name="Show all traces").click()
    page.locator(ROWS).first.wait_for()


def test_wrong_filter_says_what_is_wrong(visit: Visit, told: Told) -> None:
    visitor: Visitor = visit()
    page = visitor.open("/", ROWS)
    page.fill("[name=min]", "soon")
    visitor.press("Enter")
    expect(page.locator(".toast")).to_contain_text("min")
    assert shown(page) >= told.all
    visitor.complaints.clear()  # the browser's own line about the answer 400


def test_empty_store_says_how_to_fill_it_and_can_be_emptied(browser: Browser, tmp_path: Path) -> None:
    with Viewer(tmp_path) as empty:
        visitor = Visitor(browser.new_context(), empty.address.page)
        page = visitor.open("/", ".empty h2")
        expect(page.locator(".empty")).to_contain_text("erni-run uvicorn agency.main:app")
        expect(page.locator(".empty")).to_contain_text(empty.address.http)
        tell(empty, story.batch("the first", time.time_ns()))
        page.locator(ROWS).wait_for()
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Clear store").click()
        page.locator(".empty h2").wait_for()
        assert empty.get("/api/view/traces")["traces"] == []
        visitor.context.close()
