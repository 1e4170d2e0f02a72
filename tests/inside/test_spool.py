"""The journal and the spool against a model: whatever processes, disks and collectors do, every span is accounted for.

Processes are couriers within this one. They die at any line of ours, as by SIGKILL, and leave files and locks as they
are; others go on from there.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import random
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from erni_run.inside.delivery.account import Tally
from erni_run.inside.delivery.courier import Courier
from erni_run.inside.delivery.holding import Blob, Holding
from erni_run.inside.delivery.request import head, split
from erni_run.inside.delivery.spool import Spool
from erni_run.inside.delivery.survey import Standing, survey
from erni_run.inside.delivery.transport import Answer
from erni_run.plan import ExportPlan, SpoolPlan
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.conftest import Workshop
from tests.inside.lines import raising

EXPORT = ExportPlan(endpoint="http://collector:4318/v1/traces", protocol="http/protobuf")
HEADS = [head(b"\n\x05\n\x03one", "", b"\n\x01s", "https://schema"), head(b"\n\x05\n\x03two", "", b"\n\x01t", "")]
FULL_DISK = 40_000
"""Bytes: no segment can be made then, and no large blob."""


class Killed(BaseException):
    """The process is no more."""


class Backend:
    """A collector that does as it is told. ``arrived`` counts how often each span came and was taken."""

    def __init__(self) -> None:
        self.arrived: Counter[bytes] = Counter()
        self.mode = "healthy"

    def send(self, request: bytes, timeout: float) -> Answer:
        spans = [Span.FromString(bytes(record.span)) for record in split(request)]
        if self.mode == "away":
            return Answer(reason="connection refused")
        if self.mode == "small" and len(spans) > 3:
            return Answer(refused=True, too_large=True, reason="HTTP 413")
        if self.mode == "exhausted":
            return Answer(too_large=True, reason="RESOURCE_EXHAUSTED quota")
        if self.mode == "picky" and any(span.name == "poison" for span in spans):
            return Answer(refused=True, reason="HTTP 400 Bad Request")
        self.arrived.update(span.span_id for span in spans)
        if self.mode == "mute":
            return Answer(reason="timed out")
        return Answer(delivered=True)


class Process:
    """One courier with what it has recorded."""

    def __init__(self, plan: SpoolPlan, backend: Backend) -> None:
        self.courier = Courier(EXPORT, plan, connect=lambda _: backend)

    def end(self, count: int, size: int, name: str, number: Iterator[int]) -> list[bytes]:
        """End ``count`` spans of about ``size`` bytes; their ids."""
        ids = [next(number).to_bytes(8, "big") for _ in range(count)]
        for span_id in ids:
            span = Span(span_id=span_id, name=name, trace_state="x" * size)
            assert self.courier.intake.take(HEADS[span_id[-1] % 2], span.SerializeToString())
        return ids

    def round(self) -> None:
        self.courier.sender.breaker.succeeded()  # the pause is over
        if self.courier._backlog is not None:
            self.courier._backlog._next_look = 0.0  # and it is time to look around
        self.courier.round()

    def die(self) -> None:
        """As the kernel does it: descriptors are closed, mappings are gone, files stay."""
        self.courier.abandon()
        backlog = self.courier._backlog
        for held in (self.courier._holding, backlog._inherited if backlog is not None else None):
            if held is not None:
                held.folder.close()
        if self.courier._spool is not None:
            self.courier._spool.destination.close()


def descriptors(folder: Path) -> set[int]:
    """Those of what is in ``folder``."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith(str(folder)):
                found.add(int(name))
    return found


