"""A run as server-sent events, while it happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

from agents import Agent, AgentHookContext, RunContextWrapper, RunHooks, Tool
from pydantic import BaseModel
from typing_extensions import override

from .errors import AgencyError
from .models import BatchResult, VisionAnalysisOutput
from .upstream import as_agency_error
from .workflow import BatchRun

EventType = Literal[
    "RUN_STARTED",
    "THINKING_STEP",
    "TOOL_CALL_START",
    "TOOL_RESULT_STREAM",
    "STATE_UPDATE",
    "INTERRUPT_REQUEST",
    "RUN_FINISHED",
    "RUN_FAILED",
]
Answer = BaseModel | list[BaseModel]


class EventStream(RunHooks[BatchRun]):
    """Collects what the SDK tells its hooks; `told` yields it as text/event-stream."""

    def __init__(self, agent_id: str) -> None:
        self._agent_id = agent_id
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()

    def tell(self, kind: EventType, **facts: Any) -> None:
        """Queue one event."""
        data = json.dumps({"type": kind, "agent": self._agent_id, **facts}, ensure_ascii=False)
        self._queue.put_nowait(f"event: {kind}\ndata: {data}\n\n")

    async def told(self, work: Callable[[], Awaitable[Answer]]) -> AsyncIterator[str]:
        """Run `work` and yield its events. A caller that hangs up cancels it."""
        task = asyncio.create_task(self._follow(work))
        try:
            while (event := await self._queue.get()) is not None:
                yield event
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _follow(self, work: Callable[[], Awaitable[Answer]]) -> None:
        self.tell("RUN_STARTED")
        try:
            self._finish(await work())
        except Exception as error:
            told = as_agency_error(error) or AgencyError("The agency failed.")
            self.tell("RUN_FAILED", error=told.slug, message=told.message, details=told.details)
        finally:
            self._queue.put_nowait(None)

    def _finish(self, answer: Answer) -> None:
        for analysis in _analyses(answer):
            if analysis.pii_detected:
                self.tell("INTERRUPT_REQUEST", image_path=analysis.image_path, pii_fields=analysis.pii_fields)
        plain = (
            [each.model_dump(mode="json") for each in answer]
            if isinstance(answer, list)
            else answer.model_dump(mode="json")
        )
        self.tell("RUN_FINISHED", result=plain)

    @override
    async def on_agent_start(self, context: AgentHookContext[BatchRun], agent: Agent[BatchRun]) -> None:
        self.tell("THINKING_STEP", name=agent.name)

    @override
    async def on_handoff(
        self, context: RunContextWrapper[BatchRun], from_agent: Agent[BatchRun], to_agent: Agent[BatchRun]
    ) -> None:
        run = context.context
        state = {
            "batch_id": run.batch_id,
            "photos": len(run.photos),
            "analyzed": len(run.analyses),
            "uploaded": len(run.uploads),
        }
        self.tell("STATE_UPDATE", source=from_agent.name, target=to_agent.name, state=state)

    @override
    async def on_tool_start(self, context: RunContextWrapper[BatchRun], agent: Agent[BatchRun], tool: Tool) -> None:
        self.tell("TOOL_CALL_START", name=agent.name, tool=tool.name)

    @override
    async def on_tool_end(
        self, context: RunContextWrapper[BatchRun], agent: Agent[BatchRun], tool: Tool, result: object
    ) -> None:
        self.tell("TOOL_RESULT_STREAM", name=agent.name, tool=tool.name, result=str(result))


def _analyses(answer: Answer) -> list[VisionAnalysisOutput]:
    if isinstance(answer, BatchResult):
        return [photo.analysis for photo in answer.photos if photo.analysis]
    return [each for each in answer if isinstance(each, VisionAnalysisOutput)] if isinstance(answer, list) else []
