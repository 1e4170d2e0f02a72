"""What is kept: over restarts and violent ends, for this user alone, and never more than it may be."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import sqlite3
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from erni_run.viewer.store.database import Database
from erni_run.viewer.store.rows import spans as spans_of
from erni_run.viewer.store.writer import Batch, Busy, Writer

from tests.viewer.running import PROTOBUF, Viewer, asked, eventually, hexadecimal, request, span


def test_traces_are_there_after_a_restart(tmp_path: Path) -> None:
    with Viewer(tmp_path) as viewer:
        viewer.send(span(1, 1), span(1, 2, 1))
        before = viewer.get(f"/api/view/traces/{hexadecimal(1)}")
        assert viewer.stop()[0] == 0
    with Viewer(tmp_path) as viewer:
        assert viewer.get(f"/api/view/traces/{hexadecimal(1)}") == before
        viewer.send(span(1, 1), span(1, 3, 2))
        (found,) = viewer.get("/api/view/traces")["traces"]
        assert (found["spans"], found["complete"]) == (3, True)


def test_what_was_answered_survives_a_violent_end(tmp_path: Path) -> None:
    answered: list[int] = []

    def send(viewer: Viewer, sender: int) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            for number in range(1, 10_000):
                body = request(*(span(sender, number * 10 + one) for one in range(10))).SerializeToString()
                if viewer.post("/v1/traces", body).status == 200:
                    answered.append(10)

    with Viewer(tmp_path) as viewer:
        senders = [threading.Thread(target=send, args=(viewer, sender)) for sender in (1, 2)]
        for sender in senders:
            sender.start()
        assert eventually(lambda: sum(answered) > 400)
        assert viewer.stop(signal.SIGKILL)[0] == -signal.SIGKILL
        for sender in senders:
            sender.join()
    with Viewer(tmp_path) as viewer:
        kept = viewer.get("/api/view/about")["spans"]
        assert sum(answered) <= kept <= sum(answered) + 20
        calls = sum(one["calls"] for one in viewer.get("/api/view/operations")["operations"])
        summaries = sum(one["spans"] for one in viewer.get("/api/view/traces")["traces"])
        assert calls == summaries == kept
        viewer.send(span(3, 1))


def test_oldest_traces_go_when_it_is_full(tmp_path: Path) -> None:
    text = {"text": "x" * 2000}
    with Viewer(tmp_path, "--max-size", "2MiB") as viewer:
        for first in range(1, 2001, 100):
            minute = first // 100 * 60_000
            viewer.send(*(span(first + one, 1, start=minute, attributes=text, name=f"s{first}") for one in range(100)))
        about = viewer.get("/api/view/about")
        assert about["bytes"] <= about["maxBytes"] == 2 * 1024 * 1024
        assert about["traces"] + about["dropped"] == 2000
        kept, cursor = [], ""
        while cursor is not None:
            page = viewer.get(f"/api/view/traces?limit=500&cursor={cursor}")
            kept += [int(trace["traceId"], 16) for trace in page["traces"]]
            cursor = page["next"]
        assert sorted(kept) == list(range(2001 - len(kept), 2001))
        names = viewer.get("/api/view/services")["services"][0]["operations"]
        assert "s1901" in names
        assert "s1" not in names
        viewer.send(span(1, 2, name="s1"))
        assert viewer.get(f"/api/view/traces/{hexadecimal(1)}")["summary"]["orphans"] == 0
    files = sum(path.stat().st_size for path in viewer.state.iterdir())
    assert files < 3 * 1024 * 1024


def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    (tmp_path / "erni-run" / "viewer").mkdir(parents=True, mode=0o755)
    with Viewer(tmp_path) as viewer:
        viewer.send(span(1, 1))
        assert stat.S_IMODE(viewer.state.stat().st_mode) == 0o700
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in viewer.state.iterdir()}
    assert {"traces.db", "traces.db-wal", "traces.db-shm", "lock", "address.json"} <= modes.keys()
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("name", [".", "traces.db", "traces.db-wal", "lock"])
def test_links_are_not_followed(tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    viewer = Viewer(tmp_path / "state")
    if name == ".":
        elsewhere.mkdir()
        viewer.state.parent.mkdir(parents=True)
        viewer.state.symlink_to(elsewhere)
    else:
        elsewhere.write_bytes(b"")
        viewer.state.mkdir(parents=True)
        (viewer.state / name).symlink_to(elsewhere)
    done = subprocess.run(viewer.command, env=viewer.environ, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stderr.startswith("erni-run: ")
    assert len(done.stderr.splitlines()) == 1
    assert not elsewhere.stat().st_size if elsewhere.is_file() else not list(elsewhere.iterdir())


def test_file_that_is_no_database_of_ours_is_left_alone(tmp_path: Path) -> None:
    viewer = Viewer(tmp_path)
    viewer.state.mkdir(parents=True)
    path = viewer.state / "traces.db"
    path.write_bytes(b"important" * 1000)
    done = subprocess.run(viewer.command, env=viewer.environ, capture_output=True, text=True, timeout=30)
    assert (done.returncode, path.read_bytes()) == (2, b"important" * 1000)
    assert "move it away" in done.stderr
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma user_version = 99")
    done = subprocess.run(viewer.command, env=viewer.environ, capture_output=True, text=True, timeout=30)
    assert "another version" in done.stderr


def test_senders_are_told_when_it_cannot_be_written(tmp_path: Path) -> None:
    with Viewer(tmp_path) as viewer:
        viewer.send(span(1, 1))
        with contextlib.closing(sqlite3.connect(viewer.state / "traces.db", isolation_level=None)) as other:
            other.execute("pragma max_page_count = 1")
            other.execute("begin immediate")  # as a full disk would, it keeps the writer from writing
            body = request(span(2, 1)).SerializeToString()
            answer = asked(viewer.address.http, "/v1/traces", "POST", {"Content-Type": PROTOBUF}, body)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            other.execute("rollback")
        viewer.send(span(2, 1))
        assert viewer.get("/api/view/about")["spans"] == 2


def test_more_than_may_wait_is_refused_at_once(tmp_path: Path) -> None:
    database = Database(tmp_path)
    writer = Writer(database, 2**40, lambda _: None)
    rows, _ = spans_of(request(span(1, 1)))
    half = Batch(spans=rows, size=40 * 1024 * 1024)
    outcomes: list[str] = []

    def write() -> None:
        try:
            writer.write(half)
            outcomes.append("written")
        except Busy:
            outcomes.append("busy")

    senders = [threading.Thread(target=write) for _ in range(3)]
    try:
        with contextlib.closing(sqlite3.connect(tmp_path / "traces.db", isolation_level=None)) as other:
            other.execute("begin immediate")  # the writer waits for it
            for sender in senders:
                sender.start()
            assert eventually(lambda: outcomes == ["busy", "busy"])
            other.execute("rollback")
        for sender in senders:
            sender.join()
        assert outcomes == ["busy", "busy", "written"]
        writer.write(half)
    finally:
        writer.close()
        database.close()


def test_unfinished_summaries_are_made_at_the_next_start(tmp_path: Path) -> None:
    with Viewer(tmp_path) as viewer:
        viewer.send(span(1, 1))
    with contextlib.closing(sqlite3.connect(viewer.state / "traces.db", isolation_level=None)) as other:
        other.execute("update traces set is_settled = 0, spans = 0")
    with Viewer(tmp_path) as viewer:
        assert eventually(lambda: viewer.get("/api/view/traces")["traces"][0]["spans"] == 1)


def test_large_trace_is_summed_up_in_the_end(tmp_path: Path) -> None:
    with Viewer(tmp_path) as viewer:
        for first in range(1, 6001, 300):
            viewer.send(*(span(1, number, 1 if number > 1 else 0) for number in range(first, first + 300)))
        assert eventually(lambda: viewer.get("/api/view/traces")["traces"][0]["spans"] == 6000)
        assert len(viewer.get(f"/api/view/traces/{hexadecimal(1)}")["spans"]) == 6000


def test_one_viewer_at_a_time_keeps_traces_in_a_place(tmp_path: Path) -> None:
    with Viewer(tmp_path) as viewer:
        second = subprocess.run(viewer.command, env=viewer.environ, capture_output=True, text=True, timeout=30)
        assert second.returncode == 0
        assert second.stderr == f"erni-run view: already running (pid {viewer.process.pid}): {viewer.address.page}\n"
        os.kill(viewer.process.pid, signal.SIGSTOP)
        try:
            third = subprocess.run(viewer.command, env=viewer.environ, capture_output=True, text=True, timeout=30)
        finally:
            os.kill(viewer.process.pid, signal.SIGCONT)
        assert third.returncode == 2
        assert "does not answer" in third.stderr
