"""Which traces are kept: decided at their head, by trace id and by rules, and once more when the local root ends.

The head decision is consistent across services: a trace is kept if the random part of its id reaches a threshold,
which travels in the tracestate (OpenTelemetry, "TraceState: Probability Sampling"; W3C Trace Context level 2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.trace.span import DEFAULT_TRACE_STATE
from opentelemetry.util.types import Attributes

from erni_run.inside.notice import say_once
from erni_run.inside.recorder.attributes import clean
from erni_run.inside.recorder.drawn import RANDOM_BITS, share
from erni_run.inside.recorder.span import Span
from erni_run.inside.recorder.template import Template
from erni_run.inside.recorder.trace import Trace
from erni_run.inside.recorder.tracestate import randomness, with_threshold
from erni_run.plan import SamplingPlan, SamplingRule

_NEVER = 1 << RANDOM_BITS
_DIGITS = RANDOM_BITS // 4
_PRECISION = 4  # hex digits of a threshold behind its leading f's, as the specification recommends
_MOST_NAMES = 1000
_MOST_HELD = 20_000

_RATIOS = {"always_on": 1.0, "always_off": 0.0}


class Threshold:
    """A ratio as the specification compares and propagates it.

    ``state`` goes out with traces that were kept; at ratio 1 it is empty, as there is nothing to tell.
    """

    __slots__ = ("state", "value")

    def __init__(self, ratio: float) -> None:
        self.value = _threshold(ratio)
        digits = f"{self.value:0{_DIGITS}x}".rstrip("0")
        self.state = TraceState([("ot", f"th:{digits}")]) if 0 < self.value < _NEVER else DEFAULT_TRACE_STATE


class HeadSampler(Sampler):
    """Keeps a ratio of the traces that begin here; with ``parent_based``, those that began elsewhere as was decided
    there.
    """

    def __init__(self, plan: SamplingPlan) -> None:
        name = plan.sampler.removeprefix("parentbased_")
        self.parent_based = name != plan.sampler
        self._ratio = _RATIOS.get(name, plan.ratio)
        self._threshold = Threshold(self._ratio)
        self.threshold, self.state = self._threshold.value, self._threshold.state  # where no rule has a say
        self.unkept = share(self.threshold)
        self._rules = [(rule, Threshold(rule.ratio)) for rule in plan.rules]
        self._by_attribute = any(rule.attribute for rule in plan.rules)
        self._by_name: dict[str, Threshold] = {}

    @property
    def has_rules(self) -> bool:
        """Whether the root's name or attributes have a say."""
        return bool(self._rules)

    def keeps(
        self,
        trace_id: int,
        root: Template,
        attributes: Mapping[str, Any] | None,
        above: TraceState = DEFAULT_TRACE_STATE,
    ) -> TraceState | None:
        """The tracestate of a trace with that local root, None if it is not kept; ``above`` is that of its parent."""
        threshold = self._threshold
        if self._rules:
            more = {**root.attributes, **(attributes or {})} if self._by_attribute else {}
            threshold = self._for_root(root.name, more)
        return _state(trace_id, threshold, above)

    def should_sample(  # noqa: PLR0917  # the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,  # noqa: ARG002  # as above
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,  # noqa: ARG002  # as above
        trace_state: TraceState | None = None,  # noqa: ARG002  # as above
    ) -> SamplingResult:
        """See ``opentelemetry.sdk.trace.sampling.Sampler``."""
        parent = get_current_span(parent_context).get_span_context()
        state: TraceState | None
        if parent.is_valid and (self.parent_based or not parent.is_remote):
            state = parent.trace_state if parent.trace_flags.sampled else None
        else:
            state = _state(trace_id, self._for_root(name, attributes or {}), parent.trace_state)
        decision = Decision.DROP if state is None else Decision.RECORD_AND_SAMPLE
        return SamplingResult(decision, attributes if state is not None else None, state)

    def get_description(self) -> str:
        """See ``opentelemetry.sdk.trace.sampling.Sampler``."""
        rules = f", {len(self._rules)} rules" if self._rules else ""
        description = f"TraceIdRatioBased{{{self._ratio:g}{rules}}}"
        return f"ParentBased{{root:{description}}}" if self.parent_based else description

    def _for_root(self, name: str, attributes: Mapping[str, Any]) -> Threshold:
        if self._by_attribute:
            return self._first_match(name, attributes)
        known = self._by_name.get(name)
        if known is None:
            known = self._first_match(name, {})
            if len(self._by_name) < _MOST_NAMES:
                self._by_name[name] = known
        return known

    def _first_match(self, name: str, attributes: Mapping[str, Any]) -> Threshold:
        return next((threshold for rule, threshold in self._rules if _matches(rule, name, attributes)), self._threshold)


