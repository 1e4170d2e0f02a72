"""POST /v1/chat/completions: tool calls for the agents, pixels for the vision call, usage and errors as OpenAI's."""

from __future__ import annotations

import json
import math
import time
import uuid
from typing import Any

from .faults import openai_error
from .model import closing_words, next_calls
from .reply import Reply, Request
from .vision import UnreadableImageError, decode, describe, measure

Detected = dict[str, dict[str, Any]]


class OpenAIApi:
    """`extra_sightings` stands for what a real model might read off a photo, a customer's name on a sign say."""

    def __init__(self) -> None:
        self.extra_sightings: Detected = {}

    def serve(self, request: Request) -> Reply:
        """Answer one request below /v1."""
        bearer = request.header("Authorization").removeprefix("Bearer ").strip()
        if bearer in ("", "invalid"):
            return Reply(status=401, body=openai_error(401, "Incorrect API key provided.", "invalid_api_key"))
        if request.path != "/v1/chat/completions" or request.method != "POST":
            return Reply(status=404, body=openai_error(400, f"Unknown request URL: {request.path}"))
        try:
            return self._complete(request.json())
        except UnreadableImageError as error:
            return Reply(status=400, body=openai_error(400, str(error), "invalid_image"))
        except (ValueError, KeyError, TypeError) as error:
            return Reply(status=400, body=openai_error(400, f"Malformed request: {error!r}"))

    def _complete(self, body: dict[str, Any]) -> Reply:
        if body.get("stream"):
            return Reply(status=400, body=openai_error(400, "The sandbox does not stream."))
        messages = body["messages"]
        picture = _image_uri(messages)
        if picture is not None:
            message, image_tokens = self._look(body, picture)
        else:
            message, image_tokens = _talk(messages, body.get("tools") or []), 0
        usage = _usage(messages, message, image_tokens)
        return Reply(
            body=_completion(body["model"], message, usage), headers={"x-request-id": f"req_{uuid.uuid4().hex}"}
        )

    def _look(self, body: dict[str, Any], data_uri: str) -> tuple[dict[str, Any], int]:
        picture = decode(data_uri)
        wanted = body["response_format"]["json_schema"]["schema"]["properties"]
        seen = {**describe(measure(picture)), **self.extra_sightings}
        nothing = {"values": [], "confidence": 0.0, "reasoning": "Nicht erkennbar"}
        answer = {name: seen.get(name, nothing) for name in wanted}
        tiles = math.ceil(picture.width / 512) * math.ceil(picture.height / 512)
        return {"role": "assistant", "content": json.dumps(answer, ensure_ascii=False)}, 85 + 170 * tiles


def _talk(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> dict[str, Any]:
    calls = next_calls(messages, tools)
    if not calls:
        return {"role": "assistant", "content": closing_words(messages)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [_tool_call(name, arguments) for name, arguments in calls],
    }


def _tool_call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": f"call_{uuid.uuid4().hex[:16]}", "type": "function", "function": function}


def _image_uri(messages: list[dict[str, Any]]) -> str | None:
    parts = [part for message in messages if isinstance(message.get("content"), list) for part in message["content"]]
    return next((str(part["image_url"]["url"]) for part in parts if part.get("type") == "image_url"), None)


def _usage(messages: list[dict[str, Any]], answer: dict[str, Any], image_tokens: int) -> dict[str, int]:
    # The picture has its own price; its base64 must not be counted as words.
    prompt = _tokens(json.dumps([_without_pictures(message) for message in messages])) + image_tokens
    completion = _tokens(json.dumps(answer))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _without_pictures(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [part for part in content if part.get("type") != "image_url"]}


def _tokens(text: str) -> int:
    return max(1, len(text) // 4)


def _completion(model: str, message: dict[str, Any], usage: dict[str, int]) -> dict[str, Any]:
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": usage,
        "system_fingerprint": "fp_sandbox",
    }
