"""The agents one by one: who there is, and one call to each."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter

from ..direct import AgentCard, DirectAgents
from ..errors import NotFoundError
from ..models import AgentRequest, AgentResponse
from ..services import Services
from .access import Guard, Running

router = APIRouter(prefix="/api/agents")


def direct_agents(services: Services) -> DirectAgents:
    """The agents over the running services."""
    return DirectAgents(services.stages, services.processor, patience=services.patience)


def card_of(services: Services, agent_id: str) -> AgentCard:
    """An agent by its path or its name; NotFoundError with all paths."""
    cards = direct_agents(services).cards()
    found = next((card for card in cards if agent_id in (card.id, card.name)), None)
    if found is None:
        known = ", ".join(card.id for card in cards)
        raise NotFoundError(f"There is no agent {agent_id!r}.", details=[{"agent_id": agent_id, "known": known}])
    return found


@router.get("")
async def list_agents(services: Running) -> dict[str, Any]:
    """Who there is."""
    cards = direct_agents(services).cards()
    listed = [{"id": card.id, "name": card.name, "description": card.description} for card in cards]
    return {"agents": listed}


async def _asked(services: Services, agent_id: str, request: AgentRequest) -> AgentResponse:
    card = card_of(services, agent_id)
    started = time.perf_counter()
    result = await card.call(request)
    return AgentResponse(
        success=True, result=result, agent=card.name, processing_time=round(time.perf_counter() - started, 3)
    )


@router.post("/sharepoint-schema", dependencies=[Guard])
async def sharepoint_schema(request: AgentRequest, services: Running) -> AgentResponse:
    """The fields of `workflow_config.library_name`."""
    return await _asked(services, "sharepoint-schema", request)


@router.post("/vision-analyze", dependencies=[Guard])
async def vision_analyze(request: AgentRequest, services: Running) -> AgentResponse:
    """Describe `image_data`, and the photos at `workflow_config.image_paths`."""
    return await _asked(services, "vision-analyze", request)


@router.post("/sharepoint-upload", dependencies=[Guard])
async def sharepoint_upload(request: AgentRequest, services: Running) -> AgentResponse:
    """File the photos of `workflow_config.uploads`."""
    return await _asked(services, "sharepoint-upload", request)


@router.post("/validation-report", dependencies=[Guard])
async def validation_report(request: AgentRequest, services: Running) -> AgentResponse:
    """The verdict on `workflow_config.batch_id`."""
    return await _asked(services, "validation-report", request)


@router.post("/orchestrator", dependencies=[Guard])
async def orchestrator(request: AgentRequest, services: Running) -> AgentResponse:
    """A whole batch; `workflow_config` as for /api/process-batch, with image_paths."""
    return await _asked(services, "orchestrator", request)
