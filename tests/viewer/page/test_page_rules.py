"""What the page works out for itself, as tables: formats, critical path, self time, folding, layers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.viewer.page.conftest import Visit

# name, parent, start, duration: one trace, times in nanoseconds
Spans = list[tuple[str, str | None, int, int]]


def call(visit: Visit, module: str, expression: str, argument: Any = None) -> Any:
    """The value of ``expression`` over ``module`` and ``argument``."""
    visitor = visit()
    if visitor.page.url == "about:blank":
        visitor.open("/delivery", "h1")
    script = f"async argument => {{ const module = await import('/page/{module}'); return {expression}; }}"
    return visitor.page.evaluate(script, argument)


def raw_trace(spans: Spans, errors: tuple[str, ...] = ()) -> dict[str, Any]:
    """The spans as the API answers them; a span's id is its name."""
    return {
        "traceId": "1" * 32,
        "summary": {"start": str(min(start for _, _, start, _ in spans)), "services": []},
        "resources": [],
        "logs": [],
        "spans": [
            {
                "spanId": name, "parentId": parent, "name": name.rstrip("0123456789"), "kind": "internal",
                "service": "s", "resource": 0, "scope": {"name": "", "version": ""},
                "start": str(start), "duration": str(duration),
                "status": {"code": "error" if name in errors else "unset", "message": ""}, "attributes": {},
                "events": [], "links": [], "dropped": {},
            }
            for name, parent, start, duration in spans
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0"), (7, "7 ns"), (1_500, "1.50 µs"), (999_600, "1.00 ms"), (12_345_678, "12.3 ms"),
     (4_560_000_000, "4.56 s"), (90_000_000_000, "1.50 min"), (7_200_000_000_000, "2.00 h"), (-5, "–")],
)  # fmt: skip
def test_duration_has_the_unit_that_suits_it(visit: Visit, nanoseconds: int, text: str) -> None:
    shown = call(visit, "format.js", "module.duration(argument)", nanoseconds)
    assert shown.replace("\u00a0", " ") == text


TREES: dict[str, tuple[Spans, dict[str, list[list[int]]], dict[str, int]]] = {
    "one span": ([("a", None, 0, 10)], {"a": [[0, 10]]}, {"a": 10}),
    "one after the other": (
        [("a", None, 0, 100), ("b", "a", 10, 30), ("c", "a", 50, 40)],
        {"a": [[0, 10], [40, 50], [90, 100]], "b": [[10, 40]], "c": [[50, 90]]},
        {"a": 30, "b": 30, "c": 40},
    ),
    "side by side: the one that ends last counts": (
        [("a", None, 0, 100), ("b", "a", 10, 30), ("c", "a", 10, 80)],
        {"a": [[0, 10], [90, 100]], "c": [[10, 90]]},
        {"a": 20, "b": 30, "c": 80},
    ),
    "overlapping: who ended before the one that was waited for is not on it": (
        [("a", None, 0, 100), ("b", "a", 5, 35), ("c", "a", 10, 80)],
        {"a": [[0, 10], [90, 100]], "c": [[10, 90]]},
        {"a": 15, "b": 35, "c": 80},
    ),
    "a child that outlives its parent": (
        [("a", None, 0, 100), ("b", "a", 60, 80)],
        {"a": [[0, 60]], "b": [[60, 100]]},
        {"a": 60, "b": 80},
    ),
    "a child that began before its parent": (
        [("r", None, 0, 100), ("a", "r", 20, 60), ("b", "a", 10, 40)],
        {"r": [[0, 20], [80, 100]], "a": [[20, 80]]},
        {"r": 40, "a": 30, "b": 40},
    ),
    "an orphan is a root": ([("a", "gone", 0, 50), ("b", None, 10, 10)], {"a": [[0, 50]]}, {"a": 50, "b": 10}),
    "parents in a circle": ([("a", "b", 0, 50), ("b", "a", 10, 10)], {"a": [[0, 10], [20, 50]], "b": [[10, 20]]}, {}),
    "its own parent": ([("a", "a", 0, 50)], {"a": [[0, 50]]}, {"a": 50}),
}


