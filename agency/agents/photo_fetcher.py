"""Tells which photographs the batch has, once they are known to be sound."""

from __future__ import annotations

import json

from agents import Agent, RunContextWrapper, function_tool
from agents.models.interface import Model

from ..workflow import BatchRun

NAME = "photo_fetcher"
DESCRIPTION = "Validates the photographs of a batch and lists them."
INSTRUCTIONS = "Call list_photos once, then hand back to the orchestrator."


def list_photos(run: BatchRun) -> str:
    """The photos as JSON, for the model to read."""
    photos = [{"image_path": photo.path, "width": photo.width, "height": photo.height} for photo in run.photos.values()]
    return json.dumps({"photos": photos}, ensure_ascii=False)


def photo_fetcher(model: Model) -> Agent[BatchRun]:
    """The agent and its one tool."""

    @function_tool(name_override="list_photos", failure_error_function=None)
    async def tool(ctx: RunContextWrapper[BatchRun]) -> str:
        """List the validated photographs of this batch."""
        return list_photos(ctx.context)

    return Agent(name=NAME, handoff_description=DESCRIPTION, instructions=INSTRUCTIONS, model=model, tools=[tool])
