"""Is it alive, what is it connected to, what has it counted."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .. import __version__
from ..metrics import REGISTRY
from ..services import Services
from .access import Running

router = APIRouter()


@router.get("/health")
async def health() -> dict[str, str]:
    """It is alive; nothing else is looked at."""
    return {"status": "healthy", "service": "erni-foto-agency", "version": __version__}


@router.get("/api/health/detailed")
async def detailed_health(services: Running) -> dict[str, Any]:
    """Each part by name. Redis may be away without harm: sessions live in memory meanwhile."""
    database = await _database_answers(services)
    redis = await services.link.answers()
    settings = services.settings
    return {
        "status": "unhealthy" if not database else "healthy" if redis else "degraded",
        "version": __version__,
        "environment": settings.environment,
        "components": {
            "database": "up" if database else "down",
            "redis": "up" if redis else "down",
            "openai": "configured" if settings.openai_url else "sandbox",
            "graph": "configured" if settings.graph_url else "sandbox",
        },
        "sandbox_url": services.sandbox_url,
        "retry_pace": services.patience.pace,
    }


@router.get("/metrics")
async def metrics() -> Response:
    """Counters in Prometheus' text format."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


async def _database_answers(services: Services) -> bool:
    try:
        async with services.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError):
        return False
    return True
