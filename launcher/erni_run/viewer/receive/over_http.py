"""OTLP over HTTP: an ASGI application that leaves the answer to whoever it is made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from erni_run.viewer.guard import LOCAL_ORIGIN, Guard
from erni_run.viewer.receive.body import ENCODINGS, TooLarge, read
from erni_run.viewer.receive.signal import JSON, LARGEST, PROTOBUF, SIGNALS, Reply, Signal, content_type, refusal

Answer = Callable[[Signal, Mapping[str, str], bytes], Reply]
"""Answers a request by its signal, headers and unpacked body; called in a thread of its own."""


def application(answer: Answer, host: str = "127.0.0.1") -> Starlette:
    """``POST /v1/{signal}`` for each signal, from this machine's programs and the pages on it."""
    local_pages = Middleware(
        CORSMiddleware, allow_origin_regex=LOCAL_ORIGIN, allow_methods=["POST"], allow_headers=["*"], max_age=3600
    )
    routes = [Route(f"/v1/{signal.name}", _endpoint(signal, answer), methods=["POST"]) for signal in SIGNALS]
    return Starlette(routes=routes, middleware=[Middleware(Guard, host=host, pages=LOCAL_ORIGIN), local_pages])


def _endpoint(signal: Signal, answer: Answer) -> Callable[[Request], Any]:
    async def export(request: Request) -> Response:
        return _response(await _reply(signal, request, answer))

    return export


async def _reply(signal: Signal, request: Request, answer: Answer) -> Reply:
    media_type = content_type(request.headers)
    if media_type not in (PROTOBUF, JSON):
        return refusal(415, JSON, f"the content type must be {PROTOBUF} or {JSON}")
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        return refusal(415, media_type, "the content encoding must be gzip, or none")
    try:
        body = await read(request.stream(), encoding, LARGEST)
    except TooLarge:
        reply = refusal(413, media_type, f"the request is larger than {LARGEST} bytes; send fewer records at once")
        return Reply(413, {**reply.headers, "Connection": "close"}, reply.body)
    except ValueError as error:
        return refusal(400, media_type, str(error))
    except ClientDisconnect:
        return refusal(400, media_type, "the request ended early")
    return await run_in_threadpool(answer, signal, request.headers, body)


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers))
