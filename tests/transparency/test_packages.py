"""Every function of a package is traced, and a program that uses the package broadly does not notice."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.collector import Collector
from tests.conftest import Workshop
from tests.transparency.both import differences, modules_of, run, trace

pytestmark = [
    pytest.mark.timeout(600),
]


@dataclass(frozen=True)
class Package:
    """``least`` functions of it are traced. Lines with a text of ``differs`` need not be the same; each with why."""

    modules: tuple[str, ...]
    least: int
    differs: dict[str, str] = field(default_factory=dict)


ONE_MORE_FRAME = "one more frame a call: it looks at its caller's"
LOG_CORRELATION = "a function of ours stands in for it, so that log lines carry the trace"

PACKAGES = {
    "click": Package(
        ("click",), 480, {"get_text_stream' is deprecated": f"{ONE_MORE_FRAME} (warnings.warn, stacklevel=2)"}
    ),
    "jinja2": Package(("jinja2",), 700),
    "attrs": Package(("attr", "attrs"), 270),
    "starlette": Package(("starlette",), 470),
    "httpx": Package(("httpx", "httpcore", "h11"), 870),
    "structlog": Package(
        ("structlog",),
        390,
        {
            '_base.py", line 124, in _process_event': LOG_CORRELATION,
            "self, method_name: str, event: str | None, event_kw: dict[str, Any]": LOG_CORRELATION,
            "^^^^": "as above: what Python draws below such a line",
            "_process_event | 123 |": LOG_CORRELATION,
        },
    ),
    "tenacity": Package(("tenacity",), 160),
    # Without anyio._lazyimport: it deletes a name from its caller's globals, and the caller would be itself.
    "anyio": Package(
        tuple(f"anyio.{name}" for name in ("_core", "_backends", "abc", "streams", "from_thread", "to_", "functools")),
        840,
    ),
}
SHORT = ("click", "tenacity", "attrs")


def check(workshop: Workshop, name: str, environ: dict[str, str]) -> None:
    package = PACKAGES[name]
    trace(workshop, [glob for module in package.modules for glob in modules_of(module)])
    bare = run(workshop, f"programs/on_{name}.py", traced=False)
    traced = run(workshop, f"programs/on_{name}.py", traced=True, environ=environ)
    assert bare.instrumented == 0
    assert traced.instrumented >= package.least
    assert differences(bare.out, traced.out, package.differs) == []
    assert differences(bare.err, traced.err, package.differs) == []
    assert traced.status == bare.status == 0
    assert len(bare.out.splitlines()) > 400


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in SHORT else pytest.mark.proof) for name in PACKAGES]
)
def test_program_shows_the_same(workshop: Workshop, name: str) -> None:
    check(workshop, name, {"OTEL_TRACES_EXPORTER": "none"})


@pytest.mark.proof
@pytest.mark.parametrize("name", PACKAGES)
def test_program_shows_the_same_while_its_spans_are_delivered(
    workshop: Workshop, collector: Collector, name: str
) -> None:
    check(workshop, name, {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()})
    assert collector.spans
