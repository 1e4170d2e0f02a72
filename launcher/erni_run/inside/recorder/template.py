"""What all spans of one call site have in common."""

from __future__ import annotations

import sys
from builtins import len, zip  # noqa: A004, UP029  # what an application puts in its place is not ours to call
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

from erni_run.inside.recorder.attributes import put_all

if TYPE_CHECKING:
    from erni_run.inside.recorder.tracer import Tracer


def by_name(captures: tuple[str, ...], captured: Any) -> dict[str, Any]:
    """The attributes that a call site has captured in passing: ``captured`` is the value of its one capture, or a tuple
    of the values of several; ``...`` stands for none.
    """
    values = (captured,) if len(captures) == 1 else captured
    return {} if values is ... else {name: value for name, value in zip(captures, values) if value is not ...}  # noqa: B905  # as many


class Template:
    """One call site, or one name and kind of a tracer: what is the same for every span of it.

    ``attributes`` are clean and within the limits, which have ``room`` for so many more clean ones. ``captures`` names
    those whose values each span has of its own. ``encoded`` is the encoder's to fill.
    """

    __slots__ = ("attributes", "captures", "dropped", "encoded", "kind", "name", "room", "tracer")

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        kind: SpanKind,
        attributes: Mapping[str, Any] | None = None,
        captures: tuple[str, ...] = (),
    ) -> None:
        limits = tracer.limits
        self.tracer = tracer
        self.name = name
        self.kind = kind
        self.attributes: dict[str, Any] = {}
        self.dropped = put_all(
            self.attributes, attributes or {}, limits.max_span_attributes, limits.max_span_attribute_length
        )
        most = sys.maxsize if limits.max_span_attributes is None else limits.max_span_attributes
        self.room = most - len(self.attributes) if limits.max_span_attribute_length is None else 0
        self.captures = captures
        self.encoded: tuple[bytes, bytes, bytes] | None = None
