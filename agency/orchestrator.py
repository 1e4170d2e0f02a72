"""The orchestrator: five handoffs in order, each doing its stage's groundwork before the agent takes over."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agents import Agent, RunConfig, RunContextWrapper, RunHooks, Runner, handoff
from agents.memory import Session
from agents.models.interface import Model
from pydantic import BaseModel

from .agents.photo_fetcher import photo_fetcher
from .agents.schema_extractor import schema_extractor
from .agents.sharepoint_uploader import PhotoFiling, sharepoint_uploader
from .agents.validation_reporter import validation_reporter
from .agents.vision_analyzer import PhotoAnalysis, vision_analyzer
from .batches import BatchBook
from .history import earlier_messages
from .logs import log_of
from .models import ModelPreference, SharePointUploadOutput
from .photos import Photo, PhotoShelf
from .reports import ValidationReporter
from .retry import Patience, retry_on_transient_error
from .schemas import SchemaExtractor
from .uploads import SharePointUploader
from .vision import VisionAnalyst
from .workflow import BatchRun

log = log_of(__name__)

MAX_TURNS = 40  # five agents need 16; the SDK's default of 10 would stop half-way
INSTRUCTIONS = (
    "You lead a photo batch through five agents, in this order: photo_fetcher, schema_extractor, vision_analyzer, "
    "sharepoint_uploader, validation_reporter. Hand over to one at a time; each hands back to you. "
    "When the report is written, sum up in one German sentence."
)
Context = RunContextWrapper[BatchRun]


class PhotoFetchHandoff(BaseModel):
    """What the model says when it hands over to the photo fetcher."""

    image_paths: list[str]


class SchemaHandoff(BaseModel):
    """What the model says when it hands over to the schema extractor."""

    library_name: str
    force_schema_refresh: bool


class VisionHandoff(BaseModel):
    """What the model says when it hands over to the vision analyzer."""

    image_paths: list[str]
    model_preference: ModelPreference


class UploadHandoff(BaseModel):
    """What the model says when it hands over to the uploader."""

    library_name: str
    overwrite: bool


class ReportHandoff(BaseModel):
    """What the model says when it hands over to the reporter."""

    batch_id: str


@dataclass(frozen=True, kw_only=True)
class Stages:
    """What the handoffs work with."""

    shelf: PhotoShelf
    schemas: SchemaExtractor
    analyst: VisionAnalyst
    uploader: SharePointUploader
    reporter: ValidationReporter
    book: BatchBook


class ErniWorkflowOrchestratorAgent:
    """What the model says in a handoff is only compared: paths, library and ids come from the order itself."""

    def __init__(self, model: Model, stages: Stages, *, patience: Patience) -> None:
        self.patience = patience
        self._stages = stages
        fetcher, extractor = photo_fetcher(model), schema_extractor(model)
        analyzer = vision_analyzer(model, PhotoAnalysis(stages.analyst, stages.book))
        uploader = sharepoint_uploader(model, PhotoFiling(stages.uploader, stages.book))
        reporter = validation_reporter(model, stages.reporter)
        self.agents = (fetcher, extractor, analyzer, uploader, reporter)
        self.agent: Agent[BatchRun] = Agent(
            name="orchestrator",
            instructions=INSTRUCTIONS,
            model=model,
            handoffs=[
                handoff(fetcher, on_handoff=self._on_photo_fetch_handoff, input_type=PhotoFetchHandoff),
                handoff(extractor, on_handoff=self._on_schema_handoff, input_type=SchemaHandoff),
                handoff(analyzer, on_handoff=self._on_vision_handoff, input_type=VisionHandoff),
                handoff(uploader, on_handoff=self._on_upload_handoff, input_type=UploadHandoff),
                handoff(reporter, on_handoff=self._on_report_handoff, input_type=ReportHandoff),
            ],
        )
        for agent in self.agents:
            agent.handoffs.append(handoff(self.agent))

    async def run(self, run: BatchRun, session: Session, hooks: RunHooks[BatchRun] | None = None) -> str:
        """Lead one batch through all agents; the closing sentence. Errors come as they were raised inside."""
        result = await Runner.run(
            self.agent,
            request_text(run),
            context=run,
            session=session,
            hooks=hooks,
            max_turns=MAX_TURNS,
            run_config=RunConfig(
                workflow_name="erni photo batch",
                group_id=run.session_id,
                session_input_callback=earlier_messages,
            ),
        )
        return str(result.final_output)

    @retry_on_transient_error(max_attempts=3, min_wait=4, max_wait=10, exponential_base=2, agent_name="photo_fetcher")
    async def _on_photo_fetch_handoff(self, ctx: Context, input_data: PhotoFetchHandoff) -> None:
        run = ctx.context
        with _logged("photo_fetch", run, input_data):
            photos = await self._stages.shelf.inspect(run.context.image_paths)
            await self._stages.book.record_photos(run.batch_id, run.library_name, photos)
            run.photos = {photo.path: photo for photo in photos}

    @retry_on_transient_error(
        max_attempts=3, min_wait=4, max_wait=10, exponential_base=2, agent_name="schema_extractor"
    )
    async def _on_schema_handoff(self, ctx: Context, input_data: SchemaHandoff) -> None:
        run = ctx.context
        with _logged("schema", run, input_data):
            refresh = run.context.force_schema_refresh
            run.schema = await self._stages.schemas.library_schema(run.library_name, refresh=refresh)

    @retry_on_transient_error(max_attempts=3, min_wait=4, max_wait=10, exponential_base=2, agent_name="vision_analyzer")
    async def _on_vision_handoff(self, ctx: Context, input_data: VisionHandoff) -> None:
        run = ctx.context
        with _logged("vision", run, input_data):
            await asyncio.gather(*(self._recall_or_prepare(run, photo) for photo in run.photos.values()))

    @retry_on_transient_error(
        max_attempts=3, min_wait=4, max_wait=10, exponential_base=2, agent_name="sharepoint_uploader"
    )
    async def _on_upload_handoff(self, ctx: Context, input_data: UploadHandoff) -> None:
        run = ctx.context
        with _logged("upload", run, input_data):
            await self._stages.uploader.get_ready(run.library_name, run.config.folder_path)
            hashes = {photo.sha256 for photo in run.photos.values()}
            earlier = await self._stages.book.uploaded_before(run.library_name, hashes)
            run.duplicates = _duplicates(run.photos, earlier)

    @retry_on_transient_error(
        max_attempts=3, min_wait=4, max_wait=10, exponential_base=2, agent_name="validation_reporter"
    )
    async def _on_report_handoff(self, ctx: Context, input_data: ReportHandoff) -> None:
        run = ctx.context
        with _logged("report", run, input_data):
            stored = await self._stages.book.photos(run.batch_id)
            log.info("photos_counted", stored=len(stored), uploaded=sum(photo.status == "uploaded" for photo in stored))

    async def _recall_or_prepare(self, run: BatchRun, photo: Photo) -> None:
        remembered = await self._stages.analyst.remembered(photo, run.config.model_preference)
        if remembered is not None:
            run.analyses[photo.path] = remembered
        else:
            run.prepared[photo.path] = await self._stages.shelf.prepare(photo.path)


def request_text(run: BatchRun) -> str:
    """What the user "says": the order as JSON, so that the model finds every argument by its name."""
    return f"Bitte diesen Auftrag verarbeiten: {json.dumps(_order(run), ensure_ascii=False)}"


def _order(run: BatchRun) -> dict[str, Any]:
    return {
        "batch_id": run.batch_id,
        "library_name": run.library_name,
        "image_paths": run.context.image_paths,
        "force_schema_refresh": run.context.force_schema_refresh,
        "model_preference": run.config.model_preference,
        "overwrite": run.config.overwrite,
    }


def _duplicates(
    photos: dict[str, Photo], earlier: dict[str, SharePointUploadOutput]
) -> dict[str, SharePointUploadOutput | None]:
    """Photos whose bytes were filed before, or stand earlier in the same batch (then without an upload to point at)."""
    found: dict[str, SharePointUploadOutput | None] = {}
    seen: set[str] = set()
    for path, photo in photos.items():
        if photo.sha256 in earlier or photo.sha256 in seen:
            found[path] = earlier.get(photo.sha256)
        seen.add(photo.sha256)
    return found


@contextmanager
def _logged(stage: str, run: BatchRun, said: BaseModel) -> Iterator[None]:
    """Log a handoff's start and end; `strayed` names what the model said otherwise than ordered: it is ignored."""
    order = _order(run)
    strayed = [name for name, value in said.model_dump().items() if value != order[name]]
    log.info("handoff_started", handoff=stage, photos=len(run.context.image_paths), strayed=strayed)
    started = time.perf_counter()
    try:
        yield
    except Exception as error:
        log.warning("handoff_failed", handoff=stage, error=f"{type(error).__name__}: {error}"[:200])
        raise
    log.info("handoff_completed", handoff=stage, milliseconds=round((time.perf_counter() - started) * 1000))
