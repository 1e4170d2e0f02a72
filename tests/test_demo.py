"""`make demo`, as a newcomer runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "demo", *arguments], cwd=ROOT, capture_output=True, text=True)


def test_demo_prints_the_tree_with_its_log_lines() -> None:
    done = demo()
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert any(line.startswith("POST /api/process-batch ") for line in lines)
    for agent in ("photo_fetcher", "schema_extractor", "vision_analyzer", "sharepoint_uploader", "validation_reporter"):
        assert any(f"─ agent_handoff.{agent} " in line for line in lines)
    assert "ERROR 429" in done.stdout
    log = lines[lines.index("log lines of this trace") + 1 :]
    assert sum("handoff_completed" in line for line in log) == 5
    assert "spans, 1 with an error" in lines[-1]


def test_demo_says_what_it_cannot_send(tmp_path: Path) -> None:
    assert "is not a folder" in demo(str(tmp_path / "nowhere")).stderr
    empty = demo(str(tmp_path))
    assert (empty.returncode, "no photographs in" in empty.stderr) == (1, True)
