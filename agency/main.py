"""The application: `uvicorn agency.main:app`. Importing this starts nothing; the lifespan does."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, MutableMapping

from fastapi import FastAPI

from . import __version__
from .logs import configure_logs, log_of
from .routes import agents, batches, health, stream
from .routes.problems import answer_problems
from .services import open_services
from .settings import Settings, take_settings

log = log_of(__name__)


def create_app(environ: MutableMapping[str, str] | None = None) -> FastAPI:
    """An application that reads `environ`, by default the process's own, when it starts."""
    app = FastAPI(title="Erni Foto Agency", version=__version__, lifespan=_lifespan)
    app.state.environ = os.environ if environ is None else environ
    answer_problems(app)
    for router in (health.router, agents.router, stream.router, batches.router):
        app.include_router(router)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = _settings(app)
    configure_logs(debug=settings.debug)
    async with open_services(settings) as services:
        app.state.services = services
        log.info("agency_started", environment=settings.environment, version=__version__)
        yield
    log.info("agency_stopped")


def _settings(app: FastAPI) -> Settings:
    # Once an app: reading takes the API key away, and a second start must not mistake that for a missing one.
    if not hasattr(app.state, "settings"):
        app.state.settings = take_settings(app.state.environ)
    settings: Settings = app.state.settings
    return settings


app = create_app()
