"""The command: how it starts, ends, and says what prevents it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from erni_run.viewer.address import publish, running

from tests.collector import Collector
from tests.viewer.running import ANY_PORTS, Viewer, eventually, hexadecimal, span

TREE = [
    "POST /orders  100.0 ms",
    "└─ select      80.0 ms  ERROR timed out",
]


def spans() -> tuple[dict[str, object], ...]:
    return (
        span(1, 1, duration=100, name="POST /orders", kind=2),
        span(1, 2, 1, start=10, duration=80, name="select", status=2, message="timed out"),
    )


def view(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_STATE_HOME": str(folder), **(environ or {})}
    command = [sys.executable, "-m", "erni_run", "view", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with Viewer(tmp_path) as viewer:
        said = f"erni-run view: traces at {viewer.address.page}; OTLP at {viewer.address.grpc} (gRPC)"
        status, out, err = viewer.stop(number)
    assert (status, out) == (0, "")
    assert err.startswith(said)
    assert len(err.splitlines()) == 1
    assert running(viewer.state) is None
    assert {path.name for path in viewer.state.iterdir()} == {"lock", "traces.db"}


def test_page_that_listens_does_not_keep_it(tmp_path: Path) -> None:
    with Viewer(tmp_path) as viewer:
        page = http.client.HTTPConnection(urlsplit(viewer.address.page).netloc, timeout=20)
        page.request("GET", "/api/view/live")
        response = page.getresponse()
        assert response.readline() == b"event: hello\n"
        assert viewer.stop()[0] == 0
        page.close()


@pytest.fixture
def held() -> Iterator[int]:
    with socket.socket() as holding:
        holding.bind(("127.0.0.1", 0))
        holding.listen()
        yield holding.getsockname()[1]


@pytest.mark.parametrize("option", ["--port", "--grpc-port", "--http-port"])
def test_port_that_is_held_is_told_with_its_holder_and_another_one(tmp_path: Path, held: int, option: str) -> None:
    done = view(tmp_path, *ANY_PORTS, option, str(held))
    assert (done.returncode, done.stdout) == (2, "")
    found = re.fullmatch(
        rf"erni-run: port {held} is held by .* \(pid {os.getpid()}\): end it, or take another with {option} (\d+)\n",
        done.stderr,
    )
    assert found, done.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", int(found[1])))


WRONG = {
    ("--port", "x"): "'x' is no port",
    ("--port", "65536"): "'65536' is no port",
    ("--max-size", "many"): "'many' is no size",
    ("--max-size", "1KB"): "'1KB' is no size of at least 1MiB",
    ("--json",): "--json is for --tail",
    ("--host", "192.0.2.1"): "cannot listen on 192.0.2.1: Cannot assign requested address",
    ("--host", "nowhere.invalid"): "cannot listen on nowhere.invalid: ",
    ("--nonsense",): "unrecognized arguments: --nonsense",
    ("/nowhere/at/all.jsonl",): "/nowhere/at/all.jsonl: No such file or directory",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_argument_is_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = view(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert WRONG[arguments] in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_missing_extra_is_told_with_the_command_that_brings_it(tmp_path: Path) -> None:
    without = "import sys; sys.modules['uvicorn'] = None; import importlib.util as u; find = u.find_spec; "
    without += "u.find_spec = lambda name: None if name == 'uvicorn' else find(name); "
    without += "from erni_run.__main__ import main; sys.argv = ['erni-run', 'view']; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "erni-run: the viewer is not installed: pip install 'erni-run[view]'\n"


def test_it_never_traces_itself(tmp_path: Path, collector: Collector) -> None:
    config = tmp_path / "tracing.toml"
    config.write_text('[[span]]\ntarget = "starlette.responses:JSONResponse.render"\n', encoding="utf-8")
    before = (str(Path(sys.executable).parent / "erni-run"), "--config", str(config))
    with Viewer(tmp_path, environ=collector.environment(), before=before) as viewer:
        assert viewer.get("/api/view/about")["spans"] == 0
        viewer.send(span(1, 1))
        assert viewer.get("/api/view/about")["spans"] == 1
        assert viewer.stop()[0] == 0
    assert collector.spans == []


def test_viewer_of_another_place_is_not_taken_for_ours(tmp_path: Path) -> None:
    with Viewer(tmp_path) as viewer:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        publish(elsewhere, viewer.address)
        assert running(elsewhere) == viewer.address
        publish(elsewhere, replace(viewer.address, pid=1))
        assert running(elsewhere) is None


def test_tail_prints_finished_traces_as_trees(tmp_path: Path) -> None:
    with Viewer(tmp_path, "--tail") as viewer:
        assert viewer.process.stdout is not None
        child, root = spans()[::-1]
        viewer.send(child)
        viewer.send(root)
        lines = [viewer.process.stdout.readline().rstrip("\n") for _ in range(3)]
        assert lines == [*TREE, f"{viewer.address.page}/trace/{hexadecimal(1)}: 2 spans, 1 with an error"]


def test_second_tail_follows_the_viewer_that_runs(tmp_path: Path) -> None:
    with Viewer(tmp_path) as viewer:
        command = [*viewer.command, "--tail", "--json"]
        with subprocess.Popen(command, env=viewer.environ, stdout=-1, stderr=-1, text=True) as second:
            assert second.stdout is not None
            assert second.stderr is not None
            assert "already running" in second.stderr.readline()

            def sent() -> bool:  # until the second one listens
                viewer.send(*spans())
                viewer.send(span(2, 1, 9))
                return True

            eventually(sent)
            viewer.send(*(span(number, 1) for number in range(3, 6)))
            found = {json.loads(second.stdout.readline())["traceId"]}
            assert found <= {hexadecimal(number) for number in range(1, 6)}
            assert viewer.stop()[0] == 0
            _, err = second.communicate(timeout=20)
            assert (second.returncode, err) == (0, "erni-run view: the viewer has ended\n")
