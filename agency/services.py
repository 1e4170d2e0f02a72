"""Everything that runs while the application does, built once and closed in reverse."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from agents import OpenAIChatCompletionsModel
from openai import AsyncOpenAI
from sqlalchemy.ext.asyncio import AsyncEngine

from .batches import BatchBook
from .caches import schema_cache, vision_cache
from .database import open_engine
from .embedded import embedded_redis, state_folder
from .graph.auth import Credentials, TokenSource
from .graph.client import GraphClient
from .graph.library import Libraries
from .graph.upload import DriveUploads
from .history import Conversations
from .logs import log_of
from .orchestrator import ErniWorkflowOrchestratorAgent, Stages
from .photos import PhotoRules, PhotoShelf
from .processing import BatchProcessor
from .redis_link import RedisLink
from .reports import ValidationReporter
from .retry import Patience
from .sandbox.server import Sandbox, SandboxOptions
from .schemas import SchemaExtractor
from .sessions import SessionStore
from .settings import Settings
from .uploads import SharePointUploader
from .vision import VisionAnalyst

log = log_of(__name__)
SANDBOX_PACE = 0.05  # of the waits between attempts: a stand-in recovers at once, and a demo has an audience
CLOUD_PACE = 1.0


@dataclass(frozen=True, kw_only=True)
class Services:
    """What routes may use, from start-up to shut-down."""

    settings: Settings
    sandbox_url: str | None
    link: RedisLink
    engine: AsyncEngine
    sessions: SessionStore
    conversations: Conversations
    processor: BatchProcessor
    stages: Stages
    patience: Patience

    @property
    def book(self) -> BatchBook:
        """The batches of the past."""
        return self.stages.book


@dataclass(frozen=True, kw_only=True)
class _Addresses:
    """Where the outside world is, the sandbox put in where nothing is configured."""

    sandbox: str | None
    openai: str
    graph: str
    login: str


@dataclass(frozen=True, kw_only=True)
class _Connections:
    """What is open and has to be closed."""

    addresses: _Addresses
    link: RedisLink
    engine: AsyncEngine
    http: aiohttp.ClientSession
    openai: AsyncOpenAI


@contextlib.asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Start what is embedded, connect to what is not, and close all of it at the end."""
    async with contextlib.AsyncExitStack() as stack:
        folder = await stack.enter_async_context(state_folder())
        addresses = _addresses(settings, _sandbox_url(settings, stack))
        link = RedisLink(await _redis_url(settings, folder, stack))
        stack.push_async_callback(link.close)
        engine = await open_engine(settings.database_url or f"sqlite+aiosqlite:///{folder / 'agency.sqlite3'}")
        stack.push_async_callback(engine.dispose)
        http = await stack.enter_async_context(_http(settings))
        openai = await stack.enter_async_context(_openai(settings, addresses))
        services = _services(
            settings, _Connections(addresses=addresses, link=link, engine=engine, http=http, openai=openai)
        )
        await services.conversations.set_up()
        yield services


def _services(settings: Settings, connections: _Connections) -> Services:
    patience = _patience(settings, connections.addresses)
    stages = _stages(settings, connections, patience)
    sessions = SessionStore(connections.link, ttl=settings.session_ttl, maximum=settings.session_max)
    conversations = Conversations(connections.engine)
    model = OpenAIChatCompletionsModel(settings.model, connections.openai)
    processor = BatchProcessor(
        orchestrator=ErniWorkflowOrchestratorAgent(model, stages, patience=patience),
        sessions=sessions,
        conversations=conversations,
        book=stages.book,
        shelf=stages.shelf,
        site_url=settings.sharepoint_site_url,
    )
    return Services(
        settings=settings,
        sandbox_url=connections.addresses.sandbox,
        link=connections.link,
        engine=connections.engine,
        sessions=sessions,
        conversations=conversations,
        processor=processor,
        stages=stages,
        patience=patience,
    )


def _stages(settings: Settings, connections: _Connections, patience: Patience) -> Stages:
    client = _graph(settings, connections)
    libraries = Libraries(client, settings.sharepoint_site_url)
    shelf = PhotoShelf(_photo_rules(settings))
    book = BatchBook(connections.engine)
    uploads = DriveUploads(client, chunk=settings.upload_chunk)
    return Stages(
        shelf=shelf,
        schemas=SchemaExtractor(libraries, schema_cache(connections.link)),
        analyst=VisionAnalyst(connections.openai, vision_cache(connections.link), patience=patience),
        uploader=SharePointUploader(client, libraries, uploads, shelf, patience=patience),
        reporter=ValidationReporter(book),
        book=book,
    )


def _graph(settings: Settings, connections: _Connections) -> GraphClient:
    credentials = Credentials(
        tenant_id=settings.microsoft_tenant_id,
        client_id=settings.microsoft_client_id,
        client_secret=settings.microsoft_client_secret or "sandbox",
    )
    http, addresses = connections.http, connections.addresses
    return GraphClient(http, addresses.graph, TokenSource(http, addresses.login, credentials))


def _photo_rules(settings: Settings) -> PhotoRules:
    return PhotoRules(
        root=settings.photo_root, max_bytes=settings.photo_max_bytes, max_photos=settings.batch_max_photos
    )


def _patience(settings: Settings, addresses: _Addresses) -> Patience:
    usual = SANDBOX_PACE if addresses.sandbox else CLOUD_PACE
    pace = usual if settings.retry_pace is None else settings.retry_pace
    return Patience(pace=pace, longest=settings.retry_after_max)


def _sandbox_url(settings: Settings, stack: contextlib.AsyncExitStack) -> str | None:
    if not settings.needs_sandbox:
        return None
    if settings.sandbox_url is not None:
        return settings.sandbox_url.rstrip("/")
    options = SandboxOptions(throttle=settings.sandbox_throttle, retry_after=settings.sandbox_retry_after)
    sandbox = Sandbox(options)
    stack.callback(sandbox.close)
    log.info("sandbox_stands_in", openai=settings.openai_url is None, graph=settings.graph_url is None, url=sandbox.url)
    return sandbox.url


def _addresses(settings: Settings, sandbox: str | None) -> _Addresses:
    return _Addresses(
        sandbox=sandbox,
        openai=settings.openai_url or f"{sandbox}/v1",
        graph=settings.graph_url or f"{sandbox}/v1.0",
        login=settings.login_url or str(sandbox),
    )


async def _redis_url(settings: Settings, folder: Path, stack: contextlib.AsyncExitStack) -> str | None:
    if settings.session_backend == "memory":
        return None
    return settings.redis_url or await stack.enter_async_context(embedded_redis(folder))


def _http(settings: Settings) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=settings.timeout, connect=10))


def _openai(settings: Settings, addresses: _Addresses) -> AsyncOpenAI:
    return AsyncOpenAI(
        api_key=settings.openai_key or "sandbox", base_url=addresses.openai, timeout=settings.timeout, max_retries=2
    )
