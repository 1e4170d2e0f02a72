"""`make demo`, as a newcomer runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from erni_run.viewer.address import running
from erni_run.viewer.tail import ask

ROOT = Path(__file__).resolve().parent.parent


def demo(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "XDG_STATE_HOME": str(state)}
    command = [sys.executable, "-m", "demo", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """Where the viewer keeps its traces that the demo starts, and that is ended afterwards."""
    yield tmp_path
    viewer = running(tmp_path / "erni-run" / "viewer")
    if viewer is not None:
        os.kill(viewer.pid, signal.SIGTERM)


def test_demo_prints_the_tree_with_its_log_lines_and_a_link(state: Path) -> None:
    done = demo(state)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert any(line.startswith("POST /api/process-batch ") for line in lines)
    for agent in ("photo_fetcher", "schema_extractor", "vision_analyzer", "sharepoint_uploader", "validation_reporter"):
        assert any(f"─ agent_handoff.{agent} " in line for line in lines)
    assert "ERROR 429" in done.stdout
    log = lines[lines.index("log lines of this trace") + 1 :]
    assert sum("handoff_completed" in line for line in log) == 5
    assert "spans, 1 with an error" in lines[-2]
    link = lines[-1].removeprefix("trace of the photos: ")
    viewer = running(state / "erni-run" / "viewer")
    assert viewer is not None
    assert link.startswith(f"{viewer.page}/trace/")
    assert ask(viewer.page, f"/api/view/traces/{link.rpartition('/')[2]}") is not None


def test_demo_says_what_it_cannot_send(tmp_path: Path) -> None:
    assert "is not a folder" in demo(tmp_path, str(tmp_path / "nowhere")).stderr
    empty = demo(tmp_path, str(tmp_path))
    assert (empty.returncode, "no photographs in" in empty.stderr) == (1, True)
