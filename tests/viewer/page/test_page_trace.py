"""The page of one trace: from the list to the guilty span, waterfall, search, panel, logs, agents, permalinks."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.viewer.page import story
from tests.viewer.page.conftest import Told, Visit, Visitor, tell
from tests.viewer.running import Viewer

ROW = ".virtual .row:not([hidden])"


def row(page: Page, text: str) -> Locator:
    return page.locator(ROW, has_text=text).first


def selected(page: Page) -> str:
    """The name in the panel's head."""
    return page.locator(".panel h2").inner_text()


def titles(page: Page) -> list[str]:
    """The names of the rows that are drawn, from top to bottom."""
    script = """rows => rows.map(row => [Number(row.dataset.index), row.querySelector('.title').textContent])
                        .sort((a, b) => a[0] - b[0]).map(pair => pair[1])"""
    names: list[str] = page.eval_on_selector_all(ROW, script)
    return names


def test_failing_span_is_two_clicks_from_the_list(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/?status=error", ".traces tbody tr")
    page.locator(f'tr[data-trace="{told.throttled}"] .trace-link').click()
    page.locator(".pointer.error").click()
    assert visitor.path.startswith(f"/trace/{told.throttled}/")
    expect(page.locator(".panel h2")).to_have_text("GET")
    expect(page.locator(".panel-error")).to_have_text("answered 429")
    expect(page.locator(".pointer.error")).to_contain_text("GraphRefusedError: throttled")
    visitor.look("trace-failed-light")


def test_slow_span_is_two_clicks_from_the_list(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/?sort=duration&operation=POST%20%2Fapi%2Fprocess-batch", ".traces tbody tr")
    page.locator(".trace-link").first.click()
    page.locator(".pointer.slow").click()
    assert selected(page) == "execute_tool vision_analyzer_tool"
    expect(page.locator(".panel .facts").first).to_contain_text("On critical path")


def test_permalink_opens_the_span_again(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.slow}", ROW)
    row(page, "photo_fetcher_tool").click()
    link = visitor.path
    assert re.fullmatch(rf"/trace/{told.slow}/[0-9a-f]{{16}}", link)
    visitor.press("y")
    assert page.evaluate("navigator.clipboard.readText()").endswith(link)
    visitor.open("/", ".traces")
    visitor.open(link, ".panel h2", anew=True)
    assert selected(page) == "execute_tool photo_fetcher_tool"
    expect(page.locator(".row.selected .title")).to_have_text("photo_fetcher_tool")


def test_unknown_trace_says_so(visit: Visit) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{'0' * 31}1", "[role=alert]")
    expect(page.locator("[role=alert] p").first).not_to_be_empty()
    visitor.complaints.clear()  # the browser's own line about the answer 404


def test_large_trace_draws_only_what_is_visible(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.large}?folds=0", ROW)
    expect(page.get_by_role("treegrid")).to_have_attribute("aria-rowcount", "5001")
    nodes = page.evaluate("document.querySelectorAll('.virtual .row').length")
    assert 20 < nodes < 60
    assert page.evaluate("document.querySelectorAll('*').length") < 2_000
    first = titles(page)
    page.locator(".waterfall").evaluate("box => { box.scrollTop = box.scrollHeight / 2; }")
    visitor.until("!document.getElementById('row-0') || document.getElementById('row-0').hidden")
    middle = titles(page)
    assert "photo" in " ".join(middle)
    assert page.locator(ROW).first.get_attribute("aria-rowindex") != "2"
    assert middle != first
    changed = changes_of_a_scroll(page)
    assert changed["seen"] > 300
    assert changed["most"] < 1_500
    visitor.press("End")
    expect(row(page, "tidy 2")).to_be_visible()
    assert page.evaluate("document.querySelectorAll('.virtual .row').length") < 80
    visitor.look("trace-large")


def changes_of_a_scroll(page: Page) -> dict[str, int]:
    """How many rows are ``seen`` in 30 steps of a scroll, and the ``most`` changes that one step made."""
    changes: dict[str, int] = page.evaluate("""async () => {
        const box = document.querySelector('.waterfall');
        let most = 0, seen = new Set();
        const observer = new MutationObserver(records => { most = Math.max(most, records.length); });
        observer.observe(document.querySelector('.virtual'), { childList: true, subtree: true, attributes: true });
        for (let step = 1; step <= 30; step += 1) {
            box.scrollTop = step * 260;
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            for (const row of document.querySelectorAll('.virtual .row:not([hidden])')) seen.add(row.dataset.index);
        }
        return { most, seen: seen.size };
    }""")
    return changes


def test_repeated_siblings_are_one_row_until_they_are_opened(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.ordinary}", ROW)
    fold = page.locator(".row.fold").first
    expect(fold).to_contain_text("12 ×")
    expect(fold).to_contain_text("sqlite")
    expect(fold).to_contain_text("SELECT ×4, UPDATE ×4, INSERT ×4")
    before = int(page.get_by_role("treegrid").get_attribute("aria-rowcount") or 0)
    fold.click()
    expect(page.get_by_role("treegrid")).to_have_attribute("aria-rowcount", str(before + 12))
    assert "folds" not in visitor.path
    visitor.press("f")
    assert "folds=0" in visitor.path
    assert page.locator(".row.fold").count() == 0


def test_subtree_closes_and_says_what_it_hides(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.throttled}", ROW)
    row(page, "workflow").locator(".twisty").click()
    closed = row(page, "workflow")
    expect(closed).to_have_attribute("aria-expanded", "false")
    expect(closed.locator(".badge")).to_have_text(re.compile(r"\+\d+ 4 errors"))
    visitor.press("ArrowRight")
    expect(row(page, "workflow")).to_have_attribute("aria-expanded", "true")


def test_critical_path_and_self_time_are_marked(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.ordinary}", ROW)
    assert page.locator(".critical").count() > 5
    expect(page.locator(ROW).first.locator(".cell.self")).not_to_be_empty()
    page.get_by_role("button", name="Critical path", exact=True).click()
    assert page.locator(".critical").count() == 0
    assert "critical=0" in visitor.path


def test_search_finds_names_attributes_events_and_logs(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.throttled}", ROW)
    for words, found in {
        "SCHEMA_extractor": "1 hit",
        "http.status_code=429": "3 hits",
        "http status 429": "6 hits",
        "_on_schema_handoff": "1 hit",
        "handoff_failed": "1 hit",
        "zebra": "nothing found",
    }.items():
        page.fill(".trace-search", words)
        expect(page.locator(".found")).to_have_text(found)
    assert "q=zebra" in visitor.path
    page.fill(".trace-search", "")
    expect(page.locator(".row.dimmed")).to_have_count(0)


def test_next_hit_is_found_in_5000_spans(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.large}", ROW)
    visitor.press("/")
    page.locator(":focus").fill("photo.needle=yes")
    visitor.press("Enter")
    expect(page.locator(".found")).to_have_text("1 of 1 hit")
    expect(page.locator(".row.selected.hit .title")).to_have_text("vision.analyze")
    visitor.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("tidy")
    visitor.press("Escape")
    assert page.locator(".trace-search").input_value() == ""


def test_errors_are_walked_with_a_key(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.throttled}", ROW)
    walked = []
    for key in "eeeeeeeE":
        visitor.press(key)
        walked.append(selected(page))
    once = ["POST /api/process-batch", "workflow", "agent_handoff.schema_extractor", "GET", "GET", "GET"]
    assert walked == [*once, once[0], once[-1]]
    expect(page.locator(".panel-error")).to_have_text("answered 429")


def test_panel_shows_all_that_was_recorded(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.throttled}", ROW)
    page.locator(".row.role-handoff.error").click()
    panel = page.locator(".panel")
    expect(panel.locator(".exception-head")).to_contain_text("agency.graph.errors.GraphRefusedError")
    expect(panel.locator(".stack")).to_contain_text("in _on_schema_handoff")
    assert panel.locator(".stack-line.own b").all_inner_texts() == ["orchestrator.py", "client.py"]
    expect(panel.locator(".stack-line.final")).to_contain_text("activityLimitReached")
    for key, value in {"agent": "schema_extractor", "handoff_type": "schema_extractor"}.items():
        expect(panel.locator(".attributes > div", has=page.locator(f"dt:text-is('{key}')"))).to_contain_text(value)
    panel.locator("summary").click()
    expect(panel).to_contain_text("deployment.environment")
    expect(panel).to_contain_text("erni_run 0.1.0")
    visitor.look("panel-exception")
    find = panel.locator(".attributes > div", has=page.locator("dt:text-is('handoff_type')")).get_by_role("link")
    find.dispatch_event("click")
    visitor.wait_for_path(r"/\?attribute=handoff_type%3Dschema_extractor")
    page.locator(".traces tbody tr").first.wait_for()


def test_links_lead_to_the_other_trace(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.ordinary}", ROW)
    page.locator(".waterfall").press("Home")
    visitor.press("Enter")
    link = page.locator(".links a")
    expect(link).to_contain_text(told.throttled[:8])
    link.click()
    visitor.wait_for_path(rf"/trace/{told.throttled}/\w+")
    assert selected(page) == "POST /api/process-batch"


def test_log_lines_stand_between_the_spans_and_by_subtree(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.throttled}", ROW)
    assert page.locator(".row.log").count() == 0
    visitor.press("l")
    names = titles(page)
    handoff = max(index for index, name in enumerate(names) if name == "schema_extractor")
    assert names[handoff + 1] == "handoff_started"
    assert names.index("handoff_failed") > handoff + 2
    expect(page.locator(".row.log.severity-warn")).to_contain_text("activityLimitReached")
    visitor.look("trace-logs")
    page.locator(".row.role-workflow, .row.span").first.click()
    scopes = page.locator(".logs .segmented button")
    expect(scopes).to_have_text(["This span 0", "With those below 4", "Whole trace 4"])
    expect(page.locator(".log-line")).to_have_count(4)
    page.locator(".row.log.severity-warn").click()
    assert selected(page) == "agent_handoff.schema_extractor"
    expect(page.locator(".log-line")).to_have_count(2)


def test_trace_that_still_arrives_offers_its_new_spans(visit: Visit, viewer: Viewer, told: Told) -> None:
    visitor = visit()
    whole = story.batch(f"in two parts {time.time_ns()}", time.time_ns())
    rest, whole.spans = whole.spans[:3], whole.spans[3:]
    page = visitor.open(f"/trace/{tell(viewer, whole)}", ".virtual .row")
    expect(page.locator(".warn-text")).to_contain_text("missing parent")
    page.locator(".growth[data-state=live]").wait_for(state="attached")
    whole.spans = rest
    tell(viewer, whole)
    button = page.get_by_role("button", name="Show 3 new spans")
    button.click()
    expect(page.locator(".virtual .row").first).to_contain_text("POST /api/process-batch")
    expect(page.locator(".warn-text")).to_have_count(0)


def test_path_through_the_agents_is_read_at_a_glance(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.ordinary}", ".step")
    assert page.locator(".step-agent").all_inner_texts() == ["orchestrator", *(f"→ {agent}" for agent in story.AGENTS)]
    expect(page.locator(".model-sum")).to_contain_text("gpt-4o-mini")
    expect(page.locator(".model-sum")).to_contain_text("5 700 → 1 110 tokens")
    expect(page.locator(".step", has_text="vision_analyzer")).to_contain_text("1 170 tok")
    page.locator(".step", has_text="vision_analyzer").click()
    assert selected(page) == "agent_handoff.vision_analyzer"
    expect(row(page, "960 → 210 tokens").locator(".role-mark")).to_have_text("model")
    walked = []
    visitor.press("Home")
    for _ in range(4):
        visitor.press("a")
        walked.append(selected(page))
    assert walked == ["invoke_agent orchestrator", "agent_handoff.photo_fetcher", "invoke_agent photo_fetcher",
                      "agent_handoff.schema_extractor"]  # fmt: skip
    visitor.open(f"/trace/{told.throttled}", ".step.error")
    expect(page.locator(".step.error")).to_contain_text("schema_extractor")


def test_part_of_the_time_is_looked_at_closely(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.ordinary}", ".minimap canvas")
    box = page.locator(".minimap").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20, steps=3)
    page.mouse.up()
    expect(page.locator(".minimap .window")).to_be_visible()
    start, end = (int(part) for part in visitor.path.split("window=")[1].split("-"))
    duration = (end - start) * 4
    assert start == pytest.approx(duration * 0.25, rel=0.05)
    page.reload()
    page.locator(".minimap .window").wait_for()
    page.locator(".waterfall").focus()
    visitor.press("0")
    expect(page.locator(".minimap .window")).to_be_hidden()
    visitor.press("+")
    assert "window=" in visitor.path
    visitor.press("Escape")
    assert "window=" not in visitor.path


def painted(visitor: Visitor) -> int:
    """How many pixels of the minimap are not its ground."""
    count: int = visitor.page.evaluate("""() => {
        const canvas = document.querySelector('.minimap canvas');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let painted = 0;
        for (let at = 3; at < data.length; at += 4) painted += data[at] > 0;
        return painted;
    }""")
    return count


def test_minimap_shows_every_span(visit: Visit, told: Told) -> None:
    visitor = visit()
    visitor.open(f"/trace/{told.large}", ".minimap canvas")
    visitor.until("document.querySelector('.minimap canvas').width > 300")
    assert painted(visitor) > 1_000


def test_trace_is_downloaded_as_otlp(visit: Visit, told: Told, tmp_path: Path) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.ordinary}", ROW)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download JSON").click()
    path = tmp_path / "trace.json"
    downloading.value.save_as(path)
    assert downloading.value.suggested_filename == f"trace-{told.ordinary}.json"
    assert len(json.loads(path.read_text())["resourceSpans"]) == 3


