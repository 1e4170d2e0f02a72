"""Disks that are full, that are read-only, that fail: the application notices nothing, and every span is accounted for.

The disks are real ones, mounted where nobody else sees them.
"""

from __future__ import annotations

import json
import subprocess
import tempfile

import pytest

from tests.launcher.store import Store

SPOOL = "home/.local/state/erni-run"
FULL = f"mkdir -p {SPOOL}; mount -t tmpfs -o size=64k none {SPOOL}"
SMALL = f"mkdir -p {SPOOL}; mount -t tmpfs -o size=3m none {SPOOL}"
READ_ONLY = f"mkdir -p {SPOOL}; mount -t tmpfs -o ro none {SPOOL}"
# A file that takes the place of a disk, and is cut off while that is in use.
FAILING = f"""
    mkdir -p {SPOOL} backing
    mount -t tmpfs -o size=80m none backing
    truncate -s 64m backing/image
    /sbin/mkfs.ext4 -q backing/image
    mount -o loop backing/image {SPOOL}
"""
FAIL = "truncate -s 0 backing/image; /sbin/losetup -c $(/sbin/losetup -n -O NAME -j backing/image)"
SELL = "import shop; shop.sell()\nprint('sold')\n"
SELL_AND_FAIL = f"""
import os, shop
shop.sell()
assert os.system("{FAIL}") == 0
try:
    with open("{SPOOL}/new", "w") as new:
        new.write("x")
        new.flush()
        os.fsync(new.fileno())
except OSError as error:
    print(error)
shop.sell()
print("sold")
"""


def is_permitted(disk: str) -> bool:
    """Whether this machine lets us mount ``disk``."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["unshare", "-m", "sh", "-ec", disk], cwd=folder, capture_output=True)
    return done.returncode == 0


needs_mounts = pytest.mark.skipif(not is_permitted(FULL), reason="this machine does not permit mounts")
needs_loops = pytest.mark.skipif(not is_permitted(FAILING), reason="this machine has no loop devices for us")


def run(store: Store, disk: str, program: str, *, then: str = "true") -> tuple[str, str, int]:
    """What ``program`` shows on ``disk``, and behind it what ``then`` does."""
    store.workshop.write("main.py", program)
    script = f"{disk}\nerni-run python main.py\nstatus=$?\n{then}\nexit $status"
    with store.start("unshare", "-m", "sh", "-c", script) as process:
        out, err = process.communicate(timeout=60)
        return out, err, process.returncode


@needs_mounts
@pytest.mark.parametrize(
    ("disk", "says"),
    [(FULL, "No space left on device"), (READ_ONLY, "Read-only file system")],
    ids=["full", "read-only"],
)
def test_disk_that_takes_nothing_is_said_once_and_costs_no_span(store: Store, disk: str, says: str) -> None:
    out, err, status = run(store, disk, SELL)
    assert (out, status) == ("sold\n", 0)
    assert [line.startswith("erni-run: ") and says in line for line in err.splitlines()] == [True], err
    assert len(store.ended()) == 100
    assert store.arrived() == store.ended()


@needs_mounts
def test_disk_that_fills_up_while_the_collector_is_away_loses_what_is_counted(store: Store) -> None:
    store.workshop.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = "http://127.0.0.1:1/v1/traces"
    spans = 100_000
    out, _, status = run(
        store,
        SMALL,
        f"import shop\nfor _ in range({spans}): shop.work()\nprint('sold')\n",
        then="erni-run status --json",
    )
    sold, _, told = out.partition("\n")
    assert (sold, status) == ("sold", 0)
    [standing] = json.loads(told)["destinations"]
    assert standing["delivered"] == 0
    assert standing["pending_spans"] > 0 < sum(standing["dropped"].values())
    assert standing["pending_spans"] + sum(standing["dropped"].values()) == spans


@needs_loops
def test_disk_that_fails_costs_no_span_that_the_collector_takes(store: Store) -> None:
    out, _, status = run(store, FAILING, SELL_AND_FAIL)
    assert (out, status) == ("[Errno 5] Input/output error\nsold\n", 0)
    assert len(store.ended()) == 200
    assert store.arrived() == store.ended()
