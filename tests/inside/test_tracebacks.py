"""A traceback through traced functions is the one without tracing."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest
from erni_run.inside.recorder.stacktrace import stack_trace

from tests.collector import Collector
from tests.conftest import Workshop

PROGRAM = """
    import asyncio, contextlib, traceback

    class Mapped(Exception): pass

    @contextlib.contextmanager
    def mapped():
        try:
            yield
        except KeyError as error:
            raise Mapped("mapped") from error

    @contextlib.asynccontextmanager
    async def mapped_later():
        try:
            yield
        except KeyError as error:
            raise Mapped("mapped later") from error

    def items():
        while True:
            try:
                yield
            except KeyError as error:
                print(*traceback.format_exception(error))

    def replaced():
        with mapped():
            raise KeyError("within")

    def passed_on():
        with mapped():
            raise ValueError("not mapped")

    async def later():
        async with mapped_later():
            raise KeyError("within")

    def thrown():
        generator = items()
        next(generator)
        generator.throw(KeyError("new"))
        generator.throw(KeyError, "by type")
        generator.close()

    def show():
        for call in (replaced, passed_on, thrown, lambda: asyncio.run(later())):
            try:
                call()
            except Exception as error:
                print(*traceback.format_exception(error))
"""


@pytest.mark.filterwarnings("ignore")
def test_exception_thrown_into_a_generator_shows_no_line_of_ours(workshop: Workshop) -> None:
    workshop.write("shop.py", PROGRAM)
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:*"\n')
    bare = workshop.run("python", "-W", "ignore", "-c", "import shop; shop.show()")
    traced = workshop.run("erni-run", "python", "-W", "ignore", "-c", "import shop; shop.show()")
    assert (traced.stdout, traced.stderr) == (bare.stdout, bare.stderr)
    assert bare.stdout.count("Traceback") >= 7


class Own(Exception):
    def __str__(self) -> str:
        return "two\nlines"


def chained() -> None:
    try:
        raise KeyError("first")
    except KeyError:
        try:
            raise Own
        except Own as own:
            raise ValueError("second") from own


def in_context() -> None:
    try:
        raise KeyError("first")
    except KeyError:
        raise Own  # noqa: B904  # its context is what is looked at


def suppressed() -> None:
    try:
        raise KeyError("first")
    except KeyError:
        raise OSError(2, "No such file") from None


def again() -> None:
    error = ValueError("itself")
    error.__cause__ = error
    raise error


def noted() -> None:
    error = RuntimeError()
    error.__notes__ = ["see", "below"]
    raise error


def marked() -> list[int]:
    return [1, 2, *[number for number in [3] if 1 / (number - 3)]]


@pytest.mark.parametrize(
    "fail", [chained, in_context, suppressed, again, noted, marked], ids=lambda fail: fail.__name__
)
def test_stack_trace_is_pythons_own_without_marks(fail: Callable[[], object]) -> None:
    with pytest.raises(Exception) as caught:  # each its own
        fail()
    error = caught.value
    expected = "".join(traceback.format_exception(error)).splitlines()
    found = stack_trace(error, 1, 2)
    assert found is not None
    assert found.splitlines() == [line for line in expected if set(line.strip()) - {"^", "~"} or not line]


def test_stack_trace_of_thousands_of_calls_ends_with_the_last() -> None:
    def down(n: int) -> None:
        if n:
            down(n - 1)
        raise ValueError("deep")

    with pytest.raises(ValueError, match="deep") as caught:
        down(300)
    found = stack_trace(caught.value, 1, 2)
    assert found is not None
    assert found.count("in down") < 10  # Python's own way to say "and so on"
    assert found.endswith("ValueError: deep\n")


def test_stack_trace_of_a_group_shows_what_is_in_it() -> None:
    found = stack_trace(ExceptionGroup("both", [KeyError("a"), ExceptionGroup("inner", [Own()])]), 1, 2)
    assert found == (
        "ExceptionGroup: both (2 sub-exceptions)\n  | +---- 1 ----\n  | KeyError: 'a'\n  | +---- 2 ----\n"
        "  | ExceptionGroup: inner (1 sub-exception)\n  |   | +---- 1 ----\n"
        f"  |   | {__name__}.Own: two\n  |   | lines\n"
    )


def test_stack_trace_of_countless_exceptions_and_notes_is_bounded() -> None:
    told: list[int] = []

    class Telling(Exception):
        def __str__(self) -> str:
            told.append(1)
            return "told"

    def group(width: int, levels: int) -> Exception:
        return ExceptionGroup("g", [group(width, levels - 1) for _ in range(width)]) if levels else Telling()

    shared: Exception = Telling()
    for _ in range(5):
        shared = ExceptionGroup("the same", [shared] * 15)
    noted = ValueError()
    noted.__notes__ = ["n" * 10**6] * 1000
    for error, most in ((group(2000, 1), 15), (group(20, 2), 15 * 15), (shared, 15), (noted, 0)):
        told.clear()
        found = stack_trace(error, 1, 2)
        assert found is not None
        assert (len(told) <= most, len(found) < 10**6) == (True, True)


FINALIZERS = """
    import ast, gc, shop
    text = "\\n".join(f"x{n} = [f(a, b={n}) for a in range({n})]" for n in range(300))
    gc.set_threshold(20)
    for _ in range(20):
        for _ in range(30):
            shop.Finalized()
        ast.parse(text)
    print("parsed", shop.finalized > 100)
