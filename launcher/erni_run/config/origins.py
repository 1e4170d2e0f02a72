"""Where each setting came from: a line of the file, a variable, or the default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from erni_run.config.document import Source, dotted
from erni_run.config.environment import Setting
from erni_run.config.model import Document
from erni_run.config.substitute import Path

_ATTRIBUTES = "service.attributes."


def origins(
    source: Source, parsed: Document, settings: Mapping[str, Setting], standing_in: Mapping[str, Setting]
) -> dict[str, str]:
    """``"tracing.toml:12"``, ``"environment OTEL_SERVICE_NAME"`` or ``"default"`` by dotted key.

    Every option is there, and what stands in [service.attributes], [libraries.NAME], [[sampling.rule]] and the entries.
    ``settings`` won over the file, ``standing_in`` only fill what the file leaves out. No value is ever in here.
    """
    found = {dotted(path): _origin(source, path, settings, standing_in) for path in _paths(parsed)}
    for key, setting in settings.items():
        if key.startswith(_ATTRIBUTES):
            found[dotted(("service", "attributes", key.removeprefix(_ATTRIBUTES)))] = f"environment {setting.variable}"
    if sampler := settings.get("sampling.sampler"):
        found["sampling.sampler"] = f"environment {sampler.variable}"
    return found


def _origin(source: Source, path: Path, settings: Mapping[str, Setting], standing_in: Mapping[str, Setting]) -> str:
    key = dotted(path)
    if key in settings:
        return f"environment {settings[key].variable}"
    if path in source.lines:
        return source.place(path)
    return f"environment {standing_in[key].variable}" if key in standing_in else "default"


def _paths(parsed: Document) -> Iterator[Path]:
    for name in Document.model_fields:
        section = getattr(parsed, name)
        if isinstance(section, BaseModel):
            yield from ((name, option) for option in type(section).model_fields)
        else:
            yield from _entries(name, section)
    yield from (("service", "attributes", name) for name in parsed.service.attributes)
    yield from (("sampling", "rule", index) for index in range(len(parsed.sampling.rule)))
    for library, options in (parsed.libraries.model_extra or {}).items():
        yield from (("libraries", library, option) for option in options)


def _entries(name: str, entries: list[BaseModel]) -> Iterator[Path]:
    for index, entry in enumerate(entries):
        yield (name, index)
        yield from ((name, index, option) for option in type(entry).model_fields)
