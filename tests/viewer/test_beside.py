"""``erni-run --view COMMAND``: the viewer beside an application."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
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


def test_protocol_that_sends_nothing_is_said(shop: Workshop) -> None:
    with Viewer(shop.folder / "state") as viewer:
        done = shop.run("erni-run", "--view", "python", "main.py", environ={"OTEL_TRACES_EXPORTER": "none"})
        why = "; this application's protocol is none, so it sends nothing there\n"
        assert (done.returncode, done.stderr) == (0, said(viewer.address).rstrip() + why)


RUNNING = """
    import os
    os.environ["ENVIRONMENT"] = "set by the application for others"
    import threading, time, shop
    while not os.path.exists("stop"):
        shop.work()
        time.sleep(0.01)
"""


def test_edit_says_what_was_edited_and_nothing_of_the_viewers_endpoint(shop: Workshop) -> None:
    span = '[reload]\nevery = "20ms"\n[[span]]\ntarget = "shop:work"\n'
    edits = {
        'name = "renamed"\n': ["tracing.toml reloaded: 1 span changed"],
        'name = "renamed"\n[export]\nendpoint = "http://localhost:1"\n': [
            "tracing.toml changed: spans and sampling apply now; export.endpoint needs a restart"
        ],
    }
    shop.write("main.py", RUNNING)
    shop.write("tracing.toml", span)
    with Viewer(shop.folder / "state") as viewer, shop.start("erni-run", "--view", "python", "main.py") as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == said(viewer.address)
            eventually(lambda: "work" in names(viewer.address))
            for edit, lines in edits.items():
                shop.write("new", span + edit)
                os.replace(shop.folder / "new", shop.folder / "tracing.toml")
                assert [process.stderr.readline() for _ in lines] == [f"erni-run: {line}\n" for line in lines]
            shop.write("stop", "")
            assert process.communicate(timeout=60) == ("", "")
        finally:
            process.kill()


@pytest.mark.parametrize("variable", ["ENABLE_TRACING=false", "OTEL_SDK_DISABLED=true"])
def test_switched_off_it_starts_nothing(shop: Workshop, variable: str) -> None:
    name, _, value = variable.partition("=")
    done = shop.run("erni-run", "--view", "python", "main.py", environ={name: value})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (shop.folder / "state").exists()


def a_file_where_a_folder_should_be(shop: Workshop) -> None:
    shop.write("state", "")


def no_home(shop: Workshop) -> None:
    shop.environ |= {"XDG_STATE_HOME": "", "HOME": ""}


def a_database_of_something_else(shop: Workshop) -> None:
    shop.write("state/erni-run/viewer/traces.db", "no database " * 100)


def a_viewer_that_raises(shop: Workshop) -> None:
    shop.write("broken/sqlite3.py", "raise RuntimeError('first line\\nno database here')")
    shop.environ["PYTHONPATH"] = str(shop.folder / "broken")


def what_nobody_foresees(shop: Workshop) -> None:
    shop.write("broken/http.py", "raise RuntimeError('no HTTP here')")
    shop.environ["PYTHONPATH"] = str(shop.folder / "broken")


NO_VIEWER = {
    a_file_where_a_folder_should_be: ": set XDG_STATE_HOME to a folder that can be written",
    no_home: "neither XDG_STATE_HOME nor HOME names a folder: traces have no place to be kept",
    a_database_of_something_else: "it did not start: {state}/traces.db: file is not a database: move it away, a new "
    "one is then made: see {state}/view.log",
    what_nobody_foresees: "no HTTP here",
    a_viewer_that_raises: "it did not start: no database here: see {state}/view.log",
}


@pytest.mark.parametrize("trouble", NO_VIEWER, ids=lambda trouble: trouble.__name__)
def test_application_is_traced_where_no_viewer_can_be(
    shop: Workshop, collector: Collector, started: Path, trouble: Callable[[Workshop], None]
) -> None:
    trouble(shop)
    environ = {"OTLP_ENDPOINT": collector.grpc_endpoint, "ERNI_SPOOL_DIR": str(shop.folder / "spool")}
    done = shop.run("erni-run", "--view", "python", "-c", f"{PROGRAM}print('done')", environ=environ)
    reason = NO_VIEWER[trouble].format(state=started)
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert done.stderr.startswith("erni-run: no viewer: ")
    assert done.stderr.endswith(f"{reason}; spans go where they go without --view: {collector.grpc_endpoint}\n")
    assert done.stderr.count("\n") == 1
    collector.wait_for_names("work")


def test_view_alone_ends_with_its_error(shop: Workshop) -> None:
    a_file_where_a_folder_should_be(shop)
    done = shop.run("erni-run", "view")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(": set XDG_STATE_HOME to a folder that can be written\n")


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


NO_ADDRESS = {
    "nesting without end": "[" * 200_000,
    "a number for the page": '{"page": 5, "grpc": "", "http": "", "pid": 1}',
    "a port of letters": '{"page": "http://127.0.0.1:letters", "grpc": "", "http": "", "pid": 1}',
}


@pytest.mark.parametrize("content", NO_ADDRESS)
def test_what_is_no_address_is_no_viewer(tmp_path: Path, content: str) -> None:
    (tmp_path / "address.json").write_text(NO_ADDRESS[content], encoding="utf-8")
    assert running(tmp_path) is None


@pytest.mark.parametrize("verb", ["check", "schema", "view"])
def test_view_is_for_starting_a_command(shop: Workshop, verb: str) -> None:
    done = shop.run("erni-run", "--view", verb)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"not for `{verb}`" in done.stderr
