"""`erni-run status` and `erni-run drain`: what they print, and what they leave alone."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from tests.collector import Collector
from tests.conftest import Workshop

AWAY = {"OTEL_TRACES_EXPORTER": "otlp", "OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    workshop.write("shop.py", "def work(): return 1\n")
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:work"\n')
    workshop.write("main.py", "import shop\nfor _ in range(1234): shop.work()\n")
    workshop.environ.update(AWAY)
    return workshop


def spool(shop: Workshop) -> Path:
    return shop.folder / "home/.local/state/erni-run"


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_where_nothing_has_been_there_is_nothing_to_tell(shop: Workshop) -> None:
    done = shop.run("erni-run", "status")
    assert (done.stdout, done.stderr, done.returncode) == (f"{spool(shop)}: nothing has been here yet\n", "", 0)
    assert not spool(shop).exists()
    done = shop.run("erni-run", "drain")
    assert (done.stdout.partition("-")[0], done.returncode) == ("nothing waits for 127.0.0.1", 0)
    assert not spool(shop).exists()


def test_status_tells_what_waits_and_changes_nothing(shop: Workshop) -> None:
    shop.run("erni-run", "python", "main.py")
    before = snapshot(spool(shop))
    table = shop.run("erni-run", "status").stdout.splitlines()
    assert table[0] == str(spool(shop))
    assert table[1].split() == ["destination", "pending", "on", "disk", "oldest", "delivered", "rejected", "dropped"]
    name, pending, size, unit, _, seconds, *settled = table[2].split()
    assert name.startswith("127.0.0.1-1-grpc-")
    assert (pending, unit, seconds, settled) == ("1,234", "kB", "s", ["0", "0", "0"])
    (destination,) = json.loads(shop.run("erni-run", "status", "--json").stdout)["destinations"]
    assert destination.pop("oldest_age_seconds") >= 0
    assert destination == {
        "destination": name,
        "pending_spans": 1234,
        "pending_bytes": pytest.approx(float(size) * 1000, abs=100),
        "delivered": 0,
        "rejected": {},
        "dropped": {},
        "unreadable": 0,
    }
    assert snapshot(spool(shop)) == before


def test_status_of_a_running_process_is_up_to_date(shop: Workshop, collector: Collector) -> None:
    shop.write(
        "main.py", "import shop, sys\nfor _ in range(50): shop.work()\nprint(1, flush=True)\nsys.stdin.readline()\n"
    )
    environ = {"OTLP_ENDPOINT": collector.grpc_endpoint}
    with shop.start("erni-run", "python", "main.py", environ=environ, stdin=-1) as process:
        collector.wait_for(lambda spans: len(spans) == 50)
        while True:  # the answer is on its way
            (destination,) = json.loads(shop.run("erni-run", "status", "--json").stdout)["destinations"]
            assert destination["pending_spans"] + destination["delivered"] == 50
            if destination["delivered"] == 50:
                break
        process.communicate("\n", timeout=30)


def test_drain_delivers_and_says_what(shop: Workshop) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    environ = {
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
    }
    shop.run("erni-run", "python", "main.py", environ=environ)
    shop.run("erni-run", "python", "main.py")
    away = shop.run("erni-run", "drain", "--timeout", "200ms", environ=environ)
    assert away.returncode == 1
    assert "0 delivered, 0 lost, 1,234 still wait" in away.stdout
    assert away.stderr.startswith(f"erni-run: http://127.0.0.1:{port}/v1/traces: Connection")
    with Collector(port) as collector:
        done = shop.run("erni-run", "drain", environ=environ)
        assert len({span.span_id for span in collector.spans}) == len(collector.spans) == 1234
    first, second = done.stdout.splitlines()
    assert (done.stderr, done.returncode) == ("", 0)
    assert "1,234 delivered, 0 lost, 0 still wait" in first
    assert second.startswith("127.0.0.1-1-grpc-")
    assert "1,234 wait; drain them with the configuration that names this destination" in second


REFUSALS = {
    "a time without unit": (("drain", "--timeout", "10"), "not a time"),
    "an unknown argument": (("status", "--jsn"), "unrecognized arguments: --jsn"),
    "a protocol that delivers nothing": (("drain",), "nothing can be delivered with the protocol none"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_says_why(shop: Workshop, case: str) -> None:
    words, message = REFUSALS[case]
    done = shop.run("erni-run", *words, environ={"OTEL_TRACES_EXPORTER": "none"})
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("file", ["v1", "v1/destination", "account", "00000001.jnl", "totals"])
def test_files_that_are_not_ours_stop_nothing(shop: Workshop, file: str) -> None:
    shop.run("erni-run", "python", "main.py")
    (process,) = spool(shop).glob("v1/*/*-*")
    places = {"account": process / file, "00000001.jnl": process / file, "totals": process.parent / file}
    place = places.get(file, spool(shop) / file / "00000000000000000001-1")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"\0\xff not ours")
    for command in (("status",), ("status", "--json"), ("drain", "--timeout", "100ms"), ("python", "main.py")):
        done = shop.run("erni-run", *command)
        assert "Traceback" not in done.stderr
        assert done.returncode in {0, 1}


def test_what_is_in_the_place_of_a_file_is_counted_and_holds_nobody_up(shop: Workshop) -> None:
    for _ in range(2):
        shop.run("erni-run", "python", "main.py")
    process, _ = sorted(spool(shop).glob("v1/*/*-*"))
    (process / "account").unlink()
    os.mkfifo(process / "account")
    os.mkfifo(process / "00000002.jnl")
    (process / "00000003.jnl").mkdir()
    (process / "00000004.jnl").symlink_to("/dev/zero")
    (process.parent / "01234567890123456789-1").write_text("no folder")
    (spool(shop) / "v1" / "two\nlines").mkdir()
    status = shop.run("erni-run", "status")
    assert (status.stderr, status.returncode) == ("", 0)
    assert status.stdout.splitlines()[-1].endswith(": 5 in the place of a file or folder of ours and cannot be read")
    destination, _ = json.loads(shop.run("erni-run", "status", "--json").stdout)["destinations"]
    assert (destination["pending_spans"], destination["unreadable"]) == (2468, 5)
    for command in (("drain", "--timeout", "1s"), ("python", "main.py")):
        done = shop.run("erni-run", *command)
        assert "Traceback" not in done.stderr
        assert done.returncode in {0, 1}
