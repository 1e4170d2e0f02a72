"""The recording provider: an SDK ``TracerProvider`` with tracers of ours, and what becomes of a span that has ended."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from erni_run.inside.forks import in_child, process
from erni_run.inside.notice import describe, say_rarely
from erni_run.inside.ourselves import aside, is_a_signal_handlers, is_to_be_raised
from erni_run.inside.recorder.ids import Lot, OwnIds, random_bits
from erni_run.inside.recorder.resource import identity
from erni_run.inside.recorder.sampling import HeadSampler, Keeping
from erni_run.inside.recorder.span import Span
from erni_run.inside.recorder.tracer import Tracer
from erni_run.inside.settlement import Settlement
from erni_run.plan import SamplingPlan


class Recorder(TracerProvider):
    """Hands every ended span that was kept to ``deliver``, in the thread that ended it.

    ``flush`` delivers what waits, within that many milliseconds; a shutdown takes it ``exit_budget`` seconds.
    ``remote_parent`` is the parent of spans that have none. A sampler, an id generator, limits and processors of the
    SDK are used as its own provider uses them; processors see the SDK's readable spans.
    """

    def __init__(
        self,
        resource: Resource,
        deliver: Callable[[Span], object] | None = None,
        *,
        sampling: SamplingPlan | Sampler = SamplingPlan(),  # noqa: B008  # it is frozen
        id_generator: IdGenerator | None = None,
        span_limits: SpanLimits | None = None,
        remote_parent: SpanContext | None = None,
        settlement: Settlement | None = None,
        flush: Callable[[int], bool] = lambda _: True,
        exit_budget: float = 1.5,
    ) -> None:
        self.head = HeadSampler(sampling if isinstance(sampling, SamplingPlan) else SamplingPlan())
        self.keeping = Keeping(sampling if isinstance(sampling, SamplingPlan) else SamplingPlan())
        self.has_own_sampler = isinstance(sampling, SamplingPlan)
        sampler = self.head if isinstance(sampling, SamplingPlan) else sampling
        generator = id_generator or OwnIds()
        super().__init__(sampler, resource, False, None, generator, span_limits)
        self._deliver = deliver
        self._flush = flush
        self._exit_budget = exit_budget
        self.processors: tuple[SpanProcessor, ...] = ()
        self.settlement = settlement
        self.remote_parent = remote_parent
        self.remote_context = set_span_in_context(NonRecordingSpan(remote_parent), Context()) if remote_parent else None
        self.new_span_id = generator.generate_span_id if id_generator else partial(random_bits, 64)
        self.new_trace_id = self._generate_trace_id if id_generator else _own_trace_id
        self._has_own_ids = id_generator is None
        self.lot = Lot()
        self._look_for_shortcut()
        self._scopes: dict[InstrumentationScope, Tracer] = {}
        in_child(self._begin_in_child)

    @property
    def delivers(self) -> bool:
        """Whether what is kept goes anywhere."""
        return self._deliver is not None

    def _generate_trace_id(self) -> tuple[int, int]:
        """A trace id, and the flag that says whether it is random (W3C Trace Context level 2)."""
        generator = self.id_generator
        return generator.generate_trace_id(), TraceFlags.RANDOM_TRACE_ID if generator.is_trace_id_random() else 0

    def reconfigure(self, sampling: SamplingPlan) -> None:
        """Sample by another plan from now on."""
        self.keeping.follow(sampling)
        self.sampler = self.head = HeadSampler(sampling)
        self._look_for_shortcut()

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> Tracer:
        """See ``opentelemetry.trace.TracerProvider.get_tracer``."""
        scope = InstrumentationScope(
            instrumenting_module_name or "", instrumenting_library_version or "", schema_url, attributes
        )
        known = self._scopes.get(scope)
        return known if known is not None else self._scopes.setdefault(scope, Tracer(self, scope))

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """See ``opentelemetry.sdk.trace.TracerProvider.add_span_processor``."""
        super().add_span_processor(span_processor)
        self.processors += (span_processor,)
        self._look_for_shortcut()

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        """See ``opentelemetry.sdk.trace.TracerProvider.force_flush``."""
        timeout = 30_000 if timeout_millis is None else timeout_millis
        is_flushed: bool = super().force_flush(timeout)
        return bool(aside(self._flush, timeout)) and is_flushed

    def shutdown(self) -> None:
        """See ``opentelemetry.sdk.trace.TracerProvider.shutdown``. What has ended is delivered; spans that end later
        are recorded all the same.
        """
        self.end()
        aside(self._flush, int(self._exit_budget * 1000))

    def end(self) -> None:
        """Shut the added processors down."""
        super().shutdown()

    def _look_for_shortcut(self) -> None:
        """``is_watched``: somebody else sees each span that is started. ``plain_head``: what decides on a new trace, if
        that takes nothing but a number that is drawn for it; ``lot`` is where.
        """
        self.is_watched = bool(self.processors) or not self.has_own_sampler
        has_plain_ids = self._has_own_ids and self.remote_parent is None
        is_plain = has_plain_ids and not (self.is_watched or self.head.has_rules or self.keeping.is_wanted)
        self.plain_head = self.head if is_plain else None
        self.lot.unkept = self.head.unkept if is_plain else 0.0
        self.lot.is_looked_at = self.is_watched or self.head.has_rules

    def started(self, span: Span, context: Context | None) -> None:
        """Tell the processors."""
        self._active_span_processor.on_start(span, parent_context=context)

    def ended(self, span: Span, time: int) -> None:  # noqa: C901  # as in Tracer.starter
        """Deliver ``span``, which ends at ``time`` unless it has ended already, if its trace is kept and if it is this
        process's to deliver. Raises what the application's own processors raise.
        """
        if span._end_time is not None:  # no other thread runs between this and the next line, no signal handler either
            return
        span._end_time = time
        if span.made is not None:
            span.made = None
        local = span.trace
        if local.generation != process.generation:
            return  # begun before the fork: it is the parent's
        local.ended += 1
        raised = self._tell_of_end(span) if self.processors else None
        try:
            if self._deliver is None:
                pass
            elif local.is_kept:
                if self.settlement is not None and span.span_id == local.root_id:
                    self.settlement.over(local, span.duration / 1e9)
                try:
                    self._deliver(span)
                except BaseException as error:
                    self._deliver_again(span, error)
                    raise
            elif self.has_own_sampler:
                self._deliver_kept(span)
        except Exception as error:
            if is_to_be_raised(error):
                raise
            say_rarely(f"{span._name}: a span could not be recorded: {describe(error)}", kind="not recorded")
        if raised is not None:
            raise raised

    def _tell_of_end(self, span: Span) -> BaseException | None:
        """Tell the processors. Returns what one of them raises: the span is delivered before it goes on its way."""
        try:
            self._active_span_processor._on_ending(span)
            readable = span._readable_span()
            given = readable._attributes
            self._active_span_processor.on_end(readable)
            if readable._attributes is not given:  # redacted, for example
                span._attributes = readable._attributes or {}
        except BaseException as error:
            return error
        return None

    def _deliver_kept(self, span: Span) -> None:
        """What the end of ``span`` tells of a trace that was not kept at its head."""
        spans = self.keeping.ended(span)
        if spans and self.settlement is not None and span.span_id == span.trace.root_id:
            self.settlement.began(span.trace, span._name)
            self.settlement.over(span.trace, span.duration / 1e9)
        interruption = None
        for kept in spans:
            try:
                self._deliver(kept)  # type: ignore[misc]  # looked at by the caller
            except BaseException as error:  # the others are delivered all the same
                interruption = error
                self._deliver_again(kept, error)
        if interruption is not None:
            raise interruption

    def _deliver_again(self, span: Span, error: BaseException) -> None:
        """Rather twice than not at all, where a signal handler has raised ``error`` meanwhile."""
        if not isinstance(error, Exception) or is_a_signal_handlers(error):
            self._deliver(span)  # type: ignore[misc]  # as above

    def _begin_in_child(self) -> None:
        self._resource = self._resource.merge(Resource(identity()))
        self.keeping.begin()
        self.lot.begin()

    def _handle_fork(self) -> None:
        """The SDK's own runs resource detectors in a pool of threads here, which waits for ever if the application has
        imported concurrent.futures after the provider was made.
        """


def _own_trace_id() -> tuple[int, int]:
    return random_bits(128), TraceFlags.RANDOM_TRACE_ID
