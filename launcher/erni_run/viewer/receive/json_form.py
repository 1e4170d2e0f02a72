"""OTLP/JSON: protobuf's JSON mapping, but ids are hexadecimal and enumerations are numbers (OTLP specification,
JSON Protobuf Encoding).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from google.protobuf import json_format

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def parse(kind: Any, data: object) -> Any:
    """The message of ``kind`` that ``data``, as ``json.loads`` made it, describes. Unknown fields are ignored.

    Raises ValueError for what is no such message, RecursionError for what is nested too deep.
    """
    if not isinstance(data, dict):
        raise ValueError("an object is expected")  # noqa: TRY004  # what was sent is wrong, not what was called
    try:
        return json_format.ParseDict(_with_ids(data, _from_hex), kind(), ignore_unknown_fields=True)
    except (json_format.ParseError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(str(error)) from error


def render(message: Any) -> Any:
    """``message`` as an object for ``json.dumps``."""
    return _with_ids(json_format.MessageToDict(message, use_integers_for_enums=True), _to_hex)


def _with_ids(value: Any, convert: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {
            key: convert(item) if key in _IDS and isinstance(item, str) else _with_ids(item, convert)
            for key, item in value.items()
        }
    return [_with_ids(item, convert) for item in value] if isinstance(value, list) else value


def _from_hex(value: str) -> str:
    try:
        return base64.b64encode(binascii.unhexlify(value)).decode()
    except (binascii.Error, ValueError) as error:
        raise ValueError("an id is not hexadecimal") from error


def _to_hex(value: str) -> str:
    return base64.b64decode(value).hex()
