"""The tables and the engine. SQLite in a file by default, any async SQLAlchemy URL otherwise."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Text, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Table(DeclarativeBase):
    """What all tables share: a dict is a JSON column."""

    type_annotation_map = {dict[str, Any]: JSON}  # noqa: RUF012  # SQLAlchemy reads it from the class, by this name


class BatchRow(Table):
    """One order, from its arrival to its end."""

    __tablename__ = "batches"

    id: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(index=True)
    library_name: Mapped[str]
    status: Mapped[str]
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class PhotoRow(Table):
    """One photo of one batch; the same bytes in another batch are another row."""

    __tablename__ = "batch_photos"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), index=True)
    image_path: Mapped[str] = mapped_column(Text)
    image_hash: Mapped[str] = mapped_column(index=True)
    status: Mapped[str]
    library_name: Mapped[str]
    upload_name: Mapped[str | None]
    analysis: Mapped[dict[str, Any] | None]
    upload: Mapped[dict[str, Any] | None]


class ReportRow(Table):
    """One report, whole."""

    __tablename__ = "reports"

    id: Mapped[str] = mapped_column(primary_key=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), index=True)
    content: Mapped[dict[str, Any]]


async def open_engine(url: str) -> AsyncEngine:
    """An engine whose tables exist."""
    engine = create_async_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _let_writers_wait)
    async with engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    return engine


def _let_writers_wait(connection: Any, _record: Any) -> None:
    # Photos of one batch are written by concurrent tools; SQLite's default is to fail the second writer at once.
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")  # as safe as FULL once the journal is WAL
    cursor.close()
