"""The same program bare and traced: what each shows, and how many functions were instrumented."""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Workshop

_HEADS = ("---", "+++", "@@")  # of a difference, not part of it
HERE = Path(__file__).resolve().parent
_PARTS = ("*", "*.*", "*.*.*")  # functions, methods, methods of classes within classes
_NORMAL = (
    (re.compile(r"0x[0-9a-f]{6,}"), "0x…"),  # addresses of objects
    (re.compile(r"(?<=cancel scope )[0-9a-f]+"), "…"),
    (re.compile(r"127\.0\.0\.1:\d{2,}|(?<=port=)\d+"), "port"),  # ports that the system has chosen
    (re.compile(r"(?<=environ\(\{).*?(?=\}\))"), "…"),  # the two variables that we add are documented
    (re.compile(r"after [\d.e-]+\(s\)"), "after a time"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[:.\d]*Z?"), "time"),
)
# Ours, on a channel of its own: two globs have found the same function, under two names.
_TWICE = re.compile(r"^erni-run: tracing\.toml:\d+: \S+ is traced already, by line \d+: not traced\n", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a program has shown. ``instrumented`` counts functions."""

    out: str
    err: str
    status: int
    instrumented: int


def trace(workshop: Workshop, modules: Iterable[str]) -> None:
    """A tracing.toml for every function of ``modules``; each is a name or a glob."""
    entries = [f'[[span]]\ntarget = "{module}:{part}"\n' for module in modules for part in _PARTS]
    workshop.write("tracing.toml", "[libraries]\nenable = []\n[logs]\ninject = []\n" + "".join(entries))


def run(
    workshop: Workshop, *command: str, traced: bool, environ: Mapping[str, str] | None = None, seconds: float = 300
) -> Outcome:
    """Run ``command``, a program in this folder with its arguments, in the folder of ``workshop``."""
    count = workshop.folder / "instrumented"
    count.unlink(missing_ok=True)
    launcher = ["erni-run"] if traced else []
    program, *arguments = command
    words = [*launcher, "python", str(HERE / "witness.py"), str(count), str(HERE / program), *arguments]
    fixed = {"PYTHONHASHSEED": "0"}  # sets are printed in the same order
    with workshop.start(*words, environ=fixed | dict(environ or {}), errors="backslashreplace") as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"{words} hangs after {seconds} s:\n{out[-2000:]}\n{err[-2000:]}") from None
    assert count.exists(), f"{words} ended with {process.returncode}:\n{out[-2000:]}\n{err[-2000:]}"
    return Outcome(
        out=normal(out), err=normal(_TWICE.sub("", err)), status=process.returncode, instrumented=int(count.read_text())
    )


def normal(text: str) -> str:
    """``text`` without what differs between any two runs."""
    for pattern, word in _NORMAL:
        text = pattern.sub(word, text)
    return text


def differences(bare: str, traced: str, expected: Iterable[str] = ()) -> list[str]:
    """The lines that differ, without those that contain a text of ``expected``."""
    lines = difflib.unified_diff(bare.splitlines(), traced.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(_HEADS) and not any(text in line for text in expected)]


def as_glob(module: str) -> str:
    """A glob that only ``module`` matches: of a glob nothing is said where it finds no function."""
    return f"{module[0]}*{module[1:]}"


def modules_of(package: str) -> list[str]:
    """Globs for a package with its subpackages."""
    return [f"{package}*{'.*' * depth}" for depth in range(4)]
