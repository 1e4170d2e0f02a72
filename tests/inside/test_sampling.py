"""Which traces are kept: by threshold, by rule, by what became of them; and what other services are told."""

from __future__ import annotations

import gc
import json
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest
from erni_run.inside.recorder import unsampled
from erni_run.inside.recorder.current import current
from erni_run.inside.recorder.recorder import Recorder
from erni_run.inside.recorder.sampling import HeadSampler, Keeping, Threshold
from erni_run.plan import SamplingPlan, SamplingRule
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace._sampling_experimental import composable_traceid_ratio_based, composite_sampler
from opentelemetry.sdk.trace._sampling_experimental._trace_state import OtelTraceState
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tests.collector import Collector
from tests.conftest import Workshop
from tests.inside.test_recorder_threads import everywhere

RESOURCE = Resource({})
ALL = 1 << 56


class SeededIds(IdGenerator):
    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)

    def generate_span_id(self) -> int:
        return self._random.getrandbits(64)

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(128)

    def is_trace_id_random(self) -> bool:
        return True


class Shop:
    """A recorder under ``plan``, and what it delivers."""

    def __init__(self, *, most: int | None = None, seed: int | None = None, **plan: Any) -> None:
        self.delivered: list[Any] = []
        ids = None if seed is None else SeededIds(seed)
        self.recorder = Recorder(RESOURCE, self.delivered.append, sampling=SamplingPlan(**plan), id_generator=ids)
        if most is not None:
            self.recorder.keeping = Keeping(SamplingPlan(**plan), most)
        self.tracer = self.recorder.get_tracer("shop")

    def call(self, name: str = "site", attributes: Any = ()) -> Any:
        """The span of a traced function's call."""
        span = self.tracer.starter(name, SpanKind.INTERNAL, dict(attributes))(..., current.get())
        return unsampled.of(span) if type(span) is float else span

    def start(self, name: str = "a", above: Any = None, **options: Any) -> Any:
        above = NonRecordingSpan(above) if isinstance(above, SpanContext) else above
        context = set_span_in_context(above, Context()) if above is not None else Context()
        return self.tracer.start_span(name, context, **options)

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.delivered]


def remote(flags: int, state: str = "", trace_id: int = 0xABCDEF) -> SpanContext:
    headers = TraceState.from_header([state])
    return SpanContext(trace_id, 0x123, is_remote=True, trace_flags=TraceFlags(flags), trace_state=headers)


# the ratio, and the threshold that the specification gives for it (OpenTelemetry, "TraceState: Probability Sampling")
EXAMPLES = {
    1.0: "",
    0.5: "8",
    0.25: "c",
    0.1: "e666",
    0.01: "fd70a",
    0.001: "ffbe77",
    1 / 3: "aaab",
    2 / 3: "5555",
    1 / 8: "e",
    1 / 16: "f",
    2**-40: "ffffffffff",
    2**-56: "ffffffffffffff",
    0.0: "",
}


@pytest.mark.parametrize("ratio", EXAMPLES)
def test_threshold_is_that_of_the_specification(ratio: float) -> None:
    threshold = Threshold(ratio)
    assert threshold.state.to_header() == (f"ot=th:{EXAMPLES[ratio]}" if EXAMPLES[ratio] else "")
    assert (threshold.value == 0, threshold.value == ALL) == (ratio == 1.0, ratio == 0.0)


ratios = st.floats(2**-56, 1.0) | st.floats(-50, 0).map(lambda exponent: 2.0**exponent)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(ratios, ratios, st.integers(0, ALL - 1))
def test_trace_that_is_kept_at_a_ratio_is_kept_at_every_greater_one(one: float, other: float, randomness: int) -> None:
    less, more = Threshold(min(one, other)), Threshold(max(one, other))
    assert less.value >= more.value
    kept = [plan_keeps(ratio, randomness) for ratio in (min(one, other), max(one, other))]
    assert kept != [True, False]


def plan_keeps(ratio: float, trace_id: int) -> bool:
    sampler = HeadSampler(SamplingPlan(ratio=ratio))
    return sampler.should_sample(Context(), trace_id, "a").decision.is_sampled()


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(ratios)
def test_threshold_is_the_sdks_within_four_digits(ratio: float) -> None:
    sampler = composite_sampler(composable_traceid_ratio_based(ratio))
    state = sampler.should_sample(None, ALL - 1, "a", trace_state=None).trace_state
    exact, ours = OtelTraceState.parse(state).threshold, Threshold(ratio)
    digits = f"{exact:014x}"
    leading = len(digits) - len(digits.lstrip("f"))
    assert abs(ours.value - exact) <= 16 ** max(0, 14 - leading - 4) // 2
    told = OtelTraceState.parse(ours.state)
    assert told.threshold == ours.value or not ours.value
    assert len(ours.state.get("ot", "")) <= len("th:") + leading + 5


