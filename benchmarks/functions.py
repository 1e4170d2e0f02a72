"""What a span costs: CPU time of one call of an instrumented function over the bare call, all kinds in turn, in one
process, beside the decorators of the SDK and of other tools that are installed.

CPU time is that of the measuring thread. The kinds alternate within each round, which is short, so that a machine whose
speed changes does so for what is compared; the figure is the median of the rounds' differences. Spans are
recorded and, here, not delivered: what delivery costs is in delivery.py.

    python -m benchmarks.functions [ROUNDS]
"""

from __future__ import annotations

import operator
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import opentelemetry.trace
from erni_run.inside import activate
from erni_run.inside.functions import trampoline
from erni_run.plan import ExportPlan, Plan, SamplingPlan, SpanPlan, encode
from opentelemetry.sdk.trace import TracerProvider, sampling

from benchmarks import targets

CALLS = 200
ATTRIBUTES: dict[str, Any] = {"agent": "vision_analyzer", "handoff_type": "vision_analysis", "tier": 3}
KINDS = (
    SpanPlan(target="benchmarks.targets:traced", attributes=ATTRIBUTES),
    SpanPlan(target="benchmarks.targets:without_capture", attributes=ATTRIBUTES),
    SpanPlan(target="benchmarks.targets:with_capture", attributes=ATTRIBUTES, capture={"photo.id": "photo_id"}),
    SpanPlan(target="benchmarks.targets:top"),
)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """``call`` is measured over ``bare``; ``as_child`` within a span of the same tool."""

    name: str
    call: Callable[[], object]
    bare: Callable[[], object]
    within: Callable[[Callable[[], None]], None] = lambda measure: measure()
    bound: float | None = None  # nanoseconds
    over: str = ""  # the name of the kind over which ``bound`` is meant, instead of the bare call


def measured(call: Callable[[], object]) -> float:
    """CPU nanoseconds of one call, the loop included."""
    start = time.thread_time_ns()
    for _ in range(CALLS):
        call()
    return (time.thread_time_ns() - start) / CALLS


def ours(ratio: float) -> list[Kind]:
    """Our kinds, at one ratio: the second time they are re-configured, as by an edit of tracing.toml."""
    from opentelemetry import trace

    provider: Any = trace.get_tracer_provider()
    provider.started().reconfigure(SamplingPlan(ratio=ratio))
    if not ratio:
        return [
            Kind(name="unsampled, below a span", call=targets.traced, bare=targets.bare, within=below, bound=500),
            Kind(name="unsampled, a root", call=targets.traced, bare=targets.bare, bound=500),
        ]
    plain, captured = "with an argument", "the argument captured"
    return [
        Kind(name="hooks that do nothing", call=targets.noop, bare=targets.bare, bound=100),
        Kind(name="a span, below a span", call=targets.traced, bare=targets.bare, within=below, bound=2000),
        Kind(name="a span, a root", call=targets.traced, bare=targets.bare, bound=2000),
        Kind(name=plain, call=lambda: targets.without_capture("x"), bare=lambda: targets.untouched("x"), within=below),
        Kind(
            name=captured,
            call=lambda: targets.with_capture("x"),
            bare=lambda: targets.untouched("x"),
            within=below,
            bound=60,
            over=plain,
        ),
    ]


def below(measure: Callable[[], None]) -> None:
    """Measure within a span of ours."""
    targets.inside[0] = measure
    targets.top()


def others(ratio: float) -> list[Kind]:
    """The decorators of the SDK, and of ddtrace and logfire where they are installed."""
    tracer = TracerProvider(sampler=sampling.ParentBased(sampling.TraceIdRatioBased(ratio))).get_tracer("benchmark")

    def within(measure: Callable[[], None]) -> None:
        with tracer.start_as_current_span("top"):
            measure()

    decorated = tracer.start_as_current_span("decorated", attributes=ATTRIBUTES)(_another())
    word = "" if ratio else "unsampled, "
    kinds = [
        Kind(name=f"SDK's decorator, {word}below a span", call=decorated, bare=targets.bare, within=within),
        Kind(name=f"SDK's decorator, {word}a root", call=decorated, bare=targets.bare),
    ]
    return kinds + (_installed() if ratio else [])


