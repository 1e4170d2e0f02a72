"""Exchanging code: under load, beside other tools, and without keeping alive what the application lets go."""

from __future__ import annotations

import asyncio
import functools
import gc
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

import pytest
from erni_run.inside import notice
from erni_run.inside.functions import instrument, trampoline
from erni_run.inside.functions.resolve import NotFound, resolve
from erni_run.inside.functions.source import Shape
from erni_run.plan import CapturePlan, Plan, SpanPlan

from tests.inside.test_trampoline import Recorder, generator, plain


def test_original_code_is_back_afterwards() -> None:
    code = plain.__code__
    trampoline.instrument(plain, Recorder().hooks(plain))
    trampoline.instrument(plain, Recorder().hooks(plain))
    assert plain.__code__ is not code
    trampoline.restore(plain)
    assert plain.__code__ is code


def test_code_is_exchanged_while_threads_call() -> None:
    def work(n: int) -> int:
        return n

    over = threading.Event()
    wrong: list[object] = []
    calls = [0]

    def call() -> None:
        n = 0
        while not over.is_set():
            n += 1
            try:
                if work(n) != n or list(generator(2)) != [0, 1]:
                    wrong.append(n)
            except Exception as error:
                wrong.append(error)
        calls[0] += n

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    hooks = {"enter": lambda: None, "leave": lambda _, result: result, "fail": lambda _: None}
    steps = {"begin": lambda: None, "resume": lambda _: None, "pause": lambda *_: None}
    steps |= {"finish": lambda _: None, "abort": lambda _: None}
    for turn in range(300):
        trampoline.instrument(work, hooks, Shape(takes_result=bool(turn % 2)))
        trampoline.instrument(generator, steps, Shape(is_current=bool(turn % 2)))
        if turn % 3 == 0:
            trampoline.restore(work)
            trampoline.restore(generator)
    over.set()
    for thread in threads:
        thread.join()
    trampoline.restore(generator)
    assert (wrong, calls[0] > 0) == ([], True)


def another_tool(function: FunctionType) -> Callable[[], None]:
    """What debuggers and other tracers do: run a copy of the function beneath code of their own."""
    copy = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)

    def on_top(value: Any) -> Any:
        return ("seen", copy(value))

    mine = function.__code__
    function.__code__ = _calling(copy)

    def remove() -> None:
        function.__code__ = mine if copy.__code__ is mine else copy.__code__

    return remove


def _calling(copy: FunctionType) -> types.CodeType:
    code = compile("def f(value): return 'seen', ('COPY' if 1 else 0)(value)", "tool", "exec").co_consts[0]
    return code.replace(co_consts=tuple(copy if constant == "COPY" else constant for constant in code.co_consts))


def test_inner_functions_that_exist_already_come_and_go() -> None:
    def outer() -> FunctionType:
        def inner(n: int) -> int:
            return n

        return inner

    before, recorder = outer(), Recorder()
    trampoline.instrument_inner(outer, ("inner",), recorder.hooks(before), Shape())
    between = outer()
    assert (before(1), between(2), recorder.events) == (1, 2, ["enter", "leave"] * 2)
    assert trampoline.restore_inner(outer, ("inner",))
    assert (before(1), between(2), outer()(3), len(recorder.events)) == (1, 2, 3, 4)


def test_function_that_another_compiler_reads_is_left_alone() -> None:
    class Compiled:
        def __init__(self, function: FunctionType) -> None:
            self.py_func = function

    Compiled.__module__ = "numba.core.registry"
    module = ModuleType("erni_test_numba")
    exec("def work(): return 1\n", vars(module))
    module.work = Compiled(module.work)
    with pytest.raises(NotFound, match=r"erni_test_numba.work belongs to numba, which compiles its code itself"):
        resolve(module, "work", "inner")


def test_tool_that_comes_after_us_keeps_working() -> None:
    def work(value: object) -> object:
        return value

    original = work.__code__
    first, second = Recorder(), Recorder()
    trampoline.instrument(work, first.hooks(work))
    remove = another_tool(work)
    assert (work(1), first.events) == (("seen", 1), ["enter", "leave"])
    trampoline.instrument(work, second.hooks(work))
    assert (work(1), len(first.events), second.events) == (("seen", 1), 2, ["enter", "leave"])
    assert trampoline.restore(work)
    assert (work(1), len(second.events)) == (("seen", 1), 2)
    remove()
    assert (work(1), work.__code__) == (1, original)


