"""What the environment says, read once and checked at once; nothing else in the agency looks at variables."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from .errors import ConfigurationError

T = TypeVar("T")
MICROSOFT = ("MICROSOFT_CLIENT_ID", "MICROSOFT_CLIENT_SECRET", "MICROSOFT_TENANT_ID", "SHAREPOINT_SITE_URL")
REAL_OPENAI = "https://api.openai.com/v1"
REAL_GRAPH = "https://graph.microsoft.com/v1.0"
REAL_LOGIN = "https://login.microsoftonline.com"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`None` for an address means: nothing is configured, an embedded stand-in takes its place."""

    environment: str
    debug: bool
    model: str
    openai_key: str | None = field(repr=False)
    openai_url: str | None
    microsoft_client_id: str
    microsoft_client_secret: str | None = field(repr=False)
    microsoft_tenant_id: str
    sharepoint_site_url: str
    graph_url: str | None
    login_url: str | None
    redis_url: str | None = field(repr=False)
    database_url: str | None = field(repr=False)
    session_backend: str
    session_max: int
    session_ttl: int
    master_key: str | None = field(repr=False)
    photo_root: Path | None
    photo_max_bytes: int
    batch_max_photos: int
    upload_chunk: int
    retry_pace: float | None
    retry_after_max: float
    timeout: float
    sandbox_url: str | None
    sandbox_throttle: bool
    sandbox_retry_after: float

    @property
    def needs_sandbox(self) -> bool:
        """Whether any of the two services has no address."""
        return self.openai_url is None or self.graph_url is None


def take_settings(environ: MutableMapping[str, str]) -> Settings:
    """Read `environ` and remove OPENAI_API_KEY from it: the Agents SDK uploads its traces wherever it finds that key.

    Raises ConfigurationError that names every mistake at once.
    """
    reader = _Reader(environ)
    openai_key = environ.pop("OPENAI_API_KEY", "").strip() or None
    microsoft = {name: reader.text(name) for name in MICROSOFT}
    graph_known = bool(microsoft["MICROSOFT_CLIENT_SECRET"])
    settings = Settings(
        environment=reader.text("ENVIRONMENT") or reader.text("ENV") or "production",
        debug=reader.parsed("DEBUG", _boolean, False),
        model=reader.text("AGENCY_MODEL") or "gpt-4o-mini",
        openai_key=openai_key,
        openai_url=reader.text("OPENAI_BASE_URL") or (REAL_OPENAI if openai_key else None),
        microsoft_client_id=microsoft["MICROSOFT_CLIENT_ID"] or "sandbox",
        microsoft_client_secret=microsoft["MICROSOFT_CLIENT_SECRET"],
        microsoft_tenant_id=microsoft["MICROSOFT_TENANT_ID"] or "erni-tenant",
        sharepoint_site_url=microsoft["SHAREPOINT_SITE_URL"] or "https://erni.sandbox.example/sites/Referenzfotos",
        graph_url=reader.text("GRAPH_BASE_URL") or (REAL_GRAPH if graph_known else None),
        login_url=reader.text("GRAPH_LOGIN_URL") or (REAL_LOGIN if graph_known else None),
        redis_url=_with_password(reader.text("SESSION_REDIS_URL"), reader.text("REDIS_PASSWORD")),
        database_url=_async_url(reader.text("DATABASE_URL") or reader.text("SESSION_POSTGRESQL_URL")),
        session_backend=reader.parsed("SESSION_BACKEND", _backend, "redis"),
        session_max=reader.parsed("AGENCY_SESSION_MAX", _positive, 1000),
        session_ttl=reader.parsed("AGENCY_SESSION_TTL", _positive, 3600),
        master_key=reader.text("ERNI_MASTER_KEY") if reader.parsed("ENABLE_AUTHENTICATION", _boolean, False) else None,
        photo_root=reader.parsed("PHOTO_ROOT", lambda text: Path(text).resolve(strict=True), None),
        photo_max_bytes=reader.parsed("AGENCY_PHOTO_MAX_BYTES", _positive, 50 * 1024 * 1024),
        batch_max_photos=reader.parsed("AGENCY_BATCH_MAX_PHOTOS", _positive, 50),
        upload_chunk=reader.parsed("AGENCY_UPLOAD_CHUNK", _chunk, 10 * 320 * 1024),
        retry_pace=reader.parsed("AGENCY_RETRY_PACE", _share, None),
        retry_after_max=reader.parsed("AGENCY_RETRY_AFTER_MAX", _share, 30.0),
        timeout=reader.parsed("AGENCY_TIMEOUT", _share, 60.0),
        sandbox_url=reader.text("AGENCY_SANDBOX_URL"),
        sandbox_throttle=reader.parsed("AGENCY_SANDBOX_THROTTLE", _boolean, True),
        sandbox_retry_after=reader.parsed("AGENCY_SANDBOX_RETRY_AFTER", _share, 1.0),
    )
    reader.require_key(settings.master_key)
    reader.require_together({name: value for name, value in microsoft.items() if name != "SHAREPOINT_SITE_URL"})
    reader.finish()
    return settings


class _Reader:
    """Reads one variable after the other and remembers what was wrong with each."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._environ = environ
        self._mistakes: list[dict[str, str]] = []

    def text(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def parsed(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self.text(name)
        if text is None:
            return default
        try:
            return parse(text)
        except (ValueError, OSError) as error:
            self._mistakes.append({"variable": name, "reason": f"{text!r}: {error}"})
            return default

    def require_key(self, master_key: str | None) -> None:
        if _boolean_or_false(self.text("ENABLE_AUTHENTICATION")) and not master_key:
            self._mistakes.append({"variable": "ERNI_MASTER_KEY", "reason": "ENABLE_AUTHENTICATION=true needs it"})

    def require_together(self, group: dict[str, str | None]) -> None:
        missing = [name for name, value in group.items() if not value]
        if len(missing) < len(group):
            self._mistakes += [{"variable": name, "reason": "the others of its group are set"} for name in missing]

    def finish(self) -> None:
        if self._mistakes:
            listed = "; ".join(f"{each['variable']}: {each['reason']}" for each in self._mistakes)
            raise ConfigurationError(f"The environment does not fit: {listed}", details=self._mistakes)


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ValueError("expected true or false")
    return lowered in ("1", "true", "yes", "on")


def _boolean_or_false(text: str | None) -> bool:
    return (text or "").lower() in ("1", "true", "yes", "on")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("expected a number from 1 up")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError("expected a number from 0 up")
    return number


def _chunk(text: str) -> int:
    size = _positive(text)
    if size % (320 * 1024) or size >= 60 * 1024 * 1024:
        raise ValueError("expected a multiple of 327680 (320 KiB) below 60 MiB, as Graph demands")
    return size


def _backend(text: str) -> str:
    if text not in ("redis", "memory"):
        raise ValueError("expected redis or memory")
    return text


def _with_password(url: str | None, password: str | None) -> str | None:
    if url is None or password is None:
        return url
    parts = urlsplit(url)
    if parts.password or not parts.hostname:
        return url
    return urlunsplit(
        parts._replace(netloc=f"{parts.username or ''}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}")
    )


def _async_url(url: str | None) -> str | None:
    """The same database through a driver that does not block the event loop."""
    for plain, driver in (("postgresql://", "postgresql+asyncpg://"), ("sqlite://", "sqlite+aiosqlite://")):
        if url is not None and url.startswith(plain):
            return driver + url.removeprefix(plain)
    return url
