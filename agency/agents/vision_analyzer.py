"""Describes each photograph through the vision model, unless an analysis of the same bytes is remembered."""

from __future__ import annotations

import json

from agents import Agent, RunContextWrapper, function_tool
from agents.models.interface import Model

from ..batches import BatchBook
from ..models import VisionAnalysisOutput
from ..vision import VisionAnalyst, VisionQuestion, model_for
from ..workflow import BatchRun

NAME = "vision_analyzer"
DESCRIPTION = "Describes photographs in the words of the library's fields."
INSTRUCTIONS = "Call analyze_photo once for each image path, all in one turn, then hand back to the orchestrator."


class PhotoAnalysis:
    """Describes the photos of a batch, and has the database know."""

    def __init__(self, analyst: VisionAnalyst, book: BatchBook) -> None:
        self._analyst = analyst
        self._book = book

    async def analyze_photo(self, run: BatchRun, image_path: str) -> VisionAnalysisOutput:
        """Ask the model about one photo of the batch; the answer stands in the run and in the database."""
        photo = run.photo(image_path)
        analysis = run.analyses.get(image_path)
        if analysis is None:
            question = VisionQuestion(
                photo=photo,
                jpeg=run.prepared[image_path],
                schema=run.known_schema(),
                model=model_for(run.config.model_preference),
            )
            analysis = await self._analyst.analyze(question)
            run.analyses[image_path] = analysis
        await self._book.record_analysis(run.batch_id, analysis)
        return analysis


def vision_analyzer(model: Model, analysis: PhotoAnalysis) -> Agent[BatchRun]:
    """The agent and its one tool."""

    @function_tool(name_override="analyze_photo", failure_error_function=None)
    async def tool(ctx: RunContextWrapper[BatchRun], image_path: str) -> str:
        """Describe one photograph of this batch."""
        found = await analysis.analyze_photo(ctx.context, image_path)
        return json.dumps({"confidence": found.confidence_score, "fields": len(found.detected_fields)})

    return Agent(name=NAME, handoff_description=DESCRIPTION, instructions=INSTRUCTIONS, model=model, tools=[tool])