@pytest.mark.parametrize("ratio", [0.0, 0.05, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("own_ids", [True, False])
def test_share_of_traces_that_is_kept_is_the_ratio(ratio: float, own_ids: bool) -> None:
    shop = Shop(ratio=ratio, seed=None if own_ids else 11)
    for _ in range(3000):
        root = shop.start()
        shop.start("b", root).end()
        root.end()
    kept = len(shop.delivered) / 6000
    assert abs(kept - ratio) < (0.04 if 0 < ratio < 1 else 1e-9)  # more than four deviations
    expected = Threshold(ratio).state.to_header()
    for span in shop.delivered:
        context = span.get_span_context()
        assert context.trace_state.to_header() == expected
        assert context.trace_id % ALL >= Threshold(ratio).value
        assert int(context.trace_flags) == 3


@pytest.mark.parametrize("own_ids", [True, False])
def test_call_sites_and_the_api_sample_alike(own_ids: bool) -> None:
    shop = Shop(ratio=0.5, seed=None if own_ids else 3)
    for _ in range(2000):
        span = shop.call()
        assert (span.get_span_context().trace_id % ALL >= ALL // 2) == span.is_recording()
        span.end()
    assert 800 < len(shop.delivered) < 1200


# sampler, flags of the remote parent, its tracestate: whether it is kept, with which tracestate
LOW, HIGH = 0x10, ALL - 1  # trace ids that ratio 0.5 refuses and takes
PARENTS = {
    "sampled parent": ("parentbased_traceidratio", remote(1, "v=1,ot=th:c", LOW), True, "v=1,ot=th:c"),
    "unsampled parent": ("parentbased_traceidratio", remote(0, "v=1", HIGH), False, "v=1"),
    "parent that was always on": ("parentbased_always_on", remote(0, "", HIGH), False, ""),
    "always off, sampled parent": ("parentbased_always_off", remote(1, "", LOW), True, ""),
    "not parent-based, refused": ("traceidratio", remote(1, "v=1,ot=th:4;x:y", LOW), False, "ot=x:y,v=1"),
    "not parent-based, taken": ("traceidratio", remote(0, "v=1", HIGH), True, "ot=th:8,v=1"),
    "not parent-based, threshold replaced": (
        "traceidratio",
        remote(1, "v=1,ot=th:c;x:y", HIGH),
        True,
        "ot=th:8;x:y,v=1",
    ),
    "explicit randomness that refuses": (
        "traceidratio",
        remote(1, "ot=rv:10000000000000", HIGH),
        False,
        "ot=rv:10000000000000",
    ),
    "explicit randomness that takes": (
        "traceidratio",
        remote(1, "ot=rv:f0000000000000", LOW),
        True,
        "ot=th:8;rv:f0000000000000",
    ),
    "randomness that is none": ("traceidratio", remote(1, "ot=rv:10", HIGH), True, "ot=th:8;rv:10"),
    "always on has no threshold to tell": ("always_on", remote(0, "v=1,ot=th:c", LOW), True, "v=1"),
    "always off": ("always_off", remote(1, "v=1,ot=th:c", HIGH), False, "v=1"),
}


@pytest.mark.parametrize("case", PARENTS)
def test_remote_parent(case: str) -> None:
    sampler, parent, is_kept, state = PARENTS[case]
    shop = Shop(sampler=sampler, ratio=0.5)
    span = shop.start("a", parent)
    context = span.get_span_context()
    assert (span.is_recording(), context.trace_flags.sampled) == (is_kept, is_kept)
    assert (context.trace_id, context.trace_state.to_header()) == (parent.trace_id, state)
    above = set_span_in_context(NonRecordingSpan(parent), Context())
    asked = shop.recorder.sampler.should_sample(above, parent.trace_id, "a")
    assert asked.decision.is_sampled() == is_kept
    if is_kept:
        assert asked.trace_state.to_header() == state
        assert (span.parent.span_id, span.parent.is_remote) == (parent.span_id, True)
    below = shop.start("b", span)
    assert (below.is_recording(), below.get_span_context().trace_id) == (is_kept, parent.trace_id)
    assert below.get_span_context().trace_state.to_header() == state


def test_tracestate_of_the_parent_has_no_room_for_more() -> None:
    full = ",".join(f"v{number}=1" for number in range(32))
    context = Shop(sampler="traceidratio", ratio=0.5).start("a", remote(1, full, HIGH)).get_span_context()
    assert len(context.trace_state) == 32
    assert next(iter(context.trace_state.items())) == ("ot", "th:8")
    long = remote(1, "ot=" + "x:" + "y" * 250, HIGH)
    context = Shop(sampler="traceidratio", ratio=0.5).start("a", long).get_span_context()
    assert context.trace_state["ot"] == "th:8"


RULES = (
    SamplingRule(name="GET /health*", ratio=0.0),
    SamplingRule(attribute="url.path", matches="/admin/*", ratio=1.0),
    SamplingRule(attribute="tier", matches="[0-9]", ratio=0.0),
    SamplingRule(name="GET *", ratio=0.0),
    SamplingRule(name="GET /never/reached", ratio=1.0),
    SamplingRule(name="POST *", ratio=0.5),
)


class Unsayable:
    def __str__(self) -> str:
        raise RuntimeError


# root's name, its attributes: whether it is kept
ROOTS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "name": ("GET /healthz", {}, False),
    "first match wins": ("GET /healthz", {"url.path": "/admin/x"}, False),
    "attribute": ("GET /admin/x", {"url.path": "/admin/x"}, True),
    "attribute of another value": ("GET /a", {"url.path": "/a"}, False),
    "value that is no text": ("job", {"tier": 7}, False),
    "value whose text cannot be had": ("job", {"tier": Unsayable()}, True),
    "later rule": ("GET /never/reached", {}, False),
    "case matters": ("get /healthz", {}, True),
    "no rule": ("job", {"tier": "gold"}, True),
}


@pytest.mark.parametrize("case", ROOTS)
@pytest.mark.parametrize("own_ids", [True, False])
def test_rule_decides_at_the_root(case: str, own_ids: bool) -> None:
    name, attributes, is_kept = ROOTS[case]
    shop = Shop(rules=RULES, seed=None if own_ids else 1)
    for _ in range(2):
        root = shop.start(name, attributes=attributes)
        assert root.is_recording() == is_kept
        assert shop.start("GET /health", root).is_recording() == is_kept  # rules are for roots
        if not any(isinstance(value, Unsayable) for value in attributes.values()):
            assert shop.call(name, attributes).is_recording() == is_kept


@pytest.mark.parametrize("expression", ["tier", "len(tier)", "order.tier"])
def test_rule_looks_at_what_a_call_captures(expression: str, workshop: Workshop, collector: Collector) -> None:
    workshop.write(
        "shop.py",
        """
        class Order:
            def __init__(self, tier): self.tier = tier
        def sell(tier, order): return tier
        """,
    )
    workshop.write(
        "tracing.toml",
        f"""
        [sampling]
        ratio = 0.0
        [[sampling.rule]]
        attribute = "tier"
        matches = "[g4]*"
        ratio = 1.0
        [[span]]
        target = "shop:sell"
        capture = {{ tier = "{expression}" }}
        """,
    )
    calls = "import shop; [shop.sell(tier, shop.Order(tier)) for tier in ('gold', 'silver', 'gold')]"
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "-c", calls, environ=environ)
    assert (done.stderr, done.returncode) == ("", 0)
    assert [span.attributes["tier"] for span in collector.spans] == [4 if "len" in expression else "gold"] * 2


def test_rule_is_told_to_other_services_as_any_ratio() -> None:
    shop = Shop(rules=RULES)
    states = {span.get_span_context().trace_state.to_header() for span in (shop.start("POST /a") for _ in range(99))}
    assert states == {"ot=th:8", ""}  # kept, and not kept


def test_rules_leave_traces_that_began_elsewhere_to_those_who_began_them() -> None:
    assert Shop(rules=RULES).start("GET /health", remote(1)).is_recording()
    assert not Shop(rules=RULES, sampler="traceidratio").start("GET /health", remote(1)).is_recording()


def test_names_without_end_are_not_all_remembered() -> None:
    shop = Shop(rules=(SamplingRule(name="a*", ratio=0.0),))
    for number in range(3000):
        assert shop.start(f"b{number}").is_recording()
        assert not shop.start(f"a{number}").is_recording()
    assert len(shop.recorder.head._by_name) <= 1000


def trace_of(shop: Shop, *, fails: str = "", lasts: float = 0.001, late: bool = False) -> Any:
    root = shop.start("root", start_time=10**9)
    child = shop.start("child", root)
    late_one = shop.start("late", child)
    if fails:
        {"root": root, "child": child, "late": late_one}[fails].set_status(StatusCode.ERROR)
    if not late:
        late_one.end()
    child.end()
    root.end(10**9 + int(lasts * 1e9))
    if late:
        late_one.end()
    return root


# the plan beside ratio 0, the trace: what is delivered
WHOLE = ["late", "child", "root"]
KEPT: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "nothing happened": ({"keep_errors": True}, {}, []),
    "root failed": ({"keep_errors": True}, {"fails": "root"}, WHOLE),
    "child failed": ({"keep_errors": True}, {"fails": "child"}, WHOLE),
    "errors are not asked for": ({"keep_slower_than": 2.0}, {"fails": "root"}, []),
    "root was slow": ({"keep_slower_than": 2.0}, {"lasts": 2.1}, WHOLE),
    "root was just not": ({"keep_slower_than": 2.0}, {"lasts": 2.0}, []),
    "both asked for, slow": ({"keep_errors": True, "keep_slower_than": 2.0}, {"lasts": 3}, WHOLE),
    "both asked for, failed": ({"keep_errors": True, "keep_slower_than": 2.0}, {"fails": "child"}, WHOLE),
    "late span of a kept trace": ({"keep_errors": True}, {"fails": "child", "late": True}, ["child", "root", "late"]),
    "late span of another": ({"keep_errors": True}, {"late": True}, []),
    "error that comes too late": ({"keep_errors": True}, {"fails": "late", "late": True}, []),
    "always off is off": ({"keep_errors": True, "sampler": "always_off"}, {"fails": "root"}, []),
    "parent-based always off, too": ({"keep_errors": True, "sampler": "parentbased_always_off"}, {"fails": "root"}, []),
}