class _Count:
    spans = 0


class _Held(list[Span]):
    """The ended spans of one trace, as long as it is open whether they are kept. A trace whose root never ends gives
    its place back when nobody holds it any more.
    """

    __slots__ = ("_count",)

    def __init__(self, count: _Count) -> None:
        self._count = count

    def __del__(self) -> None:
        left = len(self)
        self._count.spans -= left


class Keeping:
    """Keeps traces that were not kept at their head, for what became of them: an error in them, a root that was slow.

    Their spans are held until the local root ends, at most ``most`` in the process; a trace beyond that stays with the
    decision of its head, and ``overflowed`` counts it.
    """

    def __init__(self, plan: SamplingPlan, most: int = _MOST_HELD) -> None:
        self._most = most
        self.begin()
        self.follow(plan)

    def begin(self) -> None:
        """Hold nothing: in a forked child, what was held before is the parent's."""
        self._count = _Count()
        self.overflowed = 0

    def hold(self) -> list[Span]:
        """Where the spans of a new trace are held."""
        return _Held(self._count)

    def follow(self, plan: SamplingPlan) -> None:
        """Decide by ``plan`` from now on, what is held already, too."""
        self._errors = plan.keep_errors
        self._slower_than = int(plan.keep_slower_than * 1e9)
        self.is_wanted = (plan.keep_errors or plan.keep_slower_than > 0) and not plan.sampler.endswith("always_off")

    def ended(self, span: Span) -> Sequence[Span]:
        """The spans to deliver now that ``span`` of a trace not kept at its head has ended."""
        trace = span.trace
        held = trace.held
        if held is None:
            return (span,) if trace.verdict else ()
        held.append(span)
        self._count.spans += 1
        if span.span_id == trace.root_id:
            slow = 0 < self._slower_than < span.duration
            trace.verdict = slow or (self._errors and any(other.has_failed for other in list(held)))
            return self._settle(trace, held)
        if trace.held is None:  # another thread has ended the root, and may have gone before this span came
            return self._settle(trace, held)
        if self._count.spans > self._most:
            self._give_up(trace, held)
        return ()

    def _settle(self, trace: Trace, held: list[Span]) -> Sequence[Span]:
        """Let go of what is held, each span once, whoever takes it."""
        trace.held = None
        spans: list[Span] = []
        with suppress(IndexError):
            while True:
                spans.append(held.pop())
        number = len(spans)
        self._count.spans -= number
        return spans[::-1] if trace.verdict else ()

    def _give_up(self, trace: Trace, held: list[Span]) -> None:
        trace.verdict = False
        self._settle(trace, held)
        self.overflowed += 1
        say_once(
            f"more than {self._most:,} spans wait for their traces to end: in some traces, errors and slowness are "
            "not looked at; sampling.ratio decides"
        )


def _state(trace_id: int, threshold: Threshold, above: TraceState) -> TraceState | None:
    explicit = randomness(above) if above else None
    decides = trace_id & (_NEVER - 1) if explicit is None else explicit
    if decides < threshold.value:
        return None
    return with_threshold(above, threshold.state.get("ot", "")) if above else threshold.state


def _threshold(ratio: float) -> int:
    exact = _NEVER - round(ratio * _NEVER)
    digits = f"{exact:0{_DIGITS}x}"
    if len(digits) > _DIGITS:
        return _NEVER
    leading = len(digits) - len(digits.lstrip("f"))
    unit: int = 16 ** max(0, _DIGITS - leading - _PRECISION)
    return min(_NEVER, (exact + unit // 2) // unit * unit)


def _matches(rule: SamplingRule, name: str, attributes: Mapping[str, Any]) -> bool:
    if rule.attribute:
        value = clean(attributes.get(rule.attribute), None)  # whose text can be had
        return rule.attribute in attributes and fnmatchcase(str(value), rule.matches)
    return fnmatchcase(name, rule.name)
