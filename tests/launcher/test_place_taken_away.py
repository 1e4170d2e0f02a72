"""Somebody takes away the place of spans on disk while they wait there: a cleaner of temporary files, the application.

The collector is away until the application has come to its end. Then a drain delivers, and all is accounted for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector import Collector
from tests.launcher.store import Store

SPOOL = "home/.local/state/erni-run"
PRELUDE = f"""
import fcntl, glob, os, shutil, signal, sys
import shop

SPOOL = "{SPOOL}"

def all_of(pattern): return glob.glob(os.path.join(SPOOL, "v1", pattern))
def ask(what): print(what, flush=True); sys.stdin.readline()
def die(): os.kill(os.getpid(), signal.SIGKILL)

def open_others():
    global others
    others = [open(f"other{{number}}", "w+") for number in range(30)]
    for file in others:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write("theirs")

shop.sell()
"""
TAKEN = {
    "the spool": "shutil.rmtree(SPOOL)",
    "what is above it": "shutil.rmtree('home/.local')",
    "the destination": "shutil.rmtree(all_of('*')[0])",
    "the process's folder": "shutil.rmtree(all_of('*/*-*')[0])",
    "the segments": "[os.unlink(name) for name in all_of('*/*/*.jnl')]",
    "a segment, another in its place": "name = all_of('*/*/*1.jnl')[0]; os.unlink(name); open(name, 'w').close()",
    "the account": "[os.unlink(name) for name in all_of('*/*/account')]",
    "the destination, renamed": "os.rename(all_of('*')[0], 'elsewhere')",
    "the spool, renamed": "os.rename(SPOOL, 'elsewhere')",
    "the descriptors": "os.closerange(3, 256)",
    "the descriptors, others in their place": "os.closerange(3, 256); open_others()",
    "everything": "os.closerange(3, 256); open_others(); shutil.rmtree(SPOOL)",
}


class Offline(Store):
    """A store whose collector is away for now."""

    def __init__(self, folder: Path, collector: Collector, nobody: socket.socket) -> None:
        super().__init__(folder, collector, "http/protobuf")
        self.nobody = nobody
        self.port = port = nobody.getsockname()[1]
        self.workshop.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = f"http://127.0.0.1:{port}/v1/traces"

    def wait_for(self, pending: int) -> None:
        """Until as many spans wait on disk."""
        deadline = time.monotonic() + 30
        while self.standing() != {"pending": pending}:
            assert time.monotonic() < deadline, self.standing()
            time.sleep(0.02)

    def come_online(self) -> dict[str, int]:
        """Deliver what waits; how often each span has arrived."""
        self.nobody.close()
        with Collector(self.port) as self.collector:
            self.drain()
            arrived = [span.span_id for span in self.collector.spans]
            return {span_id: arrived.count(span_id) for span_id in arrived}


@pytest.fixture
def store(tmp_path: Path, collector: Collector) -> Iterator[Offline]:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused
        yield Offline(tmp_path, collector, nobody)


def check_others(store: Store) -> None:
    """What the application has in the place of our descriptors is as it left it."""
    for number in range(30):
        file = store.workshop.folder / f"other{number}"
        assert not file.exists() or file.read_text() == "theirs"


@pytest.mark.parametrize("what", TAKEN)
def test_what_is_taken_away_in_the_middle_is_on_disk_again_before_the_process_is_killed(
    store: Offline, what: str
) -> None:
    middle = f"ask('sold')\n{TAKEN[what]}\nshop.sell()\nask('sold')\n"
    flush = "for file in globals().get('others', ()): file.flush()\n"
    store.workshop.write("main.py", f"{PRELUDE}{middle}{flush}die()\n")
    with store.start("erni-run", "python", "main.py", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for pending in (100, 200):
            assert process.stdout.readline() == "sold\n"
            store.wait_for(pending)
            process.stdin.write("\n")
            process.stdin.flush()
        _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 2, err
    check_others(store)
    assert store.come_online() == dict.fromkeys(store.ended(), 1)
    assert len(store.ended()) == 200
    assert store.standing() == {"delivered": 200}


@pytest.mark.parametrize("what", [what for what in TAKEN if what.startswith(("the s", "the a", "everything"))])
def test_what_is_taken_away_right_before_the_end_is_on_disk_after_it(store: Offline, what: str) -> None:
    """The exit calls of the application are made, and nothing is shown but our lines."""
    bye = "import atexit; atexit.register(print, 'bye')\n"
    store.workshop.write("main.py", f"{PRELUDE}{bye}{TAKEN[what]}\nshop.sell()\n")
    with store.start("erni-run", "python", "main.py") as process:
        out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("bye\n", 0)
    assert all(line.startswith("erni-run: ") for line in err.splitlines()), err
    assert err.splitlines()[-1].startswith("erni-run: 200 spans ("), err
    check_others(store)
    assert store.come_online() == dict.fromkeys(store.ended(), 1)
    assert store.standing() == {"delivered": 200}


@pytest.mark.parametrize("end", ["sys.exit()", "die()"])
def test_child_that_takes_away_its_parents_place_and_its_own_loses_neither(store: Offline, end: str) -> None:
    program = f"""
