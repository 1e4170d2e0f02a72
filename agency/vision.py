"""A photograph described by the vision model in the words of the library's fields."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from .caches import RedisCache
from .errors import VisionAnswerError
from .graph.fields import FieldSpec, LibrarySchema
from .logs import log_of
from .metrics import VISION_COST
from .models import DetectedFieldValue, ModelPreference, VisionAnalysisOutput
from .personal_data import withhold_personal
from .photos import Photo, data_uri
from .retry import Patience, retry_on_transient_error

log = log_of(__name__)

PRICES = {"gpt-4o": (2.50, 10.00), "gpt-4o-mini": (0.15, 0.60)}  # US dollars a million tokens, in and out
AUTO_MODEL = "gpt-4o-mini"
AT_ONCE = 4  # a large batch must not run into the model's rate limit by itself
SET_BY_US = frozenset({"Title", "OriginalName", "Status"})
INSTRUCTIONS = (
    "You describe photographs of Swiss timber buildings for a picture library. Answer in German. "
    "Fill only fields that the picture shows, use the given choices, give an honest confidence from 0 to 1."
)


@dataclass(frozen=True, kw_only=True)
class VisionQuestion:
    """One photo, prepared, and the fields to fill."""

    photo: Photo
    jpeg: bytes
    schema: LibrarySchema
    model: str


class VisionAnalyst:
    """Asks the vision model, and remembers what it said."""

    def __init__(self, client: AsyncOpenAI, cache: RedisCache[VisionAnalysisOutput], *, patience: Patience) -> None:
        # Retries are ours here: they are counted, logged, and follow Retry-After.
        self._client = client.with_options(max_retries=0)
        self._cache = cache
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.patience = patience

    async def remembered(self, photo: Photo, preference: ModelPreference) -> VisionAnalysisOutput | None:
        """The cached analysis of the same bytes by the same model, under this photo's path."""
        found = await self._cache.look_up(photo.sha256, model_for(preference))
        return found and found.model_copy(update={"image_path": photo.path, "cache_hit": True, "api_cost_usd": 0.0})

    async def analyze(self, question: VisionQuestion) -> VisionAnalysisOutput:
        """Ask the model; personal values are withheld before anything is kept."""
        started = time.perf_counter()
        async with self._slots:
            completion = await self._ask(question)
        detected = _detected(question.schema, _answer(completion))
        free, personal = withhold_personal(detected)
        output = VisionAnalysisOutput(
            image_path=question.photo.path,
            image_hash=question.photo.sha256,
            detected_fields=free,
            confidence_score=_mean([value.confidence for value in free]),
            model_used=question.model,
            processing_time_ms=round((time.perf_counter() - started) * 1000),
            api_cost_usd=_cost(question.model, completion),
            pii_detected=bool(personal),
            pii_fields=personal,
        )
        VISION_COST.labels(question.model).inc(output.api_cost_usd)
        await self._cache.store(output, question.photo.sha256, question.model)
        log.info("photo_analyzed", image_hash=question.photo.sha256[:12], fields=len(free), pii_fields=personal)
        return output

    @retry_on_transient_error(agent_name="vision_analyzer")
    async def _ask(self, question: VisionQuestion) -> ChatCompletion:
        fields = [field for field in question.schema.fields if field.internal_name not in SET_BY_US]
        return await self._client.chat.completions.create(
            model=question.model,
            messages=[
                {"role": "system", "content": INSTRUCTIONS},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Beschreibe dieses Referenzfoto."},
                        {"type": "image_url", "image_url": {"url": data_uri(question.jpeg)}},
                    ],
                },
            ],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "reference_photo", "strict": True, "schema": _answer_schema(fields)},
            },
        )


def model_for(preference: ModelPreference) -> str:
    """The model that a preference means."""
    return AUTO_MODEL if preference == "auto" else preference


def _answer_schema(fields: list[FieldSpec]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.internal_name: _field_schema(field) for field in fields},
        "required": [field.internal_name for field in fields],
        "additionalProperties": False,
    }


def _field_schema(field: FieldSpec) -> dict[str, Any]:
    # Choices are named, not enforced: a near miss is mapped by likeness later, a refusal would lose the whole answer.
    hint = f"{field.display_name}. Choices: {' | '.join(field.choices)}" if field.choices else field.display_name
    return {
        "type": "object",
        "description": hint,
        "properties": {
            "values": {"type": "array", "items": {"type": "string"}},
            "confidence": {"type": "number"},
            "reasoning": {"type": "string"},
        },
        "required": ["values", "confidence", "reasoning"],
        "additionalProperties": False,
    }


def _answer(completion: ChatCompletion) -> dict[str, Any]:
    if not completion.choices:
        raise VisionAnswerError("The vision model gave no answer.")
    message = completion.choices[0].message
    if message.refusal:
        raise VisionAnswerError("The vision model declined to describe the photograph.")
    try:
        answer = json.loads(message.content or "")
    except ValueError as error:
        raise VisionAnswerError("The vision model's answer is not JSON.") from error
    if not isinstance(answer, dict):
        raise VisionAnswerError("The vision model's answer is not an object.")
    return answer


def _detected(schema: LibrarySchema, answer: dict[str, Any]) -> list[DetectedFieldValue]:
    found = []
    for name, seen in answer.items():
        field = schema.field(name)
        if field is not None and isinstance(seen, dict) and seen.get("values"):
            found.append(_field_value(field, seen))
    return found


def _field_value(field: FieldSpec, seen: dict[str, Any]) -> DetectedFieldValue:
    values = [str(value) for value in seen["values"]]
    return DetectedFieldValue(
        internal_name=field.internal_name,
        display_name=field.display_name,
        field_value=values if field.kind == "multi_choice" else ", ".join(values),
        confidence=min(1.0, max(0.0, float(seen.get("confidence") or 0))),
        reasoning=str(seen.get("reasoning", "")),
    )


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 3) if values else 0.0


def _cost(model: str, completion: ChatCompletion) -> float:
    price_in, price_out = PRICES.get(model, PRICES["gpt-4o"])
    usage = completion.usage
    if usage is None:
        return 0.0
    return round((usage.prompt_tokens * price_in + usage.completion_tokens * price_out) / 1_000_000, 6)
