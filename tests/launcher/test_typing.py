"""What type checkers of an application see of us: one decorator, which keeps the type of what it decorates."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from erni_run import traced_span

PROGRAM = """
from erni_run import traced_span

@traced_span("resize", attributes={"tier": "gold"})
def resize(width: int) -> str: return str(width)

@traced_span("fetch")
async def fetch(name: str) -> bytes: return name.encode()

reveal_type(resize)
reveal_type(fetch)
resize("wide")
traced_span(resize)
"""


def test_decorated_functions_keep_their_types(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "shop.py").write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", "cache", "shop.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    said = [re.sub(r"shop.py:(\d+): (?:note|error): ", r"\1 ", line) for line in done.stdout.splitlines()]
    assert said == [
        '10 Revealed type is "def (width: int) -> str"',
        '11 Revealed type is "def (name: str) -> typing.Coroutine[Any, Any, bytes]"',
        '12 Argument 1 to "resize" has incompatible type "str"; expected "int"  [arg-type]',
        '13 Argument 1 to "traced_span" has incompatible type "Callable[[int], str]"; expected "str"  [arg-type]',
    ]


def test_decorator_without_a_name_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match=r'write @traced_span\("name"\)'):
        traced_span(len)  # type: ignore[arg-type]  # that is the mistake
