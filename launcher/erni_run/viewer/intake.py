"""From the receiving servers to the writer."""

from __future__ import annotations

import sqlite3
from typing import Any

from erni_run.viewer.receive.signal import Signal, Unavailable
from erni_run.viewer.store import rows
from erni_run.viewer.store.writer import Batch, Busy, Writer


class Intake:
    """Takes requests, and returns when they are committed."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def take(self, signal: Signal, request: Any, size: int) -> tuple[int, str]:
        """How many records were rejected for good, and why. Raises Unavailable."""
        rejected, reason = 0, ""
        if signal.name == "traces":
            spans, rejected = rows.spans(request)
            batch = Batch(spans=spans, size=size)
            reason = "a span needs a trace id of 16 bytes and a span id of 8 bytes, not all zero" if rejected else ""
        elif signal.name == "logs":
            batch = Batch(logs=list(rows.logs(request)), size=size)
        else:
            batch = Batch(metrics=list(rows.metrics(request)), size=size)
        if batch.spans or batch.logs or batch.metrics:
            self._write(batch)
        return rejected, reason

    def _write(self, batch: Batch) -> None:
        try:
            self._writer.write(batch)
        except Busy as error:
            raise Unavailable(str(error)) from error
        except sqlite3.Error as error:
            raise Unavailable(f"the database cannot be written: {error}") from error