@pytest.mark.parametrize("name", TREES)
def test_critical_path_and_self_time(visit: Visit, name: str) -> None:
    spans, path, own = TREES[name]
    script = """(async () => {
        const trace = (await import('/page/trace/model.js')).readTrace(argument);
        const path = [...module.criticalPath(trace)].filter(([, sections]) => sections.length);
        return { path: Object.fromEntries(path.map(([span, sections]) => [span.id, sections.map(s => [s.from, s.to])])),
            own: Object.fromEntries(trace.spans.map(span => [span.id, span.self])) };
    })()"""
    result = call(visit, "trace/critical.js", script, raw_trace(spans))
    assert result["path"] == path
    assert not own or result["own"] == own


FOLDS: dict[str, tuple[list[str], tuple[str, ...], list[str]]] = {
    "two do not repeat": (["q1", "q2"], (), ["q1", "q2"]),
    "three do": (["q1", "q2", "q3"], (), ["q x3"]),
    "others stand between": (["q1", "q2", "p1", "q3"], (), ["q1", "q2", "p1", "q3"]),
    "two runs": (["q1", "q2", "q3", "p1", "p2", "p3", "p4"], (), ["q x3", "p x4"]),
    "an error always has its row": (["q1", "q2", "q3", "q4"], ("q2",), ["q1", "q2", "q3", "q4"]),
}


@pytest.mark.parametrize("name", FOLDS)
def test_only_quiet_neighbours_are_folded(visit: Visit, name: str) -> None:
    children, errors, shown = FOLDS[name]
    spans: Spans = [("root", None, 0, 100), *((child, "root", index, 1) for index, child in enumerate(children))]
    script = """(async () => {
        const trace = (await import('/page/trace/model.js')).readTrace(argument);
        return module.folded(trace.roots[0].children)
            .map(each => each.spans ? `${each.title} x${each.spans.length}` : each.id);
    })()"""
    assert call(visit, "trace/fold.js", script, raw_trace(spans, errors)) == shown


def test_deep_trace_is_read_without_recursion(visit: Visit) -> None:
    script = """(async () => {
        const [top] = argument.spans;
        argument.spans = Array.from({ length: 12_000 }, (_, depth) => ({ ...top, spanId: `s${depth}`,
            parentId: depth ? `s${depth - 1}` : null, start: String(depth), duration: String(30_000 - 2 * depth) }));
        const trace = (await import('/page/trace/model.js')).readTrace(argument);
        const rows = (await import('/page/trace/rows.js')).rowsOf(trace,
            { closed: new Set(), opened: new Set(), folds: true, logs: true });
        return [rows.length, rows.at(-1).depth, module.criticalPath(trace).size];
    })()"""
    assert call(visit, "trace/critical.js", script, raw_trace([("s", None, 0, 1)])) == [12_000, 11_999, 12_000]


@pytest.mark.parametrize(
    ("calls", "columns"),
    [
        ("a>b b>c a>c", {"a": 0, "b": 1, "c": 2}),
        ("a>b b>a", {"a": 0, "b": 1}),
        ("a>a", {"a": 0}),
        ("a>c b>c c>d d>c", {"a": 0, "b": 0, "c": 1, "d": 2}),
    ],
)
def test_calls_lead_from_left_to_right(visit: Visit, calls: str, columns: dict[str, int]) -> None:
    edges = [dict(zip(("parent", "child"), edge.split(">"), strict=True)) for edge in calls.split()]
    nodes = [{"service": name} for name in sorted(set("".join(calls.split()).replace(">", "")))]
    script = (
        "Object.fromEntries([...module.layers(argument.nodes, argument.edges)].map(([name, at]) => [name, at.column]))"
    )
    assert call(visit, "layers.js", script, {"nodes": nodes, "edges": edges}) == columns


def test_services_keep_colours_that_differ(visit: Visit) -> None:
    names = ["erni-foto-agency", "sharepoint-gateway", "model-gateway", "redis", "worker"]
    script = "argument.map(name => module.hue(name))"
    hues = call(visit, "colour.js", script, names)
    assert len(set(hues)) == len(names)
    assert call(visit, "colour.js", script, names[::-1]) == hues[::-1]
    apart = [abs(a - b) % 360 for index, a in enumerate(hues) for b in hues[:index]]
    assert min(min(each, 360 - each) for each in apart) >= 20
