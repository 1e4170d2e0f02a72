"""The words the agency and its callers share: requests, answers and what travels between the agents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_LIBRARY = "Fertige Referenzfotos"
SESSION_ID = r"^[A-Za-z0-9._:-]{1,128}$"
ModelPreference = Literal["auto", "gpt-4o", "gpt-4o-mini"]


def utc_now() -> datetime:
    """Now, with its time zone."""
    return datetime.now(UTC)


class Model(BaseModel):
    """What all models share."""

    model_config = ConfigDict(protected_namespaces=())  # our fields model_used and model_preference are meant


class Message(Model):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"] = "user"
    content: str


class AgentRequest(Model):
    """`workflow_config` holds the arguments of the agent that is asked; `image_data` is base64 or a data URI."""

    agent: str = ""
    messages: list[Message] = []
    image_data: str | None = None
    workflow_config: dict[str, Any] = {}
    session_id: str | None = Field(default=None, pattern=SESSION_ID)


class AgentResponse(Model):
    """What one agent answered."""

    success: bool
    result: Any = None
    error: str | None = None
    agent: str
    processing_time: float = Field(description="seconds")


class WorkflowContext(Model):
    """A batch as the agents know it."""

    sharepoint_site_url: str = ""
    library_name: str = Field(default=DEFAULT_LIBRARY, min_length=1, max_length=255)
    image_paths: list[str] = Field(min_length=1)
    session_id: str | None = Field(default=None, pattern=SESSION_ID)
    force_schema_refresh: bool = False
    metadata: dict[str, Any] = {}


class WorkflowConfig(Model):
    """How a batch is to be processed; a misspelt name is refused."""

    model_config = ConfigDict(protected_namespaces=(), extra="forbid")

    library_name: str = Field(default=DEFAULT_LIBRARY, min_length=1, max_length=255)
    force_schema_refresh: bool = False
    model_preference: ModelPreference = "auto"
    overwrite: bool = False
    folder_path: str | None = None
    metadata: dict[str, Any] = {}


class BatchRequest(Model):
    """A batch as it is ordered."""

    model_config = ConfigDict(extra="forbid")

    image_paths: list[str] = Field(min_length=1)
    session_id: str | None = Field(default=None, pattern=SESSION_ID)
    workflow_config: WorkflowConfig = WorkflowConfig()


class DetectedFieldValue(Model):
    """One field's value as the model saw it."""

    internal_name: str
    display_name: str
    field_value: str | list[str]
    confidence: float = Field(ge=0, le=1)
    reasoning: str = ""


class VisionAnalysisInput(Model):
    """One photo to describe; `json_schema_fields` narrows the answer, none of them means all."""

    image_path: str
    image_hash: str | None = None
    json_schema_fields: list[str] = []
    model_preference: ModelPreference = "auto"


class VisionAnalysisOutput(Model):
    """`detected_fields` never holds a personal value; `pii_fields` names those that were seen and withheld."""

    image_path: str
    image_hash: str
    analysis_timestamp: datetime = Field(default_factory=utc_now)
    detected_fields: list[DetectedFieldValue]
    confidence_score: float
    model_used: str
    processing_time_ms: int
    api_cost_usd: float
    cache_hit: bool = False
    pii_detected: bool = False
    pii_fields: list[str] = []


class SharePointUploadInput(Model):
    """One photo to file; `metadata` overrides what was detected."""

    image_path: str
    metadata_fields: list[DetectedFieldValue] = []
    metadata: dict[str, Any] | None = None
    library_name: str = Field(default=DEFAULT_LIBRARY, min_length=1, max_length=255)
    folder_path: str | None = None
    overwrite: bool = False


class SharePointUploadOutput(Model):
    """How the filing of one photo went."""

    success: bool
    file_id: str | None = None
    sharepoint_url: str | None = None
    metadata_applied: bool = False
    pii_blocked: bool = False
    validation_errors: list[str] = []
    upload_timestamp: datetime = Field(default_factory=utc_now)
    processing_time_ms: int = 0
    upload_name: str | None = None


class Report(Model):
    """The verdict on a batch."""

    report_id: str
    batch_id: str
    verdict: Literal["PASSED", "PASSED_WITH_WARNINGS", "FAILED"]
    photos: int
    uploaded: int
    duplicates: int
    failed: int
    cache_hits: int
    pii_photos: int
    success_rate: float
    cost_usd: float
    cost_per_image_usd: float
    slowest_photo_ms: int
    warnings: list[str] = []
    created_at: datetime = Field(default_factory=utc_now)


class PhotoResult(Model):
    """What became of one photo."""

    image_path: str
    image_hash: str
    status: str
    analysis: VisionAnalysisOutput | None = None
    upload: SharePointUploadOutput | None = None


class BatchResult(Model):
    """What became of a batch."""

    batch_id: str
    session_id: str
    status: str
    library_name: str
    reason: str | None = None
    created_at: datetime
    finished_at: datetime | None = None
    photos: list[PhotoResult] = []
    report: Report | None = None
    processing_time: float | None = Field(default=None, description="seconds")


class SessionRecord(Model):
    """One session as Redis holds it."""

    session_id: str
    created_at: float = Field(description="seconds since the epoch")
    last_accessed: float
    access_count: int = 0
