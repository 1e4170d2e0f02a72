"""What the environment says: pure functions from variables to settings that win over the file.

Variables are looked up by name alone, because the caller notes which ones mattered. An empty variable counts as unset
(OpenTelemetry specification, "General SDK Configuration"). Names and meanings follow the Python SDK where it differs
from the specification: OTEL_EXPORTER_OTLP_TIMEOUT is in seconds, not milliseconds.

A mistake in a variable of ours stops the start, as one in the file does. One of OpenTelemetry's does not: other
programs are given it, too, and its specification asks for a warning and the default ("Environment variable
specification", "Parsing"). An address is the exception: spans and their headers go nowhere but where they were meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from erni_run.config import endpoint, messages, otel, rules
from erni_run.config.otel import Instead
from erni_run.config.rules import Written, Wrong
from erni_run.errors import Mistake
from erni_run.plan import OTLP

ANY_OTLP = "export.otlp"
"""OTEL_TRACES_EXPORTER asks for OTLP and leaves the protocol to others."""

_OTEL, _ADDRESS = "OTEL_", "export.endpoint"
_RESOURCE = {
    "service.name": "service.name",
    "service.version": "service.version",
    "deployment.environment": "service.environment",
    "deployment.environment.name": "service.environment",
}
_OPTIONS = {"export.exporter": "export.protocol", "sampling.sampler": "sampling.ratio"}
"""The option that a message names for a key that is ours alone."""

Check = Callable[[str], Any]


class Setting(NamedTuple):
    """A value that comes from ``variable``."""

    value: Any
    variable: str


class Remark(NamedTuple):
    """What a value of ``variable`` is not taken for. If it ``is_ignored``, the value of the dotted ``key`` stands."""

    variable: str
    key: str
    wrong: Wrong
    is_ignored: bool

    def line(self, origins: Mapping[str, str]) -> str:
        """The line for the user; ``origins`` tells by key where the value comes from that is used."""
        ignored = f"; ignored: {_what_stands(self.key, origins)}" if self.is_ignored else ""
        return f"{self.variable}: {self.wrong}{ignored} [{self.wrong.slug}]"


class Environment(NamedTuple):
    """What the variables say: ``settings`` by dotted key of the file, and what is wrong with the others."""

    settings: dict[str, Setting]
    mistakes: list[Mistake]
    remarks: list[Remark]


def settings(environ: Mapping[str, str]) -> Environment:
    """What the variables set, the mistakes in ours and what is to be said of OpenTelemetry's.

    Besides the file's keys there are ``sampling.sampler``, those of ``LimitsPlan``, plugins below ``variables``, and
    ``ANY_OTLP`` if OTEL_TRACES_EXPORTER asks for OTLP without saying which protocol; ``settle`` resolves it.
    """
    found: dict[str, Setting] = {}
    mistakes: list[Mistake] = []
    remarks: dict[str, Remark] = {}
    for key, variable, check in _readings(environ):
        text = environ.get(variable, "").strip()
        if not text or key in found:
            continue
        option = _OPTIONS.get(key, key)
        try:
            value = check(text)
        except Wrong as wrong:
            if variable.startswith(_OTEL) and key != _ADDRESS:
                remarks.setdefault(variable, Remark(variable, option, wrong, is_ignored=True))
            else:
                mistakes.append(Mistake(variable, option, str(wrong), wrong.slug))
            continue
        if isinstance(value, Instead):
            remarks[variable] = Remark(variable, option, value.wrong, is_ignored=False)
            value = value.value
        found[key] = Setting(value, variable)
    _spread(found)
    return Environment(found, mistakes, list(remarks.values()))


def settle(found: dict[str, Setting], protocol: str) -> dict[str, Setting]:
    """``found`` without ``ANY_OTLP``: over the file's ``protocol`` it wins only where that is not OTLP, as gRPC."""
    settled = {key: setting for key, setting in found.items() if key != ANY_OTLP}
    if ANY_OTLP in found and protocol not in OTLP:
        settled.setdefault("export.protocol", Setting("grpc", found[ANY_OTLP].variable))
    return settled


def defaults(environ: Mapping[str, str]) -> dict[str, Setting]:
    """The variables that stand in for an option that the file leaves out."""
    named = {"service.environment": "ENVIRONMENT", "spool.path": "ERNI_SPOOL_DIR"}
    return {key: Setting(environ[name], name) for key, name in named.items() if environ.get(name)}


def _what_stands(key: str, origins: Mapping[str, str]) -> str:
    origin = origins.get(key, "default").removeprefix("environment ")
    return "the default is used" if origin == "default" else f"{key} is that of {origin}"