def test_tool_that_was_there_before_us_keeps_working() -> None:
    def work(value: object) -> object:
        return value

    another_tool(work)
    theirs = work.__code__
    recorder = Recorder()
    trampoline.instrument(work, recorder.hooks(work))
    assert (work(1), recorder.events) == (("seen", 1), ["enter", "leave"])
    assert (trampoline.restore(work), work.__code__) == (True, theirs)


def test_closure_is_collected_after_it_was_instrumented() -> None:
    def make() -> FunctionType:
        def again(n: int) -> int:
            return n and again(n - 1)

        return again

    function = make()
    trampoline.instrument(function, Recorder().hooks(function))
    trampoline.restore(function)
    gone = weakref.ref(function)
    del function
    gc.collect()
    assert gone() is None


def test_closure_is_collected_while_a_decorator_traces_it() -> None:
    def make() -> FunctionType:
        def again(n: int) -> int:
            return n and again(n - 1)

        return again

    function = make()
    span = SpanPlan(target="here:again", name="again")
    assert instrument.decorate(function, span, CapturePlan()) == ""
    assert instrument.decorate(function, span, CapturePlan()) == "is traced already, by @traced_span"
    assert function(3) == 0
    gone = weakref.ref(function)
    del function
    gc.collect()
    assert gone() is None


def make_module() -> ModuleType:
    made = ModuleType("erni_test_module")
    sys.modules[made.__name__] = made
    exec(
        "class Thing:\n    def method(self): return 1\ndef work(): return Thing().method()\n"
        "def other(): return work\nheld = [other]\n",
        vars(made),
    )
    return made


@pytest.fixture
def module() -> Iterator[ModuleType]:
    yield make_module()
    sys.modules.pop("erni_test_module", None)


PLAN = Plan(spans=(SpanPlan(target="erni_test_module:*", line=7), SpanPlan(target="erni_test_module:Thing.*")))


def test_module_is_collected_while_it_is_traced() -> None:
    module = make_module()
    instrument.instrument(module, lambda: PLAN)
    assert trampoline.is_instrumented(module.work)
    assert module.work() == 1
    gone = [weakref.ref(what) for what in (module.Thing, module.Thing.method, module.work, module.other)]
    del sys.modules["erni_test_module"], module
    gc.collect()
    assert [reference() for reference in gone] == [None] * 4


def test_function_that_outlives_its_module_is_still_traced() -> None:
    made = ModuleType("erni_test_other")
    exec("def work(): return 1\n", vars(made))
    sys.modules[made.__name__] = made
    instrument.instrument(made, lambda: Plan(spans=(SpanPlan(target="erni_test_other:work"),)))
    work = made.work
    del sys.modules["erni_test_other"], made
    gc.collect()
    assert (trampoline.is_instrumented(work), work()) == (True, 1)


def test_module_is_collected_whose_function_a_decorator_traces() -> None:
    module = make_module()
    assert instrument.decorate(module.other, SpanPlan(target="here:other", name="other"), CapturePlan()) == ""
    assert module.other() is module.work
    gone = [weakref.ref(module.Thing), weakref.ref(module.other)]
    del sys.modules["erni_test_module"], module
    gc.collect()
    assert [reference() for reference in gone] == [None] * 2


def test_module_is_collected_though_somebody_keeps_code_of_an_earlier_plan() -> None:
    module = make_module()
    instrument.instrument(module, lambda: PLAN)
    kept = module.work.__code__
    instrument.apply(Plan(spans=(SpanPlan(target="erni_test_module:work", name="renamed"),)))
    assert module.work.__code__ is not kept
    gone = weakref.ref(module.Thing)
    del sys.modules["erni_test_module"], module
    gc.collect()
    assert gone() is None
    with pytest.raises(NameError, match="Thing"):
        eval(kept, {})


