"""What waits to be delivered on this machine, as ``erni-run status --json`` says it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

_SECONDS = 10


def status() -> dict[str, Any]:
    """``{"destinations": [...]}``, with ``error`` where it cannot be said. Runs the command: its room is not ours."""
    command = [sys.executable, "-m", "erni_run", "status", "--json"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        said = json.loads(done.stdout) if done.returncode == 0 else done.stderr.strip()
    except subprocess.TimeoutExpired:
        said = f"erni-run status has not answered for {_SECONDS} s"
    except (OSError, ValueError) as error:
        said = f"erni-run status cannot be understood: {error}"
    if isinstance(said, str):
        return {"destinations": [], "error": said}
    return {"destinations": said.get("destinations", []) if isinstance(said, dict) else said}
