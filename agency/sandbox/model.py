"""The text model of the sandbox: which tool it calls next, and with what.

It knows only what any chat model is sent, the tools and the messages. Its rule: first its own tools, then back to the
orchestrator; the orchestrator hands over to each agent once, in the order of its tools, then says it is done.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]
Arguments = dict[str, Any]


def next_calls(messages: list[Message], tools: list[dict[str, Any]]) -> list[tuple[str, Arguments]]:
    """(tool name, arguments) of every call of this turn; empty when all is done."""
    said = _since_last_user(messages)
    called = [call["function"]["name"] for message in said for call in message.get("tool_calls") or []]
    chosen = _next_tool([tool["function"]["name"] for tool in tools], called)
    if chosen is None:
        return []
    parameters = next(tool["function"].get("parameters", {}) for tool in tools if tool["function"]["name"] == chosen)
    return [(chosen, arguments) for arguments in _arguments(parameters, _known(said))]


def closing_words(messages: list[Message]) -> str:
    """What the orchestrator says when nothing is left to do."""
    known = _known(_since_last_user(messages))
    photos = known.get("image_paths") or []
    return f"Auftrag {known.get('batch_id', '')} ist abgeschlossen: {len(photos)} Foto(s) verarbeitet."


def _since_last_user(messages: list[Message]) -> list[Message]:
    # Scoped to the last user message, or the second run of a session would look finished at once.
    last = max((index for index, message in enumerate(messages) if message["role"] == "user"), default=0)
    return messages[last:]


def _next_tool(names: list[str], called: list[str]) -> str | None:
    transfers = [name for name in names if name.startswith("transfer_to_")]
    last = max((index for index, name in enumerate(called) if name.startswith("transfer_to_")), default=-1)
    waiting = [name for name in names if name not in transfers and name not in called[last + 1 :]]
    if waiting:
        return waiting[0]
    if transfers == ["transfer_to_orchestrator"]:
        return transfers[0]
    return next((name for name in transfers if name not in called), None)


def _known(messages: list[Message]) -> dict[str, Any]:
    """Every value the conversation has named so far, by name; the later word wins."""
    known: dict[str, Any] = {}
    for message in messages:
        if message["role"] in ("user", "tool"):
            for found in _objects(_text(message.get("content"))):
                known.update(found)
    return known


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _objects(text: str) -> Iterator[dict[str, Any]]:
    start = text.find("{")
    if start < 0:
        return
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        return
    if isinstance(found, dict):
        yield found


def _arguments(parameters: dict[str, Any], known: dict[str, Any]) -> list[Arguments]:
    properties: dict[str, Any] = parameters.get("properties", {})
    one = {name: _value(name, schema, known) for name, schema in properties.items()}
    photos = known.get("image_paths")
    if "image_path" in properties and isinstance(photos, list):
        return [{**one, "image_path": path} for path in photos]
    return [one]


_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
}
_BLANKS: dict[str, Any] = {"string": "", "integer": 0, "number": 0.0, "boolean": False, "array": []}


def _value(name: str, schema: dict[str, Any], known: dict[str, Any]) -> Any:
    kind = str(schema.get("type", "string"))
    value = known.get(name)
    if isinstance(value, _KINDS.get(kind, (str,))) and value in schema.get("enum", [value]):
        return value
    if "enum" in schema:
        return schema["enum"][0]
    return schema.get("default", _BLANKS.get(kind))
