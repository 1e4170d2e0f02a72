"""What the spans of a traced program are, as a collector receives them."""

from __future__ import annotations

import pytest
from erni_run.viewer.span import Span

from tests.collector import Collector
from tests.conftest import Workshop

MODULE = """
    import asyncio, contextlib, functools

    def outer(n):
        return [inner(i) for i in range(n)]

    def inner(i):
        return i

    async def coroutine():
        await asyncio.sleep(0)
        return inner(1)

    def generator():
        yield inner(1)
        yield inner(2)

    async def async_generator():
        yield inner(1)

    class Thing:
        def method(self):
            return inner(1)

        @classmethod
        def made(cls):
            return cls()

        @staticmethod
        def fixed():
            return 1

        @property
        def size(self):
            return 3

        @functools.cached_property
        def weight(self):
            return 4

        class Part:
            def turn(self):
                return 5

    class Special(Thing):
        pass

    def loud(function):
        @functools.wraps(function)
        def wrapper(*args):
            inner("around")
            return function(*args)
        return wrapper

    @loud
    def decorated():
        return inner("within")

    @functools.lru_cache
    def cached(n):
        return n

    registry = {}
    def register(function):
        registry[function.__name__] = function
        return function

    @register
    def registered():
        return 6

    def fails():
        raise LookupError("nothing there")

    def ignores():
        raise KeyError("usual")

    def raises(error):
        raise error

    def aborts():
        abort()

    async def waits():
        await asyncio.sleep(60)
"""


def names_of(spans: list[Span]) -> list[str]:
    return [span.name for span in sorted(spans, key=lambda span: (span.start, span.parent_id != ""))]


def parent_names(spans: list[Span]) -> dict[str, str]:
    known = {span.span_id: span.name for span in spans}
    return {span.name: known.get(span.parent_id, "") for span in spans}


@pytest.fixture
def run(workshop: Workshop, collector: Collector):  # type: ignore[no-untyped-def]  # a function that the tests call
    workshop.write("shop.py", MODULE)
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}

    def run(config: str, program: str, stderr: str = "") -> list[Span]:
        """The spans of ``program`` under ``config``; all have been delivered when it ends."""
        workshop.write("tracing.toml", config)
        workshop.write("main.py", "import asyncio, sys\nimport shop\n" + program)
        done = workshop.run("erni-run", "python", "main.py", environ=environ)
        assert (done.stderr, done.returncode) == (stderr, 0)
        return collector.spans

    return run


