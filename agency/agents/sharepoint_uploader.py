"""Files each photograph in SharePoint, unless the same bytes are there already."""

from __future__ import annotations

import json

from agents import Agent, RunContextWrapper, function_tool
from agents.models.interface import Model

from ..batches import BatchBook
from ..metrics import PHOTOS
from ..models import SharePointUploadOutput
from ..uploads import SharePointUploader
from ..workflow import BatchRun

NAME = "sharepoint_uploader"
DESCRIPTION = "Files photographs and their fields in the SharePoint library."
INSTRUCTIONS = "Call upload_photo once for each image path, all in one turn, then hand back to the orchestrator."


class PhotoFiling:
    """Files the photos of a batch, and has the database know."""

    def __init__(self, uploader: SharePointUploader, book: BatchBook) -> None:
        self._uploader = uploader
        self._book = book

    async def upload_photo(self, run: BatchRun, image_path: str) -> SharePointUploadOutput:
        """File one photo of the batch; a model that asks twice gets the first answer again."""
        photo = run.photo(image_path)
        if image_path in run.uploads:
            return run.uploads[image_path]
        if image_path in run.duplicates and not run.config.overwrite:
            status, upload = "duplicate", run.duplicates[image_path] or SharePointUploadOutput(success=True)
        else:
            status, upload = "uploaded", await self._file(run, image_path)
        run.uploads[image_path] = upload
        PHOTOS.labels(status).inc()
        await self._book.record_upload(run.batch_id, photo.path, status, upload)
        return upload

    async def _file(self, run: BatchRun, image_path: str) -> SharePointUploadOutput:
        earlier = run.duplicates.get(image_path)
        upload = await self._uploader.upload(
            run.photo(image_path),
            run.upload_wish(image_path),
            run.known_schema(),
            name=earlier.upload_name if earlier else None,
        )
        analysis = run.analyses.get(image_path)
        return upload.model_copy(update={"pii_blocked": upload.pii_blocked or bool(analysis and analysis.pii_detected)})


def sharepoint_uploader(model: Model, filing: PhotoFiling) -> Agent[BatchRun]:
    """The agent and its one tool."""

    @function_tool(name_override="upload_photo", failure_error_function=None)
    async def tool(ctx: RunContextWrapper[BatchRun], image_path: str) -> str:
        """File one photograph of this batch in SharePoint."""
        filed = await filing.upload_photo(ctx.context, image_path)
        return json.dumps({"success": filed.success, "upload_name": filed.upload_name})

    return Agent(name=NAME, handoff_description=DESCRIPTION, instructions=INSTRUCTIONS, model=model, tools=[tool])
