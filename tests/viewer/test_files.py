"""``erni-run view FILE...``: what files hold, in a page or as trees."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.viewer.running import ANY_PORTS, RECORDED, Answer, asked, request, span

LINE = json.dumps(RECORDED)
LOGS = '{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1", "body": {"stringValue": "a line"}, '
LOGS += '"traceId": "5b8efff798038103d269b633813fc60c"}]}]}]}'
SPOOLED = gzip.compress(
    request(span(1, 1, name="POST /orders", duration=20), span(1, 2, 1, name="select")).SerializeToString()
)
TREE = """\
POST /orders   20.0 ms
└─ select       1.0 ms
trace 00000000000000000000000000000001: 2 spans, 0 with an error

"""
RECORDED_TREE = """\
HTTP GET    1.0 ms  200
trace 5b8efff798038103d269b633813fc60c: 1 span, 0 with an error

"""


def view(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "erni_run", "view", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


FILES: dict[str, tuple[bytes, str]] = {
    "0000-12-2.otlp.gz": (SPOOLED, TREE),
    "traces.jsonl": (f"{LINE}\n\n{LINE}\n".encode(), RECORDED_TREE),
    "traces.jsonl.gz": (gzip.compress(LINE.encode()), RECORDED_TREE),
    "logs.jsonl": (LOGS.encode(), ""),
    "many-lines.json": (json.dumps(RECORDED, indent=2).encode(), RECORDED_TREE),
    "blank-first.jsonl": (f"\n{LINE}\n".encode(), RECORDED_TREE),
    "empty.jsonl": (b"", ""),
}


@pytest.mark.parametrize("name", FILES)
def test_file_is_printed_as_trees(tmp_path: Path, name: str) -> None:
    content, tree = FILES[name]
    (tmp_path / name).write_bytes(content)
    done = view("--tail", str(tmp_path / name))
    assert (done.returncode, done.stdout, done.stderr) == (0, tree, "")


def test_folder_stands_for_the_files_in_it(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "0000-12-2.otlp.gz").write_bytes(SPOOLED)
    (tmp_path / "traces.jsonl").write_text(LINE, encoding="utf-8")
    (tmp_path / "readme.txt").write_text("no OTLP", encoding="utf-8")
    done = view("--tail", "--json", str(tmp_path))
    traces = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted([one["name"] for one in trace["spans"]] for trace in traces) == [
        ["HTTP GET"],
        ["POST /orders", "select"],
    ]


BAD: dict[str, tuple[bytes, str]] = {
    "a.jsonl": (b"{", "no JSON"),
    "b.jsonl": (f"{LINE}\n[1]\n".encode(), "b.jsonl:2: none of resourceSpans"),
    "c.jsonl": (f"{LINE}\nhello\n".encode(), "c.jsonl:2: no JSON"),
    "d.jsonl": (b'{"resourceSpans": [{"scopeSpans": 5}]}', "d.jsonl:1: no OTLP traces"),
    "e.otlp.gz": (gzip.compress(b"\xff\xff\xff"), "neither OTLP JSON lines nor an OTLP request"),
    "f.otlp.gz": (SPOOLED[:-12], "f.otlp.gz: "),
    "g.txt/": (b"", "no file here ends in"),
}


@pytest.mark.parametrize("name", BAD)
def test_file_without_otlp_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    content, message = BAD[name]
    if name.endswith("/"):
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(content)
    done = view("--tail", str(tmp_path / name))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@contextlib.contextmanager
def page(*arguments: str, state: Path) -> Iterator[str]:
    """The address of a viewer of files."""
    command = [sys.executable, "-m", "erni_run", "view", *ANY_PORTS, *arguments]
    environ = {**os.environ, "XDG_STATE_HOME": str(state), "TMPDIR": str(state)}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            yield process.stderr.readline().rstrip("\n").rpartition(" at ")[2]
        finally:
            process.terminate()


def ask(address: str, path: str) -> Any:
    answer: Answer = asked(address, path, "GET")
    return answer.json


def test_page_shows_files_and_leaves_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (tmp_path / "traces.jsonl").write_text(f"{LINE}\n{LOGS}\n", encoding="utf-8")
    with page(str(tmp_path / "traces.jsonl"), state=state) as address:
        about = ask(address, "/api/view/about")
        assert (about["spans"], about["grpc"], about["http"]) == (1, None, None)
        trace = ask(address, "/api/view/traces/5b8efff798038103d269b633813fc60c")
        assert [one["name"] for one in trace["spans"]] == ["HTTP GET"]
        assert [one["body"] for one in trace["logs"]] == ["a line"]
    assert list(state.iterdir()) == []
