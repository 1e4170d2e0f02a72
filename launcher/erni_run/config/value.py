"""The kinds of values that options have, for pydantic: the rule that checks each, and its JSON Schema for editors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema

from erni_run.config import endpoint, expression, libraries, rules, target, units
from erni_run.config.headers import is_name
from erni_run.config.rules import Wrong, kind, nearest, quote
from erni_run.plan import OTLP

_VARIABLE = {"type": "string", "pattern": r"\$\{.+\}"}
_ATTRIBUTE = {"type": ["string", "boolean", "number", "array"], "items": {"type": ["string", "boolean", "number"]}}

_OWN_OPTION = {
    "service.name": "name",
    "service.version": "version",
    "deployment.environment": "environment",
    "deployment.environment.name": "environment",
}

PROTOCOLS = (*OTLP, "console", "none")
COMPRESSIONS = ("gzip", "none")
LOGGERS = ("structlog", "logging", "loguru")
FIELDS = ("trace_id", "span_id", "service", "environment")
METRICS = ("auto", "true", "false")
KINDS = ("internal", "server", "client", "producer", "consumer")
LAYERS = ("inner", "outer")
MODES = ("call", "context")
OUTCOMES = ("ok", "error")


def _or_variable(**schema: object) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [schema, _VARIABLE]})


def _one_of(choices: tuple[str, ...]) -> PlainValidator:
    return PlainValidator(lambda value: rules.choice(value, choices))


def _checked(check: Callable[[Any], object]) -> PlainValidator:
    """``check`` validates; the option keeps the text of the file, which ``build`` turns into numbers."""

    def keep(value: Any) -> Any:
        check(value)
        return str.__str__(value)

    return PlainValidator(keep)


def _library(value: object) -> str:
    name = rules.text(value)
    if name not in libraries.LIBRARIES:
        near = nearest(name, libraries.LIBRARIES)
        raise Wrong("unknown-library", f"{quote(value)} is not a library that can be instrumented{near or _see_list()}")
    return name


def _see_list() -> str:
    return "; docs/configuration.md lists them"


def _disabled(value: object) -> str:
    return "*" if value == "*" else _library(value)


def _auto_is_none(value: object) -> object:
    if isinstance(value, str) and value != "auto":
        raise Wrong(
            "unknown-choice", f'{quote(value)} is neither "auto" nor an array; write [{quote(value)}] for one library'
        )
    return None if value == "auto" else value


def _metrics(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return rules.choice(value, METRICS)


def _keyword(value: object) -> object:
    if isinstance(value, dict):
        return {key: _keyword(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_keyword(item) for item in value]
    if isinstance(value, (str, bool, int, float)):
        return str.__str__(value) if isinstance(value, str) else value
    raise Wrong("wrong-type", f"a keyword argument cannot be {kind(value)}; write it as a string")


def _header(value: object) -> str:
    """The value of a header; it is a secret, so no message shows it."""
    content = rules.text(value)
    if not content.isprintable():
        raise Wrong("header", "a header's value holds a line break or another control character")
    return content


def _header_name(value: object) -> str:
    name = rules.text(value)
    if not is_name(name):
        raise Wrong("header", "a header's name holds letters, digits and -")
    return name


def _resource_key(value: object) -> str:
    name = rules.text(value)
    if option := _OWN_OPTION.get(name):
        raise Wrong("reserved-attribute", f"{name!r} has an option of its own; write {option} in [service]")
    return name


Text = Annotated[str, PlainValidator(rules.text), WithJsonSchema({"type": "string"})]
Switch = Annotated[bool, PlainValidator(rules.switch), _or_variable(type="boolean")]
Ratio = Annotated[float, PlainValidator(rules.ratio), _or_variable(type="number", minimum=0, maximum=1)]
Length = Annotated[int, PlainValidator(rules.positive), _or_variable(type="integer", minimum=1)]
Duration = Annotated[str, _checked(units.positive_seconds), _or_variable(type="string", pattern=units.DURATION_PATTERN)]
Budget = Annotated[str, _checked(units.seconds), _or_variable(type="string", pattern=units.DURATION_PATTERN)]
OptionalDuration = Annotated[
    str, _checked(units.optional_seconds), _or_variable(type="string", pattern=rf"^$|{units.DURATION_PATTERN}")
]
Size = Annotated[str, _checked(units.size), _or_variable(type="string", pattern=units.SIZE_PATTERN)]
Endpoint = Annotated[
    str, PlainValidator(endpoint.endpoint), _or_variable(type="string", pattern="^(https?://|unix:/|unix-abstract:)")
]
Header = Annotated[str, PlainValidator(_header), WithJsonSchema({"type": "string"})]
HeaderName = Annotated[str, PlainValidator(_header_name), WithJsonSchema({"type": "string"})]
ResourceKey = Annotated[str, PlainValidator(_resource_key), WithJsonSchema({"type": "string"})]
Attribute = Annotated[Any, PlainValidator(rules.attribute), WithJsonSchema(_ATTRIBUTE)]
Keyword = Annotated[Any, PlainValidator(_keyword), WithJsonSchema({})]

Protocol = Annotated[str, _one_of(PROTOCOLS), _or_variable(enum=list(PROTOCOLS))]
Compression = Annotated[str, _one_of(COMPRESSIONS), _or_variable(enum=list(COMPRESSIONS))]
Logger = Annotated[str, _one_of(LOGGERS), _or_variable(enum=list(LOGGERS))]
LogField = Annotated[str, _one_of(FIELDS), _or_variable(enum=list(FIELDS))]
Kind = Annotated[str, _one_of(KINDS), _or_variable(enum=list(KINDS))]
Layer = Annotated[str, _one_of(LAYERS), _or_variable(enum=list(LAYERS))]
Mode = Annotated[str, _one_of(MODES), _or_variable(enum=list(MODES))]
Outcome = Annotated[str, _one_of(OUTCOMES), _or_variable(enum=list(OUTCOMES))]
Metrics = Annotated[str, PlainValidator(_metrics), _or_variable(enum=["auto", True, False])]
Library = Annotated[str, PlainValidator(_library), WithJsonSchema({"enum": sorted(libraries.LIBRARIES)})]
Disabled = Annotated[str, PlainValidator(_disabled), WithJsonSchema({"enum": ["*", *sorted(libraries.LIBRARIES)]})]
Libraries = Annotated[
    list[Library] | None,
    BeforeValidator(_auto_is_none),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "array", "items": {"enum": sorted(libraries.LIBRARIES)}}]}),
]

Target = Annotated[str, PlainValidator(target.target), WithJsonSchema({"type": "string", "pattern": "^[^:]+:[^:]+$"})]
Ignored = Annotated[
    str, PlainValidator(target.exception), WithJsonSchema({"type": "string", "pattern": "^[^:]+:[^:]+$"})
]
SpanName = Annotated[str, PlainValidator(target.span_name), WithJsonSchema({"type": "string"})]
Expression = Annotated[str, PlainValidator(expression.expression), WithJsonSchema({"type": "string"})]
