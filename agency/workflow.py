"""One batch on its way through the agents: the order, and what each stage has added so far.

This is the context object of the Agents SDK: the model never sees it, it only sees what tools return.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import InvalidRequestError
from .graph.fields import LibrarySchema
from .models import (
    Report,
    SharePointUploadInput,
    SharePointUploadOutput,
    VisionAnalysisOutput,
    WorkflowConfig,
    WorkflowContext,
)
from .photos import Photo


@dataclass(kw_only=True)
class BatchRun:
    """Filled from stage to stage; `context` and `config` are the order, and stay as they are."""

    batch_id: str
    session_id: str
    context: WorkflowContext
    config: WorkflowConfig
    photos: dict[str, Photo] = field(default_factory=dict)
    schema: LibrarySchema | None = None
    analyses: dict[str, VisionAnalysisOutput] = field(default_factory=dict)
    prepared: dict[str, bytes] = field(default_factory=dict)
    duplicates: dict[str, SharePointUploadOutput | None] = field(default_factory=dict)
    uploads: dict[str, SharePointUploadOutput] = field(default_factory=dict)
    report: Report | None = None

    @property
    def library_name(self) -> str:
        """Where the photos go."""
        return self.context.library_name

    def photo(self, path: str) -> Photo:
        """The photo a tool was asked about. The path comes from a model: only ones of this batch are touched."""
        if path not in self.photos:
            raise InvalidRequestError("The model asked for a photo that is not part of the batch.")
        return self.photos[path]

    def known_schema(self) -> LibrarySchema:
        """The library's fields, which the schema handoff has fetched."""
        if self.schema is None:
            raise InvalidRequestError("The library's fields are not known yet: the schema agent comes first.")
        return self.schema

    def upload_wish(self, path: str) -> SharePointUploadInput:
        """The order to file one photo, with what the model saw on it."""
        analysis = self.analyses.get(path)
        return SharePointUploadInput(
            image_path=path,
            metadata_fields=analysis.detected_fields if analysis else [],
            metadata=self.config.metadata or None,
            library_name=self.library_name,
            folder_path=self.config.folder_path,
            overwrite=self.config.overwrite,
        )
