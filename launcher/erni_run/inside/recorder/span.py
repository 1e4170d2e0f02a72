"""A span that records: what all spans of a call site share is in its ``Template``, what all spans of a trace share in
its ``Trace``, and what few spans have is made when it is needed.

To OpenTelemetry it is an SDK span; processors and exporters read it as they read any. Ids are integers, there are no
locks: attributes are set and lists extended by single operations of CPython, and a signal handler may do so, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import time_ns
from types import TracebackType
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, SpanLimits
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from erni_run.inside.classes import type_name
from erni_run.inside.forks import process
from erni_run.inside.message import message
from erni_run.inside.recorder.attributes import put, put_all
from erni_run.inside.recorder.current import Current
from erni_run.inside.recorder.stacktrace import stack_trace
from erni_run.inside.recorder.template import Template, by_name
from erni_run.inside.recorder.trace import Trace

_UNSET = Status(StatusCode.UNSET)


class _Rare:
    """What few spans have."""

    __slots__ = ("dropped_attributes", "dropped_events", "dropped_links", "events", "links", "status")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.links: list[Link] = []
        self.status = _UNSET
        self.dropped_attributes = self.dropped_events = self.dropped_links = 0


class Span(Current, SdkSpan):
    """See ``opentelemetry.trace.Span``.

    ``parent_id`` is 0 without a parent; ``remote`` is the parent's context where the parent is not one of our spans.
    ``captured`` is what ``by_name`` takes for the template's captures, ``extra`` are attributes with other names; once
    ``values`` is set, it holds all.
    """

    __slots__ = (
        *("_end_time", "_name", "_start_time", "base", "captured", "extra"),
        *("parent_id", "span_id", "template", "trace"),
    )

    template: Template
    trace: Trace
    span_id: int
    parent_id: int
    base: Context | None
    captured: Any
    extra: dict[str, Any] | None
    _start_time: int
    _end_time: int | None

    _instrumentation_info = None  # deprecated since 1.11 for the scope
    remote: SpanContext | None = None
    values: dict[str, Any] | None = None
    rare: _Rare | None = None
    records_exception = True
    sets_status = True

    __new__ = object.__new__  # whoever makes one sets every slot
    __init__ = object.__init__

    # identity

    def get_span_context(self) -> SpanContext:
        """See ``opentelemetry.trace.Span.get_span_context``."""
        return self.trace.context(self.span_id)

    @property
    def _context(self) -> SpanContext:
        return self.trace.context(self.span_id)

    context = _context

    @property
    def _parent(self) -> SpanContext | None:
        if not self.parent_id:
            return None
        return self.remote or self.trace.context(self.parent_id)

    parent = _parent

    # what a reader of the SDK's spans looks at

    @property
    def _kind(self) -> SpanKind:
        return self.template.kind

    @property
    def _resource(self) -> Any:
        return self.template.tracer.resource

    @property
    def _instrumentation_scope(self) -> Any:
        return self.template.tracer.scope

    @property
    def _limits(self) -> SpanLimits:
        return self.template.tracer.limits

    @property
    def _attributes(self) -> BoundedAttributes:
        """What processors may write into, too."""
        bounded = _bounded(self._all_values(), self._limits.max_span_attributes, self.dropped_attributes)
        bounded._immutable = False
        return bounded

    @_attributes.setter
    def _attributes(self, attributes: Mapping[str, Any]) -> None:
        values: dict[str, Any] = {}
        put_all(values, attributes, self._limits.max_span_attributes, self._limits.max_span_attribute_length)
        self.values = values

    @property
    def _events(self) -> Any:
        return _bounded_list(self.rare.events if self.rare else (), self._limits.max_events, self.dropped_events)

    @property
    def _links(self) -> Any:
        return _bounded_list(self.rare.links if self.rare else (), self._limits.max_links, self.dropped_links)

    @property
    def _status(self) -> Status:
        return self.rare.status if self.rare else _UNSET

    @property
    def dropped_attributes(self) -> int:
        """See ``opentelemetry.sdk.trace.ReadableSpan``."""
        return self.template.dropped + (self.rare.dropped_attributes if self.rare else 0)

    @property
    def dropped_events(self) -> int:
        """As above."""
        return self.rare.dropped_events if self.rare else 0

    @property
    def dropped_links(self) -> int:
        """As above."""
        return self.rare.dropped_links if self.rare else 0

    @property
    def duration(self) -> int:
        """Nanoseconds, 0 while it goes on."""
        return self._end_time - self._start_time if self._end_time is not None else 0

    @property
    def has_failed(self) -> bool:
        """Whether its status is ERROR."""
        return self.rare is not None and self.rare.status.status_code is StatusCode.ERROR

    @property
    def goes_out(self) -> bool:
        """Whether anybody will see it, or may: what is costly to find out is worth it."""
        recorder, local = self.template.tracer.recorder, self.trace
        if recorder.processors:
            return True
        may_be_kept = bool(local.is_kept or local.verdict or local.held is not None)
        return recorder.delivers and may_be_kept and local.generation == process.generation

    # recording

    def is_recording(self) -> bool:
        """See ``opentelemetry.trace.Span.is_recording``."""
        return self._end_time is None

    def set_attribute(self, key: str, value: Any) -> None:
        """See ``opentelemetry.trace.Span.set_attribute``."""
        if self._end_time is None:
            limits = self.template.tracer.limits
            dropped = put(self._all_values(), key, value, limits.max_span_attributes, limits.max_span_attribute_length)
            if dropped:
                rare = self._rarely()
                rare.dropped_attributes += dropped

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """See ``opentelemetry.trace.Span.set_attributes``."""
        if self._end_time is None:
            limits = self.template.tracer.limits
            dropped = put_all(
                self._all_values(), attributes, limits.max_span_attributes, limits.max_span_attribute_length
            )
            if dropped:
                rare = self._rarely()
                rare.dropped_attributes += dropped

    def captures(self) -> dict[str, Any]:
        """What its call site has captured in passing."""
        return by_name(self.template.captures, self.captured)

    def add(self, attributes: dict[str, Any]) -> None:
        """Add ``attributes``, which are clean, whose names the template has not and which are the span's to keep."""
        extra = {**(self.extra or {}), **attributes}
        if self.values is None and len(extra) + len(self.template.captures) <= self.template.room:
            self.extra = extra
        else:
            self.set_attributes(attributes)

    def add_event(self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None) -> None:
        """See ``opentelemetry.trace.Span.add_event``."""
        if self._end_time is None:
            bounded = self._immutable(attributes, self._limits.max_event_attributes)
            self._add_event(Event(name, bounded, timestamp))

    def _add_event(self, event: Any) -> None:
        rare = self._rarely()
        dropped = _append(rare.events, event, self._limits.max_events)
        rare.dropped_events += dropped

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        """See ``opentelemetry.trace.Span.add_link``."""
        if self._end_time is None and context and (context.is_valid or attributes or context.trace_state):
            rare = self._rarely()
            link = Link(context, self._immutable(attributes, self._limits.max_link_attributes))
            dropped = _append(rare.links, link, self._limits.max_links)
            rare.dropped_links += dropped

    def update_name(self, name: str) -> None:
        """See ``opentelemetry.trace.Span.update_name``."""
        if self._end_time is None:
            self._name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """See ``opentelemetry.trace.Span.set_status``: OK is final, and UNSET changes nothing."""
        if self._end_time is not None or self._status.status_code is StatusCode.OK:
            return
        if isinstance(status, StatusCode):
            has_description = status is StatusCode.ERROR and isinstance(description, str)
            status = Status(status, description if has_description else None)  # which would log what it does not take
        if isinstance(status, Status) and status.status_code is not StatusCode.UNSET:
            self._rarely().status = status

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """See ``opentelemetry.trace.Span.record_exception``; names are those of the semantic conventions."""
        if self._end_time is not None:
            return
        recorded = {
            "exception.type": type_name(type(exception)),
            "exception.message": message(exception),
            "exception.stacktrace": stack_trace(exception, self.span_id, self.parent_id),
            "exception.escaped": str(escaped),
        }
        present = {name: text for name, text in recorded.items() if text is not None}
        self.add_event("exception", {**present, **dict(attributes or {})}, timestamp)

    def start(self, start_time: int | None = None, parent_context: Any = None) -> None:
        """See ``opentelemetry.sdk.trace.Span.start``: a span of ours is started when it is made."""

    def end(self, end_time: int | None = None) -> None:
        """See ``opentelemetry.trace.Span.end``."""
        time = time_ns() if end_time is None else end_time
        if self._end_time is None:  # what stands for a span has always ended
            ended = self.template.tracer.ended  # CPython 3.11 calls a variable faster than an attribute
            ended(self, time)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        """See ``opentelemetry.sdk.trace.Span.__exit__``."""
        if exc_val is not None and self._end_time is None:
            if self.records_exception:
                self.record_exception(exc_val, escaped=True)
            if self.sets_status:
                self.set_status(Status(StatusCode.ERROR, f"{type(exc_val).__name__}: {message(exc_val)}"))
        self.end()

    def _all_values(self) -> dict[str, Any]:
        values = self.values
        return values if values is not None else self.__dict__.setdefault("values", self._merged())  # atomic

    def _merged(self) -> dict[str, Any]:
        return {**self.template.attributes, **self.captures(), **(self.extra or {})}

    def _rarely(self) -> _Rare:
        rare = self.rare
        return rare if rare is not None else self.__dict__.setdefault("rare", _Rare())  # atomic

    def _immutable(self, attributes: Mapping[str, Any] | None, most: int | None) -> BoundedAttributes:
        values: dict[str, Any] = {}
        dropped = put_all(values, attributes or {}, most, self._limits.max_attribute_length)
        return _bounded(values, most, dropped)


def _append(items: list[Any], item: Any, most: int | None) -> int:
    """Append ``item``, the oldest making place. Returns how many were dropped for it."""
    items.append(item)
    if most is not None and len(items) > most:
        del items[0]
        return 1
    return 0


def _bounded(values: dict[str, Any], most: int | None, dropped: int) -> BoundedAttributes:
    """``values``, which are clean, as the SDK holds attributes: immutable, and with the count of those dropped."""
    bounded = BoundedAttributes(most, immutable=True)
    bounded._dict = values
    bounded.dropped = dropped
    return bounded


def _bounded_list(items: Sequence[Any], most: int | None, dropped: int) -> Any:
    bounded = BoundedList.from_seq(most, items)
    bounded.dropped = dropped
    return bounded
