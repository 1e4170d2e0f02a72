"""The agency as a process: what it imports, what it prints, and that it leaves nothing behind."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import agency
from tests.agency.running import Agency, Darkroom, call, eventually

SOURCES = sorted(Path(agency.__file__).parent.rglob("*.py"))
ROOT = Path(agency.__file__).parent.parent


def imported(source: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


def test_no_source_knows_of_tracing() -> None:
    roots = {name.split(".")[0] for source in SOURCES for name in imported(source)}
    assert SOURCES
    assert not {root for root in roots if root.startswith(("opentelemetry", "erni_run"))}


def test_the_sandbox_imports_nothing_of_the_agency() -> None:
    sandbox = [source for source in SOURCES if source.parent.name == "sandbox"]
    outside = {name for source in sandbox for name in imported(source) if name.startswith(("..", "agency", "fastapi"))}
    assert sandbox
    assert not outside


def test_importing_the_application_starts_nothing() -> None:
    probe = (
        "import os, threading; os.environ['OPENAI_API_KEY'] = 'k'; import agency.main;"
        "assert threading.active_count() == 1, threading.enumerate();"
        "assert os.environ['OPENAI_API_KEY'] == 'k';"
        "import sys; assert not {'opentelemetry.sdk', 'erni_run'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", probe], cwd=ROOT, check=True)


class Process:
    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self.folder = folder

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()

    @property
    def url(self) -> str:
        return str(eventually(lambda: re.findall(r"running on (http://\S+)", self.output), within=30)[0])

    @property
    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]

    def children(self) -> list[int]:
        """Process ids of all that this process has started, by Linux's /proc."""
        listing = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        by_threads = [path.read_text() for path in listing.parent.parent.glob("*/children")]
        return [int(pid) for pid in " ".join(by_threads).split()]


@contextmanager
def started(folder: Path, *options: str, **environ: str) -> Iterator[Process]:
    command = [sys.executable, "-m", "uvicorn", "agency.main:app", "--port", "0", *options]
    temporary = folder / "t"
    temporary.mkdir()
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "TMPDIR": str(temporary), **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Process(process, folder)
    finally:
        process.kill()
        process.wait()


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds children through Linux's /proc")


@needs_proc
def test_sigterm_ends_everything_it_started(tmp_path: Path, darkroom: Darkroom) -> None:
    with started(tmp_path, PYTHONWARNINGS="default") as running:
        body = {"image_paths": [str(darkroom.print())], "session_id": "logged"}
        assert call(running.url, "POST", "/api/process-batch", body).status == 200
        children = running.children()
        assert len(children) == 2  # Redis, and who looks after it
        assert list((tmp_path / "t").iterdir())

        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(15) in (0, -signal.SIGTERM)
        assert all(gone(pid) for pid in children)
        assert not list((tmp_path / "t").iterdir())
        for complaint in ("Unclosed", "Traceback", "Warning", "OPENAI_API_KEY"):
            assert complaint not in running.output

        names = [event["event"] for event in running.events]
        expected = ["handoff_started", "handoff_completed", "retrying", "photo_analyzed", "photo_uploaded"]
        assert set(expected) <= set(names)
        completed = next(event for event in running.events if event["event"] == "batch_completed")
        assert {"timestamp", "level", "logger", "session_id", "batch_id"} <= set(completed)
        assert completed["session_id"] == "logged"


@needs_proc
def test_sigkill_leaves_no_redis_and_no_files(tmp_path: Path) -> None:
    with started(tmp_path) as running:
        assert call(running.url, "GET", "/health").status == 200
        children = running.children()
        running.process.kill()
        running.process.wait()
        eventually(lambda: all(gone(pid) for pid in children))
        eventually(lambda: not list((tmp_path / "t").iterdir()))


def test_two_workers_each_have_their_own(tmp_path: Path, darkroom: Darkroom) -> None:
    with started(tmp_path, "--workers", "2") as running:
        url = running.url
        eventually(lambda: running.output.count("Application startup complete") == 2, within=30)
        assert call(url, "POST", "/api/process-batch", {"image_paths": [str(darkroom.print())]}).status == 200
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(20)
        assert not list((tmp_path / "t").iterdir())


def test_the_sandbox_runs_on_its_own_and_serves_an_agency() -> None:
    command = [sys.executable, "-m", "agency.sandbox"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with Agency({"AGENCY_SANDBOX_URL": url, "SESSION_BACKEND": "memory"}) as borrowed:
            assert borrowed.sandbox.url == url
            assert borrowed.post("/api/agents/sharepoint-schema", {}).status == 200
        process.terminate()
        assert process.wait(10) == 0