def close_all(descriptors: set[int]) -> None:
    """Close what a process had in hand that has died in the middle of taking a descriptor or of giving it back."""
    for descriptor in descriptors:
        os.close(descriptor)


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow beyond a little: EFBIG, which stands for ENOSPC, EROFS and EIO."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_DISK, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Model(RuleBasedStateMachine):
    """Up to three processes at a time, one spool, one collector."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="erni-run-"))
        self.plan = SpoolPlan(path=str(self.folder / "spool"))
        self.backend = Backend()
        self.number = itertools.count(1)
        self.ended: set[bytes] = set()
        self.processes: list[Process] = []
        self.in_memory: dict[int, set[bytes]] = {}
        self.uncertain = 0  # spans that may be counted twice, or be lost with a damaged file or a full disk
        self.is_full = False

    @precondition(lambda self: len(self.processes) < 3)
    @rule()
    def start(self) -> None:
        self.processes.append(Process(self.plan, self.backend))

    @precondition(lambda self: self.processes)
    @rule(
        index=st.integers(0, 2),
        count=st.integers(1, 12),
        size=st.sampled_from([10, 3000, 190_000]),
        name=st.sampled_from(["work", "work", "poison"]),
    )
    def end_spans(self, index: int, count: int, size: int, name: str) -> None:
        process = self.processes[index % len(self.processes)]
        self.ended.update(process.end(count, size, name, self.number))

    @precondition(lambda self: self.processes)
    @rule(index=st.integers(0, 2))
    def round(self, index: int) -> None:
        self.processes[index % len(self.processes)].round()

    @precondition(lambda self: self.processes)
    @rule(index=st.integers(0, 2))
    def round_on_a_full_disk(self, index: int) -> None:
        with full_disk():
            self.processes[index % len(self.processes)].round()

    @rule(mode=st.sampled_from(["healthy", "healthy", "away", "away", "small", "exhausted", "picky", "mute"]))
    def change_the_collector(self, mode: str) -> None:
        self.backend.mode = mode

    @precondition(lambda self: self.processes)
    @rule(index=st.integers(0, 2))
    def kill(self, index: int) -> None:
        self._bury(self.processes.pop(index % len(self.processes)))

    @precondition(lambda self: self.processes)
    @rule(index=st.integers(0, 2), lines=st.integers(1, 3000))
    def kill_at_work(self, index: int, lines: int) -> None:
        process = self.processes.pop(index % len(self.processes))
        before = descriptors(self.folder)
        with contextlib.suppress(Killed), raising(Killed, lines, once=False):
            process.round()
        self._bury(process)
        del process
        gc.collect()  # mappings have descriptors of their own, which go with them
        close_all(descriptors(self.folder) - before)

    def _bury(self, process: Process) -> None:
        """What was in memory is gone, and nobody is left to count it."""
        memory = process.courier.intake.memory
        lost = {Span.FromString(bytes(r.span)).span_id for r in (*memory.in_hand, *memory._records)}
        self.ended -= lost - set(self.backend.arrived)
        self.uncertain += len(lost)
        process.die()

    @precondition(lambda self: self.processes)
    @rule(index=st.integers(0, 2))
    def leave(self, index: int) -> None:
        self.processes.pop(index % len(self.processes)).courier.leave()

    @rule(what=st.binary(max_size=20), where=st.integers(0, 5))
    def somebody_leaves_a_file(self, what: bytes, where: int) -> None:
        folders = [self.folder / "spool", *(self.folder / "spool").rglob("*-*")]
        folder = folders[where % len(folders)]
        if folder.is_dir():
            (folder / "00000000000000000001-j1.otlp.gz").write_bytes(what)
            (folder / "core").write_bytes(what)

    @rule(hours=st.integers(-20, 40))
    def clock_jumps(self, hours: int) -> None:
        for path in self._blobs():
            blob = Blob.of(path.name)
            assert blob is not None
            stamp = time.time_ns() - hours * 3600 * 10**9
            with contextlib.suppress(FileNotFoundError):
                path.rename(path.with_name(f"{stamp:020d}{path.name[20:]}"))

    def _blobs(self) -> list[Path]:
        return [
            path for path in self.folder.rglob("*.otlp.gz") if Blob.of(path.name) and path.parent.name != "rejected"
        ]

    @invariant()
    def each_process_accounts_for_its_spans(self) -> None:
        for process in self.processes:
            counts = process.courier.counts
            settled = counts.delivered + sum(counts.rejected.values()) + sum(counts.dropped.values())
            assert counts.ended == settled + counts.pending

    def teardown(self) -> None:
        try:
            self._everything_arrives_in_the_end()
        finally:
            for process in self.processes:
                process.die()
            shutil.rmtree(self.folder)

    def _everything_arrives_in_the_end(self) -> None:
        self.backend.mode = "healthy"
        for process in self.processes:
            process.round()
            process.courier.leave()
        self.processes = [Process(self.plan, self.backend)]
        self.ended.update(self.processes[0].end(1, 10, "work", self.number))
        for _ in range(200):
            self.processes[0].round()
            if self._standing().pending == 0:
                break
        standing = self._standing()
        assert standing.pending == 0
        lost = self.ended - set(self.backend.arrived)
        tally = standing.tally
        assert len(lost) <= tally.lost + self.uncertain
        if not self.uncertain:
            assert tally.settled == len(self.ended), (tally.as_json(), len(self.ended))

    def _standing(self) -> Standing:
        (standing,) = survey(self.plan.path)
        return standing


def spill(process: Process, backend: Backend) -> None:
    backend.mode = "away"
    process.round()


def deliver(process: Process, backend: Backend) -> None:
    backend.mode = "healthy"
    process.round()


def halve(process: Process, backend: Backend) -> None:
    backend.mode = "small"
    process.round()


def leave(process: Process, backend: Backend) -> None:
    process.courier.leave()


SCENES: dict[str, tuple[list[Callable[[Process, Backend], None]], Callable[[Process, Backend], None]]] = {
    "full segments go to disk": ([], spill),
    "what is new is delivered": ([], deliver),
    "blobs are delivered": ([spill], deliver),
    "blobs are halved": ([spill], halve),
    "nothing is left": ([deliver], leave),
    "much is left": ([spill], leave),
}
DEATHS = int(os.environ.get("ERNI_RUN_DEATHS", "12"))
"""In how many lines of each scene the process dies."""


def play(folder: Path, scene: str, lines: int) -> int:
    """A process that dies after so many lines of its last act, unless that is shorter, and one that finds what it has
    left. How many lines were left to it.
    """
    folder.mkdir()
    before, act = SCENES[scene]
    backend, number = Backend(), itertools.count(1)
    plan = SpoolPlan(path=str(folder / "spool"))
    process = Process(plan, backend)
    ended = process.end(1, 10, "work", number)
    process.round()
    ended += process.end(9, 190_000, "work", number)
    for step in before:
        step(process, backend)
    with contextlib.suppress(Killed), raising(Killed, lines, once=False) as left:
        act(process, backend)
    assert process.courier.intake.memory.pending == 0, "which would be lost"
    process.die()
    close_all(descriptors(folder))
    backend.mode = "healthy"
    heir = Process(plan, backend)
    ended += heir.end(1, 10, "work", number)
    for _ in range(20):
        heir.round()
    heir.courier.leave()
    (standing,) = survey(plan.path)
    assert set(backend.arrived) == set(ended)
    assert (standing.pending, standing.tally.settled, standing.tally.lost) == (0, len(ended), 0)
    assert not list(folder.rglob("*.tmp"))
    return next(left)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scene", SCENES)
def test_process_that_dies_at_any_line_is_taken_over(tmp_path: Path, scene: str) -> None:
    folders = (tmp_path / str(number) for number in itertools.count())
    longest = 1_000_000
    length = longest - play(next(folders), scene, longest)
    for lines in sorted(random.sample(range(length), min(DEATHS, length))):
        folder = next(folders)
        play(folder, scene, lines)
        shutil.rmtree(folder)


def test_every_span_is_accounted_for_whatever_happens() -> None:
    examples = int(os.environ.get("ERNI_RUN_EXAMPLES", "40"))
    run_state_machine_as_test(
        Model,
        settings=settings(
            max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_what_the_journal_had_no_room_for_is_on_disk_or_counted_when_the_process_is_killed(tmp_path: Path) -> None:
    """Sixteen mebibytes are in the journal, as many in memory, and the oldest of those had to go."""
    plan, backend = SpoolPlan(path=str(tmp_path / "spool")), Backend()
    backend.mode = "away"
    process = Process(plan, backend)
    ended = process.end(220, 190_000, "work", itertools.count(1))
    process.round()
    kept, dropped = process.courier.counts.pending, process.courier.counts.dropped["memory full"]
    process.die()
    (standing,) = survey(plan.path)
    assert (standing.pending, standing.tally.dropped) == (kept, {"memory full": dropped})
    assert kept + dropped == len(ended)


def test_blobs_that_somebody_has_removed_are_counted_when_the_process_is_killed(tmp_path: Path) -> None:
    plan, backend = SpoolPlan(path=str(tmp_path / "spool")), Backend()
    backend.mode = "away"
    process = Process(plan, backend)
    ended = process.end(40, 190_000, "work", itertools.count(1))
    process.round()
    blobs = list(tmp_path.rglob("*.otlp.gz"))
    lost = sum(blob.spans for path in blobs if (blob := Blob.of(path.name)))
    for path in blobs[1:]:
        path.unlink()
    lost -= Blob.of(blobs[0].name).spans  # type: ignore[union-attr]  # it is one
    process.round()
    kept = blobs[0].stat().st_blocks * 512 + process.courier.intake.journal.used  # type: ignore[union-attr]  # there is one
    assert (process.courier.counts.pending, process.courier.size) == (len(ended) - lost, kept)
    process.die()
    (standing,) = survey(plan.path)
    assert (standing.pending, standing.tally.dropped) == (len(ended) - lost, {"removed": lost})


def test_new_folder_is_not_taken_for_an_abandoned_one(tmp_path: Path) -> None:
    """While one process looks for what others have left, others begin."""
    spool = Spool.at(EXPORT, SpoolPlan(path=str(tmp_path)), lambda *_: None)
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            assert spool.adopt(()) is None

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(300):
            Holding.found(spool.destination, Tally()).release()
    finally:
        is_over.set()
        looking.join()


@pytest.mark.parametrize("attempts", [1, 4])
def test_damaged_spans_are_counted_once_however_often_the_rest_is_sent(tmp_path: Path, attempts: int) -> None:
    plan, backend = SpoolPlan(path=str(tmp_path)), Backend()
    process = Process(plan, backend)
    process.end(9, 1000, "work", itertools.count(1))
    process.die()
    (file,) = tmp_path.rglob("*.jnl")
    content = bytearray(file.read_bytes())
    content[5000] ^= 0xFF  # in the fifth span
    file.write_bytes(content)
    for number in range(attempts):
        backend.mode = "healthy" if number == attempts - 1 else "away"
        drain = Courier(EXPORT, plan, connect=lambda _: backend)
        drain.drain(time.monotonic() + (30 if backend.mode == "healthy" else 0.001))
    (standing,) = survey(plan.path)
    assert (standing.tally.as_json(), standing.pending) == (
        {"delivered": 4, "rejected": {}, "dropped": {"damaged": 5}},
        0,
    )


NO_FILE_MORE = """
import itertools, os, resource
from erni_run.plan import SpoolPlan
from tests.inside.test_spool import Backend, Process

backend, number = Backend(), itertools.count(1)
backend.mode = "away"
process = Process(SpoolPlan(path=os.path.abspath("spool")), backend)
process.end(1, 10, "work", number)
process.round()
resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
for _ in range(20):
    process.end(6, 190_000, "work", number)
    process.round()
"""


def test_files_that_cannot_be_made_are_one_line_for_each_kind_of_trouble(workshop: Workshop) -> None:
    """As where a disk has no inodes left: each attempt has another file's name."""
    here = str(Path(__file__).parents[2])
    done = workshop.run(sys.executable, "-c", NO_FILE_MORE, environ={"PYTHONPATH": here})
    assert done.returncode == 0, done.stderr
    kinds = [line.partition(":")[2].partition(":")[0] for line in done.stderr.splitlines()]
    assert sorted(kinds) == sorted(set(kinds)) != [], done.stderr
