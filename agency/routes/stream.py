"""POST /api/agents/{agent_id}/stream: the same calls, told as they happen."""

from __future__ import annotations

from collections.abc import Awaitable

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from ..direct import batch_request
from ..events import Answer, EventStream
from ..models import AgentRequest
from .access import Guard, Running
from .agents import card_of

router = APIRouter(prefix="/api/agents")


@router.post("/{agent_id}/stream", dependencies=[Guard])
async def stream(agent_id: str, request: AgentRequest, services: Running) -> StreamingResponse:
    """What can be refused is refused before the stream starts, with a status code of its own."""
    card = card_of(services, agent_id)
    events = EventStream(card.id)

    def work() -> Awaitable[Answer]:
        return card.call(request)

    if card.id == "orchestrator":
        batch = batch_request(request)
        await services.processor.check(batch)

        def work() -> Awaitable[Answer]:
            return services.processor.process(batch, events)

    return StreamingResponse(events.told(work), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
