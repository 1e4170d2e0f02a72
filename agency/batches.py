"""Batches, their photos and their reports in the database: what happened, for whoever asks later."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from .database import BatchRow, PhotoRow, ReportRow
from .errors import NotFoundError
from .models import BatchResult, PhotoResult, Report, SharePointUploadOutput, VisionAnalysisOutput, utc_now
from .photos import Photo


class BatchBook:
    """Each method is one transaction, or one that reads."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._open: async_sessionmaker[AsyncSession] = async_sessionmaker(engine, expire_on_commit=False)

    async def open(self, *, session_id: str, library_name: str) -> str:
        """Write a new batch's row; its id."""
        batch_id = f"batch_{uuid.uuid4().hex[:12]}"
        row = BatchRow(
            id=batch_id, session_id=session_id, library_name=library_name, status="running", created_at=utc_now()
        )
        async with self._open.begin() as session:
            session.add(row)
        return batch_id

    async def record_photos(self, batch_id: str, library_name: str, photos: list[Photo]) -> None:
        """The batch's photos; written afresh, so that a retried handoff does not double them."""
        rows = [_photo_row(batch_id, library_name, photo) for photo in photos]
        async with self._open.begin() as session:
            await session.execute(delete(PhotoRow).where(PhotoRow.batch_id == batch_id))
            session.add_all(rows)

    async def record_analysis(self, batch_id: str, analysis: VisionAnalysisOutput) -> None:
        """Note what the model saw on one photo of a batch."""
        content = analysis.model_dump(mode="json")
        await self._change_photo(batch_id, analysis.image_path, status="analyzed", analysis=content)

    async def record_upload(self, batch_id: str, path: str, status: str, upload: SharePointUploadOutput) -> None:
        """Note how the filing of one photo of a batch ended: uploaded or duplicate."""
        content = upload.model_dump(mode="json")
        await self._change_photo(batch_id, path, status=status, upload=content, upload_name=upload.upload_name)

    async def finish(self, batch_id: str, status: str, reason: str | None = None) -> None:
        """Close a batch as completed, incomplete or failed, the latter two with a reason."""
        change = update(BatchRow).where(BatchRow.id == batch_id)
        async with self._open.begin() as session:
            await session.execute(change.values(status=status, reason=reason, finished_at=utc_now()))

    async def store_report(self, report: Report) -> None:
        """Keep a batch's report; a later one replaces it."""
        row = ReportRow(id=report.report_id, batch_id=report.batch_id, content=report.model_dump(mode="json"))
        async with self._open.begin() as session:
            await session.execute(delete(ReportRow).where(ReportRow.batch_id == report.batch_id))
            session.add(row)

    async def uploaded_before(self, library_name: str, hashes: set[str]) -> dict[str, SharePointUploadOutput]:
        """Earlier uploads of the same bytes to the same library, by sha256."""
        wanted = select(PhotoRow).where(
            PhotoRow.library_name == library_name, PhotoRow.image_hash.in_(hashes), PhotoRow.status == "uploaded"
        )
        async with self._open() as session:
            rows = await session.scalars(wanted)
            return {row.image_hash: SharePointUploadOutput.model_validate(row.upload) for row in rows}

    async def photos(self, batch_id: str) -> list[PhotoResult]:
        """A batch's photos in the order they were given."""
        async with self._open() as session:
            rows = await session.scalars(select(PhotoRow).where(PhotoRow.batch_id == batch_id).order_by(PhotoRow.id))
            return [_photo_result(row) for row in rows]

    async def batch(self, batch_id: str) -> BatchResult:
        """Everything known of a batch; NotFoundError for an id never given out."""
        async with self._open() as session:
            row = await session.get(BatchRow, batch_id)
            report = await session.scalar(select(ReportRow).where(ReportRow.batch_id == batch_id))
        if row is None:
            raise NotFoundError(f"There is no batch {batch_id!r}.", details=[{"batch_id": batch_id}])
        return BatchResult(
            batch_id=row.id,
            session_id=row.session_id,
            status=row.status,
            library_name=row.library_name,
            reason=row.reason,
            created_at=row.created_at,
            finished_at=row.finished_at,
            photos=await self.photos(batch_id),
            report=Report.model_validate(report.content) if report else None,
        )

    async def report(self, report_id: str) -> Report:
        """A report by its own id; NotFoundError for an id never given out."""
        async with self._open() as session:
            row = await session.get(ReportRow, report_id)
        if row is None:
            raise NotFoundError(f"There is no report {report_id!r}.", details=[{"report_id": report_id}])
        return Report.model_validate(row.content)

    async def _change_photo(self, batch_id: str, path: str, **values: Any) -> None:
        change = update(PhotoRow).where(PhotoRow.batch_id == batch_id, PhotoRow.image_path == path)
        async with self._open.begin() as session:
            await session.execute(change.values(**values))


def _photo_row(batch_id: str, library_name: str, photo: Photo) -> PhotoRow:
    return PhotoRow(
        batch_id=batch_id,
        image_path=photo.path,
        image_hash=photo.sha256,
        status="validated",
        library_name=library_name,
    )


def _photo_result(row: PhotoRow) -> PhotoResult:
    return PhotoResult(
        image_path=row.image_path,
        image_hash=row.image_hash,
        status=row.status,
        analysis=VisionAnalysisOutput.model_validate(row.analysis) if row.analysis else None,
        upload=SharePointUploadOutput.model_validate(row.upload) if row.upload else None,
    )
