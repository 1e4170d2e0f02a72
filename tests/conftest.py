"""What every test folder shares: an OTLP collector, and a workshop in which programs are written and run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.collector import Collector

BIN = str(Path(sys.executable).parent)
OURS = ("ERNI_RUN_PLAN", "PYTHONPATH")

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell runs us in the background; inherited


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


class Workshop:
    """A folder with programs and a tracing.toml, and an environment of its own to run them in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "home").mkdir()
        self.environ = {
            "HOME": str(folder / "home"),
            "PATH": os.pathsep.join([BIN, "/usr/bin", "/bin"]),
            "OTEL_TRACES_EXPORTER": "none",
            "LC_ALL": "C.UTF-8",
        }

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        """The file ``name`` in this folder, with ``text`` without its common indentation."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        path.chmod(mode)
        return path

    def start(
        self, *command: str, environ: Mapping[str, str] | None = None, **options: object
    ) -> subprocess.Popen[str]:
        """Start ``command`` here, with ``environ`` on top of the workshop's."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        environment = self.environ | dict(environ or {})
        return subprocess.Popen(command, cwd=self.folder, env=environment, text=True, **streams)  # type: ignore[call-overload]

    def run(self, *command: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``command`` here to its end."""
        with self.start(*command, environ=environ) as process:
            out, err = process.communicate(timeout=60)
            return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)
