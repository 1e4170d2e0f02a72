"""One agent asked on its own, without the orchestrator: its arguments come from `workflow_config`."""

from __future__ import annotations

import base64
import binascii
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from .errors import InvalidRequestError
from .graph.fields import LibrarySchema
from .models import (
    DEFAULT_LIBRARY,
    AgentRequest,
    BatchRequest,
    BatchResult,
    ModelPreference,
    Report,
    SharePointUploadInput,
    SharePointUploadOutput,
    VisionAnalysisInput,
    VisionAnalysisOutput,
)
from .orchestrator import Stages
from .photos import Photo
from .processing import BatchProcessor
from .retry import Patience, retry_on_transient_error
from .vision import VisionQuestion, model_for

Arguments = TypeVar("Arguments", bound=BaseModel)


class SchemaArguments(BaseModel):
    """Which library."""

    library_name: str = Field(default=DEFAULT_LIBRARY, min_length=1, max_length=255)
    force_schema_refresh: bool = False


class VisionArguments(SchemaArguments):
    """Which photos, and for which library's fields."""

    image_paths: list[str] = []
    analyses: list[VisionAnalysisInput] = []
    model_preference: ModelPreference = "auto"

    def inputs(self, extra: list[str]) -> list[VisionAnalysisInput]:
        """One input a photo: those spelt out, then those given by path, then `extra` ones."""
        paths = [*self.image_paths, *extra]
        return [
            *self.analyses,
            *(VisionAnalysisInput(image_path=path, model_preference=self.model_preference) for path in paths),
        ]


class UploadArguments(BaseModel):
    """Which photos go where."""

    uploads: list[SharePointUploadInput] = Field(min_length=1)


class ReportArguments(BaseModel):
    """Which batch."""

    batch_id: str


@dataclass(frozen=True, kw_only=True)
class AgentCard:
    """An agent as /api/agents lists it; `call` answers a request."""

    id: str
    name: str
    description: str
    call: Callable[[AgentRequest], Awaitable[BaseModel | list[BaseModel]]]


