"""Batches: process one, and look up what became of it, of its report and of its session."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ..errors import NotFoundError
from ..models import BatchRequest, BatchResult, Report
from .access import Guard, Running

router = APIRouter(prefix="/api", dependencies=[Guard])


@router.post("/process-batch")
async def process_batch(request: BatchRequest, services: Running) -> BatchResult:
    """Describe photos, file them and report; answers when all is done."""
    return await services.processor.process(request)


@router.get("/batches/{batch_id}")
async def batch(batch_id: str, services: Running) -> BatchResult:
    """What became of a batch."""
    return await services.book.batch(batch_id)


@router.get("/reports/{report_id}")
async def report(report_id: str, services: Running) -> Report:
    """A report by its id."""
    return await services.book.report(report_id)


@router.get("/sessions/{session_id}")
async def session(session_id: str, services: Running) -> dict[str, Any]:
    """The session's record and how many items its conversation has."""
    record = await services.sessions.find(session_id)
    if record is None:
        raise NotFoundError(f"There is no session {session_id!r}.", details=[{"session_id": session_id}])
    items = await services.conversations.of(session_id).get_items()
    return {**record.model_dump(), "history_items": len(items)}