def test_modules_that_hold_each_other_are_collected_while_they_are_traced() -> None:
    first, second = ModuleType("erni_test_first"), ModuleType("erni_test_second")
    plan = Plan(spans=(SpanPlan(target="erni_test_*:work"),))
    for module, other in ((first, second), (second, first)):
        sys.modules[module.__name__] = module
        exec("def work(): return other\n", vars(module))
        vars(module)["other"] = other
    for module in (first, second):
        instrument.instrument(module, lambda: plan)
    gone = [weakref.ref(module.work) for module in (first, second)]
    del sys.modules["erni_test_first"], sys.modules["erni_test_second"], first, second, module, other
    gc.collect()
    assert [reference() for reference in gone] == [None] * 2


def test_two_plans_one_after_the_other(module: ModuleType) -> None:
    code = module.work.__code__
    instrument.instrument(module, lambda: PLAN)
    before = module.work.__code__
    instrument.apply(PLAN)
    assert module.work.__code__ is before is not code
    instrument.apply(Plan(spans=(SpanPlan(target="erni_test_module:other"),)))
    assert (module.work.__code__, trampoline.is_instrumented(module.other)) == (code, True)
    instrument.apply(Plan())
    assert not trampoline.is_instrumented(module.other)


def test_what_a_decorator_traces_no_plan_touches(module: ModuleType) -> None:
    span = SpanPlan(target="erni_test_module:work", name="own", attributes={"tier": "gold"})
    assert instrument.decorate(module.work, span, CapturePlan()) == ""
    decorated = module.work.__code__
    instrument.instrument(module, lambda: PLAN)
    instrument.apply(PLAN)
    assert (module.work.__code__, trampoline.is_instrumented(module.other)) == (decorated, True)
    assert "tracing.toml:7: erni_test_module:work is traced already, by @traced_span: not traced" in notice._said
    instrument.apply(Plan())
    assert (module.work.__code__, trampoline.is_instrumented(module.other)) == (decorated, False)
    named = Plan(spans=(SpanPlan(target="erni_test_module:work", line=3),))
    instrument.instrument(module, lambda: named)
    instrument.apply(named)
    assert "tracing.toml:3: erni_test_module:work is traced already, by @traced_span: not traced" in notice._said
    assert module.work.__code__ is decorated
    instrument.apply(Plan(capture=CapturePlan(redact=("tier",))))  # for every span, so for its, too
    assert module.work.__code__ is not decorated
    hooks = [constant for constant in module.work.__code__.co_consts if isinstance(constant, MethodType)]
    assert {hook.__self__._site.attributes["tier"] for hook in hooks} == {"[redacted]"}


def test_function_that_can_no_longer_be_found_follows_the_plan(module: ModuleType) -> None:
    work, code = module.work, module.work.__code__
    instrument.instrument(module, lambda: PLAN)
    del module.work
    instrument.apply(PLAN)
    assert trampoline.is_instrumented(work)
    instrument.apply(Plan())
    assert work.__code__ is code


@pytest.mark.parametrize("kind", ["function", "coroutine", "generator"])
def test_probe_that_fails_never_reaches_the_application(kind: str) -> None:
    def function(n: int) -> int:
        return n

    async def coroutine(n: int) -> int:
        return n

    def numbers(n: int) -> Iterator[int]:
        yield n

    made: dict[str, tuple[Any, Callable[[Any], object]]] = {
        "function": (function, lambda f: f(1)),
        "coroutine": (coroutine, lambda f: asyncio.run(f(1))),
        "generator": (numbers, lambda f: next(f(1))),
    }
    target, call = made[kind]
    span = SpanPlan(target=f"broken:{kind}", name=f"broken {kind}", kind="nonsense")
    assert instrument.decorate(target, span, CapturePlan()) == ""
    assert call(target) == 1
    assert f"broken {kind}: a span could not be started" in notice._said


def test_bound_methods_and_partials_taken_before_follow_every_exchange(module: ModuleType) -> None:
    taken = [module.Thing().method, functools.partial(module.work), module.held[0]]
    instrument.instrument(module, lambda: PLAN)
    recorder = Recorder()
    for function in (module.Thing.method, module.work, module.other):
        trampoline.instrument(function, recorder.hooks(function))
    for call in taken:
        call()
    assert recorder.events.count("enter") == 4
    instrument.apply(Plan())
