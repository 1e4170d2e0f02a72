"""A copy of an instrumented function runs with the globals and the closure that it was given, as one of a bare one."""

from __future__ import annotations

import asyncio
import copy
import pickle
import sys
from collections.abc import Callable, Iterator
from types import CellType, FunctionType, ModuleType
from typing import Any

import cloudpickle
import pytest
from erni_run.inside.functions import trampoline
from erni_run.inside.functions.source import Shape

from tests.inside.test_trampoline import Recorder

KINDS = """
X = "here"

def plain(n=1, *, m=2):
    return X, n, m

def empty():
    pass

short = lambda: X

def generator():
    return X, (yield X)

def in_context():
    yield X

def not_current():
    yield X

async def coroutine():
    return X

async def stream():
    yield X

class Base:
    def method(self=None):
        return X

class Child(Base):
    def method(self=None):
        return X, __class__.__name__

method, with_class = Base.method, Child.method

def make(word):
    def closure():
        return X, word
    def counts():
        nonlocal word
        word += "+"
        yield X, word
    return closure, counts

closure, counts = make("here")

def outer():
    def within():
        return X
    class Local:
        word = X
        def method(self):
            return X, __class__.__name__
    return within(), Local.word, Local().method(), [X for _ in "ab"], (lambda: X)()

def traced_within():
    def within():
        return X
    class Local:
        def method(self):
            return X, __class__.__name__
    return within(), Local().method()

def looks():
    return globals()["X"], eval("X"), __name__
"""
SHAPES = {"in_context": Shape(in_context=True), "not_current": Shape(is_current=False)}
_MODULE = "erni_test_kinds"


def kinds() -> dict[str, FunctionType]:
    """One function of each kind, in a new module."""
    sys.modules[_MODULE] = module = ModuleType(_MODULE)
    exec(KINDS, vars(module))
    return {name: value for name, value in vars(module).items() if type(value) is FunctionType and name != "make"}


@pytest.fixture(autouse=True)
def _without_module() -> Iterator[None]:
    yield
    sys.modules.pop(_MODULE, None)


def copied(function: FunctionType, namespace: dict[str, Any], closure: tuple[CellType, ...] | None = None) -> Any:
    """A copy as it is often made: with all that ``function`` has, but for ``namespace`` and ``closure``."""
    cells = function.__closure__ if closure is None else closure
    made = FunctionType(function.__code__, namespace, function.__name__, function.__defaults__, cells)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def there() -> dict[str, Any]:
    return {"X": "there", "__name__": "there"}


def cells(function: FunctionType) -> tuple[CellType, ...] | None:
    return function.__closure__ and tuple(CellType("there") for _ in function.__closure__)


def given_code(function: FunctionType) -> Any:
    """A function of another module with as many free variables, which is given the code of ``function``."""
    free, namespace = function.__code__.co_freevars, there()
    exec(f"def make({', '.join(free)}):\n def other(): return ({', '.join(free)})\n return other", namespace)
    other = namespace["make"](*["there"] * len(free))
    other.__code__, other.__defaults__ = function.__code__, function.__defaults__
    other.__kwdefaults__ = function.__kwdefaults__
    return other


def changed_afterwards(function: FunctionType) -> Any:
    made = copied(function, {**function.__globals__})
    assert repr(outcome(made))
    made.__globals__["X"] = "there"
    return made


def with_other_code(function: FunctionType) -> Any:
    made = copied(function, there())
    made.__code__ = function.__code__.replace(co_name="renamed", co_filename="there.py")
    return made


def executed(function: FunctionType) -> Any:
    namespace = there() | {"code": function.__code__}
    exec("made = eval(code)", namespace)
    return namespace["made"]


WAYS: dict[str, Callable[[FunctionType], Any]] = {
    "the function itself": copy.copy,
    "other globals": lambda f: copied(f, there()),
    "equal globals but for one name": lambda f: copied(f, {**f.__globals__, "X": "there"}),
    "equal globals, changed afterwards": changed_afterwards,
    "the same globals and closure": lambda f: copied(f, f.__globals__),
    "another closure": lambda f: copied(f, f.__globals__, cells(f)),
    "other globals, another closure": lambda f: copied(f, there(), cells(f)),
    "the code of another function": given_code,
    "copy of a copy": lambda f: copied(copied(f, {}), there()),
    "replaced code": with_other_code,
    "eval": lambda f: lambda: eval(f.__code__, there()),
    "eval within exec": lambda f: lambda: executed(f),
    "pickled by value": lambda f: pickle.loads(cloudpickle.dumps(copied(f, there()))),
}


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, yields or raises."""
    try:
        made = call()
        if hasattr(made, "__anext__"):
            return asyncio.run(_items(made))
        if hasattr(made, "cr_code"):
            return asyncio.run(made)
        return list(made) if hasattr(made, "gi_code") else made
    except Exception as error:
        return repr(error)


async def _items(stream: Any) -> list[Any]:
    return [item async for item in stream]


@pytest.mark.filterwarnings("ignore:Assigning a code object of non-matching type")  # newer Pythons', bare and traced
@pytest.mark.parametrize("way", WAYS)
def test_copy_does_what_a_bare_one_does(way: str) -> None:
    bare = {kind: [outcome(WAYS[way](function)), outcome(function)] for kind, function in kinds().items()}
    traced, recorder = {}, Recorder()
    for kind, function in kinds().items():
        if kind == "traced_within":
            trampoline.instrument_inner(function, ("within",), recorder.hooks(function), Shape())
            trampoline.instrument_inner(function, ("Local", "method"), recorder.hooks(function), Shape())
        trampoline.instrument(function, recorder.hooks(function), SHAPES.get(kind, Shape()))
        traced[kind] = [outcome(WAYS[way](function)), outcome(function)]
    assert traced == bare
    assert recorder.events
