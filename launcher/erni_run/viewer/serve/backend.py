"""What the APIs are made from: the database, its writer, and those who listen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from erni_run.viewer.serve.live import Live
from erni_run.viewer.store.database import Database, size
from erni_run.viewer.store.writer import Writer


@dataclass(frozen=True)
class Backend:
    """``grpc`` (host:port) and ``http`` (a URL) are where OTLP is taken, None where nothing is received; ``most`` is
    the database's bound in bytes.
    """

    database: Database
    writer: Writer
    live: Live
    most: int
    grpc: str | None
    http: str | None

    def about(self) -> dict[str, Any]:
        """Where it receives, and how much it holds."""
        with self.database.reading() as connection:
            spans, traces = connection.execute(
                "select coalesce(sum(spans), 0), count(*) from traces where start is not null"
            ).fetchone()
            dropped = connection.execute("select value from counters where name = 'dropped'").fetchone()
            taken = size(connection)
        return {
            "grpc": self.grpc,
            "http": self.http,
            "spans": spans,
            "traces": traces,
            "bytes": taken,
            "maxBytes": self.most,
            "dropped": dropped[0] if dropped else 0,
        }
