"""From what pydantic found to mistakes that name line, key and nearest neighbour.

No message quotes a value on its own account: the rules quote the text of the file, and headers are never quoted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from erni_run.config.document import dotted
from erni_run.config.libraries import LIBRARIES
from erni_run.config.model import Document, Libraries
from erni_run.config.rules import Wrong, kind, nearest
from erni_run.config.substitute import Path

_EXPECTED = {"dict_type": "a table", "model_type": "a table", "list_type": "an array"}


def from_pydantic(error: ValidationError) -> Iterator[tuple[Path, Wrong]]:
    """Every error that pydantic found, in our words."""
    for found in error.errors(include_url=False):
        path = tuple(part for part in found["loc"] if part != "[key]")
        if path[0] == "libraries" and len(path) > 1 and not _known_below_libraries(path[1]):
            continue
        yield path, _in_words(path, found)


def unknown_libraries(table: Mapping[str, Any]) -> Iterator[tuple[Path, Wrong]]:
    """The keys of [libraries] that are neither options nor known libraries; pydantic cannot tell them apart."""
    section = table.get("libraries")
    if not isinstance(section, dict):
        return
    for key in section:
        if _known_below_libraries(key):
            continue
        if isinstance(section[key], dict):
            near = nearest(key, LIBRARIES) or "; docs/configuration.md lists them"
            yield (
                ("libraries", key),
                Wrong("unknown-library", f"{key!r} is not a library that can be instrumented{near}"),
            )
        else:
            yield ("libraries", key), _unknown_key(("libraries", key))


def _known_below_libraries(key: object) -> bool:
    return key in LIBRARIES or key in Libraries.model_fields


def _in_words(path: Path, found: Any) -> Wrong:
    wrong = found.get("ctx", {}).get("error")
    if isinstance(wrong, Wrong):
        return wrong
    if found["type"] == "missing":
        return Wrong("missing-key", f"the key {str(path[-1])!r} is missing; {_section(path[:-1])} needs it")
    if found["type"] == "extra_forbidden":
        return _unknown_key(path, found["input"])
    expected = _EXPECTED.get(found["type"], "another value")
    return Wrong("wrong-type", f"expected {expected}, found {kind(found['input'])}{_brackets(path, found['type'])}")


def _brackets(path: Path, problem: str) -> str:
    name = dotted(path)
    if problem == "list_type" and name in {"span", "handoff", "sampling.rule"}:
        return f"; write [[{name}]] with two brackets"
    if problem == "model_type" and len(path) == 1:
        return f"; write [{name}] above its options"
    return ""


def _unknown_key(path: Path, value: object = None) -> Wrong:
    key = str(path[-1])
    model = _model(path[:-1])
    if len(path) == 1 and isinstance(value, (dict, list)):
        return Wrong("unknown-section", f"unknown section [{key}]{_near_section(key)}")
    owners = [name for name, fields in _sections() if key in fields]
    if owners:
        return Wrong("unknown-key", f"unknown key {key!r}; it belongs to {' or '.join(owners)}")
    return Wrong("unknown-key", f"unknown key {key!r}{nearest(key, model.model_fields) or _there_are(model)}")


def _there_are(model: type[BaseModel]) -> str:
    return f"; there are {', '.join(model.model_fields)}" if model is not Document else ""


def _near_section(key: str) -> str:
    near = nearest(key, Document.model_fields)
    names = {name.strip("[]"): name for name, _ in _sections()}
    for word, name in names.items():
        near = near.replace(f"'{word}'", name)
    return near or f"; there are {', '.join(names.values())}"


def _sections() -> Iterator[tuple[str, Mapping[str, object]]]:
    for name in Document.model_fields:
        yield _section((name,)), _model((name,)).model_fields
    yield "[[sampling.rule]]", _model(("sampling", "rule")).model_fields


def _section(path: Path) -> str:
    name = ".".join(part for part in path if isinstance(part, str))
    return f"[[{name}]]" if name in {"span", "handoff", "sampling.rule"} else f"[{name}]"


def _model(path: Path) -> type[BaseModel]:
    """The model of the section at ``path``."""
    model: type[BaseModel] = Document
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            annotation = model.model_fields[part].annotation
            inner = [*get_args(annotation), annotation][0]  # list[Span] -> Span
            is_section = isinstance(inner, type) and issubclass(inner, BaseModel)
            model = inner if is_section else model
    return model