def _readings(environ: Mapping[str, str]) -> Iterator[tuple[str, str, Check]]:
    """Dotted key, variable and check; of several variables for one key the first that is set counts."""
    yield "service.name", "OTEL_SERVICE_NAME", str
    yield "service.attributes", "OTEL_RESOURCE_ATTRIBUTES", otel.resource
    yield "export.endpoint", "OTLP_ENDPOINT", endpoint.endpoint
    yield "export.exporter", "OTEL_TRACES_EXPORTER", otel.exporter
    for name in ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        yield "export.endpoint", name, lambda text: endpoint.endpoint(_with_scheme(text, environ))
    for key, name, check in _OTLP:
        yield key, f"OTEL_EXPORTER_OTLP_TRACES_{name}", check
        yield key, f"OTEL_EXPORTER_OTLP_{name}", check
    yield "sampling.sampler", "OTEL_TRACES_SAMPLER", otel.sampler
    if environ.get("OTEL_TRACES_SAMPLER", "").strip().lower().endswith("traceidratio"):
        yield "sampling.ratio", "OTEL_TRACES_SAMPLER_ARG", lambda text: rules.ratio(Written(text, text))
    yield "libraries.disable", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", otel.names
    yield "messages", "ERNI_RUN_MESSAGES", messages.place
    yield "disabled", "OTEL_SDK_DISABLED", otel.boolean
    yield "sdk.internal_metrics", "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", otel.boolean
    for key, name in _LIMITS:
        yield key, name, otel.limit
    for name, check in _PLUGINS.items():
        yield f"variables.{name}", name, check


def _with_scheme(text: str, environ: Mapping[str, str]) -> str:
    """``text`` as a URL: gRPC clients take ``host:port``, with TLS unless OTEL_EXPORTER_OTLP_INSECURE is true
    (OTLP exporter specification, "Configuration Options").
    """
    if "://" in text or endpoint.is_unix(text):
        return text
    names = ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE")
    insecure = next((environ[name] for name in names if environ.get(name)), "false")
    return f"http://{text}" if insecure.strip().lower() == "true" else f"https://{text}"


def _spread(found: dict[str, Setting]) -> None:
    """Take apart what one variable says about several keys, and take out what is no key of the file."""
    found.pop("messages", None)  # inside/notice.py reads the variable, in children of the application, too
    attributes = found.pop("service.attributes", None)
    for name, value in attributes.value.items() if attributes else ():
        key = _RESOURCE.get(name, f"service.attributes.{name}")
        if key not in found or name == "deployment.environment.name":
            found[key] = Setting(value, "OTEL_RESOURCE_ATTRIBUTES")
    exporter = found.pop("export.exporter", None)
    if exporter:
        found[ANY_OTLP if exporter.value == "otlp" else "export.protocol"] = exporter


_OTLP: tuple[tuple[str, str, Check], ...] = (
    ("export.protocol", "PROTOCOL", otel.protocol),
    ("export.headers", "HEADERS", otel.headers),
    ("export.compression", "COMPRESSION", otel.compression),
    ("export.timeout", "TIMEOUT", otel.timeout),
    ("export.certificate", "CERTIFICATE", str),
    ("export.client_certificate", "CLIENT_CERTIFICATE", str),
    ("export.client_key", "CLIENT_KEY", str),
    ("insecure", "INSECURE", otel.boolean),
)

_LIMITS = (
    # a span's, an event's and a link's own variable goes before the one for all attributes ("Attribute Limits")
    ("limits.span_attributes", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
    ("limits.span_attributes", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    ("limits.event_attributes", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"),
    ("limits.event_attributes", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    ("limits.link_attributes", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"),
    ("limits.link_attributes", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    ("limits.attributes", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    ("limits.span_attribute_length", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
    ("limits.span_attribute_length", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
    ("limits.attribute_length", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
    ("limits.events", "OTEL_SPAN_EVENT_COUNT_LIMIT"),
    ("limits.links", "OTEL_SPAN_LINK_COUNT_LIMIT"),
)

_PLUGINS: dict[str, Check] = {
    "OTEL_PROPAGATORS": lambda text: [name.lower() for name in otel.names(text)],
    "OTEL_PYTHON_CONTEXT": lambda text: otel.no_other(text, "contextvars_context", "the context is erni-run's"),
    "OTEL_PYTHON_TRACER_PROVIDER": lambda text: otel.no_other(text, "", "the tracer provider is erni-run's"),
    "OTEL_PYTHON_METER_PROVIDER": lambda text: [text],
    "OTEL_PYTHON_LOGGER_PROVIDER": lambda text: [text],
}
"""Variables that OpenTelemetry's API reads when it is imported: names of entry points."""
