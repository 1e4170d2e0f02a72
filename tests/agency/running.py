"""A running agency to talk to over HTTP, with its sandbox; in this process for speed, or as a process of its own."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import uvicorn
from PIL import ExifTags, Image

from agency.main import create_app

T = TypeVar("T")
QUICK = {"AGENCY_SANDBOX_RETRY_AFTER": "0.2", "AGENCY_RETRY_PACE": "0.005"}


def eventually(look: Callable[[], T], *, within: float = 10.0) -> T:
    """The first truthy answer of `look`; AssertionError when none comes in time."""
    deadline = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"nothing came of it within {within} s: {look}"
        time.sleep(0.02)


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def call(url: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    try:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        text = response.read().decode()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(status=response.status, text=text, headers=named)
    finally:
        connection.close()


class SandboxControl:
    def __init__(self, url: str) -> None:
        self.url = url

    def fail(self, path: str, **wish: Any) -> None:
        """Arm a fault: status, times, retry_after, method, delay, hang_up."""
        assert call(self.url, "POST", "/sandbox/faults", {"path": path, **wish}).status == 200

    def reset(self) -> None:
        call(self.url, "DELETE", "/sandbox/faults")
        call(self.url, "DELETE", "/sandbox/requests")
        call(self.url, "POST", "/sandbox/sightings", {})

    def requests(self, containing: str = "") -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = call(self.url, "GET", "/sandbox/requests").json
        return [request for request in seen if containing in request["path"]]

    def file(self, name: str) -> dict[str, Any]:
        files: list[dict[str, Any]] = call(self.url, "GET", "/sandbox/files").json
        return next(file for file in files if file["name"] == name)


class Agency:
    """An agency served by uvicorn on a thread of this process, under `environ` alone."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(create_app({**QUICK, **environ}), log_level="warning", lifespan="on")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: self._server.started or not self._thread.is_alive())
        assert self._server.started, "the agency did not start"
        url = self.get("/api/health/detailed").json["sandbox_url"]
        self.sandbox = SandboxControl(url)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive(), "the agency did not stop"

    def get(self, path: str, **headers: str) -> Answer:
        return call(self.url, "GET", path, headers=headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return call(self.url, "POST", path, body, headers)

    def batch(self, *photos: Path | str, session_id: str | None = None, **config: Any) -> Answer:
        order = {"image_paths": [str(photo) for photo in photos], "session_id": session_id, "workflow_config": config}
        return self.post("/api/process-batch", order)

    def metric(self, line: str) -> float:
        """The value of one metric line, 0 when it is not there yet."""
        found = [each for each in self.get("/metrics").text.splitlines() if each.startswith(line + " ")]
        return float(found[0].split()[-1]) if found else 0.0

    def events(self, agent_id: str, body: Any) -> list[dict[str, Any]]:
        answer = self.post(f"/api/agents/{agent_id}/stream", body)
        assert answer.status == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]


class Darkroom:
    """Makes photographs that no other test has, from real ones."""

    def __init__(self, folder: Path, original: Path) -> None:
        self._folder = folder
        self._original = original
        self._made = 0

    def print(self, name: str = "photo.jpg", *, scale: int = 1, noise: bool = False) -> Path:
        self._made += 1
        with Image.open(self._original) as original:
            photo = original.convert("RGB").resize((original.width * scale, original.height * scale))
        if noise:
            photo = Image.effect_noise(photo.size, 90).convert("RGB")
        exif = Image.Exif()
        exif[ExifTags.Base.ImageDescription] = uuid.uuid4().hex  # not a pixel: JPEG may even out what one of them says
        path = self._folder / f"{self._made}_{name}"
        photo.save(path, quality=100, exif=exif)
        return path