"""


def test_finalizer_that_fails_in_the_middle_of_a_parse_does_not_break_it(
    workshop: Workshop, collector: Collector
) -> None:
    workshop.write(
        "shop.py",
        """
        finalized = 0
        def fails(): return [1] + 2 * (3 / 0)
        class Finalized:
            def __init__(self): self.me = self
            def __del__(self):
                global finalized
                finalized += 1
                try: fails()
                except ZeroDivisionError: pass
        """,
    )
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:fails"\n')
    workshop.write("main.py", FINALIZERS)
    environ = {"OTEL_TRACES_EXPORTER": "otlp", **collector.environment()}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.stderr, done.returncode) == ("parsed True\n", "", 0)
    assert "ZeroDivisionError: division by zero" in collector.spans[0].events[0].attributes["exception.stacktrace"]


SAYS = """
    import shop
    for call in (shop.outer, shop.refused):
        try: call()
        except Exception as error: kept = error
    print(kept.said)
"""
ONE_SHOT = """
    class OneShot(Exception):
        said = 0
        def __str__(self):
            type(self).said += 1
            return "x" * 20_000 if type(self).said == 1 else "used up"
    def inner(): raise OneShot
    def outer(): inner()
    def refused(): raise OneShot
"""


@pytest.mark.parametrize(
    ("exporter", "sampler", "times"),
    [("otlp", "always_on", 2), ("none", "always_on", 0), ("otlp", "always_off", 0)],
)
def test_exception_is_asked_once_what_it_says_and_only_for_a_span_that_is_kept(
    workshop: Workshop, collector: Collector, exporter: str, sampler: str, times: int
) -> None:
    workshop.write("shop.py", ONE_SHOT)
    workshop.write("main.py", SAYS)
    workshop.write("tracing.toml", '[[span]]\ntarget = "shop:outer"\n[[span]]\ntarget = "shop:*"\n')
    environ = {"OTEL_TRACES_EXPORTER": exporter, "OTEL_TRACES_SAMPLER": sampler, **collector.environment()}
    done = workshop.run("erni-run", "python", "main.py", environ=environ)
    assert (done.stdout, done.returncode) == (f"{times}\n", 0)
    found = {span.name: span.events[0].attributes["exception.message"] for span in collector.spans}
    long = "x" * 9_999 + "…"
    assert found == ({"inner": long, "outer": long, "refused": "used up"} if times else {})
