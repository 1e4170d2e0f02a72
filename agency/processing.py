"""A batch from order to result: session, database row, the orchestrator, and one policy for when it fails."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from typing import Any

import structlog
from agents import RunHooks

from .batches import BatchBook
from .errors import AgencyError
from .history import Conversations
from .logs import log_of
from .metrics import BATCH_SECONDS, BATCHES
from .models import BatchRequest, BatchResult, WorkflowContext
from .orchestrator import ErniWorkflowOrchestratorAgent, request_text
from .photos import PhotoShelf
from .sessions import SessionStore
from .uploads import clean_folder
from .upstream import as_agency_error
from .workflow import BatchRun

log = log_of(__name__)


@dataclass(frozen=True, kw_only=True)
class BatchProcessor:
    """Leads batches to their end, one after the other within a session."""

    orchestrator: ErniWorkflowOrchestratorAgent
    sessions: SessionStore
    conversations: Conversations
    book: BatchBook
    shelf: PhotoShelf
    site_url: str

    async def check(self, request: BatchRequest) -> None:
        """Refuse what is the caller's fault before a model is paid for: PhotosRejectedError, InvalidRequestError."""
        clean_folder(request.workflow_config.folder_path)
        await self.shelf.check(request.image_paths)

    async def process(self, request: BatchRequest, hooks: RunHooks[BatchRun] | None = None) -> BatchResult:
        """Run the batch to its end. Raises AgencyError, the batch then marked failed and the session as it was."""
        await self.check(request)
        session_id = request.session_id or f"session_{uuid.uuid4().hex[:12]}"
        with structlog.contextvars.bound_contextvars(session_id=session_id):
            await self.sessions.touch(session_id)
            batch_id = await self._open(request, session_id)
            with structlog.contextvars.bound_contextvars(batch_id=batch_id):
                return await self._processed(self._run_for(request, session_id, batch_id), hooks)

    async def _open(self, request: BatchRequest, session_id: str) -> str:
        try:
            return await self.book.open(session_id=session_id, library_name=request.workflow_config.library_name)
        except Exception as error:
            told = as_agency_error(error)
            if told is None or told is error:
                raise
            raise told from error

    def _run_for(self, request: BatchRequest, session_id: str, batch_id: str) -> BatchRun:
        config = request.workflow_config
        context = WorkflowContext(
            sharepoint_site_url=self.site_url,
            library_name=config.library_name,
            image_paths=request.image_paths,
            session_id=session_id,
            force_schema_refresh=config.force_schema_refresh,
            metadata=config.metadata,
        )
        return BatchRun(batch_id=batch_id, session_id=session_id, context=context, config=config)

    async def _processed(self, run: BatchRun, hooks: RunHooks[BatchRun] | None) -> BatchResult:
        started = time.perf_counter()
        log.info("batch_started", photos=len(run.context.image_paths), library_name=run.library_name)
        try:
            async with self.conversations.turn(run.session_id, request_text(run)) as conversation:
                await self.orchestrator.run(run, conversation, hooks)
        except asyncio.CancelledError:
            await asyncio.shield(self._failed(run, "cancelled: the caller hung up"))
            raise
        except Exception as error:
            told = as_agency_error(error)
            await self._failed(run, told.message if told else f"internal error: {type(error).__name__}")
            if told is not None:
                told.details = [*told.details, {"batch_id": run.batch_id, "session_id": run.session_id}]
            if told is None or told is error:
                raise
            raise told from error
        return await self._finished(run, time.perf_counter() - started)

    async def _finished(self, run: BatchRun, seconds: float) -> BatchResult:
        complete = run.report is not None and len(run.uploads) == len(run.context.image_paths)
        status = "completed" if complete else "incomplete"
        await self.book.finish(run.batch_id, status, None if complete else "the model left out a step")
        BATCHES.labels(status).inc()
        BATCH_SECONDS.observe(seconds)
        facts: dict[str, Any] = {"photos": len(run.uploads), "milliseconds": round(seconds * 1000)}
        log.info("batch_completed", status=status, verdict=run.report.verdict if run.report else None, **facts)
        result = await self.book.batch(run.batch_id)
        return result.model_copy(update={"processing_time": round(seconds, 3)})

    async def _failed(self, run: BatchRun, reason: str) -> None:
        BATCHES.labels("failed").inc()
        log.error("batch_failed", reason=reason)
        try:
            await self.book.finish(run.batch_id, "failed", reason)
        except Exception as error:  # the database may be what failed; the first error is the one to tell
            if not isinstance(as_agency_error(error), AgencyError):
                raise
            log.warning("batch_not_marked", error=type(error).__name__)