@pytest.mark.parametrize("case", KEPT)
def test_trace_is_kept_for_what_became_of_it(case: str) -> None:
    plan, course, expected = KEPT[case]
    shop = Shop(**{"ratio": 0.0, **plan})
    for _ in range(2):
        trace_of(shop, **course)
    assert shop.names == expected * 2
    assert (shop.recorder.keeping._count.spans, shop.recorder.keeping.overflowed) == (0, 0)


def test_trace_of_an_unsampled_remote_parent_is_kept_for_an_error() -> None:
    shop = Shop(keep_errors=True)
    root = shop.start("root", remote(0))
    root.record_exception(ValueError())
    root.set_status(StatusCode.ERROR)
    root.end()
    assert shop.names == ["root"]
    assert shop.delivered[0].parent == remote(0)


def test_other_services_are_told_that_a_held_trace_is_not_sampled() -> None:
    shop = Shop(ratio=0.0, keep_errors=True)
    for root in (shop.start("root"), shop.call()):
        assert root.is_recording()
        headers: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(headers, set_span_in_context(root, Context()))
        context = root.get_span_context()
        assert headers == {"traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-02"}


@pytest.mark.parametrize("own_ids", [True, False])
def test_span_that_is_not_recorded_has_a_valid_context_to_pass_on(own_ids: bool) -> None:
    shop = Shop(ratio=0.0, seed=None if own_ids else 1)
    for root in (shop.start("root"), shop.call()):
        headers: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(headers, set_span_in_context(root, Context()))
        found = trace.get_current_span(TraceContextTextMapPropagator().extract(headers)).get_span_context()
        assert found.is_valid
        assert (found.trace_id, found.span_id) == (root.get_span_context().trace_id, root.get_span_context().span_id)
        assert int(found.trace_flags) == 2
        assert "tracestate" not in headers
        assert shop.start("child", root).get_span_context() == root.get_span_context()


