"""Read tracing.toml and the environment into a ``Plan``, or raise every mistake at once: the way into this room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from erni_run.config import build, document, entries, environment, headers, report
from erni_run.config.document import Source, dotted
from erni_run.config.model import Document
from erni_run.config.notices import notices
from erni_run.config.origins import origins
from erni_run.config.rules import Wrong
from erni_run.config.substitute import Path, substitute
from erni_run.errors import ConfigError, Mistake
from erni_run.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was read.

    ``origins`` tells for each dotted key ``"tracing.toml:12"``, ``"environment OTEL_SERVICE_NAME"`` or ``"default"``;
    ``notices`` are lines about options that do nothing in this version, and about values of OpenTelemetry's variables
    that are not used.
    """

    plan: Plan
    origins: dict[str, str]
    notices: tuple[str, ...]


def read(path: str | None, environ: Mapping[str, str], command: str, content: bytes | None = None) -> Reading:
    """The configuration in the file at ``path`` (None: no file) and in ``environ``.

    ``environ`` is asked by name only. ``command`` is what the command is called, the default service name. ``content``
    is what the file holds, where somebody has read it already.

    Raises ConfigError with every mistake: the file's by line, then the environment's.
    """
    source = document.load(path, content)
    wrongs: list[tuple[Path, Wrong]] = []
    table = substitute(source.table, environ, lambda path, wrong: wrongs.append((path, wrong)))
    spans, conflicts = entries.spans(source, table)
    parsed, broken = _parse(table)
    settings, mistakes, remarks = environment.settings(environ)
    wrongs += [(path, wrong) for path, wrong in broken if not _inside(path, [failed for failed, _ in wrongs])]
    if parsed is None or wrongs or conflicts or mistakes:
        raise ConfigError(_in_order(source, wrongs + conflicts) + mistakes)
    settings = environment.settle(settings, parsed.export.protocol)
    around = build.Surroundings(
        settings=settings,
        remarks=remarks,
        environ=environ,
        command=command,
        config=source.path,
        digest=source.digest,
    )
    where = origins(source, parsed, settings, environment.defaults(environ))
    unsent = headers.notices(around.pick("export.headers", parsed.export.headers), _place("export.headers", where))
    lines = (*notices(parsed, where), *(remark.line(where) for remark in remarks), *unsent)
    try:
        plan = build.plan(parsed, around, spans)
    except Wrong as wrong:  # the endpoint and the protocol do not go together
        place = _place("export.endpoint", where)
        raise ConfigError([Mistake(place, "export.endpoint", str(wrong), wrong.slug)]) from wrong
    return Reading(plan=plan, origins=where, notices=lines)


def _place(key: str, origins: Mapping[str, str]) -> str:
    """Where ``key`` was set, as messages name it."""
    return origins[key].removeprefix("environment ")


def _parse(table: dict[str, Any]) -> tuple[Document | None, list[tuple[Path, Wrong]]]:
    wrongs = list(report.unknown_libraries(table))
    try:
        return Document.model_validate(table), wrongs
    except ValidationError as error:
        return None, wrongs + list(report.from_pydantic(error))


def _inside(path: Path, others: Iterable[Path]) -> bool:
    return any(path[: len(other)] == other for other in others)


def _in_order(source: Source, wrongs: list[tuple[Path, Wrong]]) -> list[Mistake]:
    in_order = sorted(wrongs, key=lambda found: (source.line(found[0]), dotted(found[0])))
    return [Mistake(source.place(path), dotted(path), str(wrong), wrong.slug) for path, wrong in in_order]
