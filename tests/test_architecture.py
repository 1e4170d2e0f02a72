"""The arrows between the rooms, as pyproject.toml draws them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_no_room_knows_what_it_must_not() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
