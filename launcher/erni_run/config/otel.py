"""The values of OpenTelemetry's variables: what each means here, or ``Wrong``.

Words are matched in any case ("Environment variable specification", "Enum"). ``Instead`` is what is made of a value
that is right and that we do not have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from erni_run.config import rules
from erni_run.config.headers import is_name
from erni_run.config.rules import Written, Wrong, quote
from erni_run.plan import OTLP

SAMPLERS = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)
UNLIMITED = -1

_EXPORTERS = {
    "otlp": "otlp",
    "otlp_proto_grpc": "grpc",
    "otlp_proto_http": "http/protobuf",
    "console": "console",
    "none": "none",
}
_ENCODED = re.compile(r"[!#-+\--:<-\[\]-~]*")


class Instead(NamedTuple):
    """``value`` is what is done in place of what was asked for; ``wrong`` says so."""

    value: Any
    wrong: Wrong


def exporter(text: str) -> str | Instead:
    """The exporter among the names in ``text`` that spans go to: "otlp" or a protocol. OTLP goes before all others."""
    asked = list(dict.fromkeys(name.lower() for name in names(text)))
    known = [name for name in _EXPORTERS if name in asked] or [rules.choice(", ".join(asked), tuple(_EXPORTERS))]
    others = ", ".join(name for name in asked if name != known[0])
    if not others:
        return _EXPORTERS[known[0]]
    return Instead(_EXPORTERS[known[0]], Wrong("instead", f"spans go to one exporter, {known[0]}, and not to {others}"))


def protocol(text: str) -> str | Instead:
    """``grpc`` or ``http/protobuf``, which every receiver of http/json takes at the same address, too (OTLP)."""
    word = text.lower()
    if word == "http/json":
        return Instead("http/protobuf", Wrong("instead", "http/json is not available; http/protobuf is sent instead"))
    return rules.choice(word, OTLP)


def compression(text: str) -> str:
    """``gzip`` or ``none``."""
    return rules.choice(text.lower(), ("gzip", "none"))


def sampler(text: str) -> str:
    """One of ``SAMPLERS``."""
    return rules.choice(text.lower(), SAMPLERS)


def boolean(text: str) -> bool:
    """``true``, in any case; what is neither that nor ``false`` counts as false, and is said ("Boolean")."""
    if text.lower() not in {"true", "false"}:
        raise Wrong("wrong-type", f"expected true or false, found {quote(text)}")
    return text.lower() == "true"


def timeout(text: str) -> float:
    """Seconds. 0 stands for no limit at all ("Timeout"): a request without one would keep all others waiting."""
    seconds = rules.number(Written(text, text))
    if seconds == 0:
        raise Wrong("instead", "a request without a time limit is not available")
    if not 0 < seconds < float("inf"):
        raise Wrong("out-of-range", f"{quote(text)} is not a time in seconds; write 10 for ten seconds")
    return seconds


def limit(text: str) -> int:
    """A count or a length; ``unset`` stands for none, as the Python SDK has it."""
    if text.lower() == "unset":
        return UNLIMITED
    count = rules.whole(Written(text, text))
    if count < 0:
        raise Wrong("out-of-range", f"{quote(text)} is less than 0")
    return count


def no_other(text: str, ours: str, reason: str) -> list[str]:
    """No names, if ``text`` is ``ours``."""
    if text != ours:
        raise Wrong("instead", f"{quote(text)} cannot be used: {reason}")
    return []


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def resource(text: str) -> dict[str, str]:
    """``key=value,key=value``, both percent-encoded (resource SDK specification, OTEL_RESOURCE_ATTRIBUTES)."""
    found: dict[str, str] = {}
    for raw, value in _pairs(text):
        try:
            name = unquote(raw, errors="strict").strip()
            found[name] = unquote(value, errors="strict").strip()
        except UnicodeDecodeError:
            raise Wrong("pairs", f"entry {len(found) + 1} is not UTF-8, percent-encoded") from None
        if not name:
            raise Wrong("pairs", f"entry {len(found)} has no name")
    return found


def headers(text: str) -> dict[str, str]:
    """As ``opentelemetry.util.re.parse_env_headers``, liberal: what is not percent-encoded is taken as it is."""
    found: dict[str, str] = {}
    for raw, value in _pairs(text):
        name = unquote(raw).strip().lower()
        content = unquote(value) if _ENCODED.fullmatch(value) else value
        if not is_name(name) or not content.isprintable():
            raise Wrong("header", f"entry {len(found) + 1} is not a valid HTTP header; write name=value,name=value")
        found[name] = content.strip()
    return found


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for number, pair in enumerate(text.split(","), 1):
        name, equals, value = pair.partition("=")
        if not pair.strip():
            continue
        if not equals or not name.strip():
            raise Wrong(
                "pairs", f"entry {number} is not name=value; write name=value,name=value and encode a comma as %2C"
            )
        yield name.strip(), value.strip()
