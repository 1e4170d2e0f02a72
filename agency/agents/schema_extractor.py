"""Tells which fields the library has."""

from __future__ import annotations

import json

from agents import Agent, RunContextWrapper, function_tool
from agents.models.interface import Model

from ..workflow import BatchRun

NAME = "schema_extractor"
DESCRIPTION = "Reads the fields and choices of a SharePoint library."
INSTRUCTIONS = "Call describe_library once, then hand back to the orchestrator."


def describe_library(run: BatchRun) -> str:
    """The library in numbers as JSON: the model needs no more, the vision call gets the fields themselves."""
    schema = run.known_schema()
    choices = sum(len(field.choices) for field in schema.fields)
    required = [field.internal_name for field in schema.fields if field.required]
    return json.dumps({"fields": len(schema.fields), "choices": choices, "required": required}, ensure_ascii=False)


def schema_extractor(model: Model) -> Agent[BatchRun]:
    """The agent and its one tool."""

    @function_tool(name_override="describe_library", failure_error_function=None)
    async def tool(ctx: RunContextWrapper[BatchRun]) -> str:
        """Describe the fields of the library that this batch goes to."""
        return describe_library(ctx.context)

    return Agent(name=NAME, handoff_description=DESCRIPTION, instructions=INSTRUCTIONS, model=model, tools=[tool])