# target, call, expected span name
KINDS = {
    "function": ("shop:inner", "shop.inner(1)", "inner"),
    "coroutine": ("shop:coroutine", "asyncio.run(shop.coroutine())", "coroutine"),
    "generator": ("shop:generator", "list(shop.generator())", "generator"),
    "async generator": (
        "shop:async_generator",
        "asyncio.run((lambda g: anext(g))(shop.async_generator()))",
        "async_generator",
    ),
    "method": ("shop:Thing.method", "shop.Thing().method()", "Thing.method"),
    "inherited method": ("shop:Special.method", "shop.Special().method(); shop.Thing().method()", "Special.method"),
    "class method": ("shop:Thing.made", "shop.Special.made()", "Thing.made"),
    "static method": ("shop:Thing.fixed", "shop.Thing.fixed()", "Thing.fixed"),
    "property": ("shop:Thing.size", "shop.Thing().size", "Thing.size"),
    "cached property": ("shop:Thing.weight", "t = shop.Thing(); t.weight; t.weight", "Thing.weight"),
    "nested class": ("shop:Thing.Part.turn", "shop.Thing.Part().turn()", "Thing.Part.turn"),
    "lru_cache": ("shop:cached", "shop.cached(1); shop.cached(1)", "cached"),
    "registry": ("shop:registered", "shop.registry['registered']()", "registered"),
    "captured reference": ("shop:inner", "from functools import partial; partial(shop.inner, 1)()", "inner"),
    "glob": ("sh*:in*r", "shop.inner(1)", "inner"),
    "glob on methods": ("shop:Thing.m*hod", "shop.Thing().method()", "Thing.method"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_call_is_one_span(run, kind: str) -> None:  # type: ignore[no-untyped-def]
    target, call, name = KINDS[kind]
    (span,) = run(f'[[span]]\ntarget = "{target}"\n', call)
    assert (span.name, span.kind, span.is_error, span.scope) == (name, "internal", False, "erni_run")
    assert span.attributes["code.function.name"] == f"shop.{name}"


def test_spans_nest_as_calls_do(run) -> None:  # type: ignore[no-untyped-def]
    config = '[[span]]\ntarget = "shop:*"\n'
    spans = run(config, "asyncio.run(shop.coroutine()); list(shop.generator()); shop.outer(2)")
    assert len({span.trace_id for span in spans}) == 3
    assert sorted((span.name, parent_names(spans)[span.name]) for span in spans if span.name != "inner") == [
        ("coroutine", ""),
        ("generator", ""),
        ("outer", ""),
    ]
    roots = {span.span_id: span.name for span in spans if not span.parent_id}
    assert sorted(roots[span.parent_id] for span in spans if span.parent_id) == [
        "coroutine",
        "generator",
        "generator",
        "outer",
        "outer",
    ]


def test_generators_span_is_not_current_for_its_consumer(run) -> None:  # type: ignore[no-untyped-def]
    spans = run('[[span]]\ntarget = "shop:*"\n', "for item in shop.generator(): shop.outer(0)")
    assert parent_names(spans)["outer"] == ""


@pytest.mark.parametrize(("layer", "inside"), [("inner", ["within"]), ("outer", ["around", "within"])])
def test_layer_chooses_the_function_or_its_decorators(run, layer: str, inside: list[str]) -> None:  # type: ignore[no-untyped-def]
    config = f'[[span]]\ntarget = "shop:decorated"\nlayer = "{layer}"\n[[span]]\ntarget = "shop:inner"\n'
    spans = run(config, "shop.decorated()")
    (decorated,) = [span for span in spans if span.name == "decorated"]
    assert len([span for span in spans if span.parent_id == decorated.span_id]) == len(inside)


def test_name_kind_and_attributes_come_from_the_file(run) -> None:  # type: ignore[no-untyped-def]
    config = """
        [service]
        name = "shop"
        version = "1.2"
        environment = "test"
        attributes = { "team.size" = 4 }
        [[span]]
        target = "shop:Thing.method"
        name = "{class}/{function} of {module}"
        kind = "client"
        attributes = { tier = "gold", weight = 1.5, hot = true, tags = ["a", "b"] }
    """
    (span,) = run(config, "shop.Thing().method()")
    assert (span.name, span.kind) == ("Thing/method of shop", "client")
    assert {"tier": "gold", "weight": 1.5, "hot": True, "tags": ["a", "b"]}.items() <= span.attributes.items()
    expected = {
        "service.name": "shop",
        "service.version": "1.2",
        "deployment.environment": "test",
        "deployment.environment.name": "test",
        "team.size": 4,
        "telemetry.sdk.language": "python",
    }
    assert expected.items() <= span.resource.items()


def test_redacted_names_and_long_values_do_not_leave_the_process(run) -> None:  # type: ignore[no-untyped-def]
    config = """
        [capture]
        max_length = 8
        [[span]]
        target = "shop:inner"
        attributes = { "db.Password" = "hush", note = "0123456789", size = 12345678901 }
    """
    (span,) = run(config, "shop.inner(1)")
    assert span.attributes["db.Password"] == "[redacted]"
    assert (span.attributes["note"], span.attributes["size"]) == ("0123456…", 12345678901)


def test_handoff_is_named_after_its_agent(run) -> None:  # type: ignore[no-untyped-def]
    config = '[[handoff]]\nagent = "vision"\ntype = "analysis"\ntarget = "shop:Thing.method"\n'
    (span,) = run(config, "shop.Thing().method()")
    assert span.name == "agent_handoff.vision"
    assert span.attributes == {
        "agent": "vision",
        "handoff_type": "analysis",
        "function.name": "method",
        "code.function.name": "shop.Thing.method",
        "gen_ai.agent.name": "vision",
    }


def test_error_is_on_the_span_with_its_exception(run) -> None:  # type: ignore[no-untyped-def]
    (span,) = run('[[span]]\ntarget = "shop:fails"\n', "try: shop.fails()\nexcept LookupError: pass")
    assert (span.is_error, span.message) == (True, "LookupError: nothing there")
    assert span.attributes["error.type"] == "LookupError"
    (event,) = span.events
    assert (event.name, event.attributes["exception.type"]) == ("exception", "LookupError")
    assert "in fails" in event.attributes["exception.stacktrace"]


@pytest.mark.parametrize(
    ("options", "is_error"), [("", True), ('ignore = ["builtins:LookupError"]', False), ('ignore = ["a:b"]', True)]
)
def test_ignored_exceptions_make_no_error_span(run, options: str, is_error: bool) -> None:  # type: ignore[no-untyped-def]
    config = f'[[span]]\ntarget = "shop:ignores"\n{options}\n'
    (span,) = run(config, "try: shop.ignores()\nexcept KeyError: pass")
    assert (span.is_error, len(span.events)) == (is_error, int(is_error))


CONTROL_FLOW = """
import sys, types
def library(name, **classes):
    for name_, kind in classes.items():
        kind.__module__, kind.__qualname__ = name, name_
        if not hasattr(shop, name_): setattr(shop, name_, kind)
class Status(Exception):
    status_code = code = None
    def __init__(self, status): self.status_code = self.code = self.exit_code = status
predicate = type("TaskPredicate", (Exception,), {})
library("celery.exceptions", TaskPredicate=predicate)
library("starlette.exceptions", HTTPException=type("HTTPException", (Status,), {}))
library("click.exceptions", Exit=type("Exit", (Status,), {}))
library("trio", Cancelled=type("Cancelled", (BaseException,), {}))
library("own", Retry=type("Retry", (predicate,), {}))
grpc = types.ModuleType("grpc._server")
exec("def abort(): raise Exception()", vars(grpc))
shop.abort = grpc.abort
def call(function, *arguments):
    try: function(*arguments)
    except BaseException: pass
for error in (shop.Retry(), shop.HTTPException(404), shop.HTTPException(500), shop.Exit(0), shop.Exit(2),
        shop.Cancelled(), StopIteration(), SystemExit(0), SystemExit(1), Exception(), KeyError("x")):
    call(shop.raises, error)
call(shop.aborts)
"""


@pytest.mark.parametrize("ignore", ["", 'ignore = ["builtins:KeyError"]'])
def test_control_flow_leaves_its_type_and_no_error(run, ignore: str) -> None:  # type: ignore[no-untyped-def]
    spans = run("".join(f'[[span]]\ntarget = "shop:{name}"\n{ignore}\n' for name in ("raises", "aborts")), CONTROL_FLOW)
    found = [
        (span.is_error, len(span.events), span.attributes.get("exception.type") or span.attributes.get("erni.outcome"))
        for span in sorted(spans, key=lambda span: span.start)
    ]
    by_default, is_error = not ignore, (True, 1, None)
    assert found == [
        (False, 0, "own.Retry") if by_default else is_error,
        (False, 0, "starlette.exceptions.HTTPException") if by_default else is_error,
        is_error,
        (False, 0, "click.exceptions.Exit") if by_default else is_error,
        is_error,
        (False, 0, "cancelled"),
        (False, 0, "StopIteration"),
        (False, 0, "SystemExit"),
        is_error,
        is_error,
        is_error if by_default else (False, 0, "KeyError"),
        (False, 0, "Exception") if by_default else is_error,
    ]


@pytest.mark.parametrize(("choice", "is_error"), [("ok", False), ("error", True)])
def test_cancellation_is_an_outcome_and_an_error_only_if_wanted(run, choice: str, is_error: bool) -> None:  # type: ignore[no-untyped-def]
    program = "try: asyncio.run(asyncio.wait_for(shop.waits(), 0.01))\nexcept asyncio.TimeoutError: pass"
    (span,) = run(f'[[span]]\ntarget = "shop:waits"\ncancelled = "{choice}"\n', program)
    assert (span.attributes["erni.outcome"], span.is_error) == ("cancelled", is_error)


def test_exceptions_stay_out_of_spans_if_unwanted(run) -> None:  # type: ignore[no-untyped-def]
    config = '[capture]\nexceptions = false\n[[span]]\ntarget = "shop:fails"\n'
    (span,) = run(config, "try: shop.fails()\nexcept LookupError: pass")
    assert (span.is_error, span.events) == (True, ())


def test_target_that_is_not_there_is_named_with_its_nearest(run) -> None:  # type: ignore[no-untyped-def]
    config = '[[span]]\ntarget = "shop:outre"\n[[span]]\ntarget = "shop:inner"\n'
    stderr = "erni-run: tracing.toml:1: shop has no 'outre'; did you mean 'outer'?: not traced\n"
    assert names_of(run(config, "shop.outer(1)", stderr)) == ["inner"]


def test_disabled_entry_traces_nothing(run) -> None:  # type: ignore[no-untyped-def]
    assert run('[[span]]\ntarget = "shop:inner"\nenabled = false\n', "shop.inner(1)") == []


@pytest.mark.parametrize(("ratio", "kept"), [("0.0", 0), ("1.0", 20)])
def test_ratio_decides_at_the_root(run, ratio: str, kept: int) -> None:  # type: ignore[no-untyped-def]
    config = f'[sampling]\nratio = {ratio}\n[[span]]\ntarget = "shop:*er"\n'
    assert len(run(config, "for _ in range(10): shop.outer(1)")) == kept


def test_ratio_between_keeps_whole_traces(run) -> None:  # type: ignore[no-untyped-def]
    spans = run('[sampling]\nratio = 0.5\n[[span]]\ntarget = "shop:*er"\n', "for _ in range(400): shop.outer(1)")
    roots = [span for span in spans if span.name == "outer"]
    assert 100 < len(roots) < 300
    assert len(spans) == 2 * len(roots)


DECORATED = """
from erni_run import traced_span

@traced_span("custom_operation", {"user_id": "123"})
def work(): return 1

@traced_span("custom_coroutine")
async def later(): return work()

@traced_span("custom_generator")
def many(): yield work()

class Service:
    @staticmethod
    @traced_span("custom_static")
    def fixed(): return 1

print(work(), asyncio.run(later()), list(many()), Service.fixed(), work.__name__)
"""


def test_traced_span_names_a_span_in_code(run, workshop: Workshop, collector: Collector) -> None:  # type: ignore[no-untyped-def]
    spans = run("", DECORATED)
    names = ["custom_operation", "custom_coroutine", "custom_operation", "custom_generator", "custom_operation"]
    assert sorted(names_of(spans)) == sorted([*names, "custom_static"])
    assert {span.attributes.get("user_id") for span in spans if span.name == "custom_operation"} == {"123"}


def test_traced_span_only_calls_through_without_erni_run(workshop: Workshop) -> None:
    workshop.write("main.py", "import asyncio, sys\n" + DECORATED + "\nprint('opentelemetry' in sys.modules)")
    done = workshop.run("python", "main.py")
    assert (done.stdout, done.stderr) == ("1 1 [1] 1 work\nFalse\n", "")


def test_application_may_use_opentelemetrys_api_itself(run) -> None:  # type: ignore[no-untyped-def]
    program = """
from opentelemetry import trace
tracer = trace.get_tracer("mine")
with tracer.start_as_current_span("own"):
    shop.inner(1)
    trace.get_current_span().set_attribute("x", 1)
"""
    spans = run('[[span]]\ntarget = "shop:inner"\n', program)
    assert parent_names(spans) == {"inner": "own", "own": ""}
