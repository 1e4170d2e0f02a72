"""The viewer beside an application: the one that is running, else one that is started and stays.

The launcher calls this only for ``--view``; nothing of the viewer but this file and ``address`` is loaded for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from erni_run.viewer.address import Address, running
from erni_run.viewer.ports import is_free
from erni_run.viewer.store.place import Unusable, make_private, open_private, state_directory

_HOST = "127.0.0.1"
_PORTS = {"--port": 16686, "--grpc-port": 4317, "--http-port": 4318}
_READY_SECONDS = 10.0
_TICK_SECONDS = 0.02


def ensure(environ: Mapping[str, str]) -> Address:
    """The viewer for the user of ``environ``. Raises place.Unusable if there is none and none can be started."""
    folder = state_directory(environ)
    make_private(folder)
    return running(folder) or _start(folder, environ)


def _start(folder: Path, environ: Mapping[str, str]) -> Address:
    """Start a viewer, once more if it fails: another program may have been quicker to take a port."""
    log = folder / "view.log"
    deadline = time.monotonic() + _READY_SECONDS
    process, attempts = _detached(folder, log, environ), 1
    while time.monotonic() < deadline:
        found = running(folder)
        if found is not None:
            return found
        if process.poll() not in (None, 0):
            if not attempts:
                raise Unusable(f"it did not start: {_last_line(log)}: see {log}")
            attempts -= 1
            process = _detached(folder, log, environ)
        time.sleep(_TICK_SECONDS)
    raise Unusable(f"it is not ready after {_READY_SECONDS:g} s: see {log}")


def _last_line(log: Path) -> str:
    """What it has said last, without our name before it: a message of ours, or the error below a traceback."""
    said = log.read_text(errors="replace").split("\n")
    return next((line.removeprefix("erni-run: ") for line in reversed(said) if line.strip()), "it said nothing")


def _detached(folder: Path, log: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A viewer in a session of its own, which outlives this process; ports that are held are exchanged."""
    ports = [word for name, port in _PORTS.items() if not is_free(_HOST, port) for word in (name, "0")]
    descriptor = open_private(log, os.O_WRONLY | os.O_TRUNC)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "erni_run", "view", *ports],
            env={**environ, "ENABLE_TRACING": "false"},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
