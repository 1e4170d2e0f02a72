"""OTLP/JSON: protobuf's JSON mapping, but ids are hexadecimal and enumerations are numbers (OTLP specification,
JSON Protobuf Encoding). Bytes are base64 of either alphabet (RFC 4648, 4 and 5).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import json_format

_IDS = ("traceId", "spanId", "parentSpanId")
_BYTES = ("bytesValue", "bytes_value")


def parse(kind: Any, data: object) -> Any:
    """The message of ``kind`` that ``data``, as ``json.loads`` made it, describes. Unknown fields are ignored.

    Raises ValueError for what is no such message, RecursionError for what is nested too deep.
    """
    if not isinstance(data, dict):
        raise ValueError("an object is expected")  # noqa: TRY004  # what was sent is wrong, not what was called
    try:
        return json_format.ParseDict(_converted(data, _FROM_JSON), kind(), ignore_unknown_fields=True)
    except (json_format.ParseError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(str(error)) from error


def render(message: Any) -> Any:
    """``message`` as an object for ``json.dumps``."""
    return _converted(json_format.MessageToDict(message, use_integers_for_enums=True), _TO_JSON)


def _converted(value: Any, conversions: Mapping[str, Callable[[str], str]]) -> Any:
    """``value`` with the texts under the keys of ``conversions`` converted, wherever they stand."""
    if isinstance(value, dict):
        return {
            key: conversions[key](item)
            if key in conversions and isinstance(item, str)
            else _converted(item, conversions)
            for key, item in value.items()
        }
    return [_converted(item, conversions) for item in value] if isinstance(value, list) else value


def _from_hex(value: str) -> str:
    try:
        return base64.urlsafe_b64encode(binascii.unhexlify(value)).decode()
    except (binascii.Error, ValueError) as error:
        raise ValueError("an id is not hexadecimal") from error


def _to_hex(value: str) -> str:
    return base64.b64decode(value).hex()


def _url_safe(value: str) -> str:
    """``value`` in the one alphabet that protobuf decodes without a warning on every Python."""
    return value.translate(_TO_URL_SAFE)


_TO_URL_SAFE = str.maketrans("+/", "-_")
_FROM_JSON = {**dict.fromkeys(_IDS, _from_hex), **dict.fromkeys(_BYTES, _url_safe)}
_TO_JSON = dict.fromkeys(_IDS, _to_hex)
