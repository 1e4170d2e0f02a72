"""Where our lines go while the application runs: as ERNI_RUN_MESSAGES says, and never where they are not wanted."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.conftest import Workshop

CONFIG = '[[span]]\ntarget = "shop:work"\n'
LINE = r"erni-run: 1 span \(.*\) for http://127.0.0.1:1/v1/traces waits on disk for the next process to deliver it: .*"
PARENT = """
import os, subprocess, sys
import shop

shop.work()
program = "import shop; shop.work(); print('done')"
child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
assert (child.returncode, child.stdout) == (0, "done\\n")
sys.stdout.write(child.stderr)
"""


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    """Its collector is away, which each of its processes has to say at its end."""
    workshop.write("shop.py", "def work(): return 1\n")
    workshop.write("tracing.toml", CONFIG)
    workshop.write("main.py", PARENT)
    workshop.environ |= {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces",
    }
    return workshop


def lines_match(pattern: str, text: str) -> list[bool]:
    return [re.fullmatch(pattern, line) is not None for line in text.splitlines()]


@pytest.mark.parametrize("place", ["", "stderr"])
def test_lines_are_on_standard_error_of_each_process(shop: Workshop, place: str) -> None:
    done = shop.run("erni-run", "python", "main.py", environ={"ERNI_RUN_MESSAGES": place})
    assert lines_match(LINE, done.stderr) == [True], done.stderr
    assert lines_match(LINE, done.stdout) == [True], done.stdout


def test_off_is_silence_in_children_too(shop: Workshop) -> None:
    done = shop.run("erni-run", "python", "main.py", environ={"ERNI_RUN_MESSAGES": "off"})
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_file_gets_the_lines_of_each_process_with_its_id_and_the_time(shop: Workshop) -> None:
    file = shop.folder / "messages"
    done = shop.run("erni-run", "python", "main.py", environ={"ERNI_RUN_MESSAGES": str(file)})
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    text = file.read_text()
    assert lines_match(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ \d+ {LINE}", text) == [True, True], text
    assert len({line.split(" ")[1] for line in text.splitlines()}) == 2
    assert file.stat().st_mode & 0o777 == 0o600


NOT_OURS = {
    "a symbolic link": "import os; os.symlink('elsewhere', 'messages')",
    "a pipe": "import os; os.mkfifo('messages')",
    "a folder": "import os; os.mkdir('messages')",
    "a folder that is gone": "import os; os.rename('folder', 'gone')",
}


@pytest.mark.parametrize("case", NOT_OURS)
def test_what_has_taken_the_place_of_the_file_gets_no_lines_and_stops_nothing(shop: Workshop, case: str) -> None:
    """The start has looked; since then the application has put something there."""
    (shop.folder / "folder").mkdir()
    name = "folder/messages" if "gone" in case else "messages"
    shop.write("main.py", f"{NOT_OURS[case]}\nimport shop\nshop.work()\n")
    done = shop.run("erni-run", "python", "main.py", environ={"ERNI_RUN_MESSAGES": str(shop.folder / name)})
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert not (shop.folder / "elsewhere").exists()


def test_place_that_cannot_be_is_a_mistake_at_the_start(shop: Workshop) -> None:
    done = shop.run("erni-run", "python", "main.py", environ={"ERNI_RUN_MESSAGES": "file.txt"})
    assert (done.stdout, done.returncode) == ("", 2)
    assert "ERNI_RUN_MESSAGES: messages: 'file.txt' is neither" in done.stderr


CLOSED = {
    "closed": "",
    "a file of the application's": "assert os.open('theirs', os.O_RDWR | os.O_CREAT) == 2",
}


@pytest.mark.parametrize("case", CLOSED)
@pytest.mark.parametrize("exporter", ["otlp", "console"])
def test_nothing_is_written_into_what_the_application_has_put_in_the_place_of_standard_error(
    shop: Workshop, exporter: str, case: str
) -> None:
    shop.write("main.py", f"import os, shop\nos.close(2)\n{CLOSED[case]}\nshop.work()\n")
    done = shop.run("erni-run", "python", "main.py", environ={"OTEL_TRACES_EXPORTER": exporter})
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    theirs = shop.folder / "theirs"
    assert not theirs.exists() or theirs.read_bytes() == b""


RARELY = """
from erni_run.inside import notice

for number in range(1000):
    notice.say_once(f"once {number}", kind="once")
    notice.say_rarely(f"rarely {number}", kind="rarely")
    notice.say_once("the same")
assert len(notice._said) + len(notice._last) == 3
"""


def test_trouble_that_comes_again_is_one_line_a_kind(tmp_path: Path) -> None:
    done = Workshop(tmp_path).run(sys.executable, "-c", RARELY)
    assert done.stderr.splitlines() == ["erni-run: once 0", "erni-run: rarely 0", "erni-run: the same"]
