"""A port in use: who holds it, and which one is free."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from erni_run.printable import printable

_LISTENS = "0A"  # TCP_LISTEN in /proc/net/tcp: proc(5)
_TRIES = 100


def holder(port: int) -> str:
    """Who listens on ``port``, as ``name (pid 12)``; ``another program`` where the system does not tell."""
    sockets = set(_sockets(port))
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(link) in sockets for link in (folder / "fd").iterdir()):
                return f"{printable((folder / 'comm').read_text().strip())} (pid {folder.name})"
        except OSError:  # it has ended, or belongs to somebody else
            continue
    return "another program"


def free_near(host: str, port: int) -> int:
    """A port that is free now: one of the next after ``port``, else one that the system chooses."""
    for candidate in (*range(port + 1, min(port + _TRIES, 65_536)), 0):
        found = _bindable(host, candidate)
        if found:
            return found
    return 0


def is_free(host: str, port: int) -> bool:
    """Whether ``port`` can be listened on now. Raises OSError for a host or a port that never can."""
    return bool(_bindable(host, port))


def _bindable(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return 0
        return int(probe.getsockname()[1])


def _sockets(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == _LISTENS and re.search(f":{port:04X}$", columns[1]):
                yield f"socket:[{columns[9]}]"
