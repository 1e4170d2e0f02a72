"""Starting spans: a child of one of ours takes a few stores, everything else goes by the SDK's own rules."""

from __future__ import annotations

from builtins import isinstance, len  # noqa: A004, UP029  # what an application puts in its place is not ours to call
from collections.abc import Callable, Mapping, Sequence
from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.trace.span import DEFAULT_TRACE_STATE

from erni_run.inside.forks import process
from erni_run.inside.recorder import unsampled
from erni_run.inside.recorder.context import get as get_current
from erni_run.inside.recorder.current import SPAN_KEY, Current, rest
from erni_run.inside.recorder.drawn import OPEN_BITS
from erni_run.inside.recorder.drawn import trace_id as drawn_id
from erni_run.inside.recorder.ids import random_bits
from erni_run.inside.recorder.span import Span
from erni_run.inside.recorder.template import Template, by_name
from erni_run.inside.recorder.trace import Trace, begin_trace
from erni_run.inside.recorder.tracestate import with_threshold
from erni_run.inside.recorder.unsampled import Unsampled

if TYPE_CHECKING:
    from erni_run.inside.recorder.recorder import Recorder

_MOST_TEMPLATES = 4096
_SPAN_ID = (1 << 64) - 1


class Tracer(SdkTracer):
    """See ``opentelemetry.trace.Tracer``; one for each instrumentation scope."""

    def __init__(self, recorder: Recorder, scope: InstrumentationScope) -> None:
        self.recorder = recorder
        self.scope = self._instrumentation_scope = scope
        self.limits: SpanLimits = recorder._span_limits
        self.ended = recorder.ended
        self._templates: dict[tuple[str, SpanKind], Template] = {}

    @property
    def sampler(self) -> Any:  # type: ignore[override]  # a property where the base class has a variable
        """The provider's, as are the other two."""
        return self.recorder.sampler

    @property
    def span_processor(self) -> Any:  # type: ignore[override]  # as above
        """Those that have been added."""
        return self.recorder._active_span_processor

    @property
    def id_generator(self) -> Any:  # type: ignore[override]  # as above
        """What makes the ids."""
        return self.recorder.id_generator

    @property
    def _span_limits(self) -> SpanLimits:  # type: ignore[override]  # as above
        return self.limits

    @property
    def resource(self) -> Resource:  # type: ignore[override]  # a property where the base class has a variable
        """The provider's; a forked child has another."""
        return self.recorder.resource

    def start_span(  # noqa: PLR0917  # OpenTelemetry's signature
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        """See ``opentelemetry.trace.Tracer.start_span``."""
        span: Any = self.begin(self._template(name, kind), context, attributes, links, start_time)
        if type(span) is Span and not (record_exception and set_status_on_exception):
            span.records_exception, span.sets_status = record_exception, set_status_on_exception
        return span  # type: ignore[no-any-return]  # one of ours

    def starter(  # noqa: C901  # the function within it
        self, name: str, kind: SpanKind, attributes: Mapping[str, Any], captures: tuple[str, ...] = ()
    ) -> Callable[..., Any]:
        """A function ``start(captured, base, drawn)`` that starts a span of one call site below ``base``, which is
        what ``current`` holds, with the clean values of ``captures`` beside the attributes of the site. It gives None
        where there is nothing to make current, because nothing is recorded there already; for a trace that is not kept
        a number, which is made current as it is. ``drawn`` is the number of a new trace if it has been drawn, ``seen``
        what samplers and processors shall see besides, if they look at the start of spans.
        """
        template = Template(self, name, kind, attributes, captures)
        has_room = len(captures) <= template.room
        recorder, begin, new_span_id = self.recorder, self.begin, self.recorder.new_span_id
        draw = recorder.lot.random

        def start(captured: Any, base: Any, drawn: float | None = None, seen: Mapping[str, Any] | None = None) -> Any:  # noqa: C901, PLR0912  # a call takes as long as ten of these lines
            parent: Any = None
            if base is not None:
                kind = type(base)
                if kind is Span or kind is Unsampled:
                    parent = base
                elif kind is float:
                    return None
                else:
                    parent = base.get(SPAN_KEY)
            if parent is None and (head := recorder.plain_head) is not None:
                if head.threshold:
                    if drawn is None:
                        drawn = draw()
                    if drawn < head.unkept:
                        return unsampled.of(drawn, rest(base)) if base else drawn
                    trace_id = drawn_id(drawn, random_bits(OPEN_BITS), head.threshold)
                else:
                    trace_id = random_bits(128)
                parent_id = 0
                span_id = trace_id & _SPAN_ID  # as random as another one
                local = begin_trace(trace_id, 3, head.state, process.generation, span_id)
                if recorder.settlement is not None:
                    recorder.settlement.began(local, name)
                beside = rest(base) if base else None
            elif type(parent) is Span and not recorder.is_watched:
                local = parent.trace
                parent_id = parent.span_id
                span_id = new_span_id()
                if local.generation != process.generation:
                    local = local.again(process.generation, span_id, recorder.keeping.hold)
                local.started += 1
                beside = parent.base if parent is base else rest(base)
            else:
                has_nothing = type(parent) is Unsampled and recorder.has_own_sampler
                return None if has_nothing else begin(template, None, seen or by_name(captures, captured))
            span = Span()
            span.trace = local
            span.template = template
            span.span_id = span_id
            span.parent_id = parent_id
            span.base = beside
            span.captured = captured
            span.extra = None
            span._end_time = None
            span._name = name
            span._start_time = time_ns()
            return span if has_room else _given(span, captures, captured)

        return start

    def begin(
        self,
        template: Template,
        context: Context | None = None,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
    ) -> Any:
        """A started span of ``template``, or what stands for one that is not recorded.

        The parent is the current span of ``context``, by default of the current context.
        """
        base: Any = get_current() if context is None else context
        parent: Any = base if isinstance(base, Current) else base.get(SPAN_KEY)
        recorder = self.recorder
        span: Any
        if not recorder.has_own_sampler:
            span = self._ask_sampler(template, parent, base, context, attributes, links)
        elif isinstance(parent, Span):  # proxies of one included
            span = _new(template, parent.trace, parent.span_id, recorder.new_span_id())
            span.trace.started += 1
            span.base = parent.base if parent is base else rest(base)
        elif type(parent) is Unsampled:
            return parent
        else:
            span = self._begin_root(template, parent, base, attributes)
        if type(span) is Span:
            if attributes and recorder.has_own_sampler:
                span.set_attributes(attributes)
            for link in links or ():
                if link:
                    span.add_link(link.context, link.attributes)
            if start_time is not None:
                span._start_time = start_time
            if recorder.processors:
                recorder.started(span, context)
        return span

    def _begin_root(self, template: Template, parent: Any, base: Context, attributes: Mapping[str, Any] | None) -> Any:
        """A local root: nothing above it, or a span of somebody else's."""
        recorder, head = self.recorder, self.recorder.head
        span: Any
        above = _context_of(parent) or recorder.remote_parent
        trace_id, random = recorder.new_trace_id() if above is None else (above.trace_id, above.trace_flags & 2)
        state = above.trace_state if above is not None else DEFAULT_TRACE_STATE
        if above is not None and head.parent_based:
            is_kept = above.trace_flags.sampled
        else:
            kept = head.keeps(trace_id, template, attributes, state)
            is_kept = kept is not None
            state = with_threshold(state, "") if kept is None else kept
        span_id = recorder.new_span_id()
        local = begin_trace(trace_id, random | is_kept, state, process.generation, span_id)
        if is_kept and recorder.settlement is not None:
            recorder.settlement.began(local, template.name)
        if not is_kept:
            if not recorder.keeping.is_wanted:
                return Unsampled(local.context(span_id), rest(base))
            local.held = recorder.keeping.hold()
        span = _new(template, local, above.span_id if above is not None else 0, span_id)
        if above is not None:
            span.remote = above
        span.base = rest(base)
        return span

    def _ask_sampler(  # noqa: PLR0917  # the same as begin
        self,
        template: Template,
        parent: Any,
        base: Any,
        context: Context | None,
        attributes: Mapping[str, Any] | None,
        links: Sequence[Link] | None,
    ) -> Any:
        """By a sampler of the SDK or of a third party, which sees every span (OpenTelemetry, "Sampler")."""
        recorder = self.recorder
        above = _context_of(parent)
        if above is None:
            above = recorder.remote_parent
            context = recorder.remote_context if above is not None else context
        trace_id, random = recorder.new_trace_id() if above is None else (above.trace_id, above.trace_flags & 2)
        asked = {**template.attributes, **(attributes or {})} or attributes
        result: Any = recorder.sampler.should_sample(
            context, trace_id, template.name, template.kind, asked, links or ()
        )
        span_id = recorder.new_span_id()
        state = result.trace_state if result.trace_state is not None else DEFAULT_TRACE_STATE
        local = begin_trace(trace_id, random | result.decision.is_sampled(), state, process.generation, span_id)
        base = base.base if isinstance(base, Current) else rest(base)
        if not result.decision.is_recording():
            return Unsampled(local.context(span_id), base)
        span = _new(template, local, above.span_id if above is not None else 0, span_id)
        if above is not None:
            span.remote = above
        span.base = base
        span.values = {}
        span.set_attributes(result.attributes or {})
        return span

    def _template(self, name: str, kind: SpanKind) -> Template:
        if type(name) is not str:
            return Template(self, name, kind)
        template = self._templates.get((name, kind))
        if template is None:
            template = Template(self, name, kind)
            if len(self._templates) < _MOST_TEMPLATES:
                self._templates[name, kind] = template
        return template


def _given(span: Any, captures: tuple[str, ...], captured: Any) -> Any:
    """``span`` with what has been captured, however much of it its limits leave."""
    if captured is not ... and type(span) is Span:
        span.captured = ...
        span.add(by_name(captures, captured))
    return span


def _new(template: Template, local: Trace, parent_id: int, span_id: int) -> Any:
    """A span that has just been started, but for its ``base``."""
    span: Any = Span()
    if local.generation != process.generation:
        local = local.again(process.generation, span_id, template.tracer.recorder.keeping.hold)
    span.trace = local
    span.template = template
    span.span_id = span_id
    span.parent_id = parent_id
    span.captured = ...
    span.extra = None
    span._name = template.name
    span._end_time = None
    span._start_time = time_ns()
    return span


def _context_of(parent: object) -> SpanContext | None:
    """The valid context of ``parent``, which can be anything that somebody has put in a context."""
    context = parent.get_span_context() if isinstance(parent, trace.Span) else None
    return context if context is not None and context.is_valid else None
