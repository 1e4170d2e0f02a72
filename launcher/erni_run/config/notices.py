"""Options that are accepted and checked and do nothing yet, as data: whoever builds one deletes its row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import BaseModel

from erni_run.config.model import Document

MISSING = "is accepted but has no effect in this version"


class Row(NamedTuple):
    """``section.option`` does nothing, whatever it is set to, save for the values that ask for ``nothing``."""

    section: str
    option: str
    nothing: tuple[object, ...] = ()


ROWS = (Row("logs", "export", nothing=(False,)),)


def notices(document: Document, origins: Mapping[str, str]) -> tuple[str, ...]:
    """One line for each row that ``document`` touches, with the first place where it does.

    ``origins`` tells where a dotted key such as ``"logs.export"`` or ``"span[0].capture"`` was set.
    """
    return tuple(line for row in ROWS for line in _line(row, document, origins))


def _line(row: Row, document: Document, origins: Mapping[str, str]) -> Iterator[str]:
    keys = [f"{key}.{row.option}" for key, section in _sections(row, document) if _asks(row, section)]
    if keys:
        more = f" (and {len(keys) - 1} more like it)" if len(keys) > 1 else ""
        yield f"{origins[keys[0]]}: {keys[0]} {MISSING}{more}"


def _sections(row: Row, document: Document) -> Iterator[tuple[str, BaseModel]]:
    section = getattr(document, row.section)
    if isinstance(section, list):
        yield from ((f"{row.section}[{index}]", entry) for index, entry in enumerate(section) if entry.enabled)
    else:
        yield row.section, section


def _asks(row: Row, section: BaseModel) -> bool:
    return row.option in section.model_fields_set and getattr(section, row.option) not in row.nothing
