"""Dark and light, on a phone, offline, with content that is up to no good."""

from __future__ import annotations

import re

import pytest
from erni_run.viewer.serve.application import PAGE
from playwright.sync_api import expect

from tests.viewer.page import story
from tests.viewer.page.conftest import PHONE, Told, Visit, Visitor

WHERE = {
    "list": ("/", ".traces tbody tr"),
    "trace": ("/trace/{throttled}", ".virtual .row"),
    "operations": ("/operations", ".sorted tbody tr"),
    "map": ("/map", "svg.map .node"),
    "compare": ("/compare/{ordinary}/{throttled}", ".virtual .compare-row"),
    "delivery": ("/delivery", ".store .figures"),
}
HOSTILE = {
    "list": ("/?max=50ms", ".traces tbody tr"),
    "trace": ("/trace/{hostile}?logs=1", ".virtual .row"),
    "operations": ("/operations", ".sorted tbody tr"),
    "map": ("/map", "svg.map .node"),
    "compare": ("/compare/{hostile}/{ordinary}", ".virtual .compare-row"),
}


def address(path: str, told: Told) -> str:
    return path.format(**vars(told))


def contrast(visitor: Visitor, selector: str) -> float:
    """The ratio of contrast of an element's text on the body, as WCAG 2.2 defines it."""
    ratio: float = visitor.page.evaluate(
        """selector => {
            const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
            const luminance = colour => {
                canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
                const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(value => value / 255)
                    .map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const texts = luminance(getComputedStyle(document.querySelector(selector)).color);
            const ground = luminance(getComputedStyle(document.body).backgroundColor);
            return (Math.max(texts, ground) + 0.05) / (Math.min(texts, ground) + 0.05);
        }""",
        selector,
    )
    return ratio


@pytest.mark.parametrize("name", WHERE)
def test_every_page_is_dark_where_the_system_is(visit: Visit, told: Told, name: str) -> None:
    visitor = visit(scheme="dark")
    path, ready = WHERE[name]
    visitor.open(address(path, told), ready)
    ground = visitor.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", ground)[:3]) < 40
    visitor.look(f"{name}-dark")


@pytest.mark.parametrize("name", WHERE)
def test_every_page_fits_a_phone(visit: Visit, told: Told, name: str) -> None:
    visitor = visit(viewport=PHONE)
    path, ready = WHERE[name]
    page = visitor.open(address(path, told), ready)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    overflow = "[...document.querySelectorAll('main > *')].every(element => element.scrollWidth <= 391)"
    assert page.evaluate(overflow)
    visitor.look(f"{name}-phone")


def test_panel_covers_a_phone_and_gives_way(visit: Visit, told: Told) -> None:
    visitor = visit(viewport=PHONE)
    page = visitor.open(f"/trace/{told.throttled}", ".virtual .row")
    page.locator(".pointer.error").click()
    box = page.locator(".panel").bounding_box()
    assert box
    assert (box["x"], box["width"]) == (0, 390)
    visitor.look("panel-phone")
    page.get_by_role("button", name="Close the panel").click()
    expect(page.locator(".panel")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(visit: Visit, told: Told, scheme: str) -> None:
    visitor = visit(scheme=scheme)
    visitor.open("/", ".traces tbody tr")
    assert contrast(visitor, "h1") > 12
    for selector in (".field .label", ".list-state .error-text", ".trace-link .service"):
        assert contrast(visitor, selector) > 4.2, selector


def test_theme_is_chosen_and_remembered(visit: Visit, told: Told) -> None:
    visitor = visit(own=True)
    page = visitor.open("/delivery", "h1")
    expect(page.locator("#theme")).to_have_text("Auto")
    page.locator("#theme").click()
    visitor.press("T")
    expect(page.locator("#theme")).to_have_text("Dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"


def test_focus_is_visible_and_reaches_everything(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open(f"/trace/{told.ordinary}", ".virtual .row")
    page.evaluate("document.activeElement.blur()")
    seen = []
    for _ in range(40):
        visitor.press("Tab")
        seen.append(
            page.evaluate("""() => {
            const { activeElement: element } = document;
            const style = getComputedStyle(element);
            const outline = style.outlineStyle !== 'none' && style.outlineWidth;
            return [element.className || element.id || element.tagName, outline];
        }""")
        )
    names = " ".join(name for name, _ in seen)
    for part in ("skip", "pointer slow", "step", "trace-search", "toggle", "waterfall", "divider"):
        assert part in names
    assert [name for name, outline in seen if not outline and "waterfall" not in name and name != "BODY"] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_markup_in_spans_is_shown_and_never_run(visit: Visit, told: Told, name: str) -> None:
    visitor = visit()
    path, ready = HOSTILE[name]
    page = visitor.open(address(path, told), ready)
    if name == "trace":
        page.locator(".virtual .row").first.click()
        page.locator(".panel summary").click()
        visitor.press("f", "c")
        page.fill(".trace-search", "onerror")
    page.wait_for_timeout(50)  # a picture that does not load would say so by now
    assert story.MARKUP in page.locator("main").inner_text()
    assert page.evaluate("document.querySelectorAll('main img, main script, main iframe').length") == 0
    assert page.title() != "ran"
    assert page.evaluate("[...document.links].every(link => ['http:', 'blob:'].includes(link.protocol))")
    visitor.look(f"hostile-{name}")


def test_no_module_writes_markup() -> None:
    """The policy of the server stands behind this; the page does not lean on it."""
    modules = list(PAGE.rglob("*.js"))
    assert len(modules) > 30
    writing = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc"
    )
    assert [module.name for module in modules if writing.search(module.read_text(encoding="utf-8"))] == []
    assert "//" not in re.sub(r"(?m)^ *//.*|\\/\\/|http://www.w3.org/2000/svg", "", (PAGE / "index.html").read_text())


def test_page_says_when_the_viewer_is_away(visit: Visit, told: Told) -> None:
    visitor = visit()
    page = visitor.open("/operations", ".sorted tbody tr")
    visitor.context.set_offline(True)
    visitor.press("g", "d")
    expect(page.get_by_role("alert")).to_be_visible()
    visitor.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    page.locator(".store .figures").wait_for()
    visitor.complaints.clear()  # the browser's own lines about the network
