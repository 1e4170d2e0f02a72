"""What the environment says: pure functions from variables to settings that win over the file.

Variables are looked up by name alone, because the caller notes which ones mattered. An empty variable counts as unset
(OpenTelemetry specification, "General SDK Configuration"). Names and meanings follow the Python SDK where it differs
from the specification: OTEL_EXPORTER_OTLP_TIMEOUT is in seconds, not milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from erni_run.config import endpoint, rules
from erni_run.config.rules import Written, Wrong
from erni_run.errors import Mistake

SAMPLERS = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)

ANY_OTLP = "export.otlp"
"""OTEL_TRACES_EXPORTER asks for OTLP and leaves the protocol to others."""

_PROTOCOLS = ("grpc", "http/protobuf")
_EXPORTERS = {
    "otlp": "otlp",
    "otlp_proto_grpc": "grpc",
    "otlp_proto_http": "http/protobuf",
    "console": "console",
    "none": "none",
}
_RESOURCE = {
    "service.name": "service.name",
    "service.version": "service.version",
    "deployment.environment": "service.environment",
    "deployment.environment.name": "service.environment",
}
_OPTIONS = {"export.exporter": "export.protocol", "sampling.sampler": "sampling"}
"""The option that a message names for a key that is ours alone."""

HEADER_NAME = re.compile(r"[!#-'*+\-.0-9A-Z^-z|~]+")
_ENCODED = re.compile(r"[!#-+\--:<-\[\]-~]*")

Check = Callable[[str], Any]


class Setting(NamedTuple):
    """A value that comes from ``variable``."""

    value: Any
    variable: str


def settings(environ: Mapping[str, str]) -> tuple[dict[str, Setting], list[Mistake]]:
    """What the variables set, by dotted key of the file, and the mistakes in them.

    Besides the file's keys: ``sampling.sampler``, and ``ANY_OTLP`` if OTEL_TRACES_EXPORTER asks for OTLP without saying
    which protocol; ``settle`` resolves it.
    """
    found: dict[str, Setting] = {}
    mistakes: list[Mistake] = []
    for key, variable, check in _readings(environ):
        text = environ.get(variable, "").strip()
        if not text or key in found:
            continue
        try:
            found[key] = Setting(check(text), variable)
        except Wrong as wrong:
            mistakes.append(Mistake(variable, _OPTIONS.get(key, key), str(wrong), wrong.slug))
    _spread(found)
    return found, mistakes


def settle(found: dict[str, Setting], protocol: str) -> dict[str, Setting]:
    """``found`` without ``ANY_OTLP``: over the file's ``protocol`` it wins only where that is not OTLP, as gRPC."""
    settled = {key: setting for key, setting in found.items() if key != ANY_OTLP}
    if ANY_OTLP in found and protocol not in _PROTOCOLS:
        settled.setdefault("export.protocol", Setting("grpc", found[ANY_OTLP].variable))
    return settled


def defaults(environ: Mapping[str, str]) -> dict[str, Setting]:
    """The variables that stand in for an option that the file leaves out."""
    named = {"service.environment": "ENVIRONMENT", "spool.path": "ERNI_SPOOL_DIR"}
    return {key: Setting(environ[name], name) for key, name in named.items() if environ.get(name)}


def _readings(environ: Mapping[str, str]) -> Iterator[tuple[str, str, Check]]:
    """Dotted key, variable and check; of several variables for one key the first that is set counts."""
    yield "service.name", "OTEL_SERVICE_NAME", str
    yield "service.attributes", "OTEL_RESOURCE_ATTRIBUTES", resource
    yield "export.endpoint", "OTLP_ENDPOINT", endpoint.endpoint
    yield "export.exporter", "OTEL_TRACES_EXPORTER", _exporter
    for name in ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        yield "export.endpoint", name, lambda text: endpoint.endpoint(_with_scheme(text, environ))
    for key, name, check in _OTLP:
        yield key, f"OTEL_EXPORTER_OTLP_TRACES_{name}", check
        yield key, f"OTEL_EXPORTER_OTLP_{name}", check
    yield "sampling.sampler", "OTEL_TRACES_SAMPLER", lambda text: rules.choice(text.lower(), SAMPLERS)
    if environ.get("OTEL_TRACES_SAMPLER", "").strip().lower().endswith("traceidratio"):
        yield "sampling.ratio", "OTEL_TRACES_SAMPLER_ARG", lambda text: rules.ratio(Written(text, text))
    yield "libraries.disable", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", _names


def _with_scheme(text: str, environ: Mapping[str, str]) -> str:
    """``text`` as a URL: gRPC clients take ``host:port``, with TLS unless OTEL_EXPORTER_OTLP_INSECURE is true
    (OTLP exporter specification, "Configuration Options").
    """
    if "://" in text:
        return text
    names = ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE")
    insecure = next((environ[name] for name in names if environ.get(name)), "false")
    return f"http://{text}" if insecure.strip().lower() == "true" else f"https://{text}"


def _spread(found: dict[str, Setting]) -> None:
    """Take apart what one variable says about several keys."""
    attributes = found.pop("service.attributes", None)
    for name, value in attributes.value.items() if attributes else ():
        key = _RESOURCE.get(name, f"service.attributes.{name}")
        if key not in found or name == "deployment.environment.name":
            found[key] = Setting(value, "OTEL_RESOURCE_ATTRIBUTES")
    exporter = found.pop("export.exporter", None)
    if exporter:
        found[ANY_OTLP if exporter.value == "otlp" else "export.protocol"] = exporter


def resource(text: str) -> dict[str, str]:
    """``key=value,key=value`` with percent-encoded values (resource specification, OTEL_RESOURCE_ATTRIBUTES)."""
    return {name: unquote(value).strip() for name, value in _pairs(text)}


def _headers(text: str) -> dict[str, str]:
    """As ``opentelemetry.util.re.parse_env_headers``, liberal: what is not percent-encoded is taken as it is."""
    headers: dict[str, str] = {}
    for raw, value in _pairs(text):
        name = unquote(raw).strip().lower()
        content = unquote(value) if _ENCODED.fullmatch(value) else value
        if not HEADER_NAME.fullmatch(name) or not content.isprintable():
            raise Wrong("header", f"entry {len(headers) + 1} is not a valid HTTP header; write name=value,name=value")
        headers[name] = content.strip()
    return headers


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


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _exporter(text: str) -> str:
    return _EXPORTERS[rules.choice(text.lower(), tuple(_EXPORTERS))]


def _timeout(text: str) -> float:
    seconds = rules.number(Written(text, text))
    if not 0 < seconds < float("inf"):
        raise Wrong("out-of-range", f"{text!r} is not a time in seconds; write 10 for ten seconds")
    return seconds


_OTLP: tuple[tuple[str, str, Check], ...] = (
    ("export.protocol", "PROTOCOL", lambda text: rules.choice(text, _PROTOCOLS)),
    ("export.headers", "HEADERS", _headers),
    ("export.compression", "COMPRESSION", lambda text: rules.choice(text.lower(), ("gzip", "none"))),
    ("export.timeout", "TIMEOUT", _timeout),
    ("export.certificate", "CERTIFICATE", str),
    ("export.client_certificate", "CLIENT_CERTIFICATE", str),
    ("export.client_key", "CLIENT_KEY", str),
)
