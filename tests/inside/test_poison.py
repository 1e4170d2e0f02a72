"""Whatever is in the place of a spool's files: it is passed over, within the time that there is, and stops nobody.

A spool with what one process has left in each kind of file is poisoned, beside what another one has left. Then a
status, a drain and a fresh process meet it.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from erni_run.inside.delivery.courier import Courier
from erni_run.inside.delivery.survey import survey
from erni_run.inside.delivery.transport import Answer
from erni_run.plan import SpoolPlan
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.inside.test_spool import EXPORT, Backend, Process

TIMEOUT = 5.0
"""Seconds that a drain may take."""

MAGIC = b"ERNIACC1"
DEEP = b"[" * 1900


def account(slot: object) -> bytes:
    """An account's file with ``slot`` in it, twice: as bytes, or as JSON."""
    content = slot if isinstance(slot, bytes) else json.dumps(slot).encode()
    return MAGIC.ljust(64, b"\0") + content.ljust(1984) + content.ljust(1984)


def counters(**changed: object) -> dict[str, object]:
    return {"delivered": 0, "rejected": {}, "dropped": {}, "mark": [1, 64, 0], "blob": ""} | changed


def commit(end: int, spans: int) -> bytes:
    """The header of a segment that says so."""
    return b"ERNIJNL1" + (spans << 32 | end).to_bytes(8, "little") + bytes(48)


CONTENTS: dict[str, dict[str, bytes]] = {
    "*": {"nothing": b"", "nulls": bytes(5000), "ones": b"\xff" * 5000, "text": b"not ours\n"},
    "account": {
        "a counter of ones": MAGIC + b"\xff" * 8 + account(counters())[16:],
        "deep JSON": account(DEEP),
        "a list": account([]),
        "null": account(None),
        "a mark of nulls": account(counters(mark=[None, None, None])),
        "a mark of one": account(counters(mark=[1])),
        "a mark below zero": account(counters(mark=[-1, -1, -1])),
        "a mark beyond everything": account(counters(mark=[10**300, 10**300, 10**300])),
        "counters of text": account(counters(delivered="1")),
        "counters without end": account(counters(delivered=10**1500)),
        "reasons of lists": account(counters(rejected=[])),
        "reasons without end": account(counters(dropped={"x" * 1500: 1})),
        "a blob that is a list": account(counters(blob=[1])),
        "not a number": account(b'{"delivered": NaN, "rejected": {}, "dropped": {}, "mark": [0, 0, 0], "blob": ""}'),
    },
    "totals": {
        "deep JSON": b"[" * 60_000,
        "a list": b"[]",
        "numbers": b'{"delivered": 1e999, "rejected": 1, "dropped": null, "last": 1}',
        "another folder is the last": b'{"delivered": 0, "rejected": {}, "dropped": {}, "last": "../../.."}',
    },
    "segment": {
        "a length beyond the file": commit(1 << 20, 3),
        "spans that are not there": commit(2000, 50) + bytes(100),
        "more spans than bytes": commit(64, 0xFFFFFFFF),
        "an end before the beginning": commit(0, 0),
        "a record of the largest size": commit(1 << 20, 1) + b"\xff" * 10,
    },
    "blob": {
        "cut off": gzip.compress(b"x" * 1000)[:-10],
        "a bomb": gzip.compress(bytes(64 << 20)),
        "no request": gzip.compress(b"\xff" * 100),
        "no bytes": gzip.compress(b""),
    },
}