def test_trace_is_used_without_a_mouse(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.ordinary}", ROW)
    grid = page.get_by_role("treegrid")
    expect(grid).to_be_focused()
    visitor.press("j", "j", "k")
    expect(grid).to_have_attribute("aria-activedescendant", "row-1")
    visitor.press("Home", "Enter")
    expect(page.locator(".panel h2")).to_be_focused()
    visitor.press("Escape")
    expect(page.locator(".panel")).to_be_hidden()
    expect(grid).to_be_focused()
    visitor.press("ArrowLeft")
    expect(grid).to_have_attribute("aria-rowcount", "2")
    visitor.press("ArrowRight", "ArrowRight", "ArrowRight")
    expect(grid).to_have_attribute("aria-activedescendant", "row-1")
    visitor.press("1")
    assert int(grid.get_attribute("aria-rowcount") or 0) < 8
    visitor.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard")
    expect(sheet).to_contain_text("next error")
    expect(sheet).to_contain_text("service map")
    visitor.look("keyboard-sheet")
    visitor.press("Escape")
    expect(sheet).to_be_hidden()
    for keys, path in {"go": "/operations", "gm": "/map", "gd": "/delivery", "gt": "/"}.items():
        visitor.press(*keys)
        visitor.wait_for_path(re.escape(path))