def test_more_spans_than_can_be_held_leave_their_trace_to_its_head() -> None:
    shop = Shop(ratio=0.0, keep_errors=True, most=3)
    big, small = shop.start("big"), shop.start("small")
    shop.start("of small", small).end()
    for _ in range(3):
        shop.start("of big", big).end()
    for root in (big, small):
        root.set_status(StatusCode.ERROR)
        root.end()
    assert shop.names == ["of small", "small"]
    assert (shop.recorder.keeping._count.spans, shop.recorder.keeping.overflowed) == (0, 1)
    trace_of(shop, fails="root")
    assert shop.names[2:] == WHOLE


def test_trace_whose_root_never_ends_gives_its_place_back() -> None:
    shop = Shop(ratio=0.0, keep_errors=True, most=3)
    for _ in range(10):
        root = shop.start("forgotten")
        shop.start("child", root).end()
        del root
        gc.collect()
    trace_of(shop, fails="root")
    assert (shop.names, shop.recorder.keeping.overflowed) == (WHOLE, 0)


def test_plan_that_changes_decides_on_what_is_held_already() -> None:
    shop = Shop(ratio=0.0, keep_errors=True)
    root = shop.start("root")
    root.set_status(StatusCode.ERROR)
    shop.recorder.reconfigure(SamplingPlan(ratio=1.0))
    root.end()
    shop.start("next").end()
    assert shop.names == ["next"]
    shop.recorder.reconfigure(SamplingPlan(ratio=0.0, keep_slower_than=1.0))
    trace_of(shop, lasts=2)
    assert shop.names[1:] == WHOLE


