"""An instrumented function is the function it was: every kind of callable, everything that can be observed."""

from __future__ import annotations

import argparse
import asyncio
import copy
import dis
import functools
import inspect
import pickle
import sys
import traceback
import typing
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest
from erni_run.inside.functions import build, trampoline
from erni_run.inside.functions.source import Shape


class Recorder:
    """Hooks that write down what they were called for."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def hooks(self, function: FunctionType) -> dict[str, object]:
        names = ("enter", "leave", "fail", "begin", "resume", "pause", "finish", "abort")
        return {name: functools.partial(self._note, name) for name in names}

    def _note(self, name: str, *arguments: object) -> object:
        if name in ("fail", "abort"):
            error = sys.exc_info()[1]
            assert error is not None
            if error.__traceback__ and error.__traceback__.tb_next:
                error.__traceback__ = error.__traceback__.tb_next
            name = f"{name} {type(error).__name__}"
        self.events.append(name)
        return arguments[1] if name == "leave" and len(arguments) > 1 else name


def plain(a, /, b: int, c=3, *rest, d, e=5, **more):
    """A doc."""
    return (a, b, c, rest, d, e, more)


def generator(limit):
    received = []
    try:
        for number in range(limit):
            received.append((yield number))  # noqa: PERF401  # a comprehension cannot yield
    except KeyError:
        yield "caught"
    finally:
        received.append("closed")
    return received


async def coroutine(value):
    await asyncio.sleep(0)
    return value


async def async_generator(limit):
    try:
        for number in range(limit):
            await asyncio.sleep(0)
            yield number
    except KeyError:
        yield "caught"


def failing(depth):
    if depth:
        return failing(depth - 1)
    raise ValueError("deep")


def closure() -> FunctionType:
    total = 10

    def add(number):
        nonlocal total
        total += number
        return total

    return typing.cast("FunctionType", add)


class Base:
    def method(self):
        return type(self).__name__

    @classmethod
    def made(cls):
        return cls.__name__

    @staticmethod
    def fixed(value):
        return value


class Child(Base):
    def method(self):
        return "child of " + super().method()

    def __private(self):
        return "mangled"

    def calls_private(self, __mangled=1):  # noqa: PYI063  # mangling is what is tested
        return self.__private(), __mangled


def drive_generator(function: Callable[..., Any]) -> list[Any]:
    seen: list[Any] = []
    running = function(3)
    seen += [next(running), running.send("x")]
    try:
        running.send("y")
        next(running)
    except StopIteration as stop:
        seen.append(stop.value)
    thrown = function(3)
    seen += [next(thrown), thrown.throw(KeyError), list(thrown)]
    closed = function(3)
    seen += [next(closed), closed.close()]
    seen.append(function(0).gi_frame is not None)
    return seen


async def drive_async_generator(function: Callable[..., Any]) -> list[Any]:
    seen = [item async for item in function(3)]
    thrown = function(3)
    seen += [await anext(thrown), await thrown.athrow(KeyError())]
    await thrown.aclose()
    async for item in function(5):
        seen.append(item)
        if item == 1:
            break
    return seen


def calls(function: Any) -> list[Any]:
    """What calls of ``function`` return or raise, with the texts of their errors."""
    outcomes: list[Any] = []
    for arguments, keywords in (((1, 2), {"d": 4}), ((1, 2, 9, 8), {"d": 4, "z": 1}), ((1,), {}), ((), {"a": 1})):
        try:
            outcomes.append(function(*arguments, **keywords))
        except TypeError as error:
            outcomes.append(str(error))
    return outcomes


OBSERVATIONS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "calls and errors of signatures": (lambda: plain, calls),
    "generator protocol": (lambda: generator, drive_generator),
    "coroutine": (lambda: coroutine, lambda f: asyncio.run(f(5))),
    "async generator protocol": (lambda: async_generator, lambda f: asyncio.run(drive_async_generator(f))),
    "closure shares its variables": (closure, lambda f: [f(1), f(2), inspect.getclosurevars(f).nonlocals]),
    "super() and __class__": (lambda: Child.method, lambda f: f(Child())),
    "name mangling": (lambda: Child.calls_private, lambda f: f(Child())),
    "static method": (lambda: vars(Base)["fixed"].__func__, lambda f: [f(1), Base.fixed(2), Base().fixed(3)]),
    "class method": (lambda: vars(Base)["made"].__func__, lambda f: [Base.made(), Child.made(), Child().made()]),
}
INTROSPECTION: dict[str, Callable[[Any], Any]] = {
    "signature": inspect.signature,
    "argument specification": inspect.getfullargspec,
    "name, module, doc": lambda f: (f.__name__, f.__qualname__, f.__module__, f.__doc__),
    "type": type,
    "flavour": lambda f: [
        test(f)
        for test in (
            inspect.iscoroutinefunction,
            inspect.isgeneratorfunction,
            inspect.isasyncgenfunction,
            inspect.isfunction,
        )
    ],
    "source": inspect.getsource,
    "source lines": inspect.getsourcelines,
    "attributes": vars,
    "defaults": lambda f: (f.__defaults__, f.__kwdefaults__),
    "first line": lambda f: (f.__code__.co_firstlineno, f.__code__.co_filename, f.__code__.co_name),
    "closure variables": inspect.getclosurevars,
    "names": lambda f: f.__code__.co_names,
    "type hints": typing.get_type_hints,
    "pickle": lambda f: pickle.loads(pickle.dumps(f)) is f,
    "deep copy": lambda f: copy.deepcopy(f) is f,
}


def begins_with_a_string():
    return "no docstring"


def has_an_empty_docstring():
    ""


def imports():
    import os.path as path

    from . import sibling

    return path.sibling, sibling.path


many: dict[str, Any] = {}
exec("def names(x):" + "; ".join(f"x.a{n}; g{n}; x.both{n}; both{n}; x.s{n} = 1" for n in range(300)), many)
READ = {
    module.__name__: [
        function
        for holder in (module, *vars(module).values())
        for function in (vars(holder).values() if inspect.isclass(holder) or inspect.ismodule(holder) else ())
        if inspect.isfunction(function) and function.__globals__ is vars(module)
    ]
    for module in (argparse, asyncio.base_events, asyncio.tasks, inspect, typing)
} | {"of these tests": [begins_with_a_string, has_an_empty_docstring, imports, many["names"]]}


@pytest.mark.parametrize("module", READ)
def test_what_inspect_reads_off_the_code_is_the_same(module: str) -> None:
    hooks = Recorder().hooks(plain)
    assert len(READ[module]) > 3
    for function in READ[module]:
        code = function.__code__
        bare, ours = (
            FunctionType(code, function.__globals__, None, None, function.__closure__)
            for code in (code, build.trampoline(code, hooks, Shape()))
        )
        assert (ours.__doc__, ours.__code__.co_names) == (bare.__doc__, bare.__code__.co_names), function
        assert inspect.getclosurevars(ours) == inspect.getclosurevars(bare), function
        assert len({ours.__code__, bare.__code__, code}) == 2, function


def test_disassembly_prints_nothing_of_the_globals() -> None:
    trampoline.instrument(plain, Recorder().hooks(plain))
    try:
        printed = dis.Bytecode(plain).dis() + repr(plain.__code__.co_consts)
    finally:
        trampoline.restore(plain)
    assert "OBSERVATIONS" not in printed


@pytest.mark.parametrize("case", OBSERVATIONS)
def test_behaviour_is_the_same_before_during_and_after(case: str) -> None:
    make, observe = OBSERVATIONS[case]
    before = observe(make())
    function = make()
    recorder = Recorder()
    trampoline.instrument(function, recorder.hooks(function))
    try:
        during = observe(function)
        assert during == before
        assert recorder.events
    finally:
        assert trampoline.restore(function)
    seen = len(recorder.events)
    assert observe(make()) == before
    assert len(recorder.events) == seen


@pytest.mark.parametrize("aspect", INTROSPECTION)
@pytest.mark.parametrize("function", [plain, generator, coroutine, async_generator], ids=lambda f: f.__name__)
def test_introspection_is_the_same(function: FunctionType, aspect: str) -> None:
    look = INTROSPECTION[aspect]
    before = look(function)
    trampoline.instrument(function, Recorder().hooks(function))
    try:
        assert look(function) == before
    finally:
        trampoline.restore(function)


def test_references_captured_before_are_instrumented() -> None:
    bound, registry, partial = Child().method, {"handler": plain}, functools.partial(plain, 1, 2, d=3)
    recorder = Recorder()
    for function in (Child.method, plain):
        trampoline.instrument(function, recorder.hooks(function))
    try:
        bound(), registry["handler"](1, 2, d=3), partial()
    finally:
        for function in (Child.method, plain):
            trampoline.restore(function)
    assert recorder.events == ["enter", "leave"] * 3


def test_traceback_is_the_same() -> None:
    def text() -> str:
        try:
            failing(2)
        except ValueError:
            return traceback.format_exc()
        return ""

    before = text()
    recorder = Recorder()
    trampoline.instrument(failing, recorder.hooks(failing))
    try:
        assert text() == before
    finally:
        trampoline.restore(failing)
    assert recorder.events == ["enter"] * 3 + ["fail ValueError"] * 3


def test_live_defaults_are_honoured() -> None:
    def greet(name="a", *, mark="!"):
        return name + mark

    trampoline.instrument(greet, Recorder().hooks(greet))
    greet.__defaults__, greet.__kwdefaults__ = ("b",), {"mark": "?"}
    assert greet() == "b?"


def test_cancellation_and_close_reach_the_body() -> None:
    seen: list[str] = []

    async def waits():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def scenario() -> None:
        task = asyncio.ensure_future(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    recorder = Recorder()
    trampoline.instrument(waits, recorder.hooks(waits))
    asyncio.run(scenario())
    assert (seen, recorder.events) == (["cancelled"], ["enter", "fail CancelledError"])


def test_event_loop_closes_an_abandoned_async_generator_once() -> None:
    closed: list[int] = []

    async def numbers():
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            closed.append(1)

    async def scenario() -> None:
        left_open = numbers()
        await anext(left_open)
        keep.append(left_open)

    keep: list[object] = []
    trampoline.instrument(numbers, Recorder().hooks(numbers))
    asyncio.run(scenario())
    assert closed == [1]


def test_hooks_can_be_exchanged_while_calls_are_running() -> None:
    running = generator(3)
    first, second = Recorder(), Recorder()
    trampoline.instrument(generator, first.hooks(generator))
    inside = generator(3)
    next(inside)
    trampoline.instrument(generator, second.hooks(generator))
    assert [list(running), list(inside), list(generator(1))] == [[0, 1, 2], [1, 2], [0]]
    assert trampoline.restore(generator)
    assert not trampoline.restore(generator)
    assert (first.events[0], first.events[-1], second.events[-1]) == ("begin", "finish", "finish")


def test_what_has_no_python_parameters_is_refused() -> None:
    expression = (number for number in "ab")
    function = FunctionType(expression.gi_code, {})
    with pytest.raises(trampoline.NotInstrumentable):
        trampoline.instrument(function, {})
