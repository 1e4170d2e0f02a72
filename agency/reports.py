"""The verdict on a batch: what became of each photo, and whether the promises were kept."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from .batches import BatchBook
from .models import PhotoResult, Report

SUCCESS_RATE = 0.94
COST_PER_IMAGE = 0.055
SLOWEST_MS = 45_000


class ValidationReporter:
    """Writes reports from what the database knows, not from what a model remembers."""

    def __init__(self, book: BatchBook) -> None:
        self._book = book

    async def write(self, batch_id: str) -> Report:
        """Judge the photos of a batch by what the database knows, and keep the report; NotFoundError for no batch."""
        batch = await self._book.batch(batch_id)
        report = judge(batch_id, batch.photos)
        await self._book.store_report(report)
        return report


def judge(batch_id: str, photos: list[PhotoResult]) -> Report:
    """The report on these photos: PASSED, PASSED_WITH_WARNINGS, or FAILED below the promised success rate."""
    analyses = [photo.analysis for photo in photos if photo.analysis]
    uploaded = sum(photo.status == "uploaded" for photo in photos)
    duplicates = sum(photo.status == "duplicate" for photo in photos)
    cost = sum(analysis.api_cost_usd for analysis in analyses)
    rate = (uploaded + duplicates) / len(photos) if photos else 0.0
    per_image = cost / len(analyses) if analyses else 0.0
    slowest = max((_milliseconds(photo) for photo in photos), default=0)
    warnings = [*_broken_promises(per_image, slowest), *(words for photo in photos for words in _warnings(photo))]
    return Report(
        report_id=f"report_{uuid.uuid4().hex[:12]}",
        batch_id=batch_id,
        verdict="FAILED" if rate < SUCCESS_RATE else "PASSED_WITH_WARNINGS" if warnings else "PASSED",
        photos=len(photos),
        uploaded=uploaded,
        duplicates=duplicates,
        failed=len(photos) - uploaded - duplicates,
        cache_hits=sum(analysis.cache_hit for analysis in analyses),
        pii_photos=sum(analysis.pii_detected for analysis in analyses),
        success_rate=round(rate, 4),
        cost_usd=round(cost, 6),
        cost_per_image_usd=round(per_image, 6),
        slowest_photo_ms=slowest,
        warnings=warnings,
    )


def _milliseconds(photo: PhotoResult) -> int:
    seen = photo.analysis.processing_time_ms if photo.analysis and not photo.analysis.cache_hit else 0
    return seen + (photo.upload.processing_time_ms if photo.upload else 0)


def _broken_promises(per_image: float, slowest: int) -> Iterator[str]:
    if per_image > COST_PER_IMAGE:
        yield f"cost per image {per_image:.3f} USD is above {COST_PER_IMAGE} USD"
    if slowest > SLOWEST_MS:
        yield f"slowest photo took {slowest} ms, more than {SLOWEST_MS} ms"


def _warnings(photo: PhotoResult) -> Iterator[str]:
    if photo.analysis and photo.analysis.pii_detected:
        yield f"{photo.image_path}: withheld {', '.join(photo.analysis.pii_fields)}, a person has to decide"
    if photo.status == "duplicate":
        yield f"{photo.image_path}: filed before, not uploaded again"
    for problem in photo.upload.validation_errors if photo.upload else []:
        yield f"{photo.image_path}: {problem}"