@pytest.mark.parametrize("first", ["root", "child"])
def test_child_that_ends_while_the_root_does_is_delivered_once(first: str) -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[], object], Callable[[], object]]:
        shop = Shop(ratio=0.0, keep_errors=True)
        root = shop.start("root")
        child = shop.start("child", root)
        root.set_status(StatusCode.ERROR)

        def check() -> None:
            assert sorted(shop.names) == ["child", "root"]
            assert shop.recorder.keeping._count.spans == 0

        return (root.end, child.end, check) if first == "root" else (child.end, root.end, check)

    everywhere(prepare)


FORKING = """
import json, os, sys
from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from erni_run.inside.recorder.context import install
from erni_run.inside.recorder.current import current
from erni_run.inside.recorder import unsampled
from erni_run.inside.recorder.recorder import Recorder
from erni_run.plan import SamplingPlan

install()
delivered = []
plan = SamplingPlan(**json.loads(sys.argv[1]))
recorder = Recorder(Resource({"service.name": "shop"}), delivered.append, sampling=plan)
tracer = recorder.get_tracer("shop")
start = tracer.starter("site", SpanKind.INTERNAL, {})

def report(where):
    spans = [[s.name, f"{s.context.trace_id:x}", f"{s.context.span_id:x}", s.parent and f"{s.parent.span_id:x}"]
             for s in delivered]
    held = recorder.keeping._count.spans
    pid, instance = recorder.resource.attributes["process.pid"], recorder.resource.attributes["service.instance.id"]
    print(json.dumps([where, spans, held, pid == os.getpid(), instance]), flush=True)

recorder._resource = recorder._resource.merge(Resource({"process.pid": os.getpid(), "service.instance.id": "parent"}))
root = tracer.start_span("root")
context.attach(set_span_in_context(root))
site = start(..., current.get())
if site is not None:
    current.set(site)
tracer.start_span("before").end()
delivered_before, delivered[:] = len(delivered), []
pid = os.fork()
where = "parent" if pid else "child"
with tracer.start_as_current_span("after") as after:
    if not pid:
        after.set_status(StatusCode.ERROR)
    inner = start(..., current.get())
    if inner is not None:
        inner.end()
if site is not None:
    site.end()
root.end()
with_new_root = tracer.start_span("new", context.Context())
with_new_root.set_status(StatusCode.ERROR)
with_new_root.end()
if pid:
    os.waitpid(pid, 0)
report(where)
"""


def forked(workshop: Workshop, **plan: Any) -> dict[str, tuple[list[list[str]], int, bool, str]]:
    workshop.write("fork.py", FORKING)
    done = workshop.run(sys.executable, "fork.py", json.dumps(plan))
    assert (done.returncode, done.stderr) == (0, "")
    return {where: rest for where, *rest in map(json.loads, done.stdout.splitlines())}  # type: ignore[misc]  # four


def test_child_of_a_fork_records_its_own_spans_once_below_the_inherited_one(workshop: Workshop) -> None:
    reports = forked(workshop)
    (parents, _, parents_pid, parents_instance), (childs, _, childs_pid, childs_instance) = (
        reports["parent"],
        reports["child"],
    )
    assert [name for name, *_ in childs] == ["site", "after", "new"]
    assert [name for name, *_ in parents] == ["site", "after", "site", "root", "new"]
    by_name = {span[2]: span for span in parents}
    (_, trace_id, _, below), after, new = childs
    assert below == after[2]
    assert by_name[after[3]][0] == "site"
    assert trace_id == after[1] == parents[0][1] != new[1]
    assert not {span[2] for span in childs} & {span[2] for span in parents}
    assert (parents_pid, childs_pid) == (True, True)
    assert parents_instance == "parent" != childs_instance


def test_child_of_a_fork_decides_on_its_own_part_of_its_parents_traces(workshop: Workshop) -> None:
    reports = forked(workshop, ratio=0.0, keep_errors=True)
    assert ([name for name, *_ in reports["child"][0]], reports["child"][1]) == (["site", "after", "new"], 0)
    assert ([name for name, *_ in reports["parent"][0]], reports["parent"][1]) == (["new"], 0)
