"""The database file: opened for one writer and for readers."""

from __future__ import annotations

import contextlib
import os
import queue
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from erni_run.viewer.store.place import Unusable, open_private
from erni_run.viewer.store.schema import TABLES, VERSION

_BUSY_SECONDS = 2
_NAME = "traces.db"


class Database:
    """The file in ``folder``; made if it is not there. Raises Unusable for a file that is not a database of ours."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        for name in (_NAME, f"{_NAME}-wal", f"{_NAME}-shm"):  # SQLite gives the last two the mode of the first
            os.close(open_private(folder / name, os.O_RDWR))
        self.writing = self._connect()
        try:
            self._prepare(self.writing)
        except sqlite3.DatabaseError as error:
            self.writing.close()
            raise Unusable(f"{self._path}: {error}: move it away, a new one is then made") from error

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the database from entry to exit, for one thread at a time."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._connect()
            connection.execute("pragma query_only = on")
        connection.execute("begin")
        try:
            yield connection
        finally:
            connection.execute("rollback")
            self._idle.put(connection)

    def close(self) -> None:
        """Close every connection that is not in use; the last one empties the log into the file."""
        while not self._idle.empty():
            self._idle.get_nowait().close()
        self.writing.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("pragma temp_store = memory")
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("pragma user_version").fetchone()
        if version not in (0, VERSION):
            raise sqlite3.DatabaseError("it was written by another version of erni-run")
        if version == 0:
            connection.execute("pragma page_size = 8192")
            connection.execute("pragma auto_vacuum = incremental")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        if version == 0:
            connection.executescript(f"begin; {TABLES} pragma user_version = {VERSION}; commit;")


def size(connection: sqlite3.Connection) -> int:
    """Bytes of the database that are in use."""
    (pages,) = connection.execute("pragma page_count").fetchone()
    (free,) = connection.execute("pragma freelist_count").fetchone()
    (each,) = connection.execute("pragma page_size").fetchone()
    return int((pages - free) * each)
