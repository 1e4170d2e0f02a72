"""Writes the verdict on the batch."""

from __future__ import annotations

import json

from agents import Agent, RunContextWrapper, function_tool
from agents.models.interface import Model

from ..reports import ValidationReporter
from ..workflow import BatchRun

NAME = "validation_reporter"
DESCRIPTION = "Checks what became of each photograph and writes the batch's report."
INSTRUCTIONS = "Call write_report once, then hand back to the orchestrator."


def validation_reporter(model: Model, reporter: ValidationReporter) -> Agent[BatchRun]:
    """The agent and its one tool."""

    @function_tool(name_override="write_report", failure_error_function=None)
    async def tool(ctx: RunContextWrapper[BatchRun]) -> str:
        """Write the report of this batch."""
        run = ctx.context
        run.report = await reporter.write(run.batch_id)
        return json.dumps({"verdict": run.report.verdict, "report_id": run.report.report_id})

    return Agent(name=NAME, handoff_description=DESCRIPTION, instructions=INSTRUCTIONS, model=model, tools=[tool])
