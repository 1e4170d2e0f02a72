"""A real viewer with stories in it, and a real Chromium that looks at its page."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.viewer.page import story
from tests.viewer.page.story import Story
from tests.viewer.running import Viewer

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
SCREENSHOTS = "ERNI_RUN_SCREENSHOTS"  # a folder to keep them in; without it, pytest's own
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


_sent: dict[Viewer, set[str]] = {}


def tell(viewer: Viewer, told: Story) -> str:
    """Send a story as an exporter would. Returns its trace id."""
    _sent.setdefault(viewer, set()).add(told.trace_id)
    assert viewer.post("/v1/traces", told.trace_request().SerializeToString()).status == 200
    if told.logs:
        assert viewer.post("/v1/logs", told.logs_request().SerializeToString()).status == 200
    return told.trace_id


@dataclass(frozen=True)
class Told:
    """The traces that stand in the viewer from the start, by their id."""

    now: int
    throttled: str
    slow: str
    ordinary: str
    large: str
    hostile: str
    ids: frozenset[str]
    viewer: Viewer

    @property
    def all(self) -> int:
        """How many traces there are by now: tests that send some may have run before."""
        return len(_sent[self.viewer])


@pytest.fixture(scope="session")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    with Viewer(tmp_path_factory.mktemp("state")) as viewer:
        yield viewer


@pytest.fixture(scope="session")
def told(viewer: Viewer) -> Told:
    now = time.time_ns()
    stories = story.night(now - 30 * 60 * 1_000_000_000)
    ids = [tell(viewer, each) for each in stories]
    large = tell(viewer, story.large(now - 3 * 60 * 1_000_000_000))
    hostile = tell(viewer, story.hostile(now - 2 * 60 * 1_000_000_000))
    told = frozenset({*ids, large, hostile})
    return Told(
        now, throttled=ids[4], slow=ids[3], ordinary=ids[1], large=large, hostile=hostile, ids=told, viewer=viewer
    )


@pytest.fixture(scope="session")
def chromium() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """A browser, and the event loop that Playwright runs in this thread from its start to its end."""
    if not CHROMIUM.exists():
        reason = f"there is no Chromium at {CHROMIUM}: install it, or name another in CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield browser, loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture
def browser(chromium: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browser]:
    """A test that comes after may want a loop of its own: there is none for it to see."""
    browser, loop = chromium
    asyncio._set_running_loop(loop)
    yield browser
    asyncio._set_running_loop(None)


class Visitor:
    """One user with one window. Whatever the page complains of is kept in ``complaints``."""

    screenshots: Path

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.page.set_default_timeout(8_000)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._address = address
        self.page.on("pageerror", lambda error: self.complaints.append(error.stack or str(error)))
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def open(self, path: str, ready: str, *, anew: bool = False) -> Page:
        """Go to ``path``, and wait for ``ready`` to be seen. ``anew`` loads the page as a link from elsewhere would,
        otherwise a page that is loaded goes on as its own links do.
        """
        if anew or self.page.url == "about:blank":
            self.page.goto(self._address + path)
        else:
            self.page.evaluate(
                """path => {
                    document.getElementById('main').replaceChildren();
                    history.pushState(null, '', path);
                    dispatchEvent(new PopStateEvent('popstate'));
                }""",
                path,
            )
        self.page.locator(ready).first.wait_for()
        return self.page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def path(self) -> str:
        """The address after the host."""
        return self.page.url.removeprefix(self._address)

    def wait_for_path(self, pattern: str) -> str:
        expected = re.compile(pattern)
        deadline = time.monotonic() + 8
        while not expected.fullmatch(self.path):
            assert time.monotonic() < deadline, f"at {self.path}, not at {pattern}"
            self.page.wait_for_timeout(20)
        return self.path

    def until(self, expression: str, argument: Any = None) -> None:
        """Wait until the JavaScript ``expression`` holds in the page."""
        deadline = time.monotonic() + 8
        while not self.page.evaluate(expression, argument):
            assert time.monotonic() < deadline, f"never: {expression}"
            self.page.wait_for_timeout(20)

    def look(self, name: str) -> None:
        """Keep what is seen as a picture."""
        self.page.screenshot(path=self.screenshots / f"{name}.png", animations="disabled")


Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def windows() -> dict[tuple[str, ...], Visitor]:
    """Windows that are open already: a new one costs most of a second."""
    return {}


@pytest.fixture
def visit(
    browser: Browser, viewer: Viewer, told: Told, tmp_path: Path, windows: dict[tuple[str, ...], Visitor]
) -> Iterator[Visit]:
    """Makes visitors, ``own`` ones with nothing remembered. None of their pages may have complained in the end, nor
    have asked anybody else than the viewer.
    """
    used: list[Visitor] = []
    screenshots = Path(os.environ.get(SCREENSHOTS) or tmp_path)
    screenshots.mkdir(parents=True, exist_ok=True)

    def make(*, viewport: dict[str, int] = DESKTOP, scheme: str = "light", own: bool = False) -> Visitor:
        key = (str(viewport), scheme, str(tmp_path) if own else "")
        if key not in windows:
            context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            windows[key] = Visitor(context, viewer.address.page)
        windows[key].screenshots = screenshots
        used.append(windows[key])
        return windows[key]

    yield make
    complaints = [complaint for visitor in used for complaint in visitor.complaints]
    foreign = [
        url for visitor in used for url in visitor.requests if not url.startswith((viewer.address.page, "blob:"))
    ]
    for visitor in used:
        visitor.complaints.clear()
        visitor.requests.clear()
    assert (complaints, foreign) == ([], [])
