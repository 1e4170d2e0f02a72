"""The ``[[span]]`` and ``[[handoff]]`` entries: each checked for itself, then against the others on the same target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from erni_run.config import build
from erni_run.config.document import Source
from erni_run.config.model import Handoff, Span
from erni_run.config.rules import Wrong
from erni_run.config.substitute import Path
from erni_run.plan import SpanPlan

_KINDS: dict[str, type[Span | Handoff]] = {"span": Span, "handoff": Handoff}


def spans(source: Source, table: Mapping[str, Any]) -> tuple[tuple[SpanPlan, ...], list[tuple[Path, Wrong]]]:
    """The plans of all valid and enabled entries in the file's order, and what is wrong with pairs of them.

    Identical entries for one target become one; of two different ones the second is wrong. Entries with mistakes of
    their own are skipped: they are reported elsewhere.
    """
    kept: dict[str, SpanPlan] = {}
    wrongs: list[tuple[Path, Wrong]] = []
    for path, plan in sorted(_valid(source, table), key=lambda found: found[1].line):
        first = kept.setdefault(plan.target, plan)
        if replace(plan, line=first.line) != first:
            wrongs.append(((*path, "target"), _conflict(source, plan.target, first.line)))
    return tuple(kept.values()), wrongs


def _valid(source: Source, table: Mapping[str, Any]) -> Iterator[tuple[Path, SpanPlan]]:
    for name, kind in _KINDS.items():
        entries = table.get(name)
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            try:
                valid = kind.model_validate(entry)
            except ValidationError:
                continue
            if valid.enabled:
                yield (name, index), build.span(valid, source.line((name, index)))


def _conflict(source: Source, target: str, line: int) -> Wrong:
    advice = "make the two identical, join them or remove one"
    return Wrong(
        "duplicate-target", f"{target} already has a span at {source.name}:{line} with other settings; {advice}"
    )