child = os.fork()
shop.sell()
if child == 0:
    ask('sold')
    shutil.rmtree(SPOOL)
    ask('gone')
    {end}
os.waitpid(child, 0)
shop.sell()
"""
    store.workshop.write("main.py", PRELUDE + program)
    with store.start("erni-run", "python", "-W", "ignore", "main.py", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for said in ("sold\n", "gone\n"):
            assert process.stdout.readline() == said
            store.wait_for(300)
            process.stdin.write("\n")
            process.stdin.flush()
        _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert store.come_online() == dict.fromkeys(store.ended(), 1)
    assert store.standing() == {"delivered": 400}


NO_PLACE = {
    "a file in its place": "shutil.rmtree(SPOOL); open(SPOOL, 'w').close()",
    "a symbolic link in its place": "shutil.rmtree(SPOOL); os.symlink('/tmp', SPOOL)",
    "nothing above it": "shutil.rmtree('home'); open('home', 'w').close()",
}


@pytest.mark.parametrize("what", NO_PLACE)
def test_where_no_place_can_be_made_anew_spans_are_lost_and_said(store: Offline, what: str) -> None:
    store.workshop.write("main.py", f"{PRELUDE}{NO_PLACE[what]}\nshop.sell()\n")
    with store.start("erni-run", "python", "main.py") as process:
        out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 0)
    assert "on disk for" not in err
    assert err.splitlines()[-1].startswith("erni-run: 200 spans could not be delivered to http://127.0.0.1:"), err


def test_blobs_that_somebody_removes_are_counted_and_said(store: Offline) -> None:
    big = "[shop.work() for _ in range(30_000)]\nask('sold')\nshutil.rmtree(all_of('*/*-*')[0])\n"
    store.workshop.write("main.py", f"{PRELUDE}{big}ask('gone')\n")
    with store.start("erni-run", "python", "main.py", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "sold\n"
        deadline = time.monotonic() + 30
        while not list((store.workshop.folder / SPOOL).glob("v1/*/*/*.otlp.gz")):
            assert time.monotonic() < deadline, "no blob"
            time.sleep(0.02)
        process.stdin.write("\n\n")
        process.stdin.flush()
        _, err = process.communicate(timeout=30)
    assert "spans are lost that waited on disk: somebody has removed them" in err
    arrived = store.come_online()
    standing = store.standing()
    assert set(standing) == {"delivered", "dropped"}
    assert standing["delivered"] == len(arrived)
    assert sum(standing.values()) == 30_100


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="needs a file system whose mappings keep their locks")
def test_process_whose_descriptors_are_closed_is_not_taken_for_dead(store: Offline) -> None:
    """It is stopped, so that it cannot take its lock again, while another looks for what the dead have left."""
    spool = tempfile.mkdtemp(dir="/dev/shm")
    try:
        store.workshop.environ["ERNI_SPOOL_DIR"] = spool
        stop = "os.closerange(3, 256)\nos.kill(os.getpid(), signal.SIGSTOP)\n"
        store.workshop.write("main.py", f"{PRELUDE}{stop}")
        store.nobody.close()
        with store.start("erni-run", "python", "main.py") as process, Collector(store.port) as collector:
            try:
                os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
                drained = store.workshop.run("erni-run", "drain", "--timeout", "2s")
                assert "0 delivered, 0 lost, 100 still wait" in drained.stdout
                assert not collector.spans
            finally:
                os.kill(process.pid, signal.SIGCONT)
            process.communicate(timeout=30)
            assert sorted(span.span_id for span in collector.spans) == sorted(store.ended())
        assert len(store.ended()) == 100
    finally:
        shutil.rmtree(spool)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("is_away", [False, True], ids=["healthy", "away"])
def test_process_that_becomes_another_user_loses_nothing_and_delivers_nothing_twice(
    store: Offline, is_away: bool
) -> None:
    """It has imported and delivered before: afterwards it may not even read what is in root's home."""
    become = "ask('sold')\nos.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    become += "for _ in range(100): shop.work()\nask('sold')\n"
    store.workshop.write("main.py", PRELUDE + become)
    store.nobody.close()
    with contextlib.ExitStack() as online:
        first = online.enter_context(Collector(store.port))
        with store.start("erni-run", "python", "main.py", stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "sold\n"
            first.wait_for(lambda spans: len(spans) == 100)
            if is_away:
                online.close()
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "sold\n"
            _, err = process.communicate("\n", timeout=30)
        assert "Traceback" not in err
        online.close()
    again = store.come_online()
    assert len(first.spans) == (100 if is_away else 200)
    arrived = [*again, *(span.span_id for span in first.spans)]
    assert len(arrived) == len(set(arrived)) == 200
    assert store.ended() < set(arrived)
