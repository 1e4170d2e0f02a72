"""A library's columns as fields one can fill, and detected values as the fieldValueSet that Graph accepts."""

from __future__ import annotations

import difflib
from typing import Any, Literal

from pydantic import BaseModel

SIMILAR = 0.75
Kind = Literal["text", "note", "choice", "multi_choice", "number", "date_time", "boolean", "other"]


class FieldSpec(BaseModel):
    """One column that can be written."""

    internal_name: str
    display_name: str
    kind: Kind
    required: bool = False
    choices: list[str] = []
    max_length: int | None = None


class LibrarySchema(BaseModel):
    """All columns of one library that can be written."""

    library_name: str
    fields: list[FieldSpec]

    def field(self, internal_name: str) -> FieldSpec | None:
        """A field by its internal name."""
        return next((field for field in self.fields if field.internal_name == internal_name), None)


def field_of(column: dict[str, Any]) -> FieldSpec | None:
    """The field behind a Graph columnDefinition; None for what nobody may write."""
    if column.get("readOnly") or column.get("hidden"):
        return None
    choice = column.get("choice") or {}
    return FieldSpec(
        internal_name=column["name"],
        display_name=column.get("displayName") or column["name"],
        kind=_kind(column),
        required=bool(column.get("required")),
        choices=choice.get("choices") or [],
        max_length=(column.get("text") or {}).get("maxLength") or None,
    )


def _kind(column: dict[str, Any]) -> Kind:
    # A multiple choice is one shown as check boxes, a note is a text of many lines: Graph has no facet for either.
    if "choice" in column:
        return "multi_choice" if column["choice"].get("displayAs") == "checkBoxes" else "choice"
    if "text" in column:
        return "note" if column["text"].get("allowMultipleLines") else "text"
    simple: dict[str, Kind] = {"number": "number", "dateTime": "date_time", "boolean": "boolean"}
    return next((kind for facet, kind in simple.items() if facet in column), "other")


def field_values(schema: LibrarySchema, wanted: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """(fieldValueSet for PATCH, what could not be taken); a multiple choice carries its OData type."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in wanted.items():
        spec = schema.field(name)
        if spec is None:
            problems.append(f"{name}: the library has no such field")
            continue
        fitted, complaints = _fit(spec, value)
        problems += [f"{name}: {complaint}" for complaint in complaints]
        if fitted is None:
            continue
        if spec.kind == "multi_choice":
            values[f"{name}@odata.type"] = "Collection(Edm.String)"
        values[name] = fitted
    problems += [f"{spec.internal_name}: required, and empty" for spec in schema.fields if _lacks(spec, values)]
    return values, problems


def closest_choice(term: str, choices: list[str]) -> str | None:
    """The choice that `term` means, by at least SIMILAR likeness; None when none comes near."""
    folded = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(term.strip().casefold(), folded, n=1, cutoff=SIMILAR)
    return folded[found[0]] if found else None


def _lacks(spec: FieldSpec, values: dict[str, Any]) -> bool:
    return spec.required and spec.internal_name not in values


def _fit(spec: FieldSpec, value: Any) -> tuple[Any, list[str]]:
    terms = [str(each) for each in (value if isinstance(value, list) else [value]) if str(each).strip()]
    if not terms:
        return None, []
    if spec.kind in ("choice", "multi_choice"):
        return _choose(spec, terms)
    if spec.kind == "number":
        return _number(terms[0])
    if spec.kind == "boolean":
        return terms[0].casefold() in ("true", "1", "ja", "yes"), []
    if spec.kind == "other":
        return None, ["this kind of field is not written by the agency"]
    text = ", ".join(terms)
    return text[: spec.max_length] if spec.kind == "text" and spec.max_length else text, []


def _choose(spec: FieldSpec, terms: list[str]) -> tuple[Any, list[str]]:
    found = {term: closest_choice(term, spec.choices) for term in terms}
    unknown = [f"{term!r} is none of its choices" for term, choice in found.items() if choice is None]
    chosen = list(dict.fromkeys(choice for choice in found.values() if choice))
    if not chosen:
        return None, unknown
    return (chosen if spec.kind == "multi_choice" else chosen[0]), unknown


def _number(term: str) -> tuple[float | None, list[str]]:
    try:
        return float(term), []
    except ValueError:
        return None, [f"{term!r} is not a number"]
