"""Run an application as its record says, bare or traced, in a folder of its own, and keep what it has shown."""

from __future__ import annotations

import http.client
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.collector import Collector
from tests.conftest import Workshop
from tests.launcher.test_children import free_port
from tests.transparency.both import normal
from tests.world.application import Application
from tests.world.broker import broker

PROGRAMS = Path(__file__).resolve().parent / "programs"
_SECONDS = 60  # for a start, an answer or an end, on a machine that is busy
_NORMAL = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"), "time"),  # of logging
    (re.compile(r"\d\d/\w{3}/\d{4}[: ]\d\d:\d\d:\d\d"), "time"),  # of access logs
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "time"),  # of headers
    (re.compile(r"\w+ \d\d, \d{4} - \d\d:\d\d:\d\d"), "time"),  # of Django's runserver
    (re.compile(r"(?<=[\[(])\d{3,}(?=[\])])|(?<=pid: )\d+"), "pid"),
    (re.compile(r"/\S+/broker-\w+/socket"), "broker"),
    (re.compile(r"\b\d+\.\d+ ?(?:s|ms|seconds)\b"), "a time"),
)
_LIBRARY_FRAME = re.compile(
    r"""^([ |]*)File "[^"]*/lib/python[^"]*", line .*\n"""  # a frame that is not in the program's folder,
    r"""(?:\1  .*\n)*""",  # and what is shown of it
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an application has shown: its answers, its output as lines, its exit status."""

    answers: list[str]
    out: list[str]
    err: list[str]
    status: int


def prepare(application: Application, folder: Path) -> None:
    """Put the program into a new ``folder``, and run what is to run first."""
    if application.program:
        shutil.copytree(PROGRAMS / application.program, folder)
    else:
        folder.mkdir()
    if not application.has_broker:  # else there is none yet
        _prepare(application, _workshop(application, folder))
        shutil.rmtree(folder / "home")


def run(application: Application, ready: Path, folder: Path, collector: Collector | None = None) -> Outcome:
    """Start ``application`` in a new ``folder``, a copy of ``ready``, ask it, stop it. Traced if there is a
    ``collector``.
    """
    shutil.copytree(ready, folder)
    workshop = _workshop(application, folder)
    if not application.has_broker:
        return _run(application, workshop, collector)
    with broker() as environ:
        workshop.environ.update(environ)
        _prepare(application, workshop)
        return _run(application, workshop, collector)


def _run(application: Application, workshop: Workshop, collector: Collector | None) -> Outcome:
    folder, port = workshop.folder, free_port()
    launcher = ["erni-run"] if collector is not None else []
    words = launcher + shlex.split(application.command.format(port=port))
    if collector is not None:
        workshop.environ.update(collector.environment("http/protobuf"))
        if application.tracing:
            workshop.write("tracing.toml", application.tracing)
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = workshop.start(*words, stdout=out, stderr=err, start_new_session=True)
        try:
            answers = [
                _shown(workshop, [*launcher, *shlex.split(request[2:].format(port=port))])
                if request.startswith("$ ")
                else _ask(request, port, process)
                for request in application.asks
            ]
            if application.asks:
                _stop(process, application.is_interrupted)
            status = process.wait(_SECONDS)
        except (AssertionError, OSError, http.client.HTTPException, subprocess.TimeoutExpired) as error:
            raise AssertionError(f"{error}\n{_text(folder / 'out')}\n{_text(folder / 'err')}") from None
        finally:
            _end_all(process.pid)
            process.wait()

    def lines(text: str) -> list[str]:
        found = [_normal(line, folder, port, application) for line in _LIBRARY_FRAME.sub("", text).splitlines()]
        return found if application.is_ordered else sorted(found)

    return Outcome(
        answers=[_normal(answer, folder, port, application) for answer in answers],
        out=lines(_text(folder / "out")),
        err=lines(_text(folder / "err")),
        status=status,
    )


def _workshop(application: Application, folder: Path) -> Workshop:
    workshop = Workshop(folder)
    del workshop.environ["OTEL_TRACES_EXPORTER"]
    workshop.environ.update(application.environ)
    return workshop


def _prepare(application: Application, workshop: Workshop) -> None:
    for command in application.prepare:
        done = workshop.run(*shlex.split(command))
        assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"


def _shown(workshop: Workshop, command: list[str]) -> str:
    """What ``command`` shows, which runs to its end beside the application."""
    done = workshop.run(*command)
    return f"{done.returncode}\n{done.stdout}\n{done.stderr}"


def _ask(request: str, port: int, process: subprocess.Popen[str]) -> str:
    """The answer to ``request``, which waits for the server: status, headers in order, body."""
    method, path, body = [*request.split(" ", 2), ""][:3]
    deadline = time.monotonic() + _SECONDS
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
        try:
            headers = {"Connection": "close", **({"Content-Type": "application/json"} if body else {})}
            connection.request(method, path, body or None, headers)
            with connection.sock.dup() as server:
                response = connection.getresponse()
                shown = sorted(f"{name}: {value}" for name, value in response.getheaders() if name.lower() != "date")
                answer = "\n".join([f"{response.status} {response.reason}", *shown, "", response.read().decode()])
                while server.recv(4096):  # it has logged the request when it hangs up
                    pass
            return answer
        except ConnectionRefusedError:
            assert process.poll() is None, f"it has ended with {process.returncode}"
            assert time.monotonic() < deadline, f"no server after {_SECONDS} s"
            time.sleep(0.05)
        finally:
            connection.close()


def _stop(process: subprocess.Popen[str], is_interrupted: bool) -> None:
    if is_interrupted:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.terminate()


def _end_all(group: int) -> None:
    """Whatever it has started and left behind."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="backslashreplace")


def _normal(text: str, folder: Path, port: int, application: Application) -> str:
    text = text.replace(str(folder), "folder").replace(str(port), "port")
    for pattern, word in _NORMAL:
        text = pattern.sub(word, text)
    for expression, word in application.varies.items():
        text = re.sub(expression, word, text)
    return normal(text)