def fifo(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()
    (path / "file").write_bytes(b"")


def dangling(path: Path) -> None:
    path.symlink_to("/nowhere/at/all")


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def sock(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


def device(path: Path) -> None:
    with contextlib.suppress(PermissionError):
        os.mknod(path, 0o20600, os.makedev(1, 5))  # what /dev/zero is


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


THINGS: list[Callable[[Path], None]] = [fifo, folder, dangling, endless, sock, device, sparse]
FILES = ("account", "segment", "00000099.jnl", "blob", "x.tmp")
"""What is in the folder of a process."""

ABOVE = ("totals", "totals.lock", "rejected", "01234567890123456789-1")
"""What is in the folder of a destination."""

NAMES = (
    "0000000\u0661.jnl",
    "01234567890123456789-j1-0-99999999999999999999.otlp.gz",
    "01234567890123456789-j1-5-1.otlp.gz",
    "01234567890123456789-j99999999999999999999-0-1.otlp.gz",
    "a\nname.jnl",
    "99999999.jnl",
)


class Strict(Backend):
    """Refuses what is no request, as collectors do."""

    def send(self, request: bytes, timeout: float) -> Answer:
        try:
            return super().send(request, timeout)
        except (ValueError, DecodeError):
            return Answer(refused=True, reason="HTTP 400 Bad Request")


class Place:
    """A spool in which two processes that are gone have left spans, the first of them in each kind of file."""

    def __init__(self, folder: Path) -> None:
        self.stranger = folder / "account"
        self.stranger.write_text("not the spool's")
        self.plan = SpoolPlan(path=str(folder / "spool"))
        self.backend = Strict()
        self.numbers = itertools.count(1)
        self.backend.mode = "away"
        self._leave(lambda process: process.round())
        self.victim = self.processes()[0]
        self.healthy = self._leave(lambda _: None)
        self.backend.mode = "healthy"

    def _leave(self, spill: Callable[[Process], None]) -> list[bytes]:
        process = Process(self.plan, self.backend)
        ended = process.end(7, 190_000, "work", self.numbers)
        spill(process)
        ended += process.end(1, 10, "work", self.numbers)
        process.die()
        return ended

    def processes(self) -> list[Path]:
        return sorted(Path(self.plan.path).glob("v1/*/*-*"))

    def file(self, name: str) -> Path:
        if name in ABOVE:
            return self.victim.parent / name
        kinds = {"blob": "*.otlp.gz", "segment": "*.jnl"}
        return max(self.victim.glob(kinds[name])) if name in kinds else self.victim / name

    def poison(self, name: str, make: Callable[[Path], object]) -> None:
        path = self.file(name)
        if path.is_file():
            path.unlink()
        make(path)

    def check(self) -> None:
        """All who come by do their work."""
        survey(self.plan.path)
        Courier(EXPORT, self.plan, connect=lambda _: self.backend).drain(time.monotonic() + TIMEOUT)
        assert {self.backend.arrived[span_id] for span_id in self.healthy} == {1}
        fresh = Process(self.plan, self.backend)
        ended = fresh.end(3, 10, "work", self.numbers)
        for _ in range(5):
            fresh.round()
        fresh.courier.leave()
        survey(self.plan.path)
        assert self.stranger.exists()
        assert {self.backend.arrived[span_id] for span_id in (*self.healthy, *ended)} == {1}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("name", [*FILES, *ABOVE])
@pytest.mark.parametrize("thing", THINGS)
def test_thing_in_the_place_of_a_file_stops_nothing(place: Place, name: str, thing: Callable[[Path], None]) -> None:
    place.poison(name, thing)
    place.check()


ROWS = [(name, what) for name in (*FILES, *ABOVE[:2]) for what in (*CONTENTS["*"], *CONTENTS.get(name, ()))]


@pytest.mark.parametrize(("name", "what"), ROWS)
def test_content_that_lies_stops_nothing(place: Place, name: str, what: str) -> None:
    content = CONTENTS.get(name, {}).get(what, CONTENTS["*"].get(what, b""))
    place.poison(name, lambda path: path.write_bytes(content))
    place.check()


@pytest.mark.parametrize("name", NAMES)
def test_name_that_is_nearly_ours_stops_nothing(place: Place, name: str) -> None:
    (place.victim / name).write_bytes(gzip.compress(b""))
    place.check()


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(["account", "segment", "blob"]), where=st.floats(0, 1), what=st.binary(max_size=12))
def test_bytes_that_are_changed_anywhere_stop_nothing(
    tmp_path_factory: pytest.TempPathFactory, name: str, where: float, what: bytes
) -> None:
    folder = tmp_path_factory.mktemp("poison")
    place = Place(folder)
    path = place.file(name)
    content = path.read_bytes()
    at = int(where * 200) if name != "blob" else int(where * len(content))
    path.write_bytes(content[:at] + what + content[at + len(what) :])
    place.check()
    shutil.rmtree(folder)