class DirectAgents:
    """Each agent's work as one call."""

    def __init__(self, stages: Stages, processor: BatchProcessor, *, patience: Patience) -> None:
        self._stages = stages
        self._processor = processor
        self.patience = patience

    def cards(self) -> list[AgentCard]:
        """All agents that can be asked alone, and the orchestrator."""
        rows: list[tuple[str, str, str, Callable[[AgentRequest], Awaitable[BaseModel | list[BaseModel]]]]] = [
            ("sharepoint-schema", "schema_extractor", "Fields and choices of a library", self.extract_schema),
            ("vision-analyze", "vision_analyzer", "Photographs in the words of the library", self.analyze),
            ("sharepoint-upload", "sharepoint_uploader", "Files photographs with their fields", self.upload),
            ("validation-report", "validation_reporter", "The verdict on a batch", self.report),
            ("orchestrator", "orchestrator", "A whole batch through all agents", self.orchestrate),
        ]
        return [AgentCard(id=row[0], name=row[1], description=row[2], call=row[3]) for row in rows]

    @retry_on_transient_error(agent_name="schema_extractor")
    async def extract_schema(self, request: AgentRequest) -> LibrarySchema:
        """The fields of one library."""
        wish = _arguments(request, SchemaArguments)
        return await self._stages.schemas.library_schema(wish.library_name, refresh=wish.force_schema_refresh)

    async def analyze(self, request: AgentRequest) -> list[BaseModel]:
        """Describe the photos at `image_paths`, and the one in `image_data` when there is one."""
        wish = _arguments(request, VisionArguments)
        schema = await self.extract_schema(request)
        async with _photo_file(request.image_data) as extra:
            inputs = wish.inputs(extra)
            if not inputs:
                raise InvalidRequestError("Nothing to look at: give image_data or workflow_config.image_paths.")
            photos = await self._inspected([each.image_path for each in inputs])
            return [await self._described(photo, schema, each) for photo, each in zip(photos, inputs, strict=True)]

    async def upload(self, request: AgentRequest) -> list[BaseModel]:
        """File photos outside any batch, in the order given."""
        wishes = _arguments(request, UploadArguments).uploads
        photos = await self._inspected([wish.image_path for wish in wishes])
        return [await self._filed(photo, wish) for photo, wish in zip(photos, wishes, strict=True)]

    async def report(self, request: AgentRequest) -> Report:
        """The verdict on a batch, made anew."""
        return await self._stages.reporter.write(_arguments(request, ReportArguments).batch_id)

    async def orchestrate(self, request: AgentRequest) -> BatchResult:
        """A whole batch."""
        return await self._processor.process(batch_request(request))

    async def _inspected(self, paths: list[str]) -> list[Photo]:
        await self._stages.shelf.check(paths)
        return await self._stages.shelf.inspect(paths)

    async def _described(self, photo: Photo, schema: LibrarySchema, wish: VisionAnalysisInput) -> VisionAnalysisOutput:
        if wish.image_hash not in (None, photo.sha256):
            details = [{"path": photo.path, "reason": "its sha256 is not image_hash"}]
            raise InvalidRequestError("The photo is not the one that was meant.", details=details)
        found = await self._stages.analyst.remembered(photo, wish.model_preference)
        if found is None:
            jpeg = await self._stages.shelf.prepare(photo.path)
            question = VisionQuestion(photo=photo, jpeg=jpeg, schema=schema, model=model_for(wish.model_preference))
            found = await self._stages.analyst.analyze(question)
        wanted = wish.json_schema_fields or [field.internal_name for field in found.detected_fields]
        kept = [field for field in found.detected_fields if field.internal_name in wanted]
        return found.model_copy(update={"detected_fields": kept})

    @retry_on_transient_error(agent_name="sharepoint_uploader")
    async def _ready(self, wish: SharePointUploadInput) -> LibrarySchema:
        await self._stages.uploader.get_ready(wish.library_name, wish.folder_path)
        return await self._stages.schemas.library_schema(wish.library_name)

    async def _filed(self, photo: Photo, wish: SharePointUploadInput) -> SharePointUploadOutput:
        schema = await self._ready(wish)
        earlier = await self._stages.book.uploaded_before(wish.library_name, {photo.sha256})
        known = earlier.get(photo.sha256)
        name = known.upload_name if known and wish.overwrite else None
        return await self._stages.uploader.upload(photo, wish, schema, name=name)


def batch_request(request: AgentRequest) -> BatchRequest:
    """`workflow_config` of an orchestrator call holds image_paths beside what /api/process-batch takes."""
    config = dict(request.workflow_config)
    whole = {
        "image_paths": config.pop("image_paths", []),
        "session_id": request.session_id or config.pop("session_id", None),
        "workflow_config": config,
    }
    return _validated(whole, BatchRequest)


def _arguments(request: AgentRequest, kind: type[Arguments]) -> Arguments:
    return _validated(request.workflow_config, kind)


def _validated(values: dict[str, object], kind: type[Arguments]) -> Arguments:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        details = [
            {"field": ".".join(("workflow_config", *map(str, each["loc"]))), "reason": each["msg"]}
            for each in error.errors()
        ]
        raise InvalidRequestError("workflow_config does not fit this agent.", details=details) from error


@contextlib.asynccontextmanager
async def _photo_file(image_data: str | None) -> AsyncIterator[list[str]]:
    """The photo in a request as a file, for as long as it is looked at."""
    if image_data is None:
        yield []
        return
    try:
        content = base64.b64decode(image_data.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError("image_data is neither base64 nor a data URI.") from error
    with tempfile.TemporaryDirectory(prefix="erni-agency-photo-") as folder:
        path = Path(folder) / "image_data"
        path.write_bytes(content)
        yield [str(path)]