def _another() -> Callable[[], None]:
    def another() -> None:
        return

    return another


def _installed() -> list[Kind]:
    kinds = []
    for name, decorate in (("ddtrace", _ddtrace), ("logfire", _logfire)):
        try:
            call = decorate(import_module(name))
        except ImportError:
            print(f"{name}'s decorator: not installed")
            continue
        kinds.append(Kind(name=f"{name}'s decorator, a root", call=call, bare=targets.bare))
    return kinds


def _ddtrace(ddtrace: Any) -> Callable[[], object]:
    ddtrace.tracer.enabled = True
    ddtrace.tracer.configure(trace_processors=[type("Drop", (), {"process_trace": lambda _, __: None})()])
    call: Callable[[], object] = ddtrace.tracer.wrap("decorated")(_another())
    return call


def _logfire(logfire: Any) -> Callable[[], object]:
    logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False)
    call: Callable[[], object] = logfire.instrument("decorated", extract_args=False)(_another())
    return call


def figures(kinds: list[Kind], rounds: int) -> dict[str, float]:
    """Median nanoseconds of each kind over its bare call; by "A over B" those of a kind over another one."""
    seen: dict[str, list[float]] = {kind.name: [] for kind in kinds}
    for _ in range(rounds + 1):
        for kind in kinds:
            kind.within(lambda kind=kind: seen[kind.name].append(measured(kind.call) - measured(kind.bare)))  # type: ignore[misc]  # a lambda with a default
    seen |= {
        f"{kind.name} over {kind.over}": list(map(operator.sub, seen[kind.name], seen[kind.over]))
        for kind in kinds
        if kind.over
    }
    return {name: statistics.median(values[1:]) for name, values in seen.items()}


def main() -> int:
    """Print a line a kind. Returns 1 if something that must hold does not."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    activate.activate(encode(Plan(export=ExportPlan(protocol="none"), spans=KINDS)))
    nothing = {"enter": lambda: None, "leave": lambda _, result: result, "fail": lambda _: None}
    trampoline.instrument(targets.noop, nothing)  # type: ignore[arg-type]  # a function is one
    held = True
    print(f"{'':44} {'over the bare call':>20}   must hold")
    for ratio in (1.0, 0.0):
        kinds = ours(ratio) + others(ratio)
        found = figures(kinds, rounds)
        for kind in kinds:
            figure = found[f"{kind.name} over {kind.over}" if kind.over else kind.name]
            verdict = ""
            if kind.bound is not None:
                held = held and figure <= kind.bound
                over = f" over '{kind.over}', {figure:.0f}" if kind.over else ""
                verdict = f"at most {kind.bound:g} ns{over}: {'holds' if figure <= kind.bound else 'DOES NOT HOLD'}"
            print(f"{kind.name:44} {found[kind.name]:17.0f} ns   {verdict}")
        held = _shares(found, ratio) and held
    return int(not held)


def _shares(found: dict[str, float], ratio: float) -> bool:
    """Ours as a share of the SDK's decorator."""
    held = True
    for where in ("below a span", "a root"):
        name, sdk = (f"a span, {where}", f"SDK's decorator, {where}")
        if not ratio:
            name, sdk = f"unsampled, {where}", f"SDK's decorator, unsampled, {where}"
        share = found[name] / found[sdk]
        verdict = ""
        if ratio:
            held = held and share <= 0.1
            verdict = f"at most a tenth: {'holds' if share <= 0.1 else 'DOES NOT HOLD'}"
        print(f"{name + ', share of the SDK':44} {share:20.3f}   {verdict}")
    return held


if __name__ == "__main__":
    assert opentelemetry.trace  # imported first: the provider is installed when it has been
    sys.exit(main())
