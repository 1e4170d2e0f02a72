"""``erni-run --view COMMAND``: the viewer beside an application."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from erni_run.viewer.address import Address, running

from tests.collector import Collector
from tests.conftest import Workshop
from tests.viewer.running import Viewer, asked, eventually

PROGRAM = "import shop\nshop.work()\n"


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    workshop.write("shop.py", "def work(): return 1\n")
    workshop.write("tracing.toml", '[service]\nname = "shop"\n[[span]]\ntarget = "shop:work"\n')
    workshop.write("main.py", PROGRAM)
    workshop.environ["OTEL_TRACES_EXPORTER"] = "otlp"
    workshop.environ["XDG_STATE_HOME"] = str(workshop.folder / "state")
    return workshop


@pytest.fixture
def started(shop: Workshop) -> Iterator[Path]:
    """The state directory of a viewer that ``--view`` starts, which is ended afterwards."""
    state = shop.folder / "state" / "erni-run" / "viewer"
    yield state
    found = running(state)
    if found is not None:
        os.kill(found.pid, signal.SIGTERM)
        eventually(lambda: not running(state) and not Path(f"/proc/{found.pid}/fd").exists())


def names(address: Address) -> list[str]:
    return [trace["root"]["name"] for trace in asked(address.page, "/api/view/traces", "GET").json["traces"]]


def said(address: Address) -> str:
    return f"erni-run: traces at {address.page} (erni-run view, pid {address.pid})\n"


def test_viewer_is_started_stays_and_is_used_again(shop: Workshop, started: Path) -> None:
    first = shop.run("erni-run", "--view", "python", "main.py")
    address = running(started)
    assert address is not None
    assert (first.returncode, first.stdout, first.stderr) == (0, "", said(address))
    assert names(address) == ["work"]
    over_http = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    second = shop.run("erni-run", "--view", "python", "main.py", environ=over_http)
    assert (second.returncode, second.stderr) == (0, said(address))
    assert names(address) == ["work", "work"]
    assert os.getsid(address.pid) == address.pid
    assert (started / "view.log").stat().st_mode & 0o777 == 0o600


def test_two_applications_at_once_share_one(shop: Workshop, started: Path) -> None:
    both = [shop.start("erni-run", "--view", "python", "main.py") for _ in range(2)]
    ended = [process.communicate(timeout=60) for process in both]
    address = running(started)
    assert address is not None
    assert ended == [("", said(address))] * 2
    assert names(address) == ["work", "work"]


def test_running_viewer_is_used(shop: Workshop) -> None:
    with Viewer(shop.folder / "state") as viewer:
        done = shop.run("erni-run", "--view", "python", "main.py")
        assert (done.returncode, done.stderr) == (0, said(viewer.address))
        assert names(viewer.address) == ["work"]


@pytest.mark.parametrize("where", ["a variable", "the file"])
def test_endpoint_of_the_user_is_left(shop: Workshop, collector: Collector, where: str) -> None:
    environ = {"OTLP_ENDPOINT": collector.grpc_endpoint} if where == "a variable" else {}
    if where == "the file":
        config = (shop.folder / "tracing.toml").read_text(encoding="utf-8")
        shop.write("tracing.toml", f'{config}[export]\nendpoint = "{collector.grpc_endpoint}"\n')
    with Viewer(shop.folder / "state") as viewer:
        done = shop.run("erni-run", "--view", "python", "main.py", environ=environ)
        assert done.returncode == 0
        assert done.stderr.endswith("; this application's endpoint is set, and left as it is\n")
        assert names(viewer.address) == []
    collector.wait_for_names("work")


@pytest.mark.parametrize("variable", ["ENABLE_TRACING=false", "OTEL_SDK_DISABLED=true"])
def test_switched_off_it_starts_nothing(shop: Workshop, variable: str) -> None:
    name, _, value = variable.partition("=")
    done = shop.run("erni-run", "--view", "python", "main.py", environ={name: value})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (shop.folder / "state").exists()


def test_application_is_not_started_where_no_viewer_can_be(shop: Workshop) -> None:
    shop.write("state", "a file where a folder should be")
    done = shop.run("erni-run", "--view", "python", "-c", "print('started')")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("erni-run: ")
    assert "set XDG_STATE_HOME" in done.stderr


def test_address_of_a_viewer_that_is_gone_is_not_believed(shop: Workshop, started: Path) -> None:
    with Viewer(shop.folder / "state") as viewer:
        gone = (started / "address.json").read_text(encoding="utf-8")
        viewer.stop(signal.SIGKILL)
    assert json.loads(gone)["pid"] == viewer.process.pid
    done = shop.run("erni-run", "--view", "python", "main.py")
    address = running(started)
    assert address is not None
    assert address.pid != viewer.process.pid
    assert (done.returncode, done.stderr) == (0, said(address))
    assert names(address) == ["work"]


@pytest.mark.parametrize("verb", ["check", "schema", "view"])
def test_view_is_for_starting_a_command(shop: Workshop, verb: str) -> None:
    done = shop.run("erni-run", "--view", verb)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"not for `{verb}`" in done.stderr
