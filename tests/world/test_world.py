"""Applications that nobody here wrote, as their users start them: they do not notice, and their traces are right."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.collector import Collector
from tests.world.application import Application
from tests.world.applications import APPLICATIONS
from tests.world.bench import prepare, run
from tests.world.traces import drawn, written

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
OURS = "erni-run: "
pytestmark = pytest.mark.world


def row(application: Application) -> object:
    marks = [pytest.mark.xfail(reason=application.wrong, strict=True)] if application.wrong else []
    if PYTHON in application.absent:
        marks.append(pytest.mark.skip(reason=application.absent[PYTHON]))
    return pytest.param(application, marks=marks, id=application.name)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: gunicorn keeps a socket of Unix in its home."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("application", [row(application) for application in APPLICATIONS])
def test_application_does_not_notice_and_is_traced(
    application: Application, folder: Path, collector: Collector
) -> None:
    prepare(application, folder / "ready")
    bare = run(application, folder / "ready", folder / "bare")
    traced = run(application, folder / "ready", folder / "traced", collector)
    assert traced.answers == bare.answers
    assert [line for line in traced.err if not line.startswith(OURS)] == bare.err
    assert traced.out == bare.out
    assert traced.status == bare.status
    assert [line.removeprefix(OURS) for line in traced.err if line.startswith(OURS)] == list(application.says)
    expected = sorted(map(written, application.traces))
    wait(lambda: drawn(collector.spans, application.attributes) == expected, seconds=5)
    assert drawn(collector.spans, application.attributes) == expected


def wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)
