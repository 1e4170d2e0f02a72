r"""The source text of trampolines: a function with the same parameters and flavour that runs hooks around the original.

A trampoline must look nothing up in the application's globals, nor have names that ``inspect`` would show, so what it
calls is put among its constants. The source spells such a callable ``('\0erni:enter' if 1 else 0)``: the compiler folds
that to one constant, which ``trampoline`` then exchanges. A bare string that is called would draw a SyntaxWarning.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import CodeType

NAME = "_erni_trampoline"
MARK = "\0erni:"
_HAS_DOCSTRING: int = getattr(inspect, "CO_HAS_DOCSTRING", 0)

# HOOK_x is an object among the constants, LOCAL_x a variable that must not clash with a parameter, @x is filled in.
# What a trampoline calls is made anew, of the globals and the closure that it runs with itself. Whoever has the code of
# a function may run it with others, ``FunctionType(f.__code__, {...})``, and globals that code holds are never
# collected.
_ORIGINAL = """
    def LOCAL_original():@inner"""

_FUNCTION = """
    LOCAL_state = HOOK_enter(@entry)
    try:
        LOCAL_result = @await LOCAL_original(@call)
        @last
    except:
        HOOK_fail(LOCAL_state)
        raise
"""

# PEP 380 written out, so that the span is current only while the body runs. throw() forwards every exception,
# GeneratorExit included: close() is a throw(GeneratorExit), and whatever the inner generator answers is what the
# outer one does.
_GENERATOR = """
    LOCAL_inner = LOCAL_original(@call)
    LOCAL_state = @begin(@entry)
    LOCAL_result = LOCAL_error = LOCAL_token = None
    try:
        try:
            while 1:
                @resume
                try:
                    if LOCAL_error is None:
                        LOCAL_result = HOOK_send(LOCAL_inner, LOCAL_result)
                    else:
                        LOCAL_result, LOCAL_error = LOCAL_error, None
                        LOCAL_result = HOOK_throw(LOCAL_inner, LOCAL_result)
                finally:
                    @pause
                try:
                    LOCAL_result = yield LOCAL_result
                except:
                    LOCAL_error = HOOK_exc_info()[1]
                    LOCAL_result = None
        except HOOK_StopIteration as LOCAL_stop:
            LOCAL_result = HOOK_value(LOCAL_stop)
        @last
    except:
        LOCAL_result = LOCAL_error = None
        @abort(LOCAL_state@token)
        raise
"""

# What a hot stream is willing to pay: nothing for an item.
_DELEGATING = """
    LOCAL_inner = LOCAL_original(@call)
    LOCAL_state = @begin(@entry)
    try:
        LOCAL_result = yield from LOCAL_inner
        @last
    except:
        @abort(LOCAL_state@token)
        raise
"""

# As _GENERATOR, for PEP 525. The first step goes through HOOK_first, which keeps the inner generator out of the event
# loop's book of open generators: the loop would otherwise close the same body twice.
_ASYNC_GENERATOR = """
    LOCAL_inner = LOCAL_original(@call)
    LOCAL_state = @begin(@entry)
    LOCAL_result = LOCAL_error = LOCAL_token = None
    LOCAL_step = HOOK_first
    try:
        try:
            while 1:
                @resume
                try:
                    if LOCAL_error is None:
                        LOCAL_result = await LOCAL_step(LOCAL_inner, LOCAL_result)
                    else:
                        LOCAL_result, LOCAL_error = LOCAL_error, None
                        LOCAL_result = await HOOK_athrow(LOCAL_inner, LOCAL_result)
                finally:
                    @pause
                LOCAL_step = HOOK_asend
                try:
                    LOCAL_result = yield LOCAL_result
                except:
                    LOCAL_error = HOOK_exc_info()[1]
                    LOCAL_result = None
        except HOOK_StopAsyncIteration:
            pass
        if LOCAL_state is not None:
            @end
    except:
        LOCAL_result = LOCAL_error = None
        @abort(LOCAL_state@token)
        raise
"""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How a trampoline is written, beyond what the function itself decides.

    ``entry`` and ``exit`` name the parameters that the first and the last hook receive. ``in_passing``: instead of them
    the first hook receives the value of one parameter, or a tuple of the values of several; what is no number, and no
    string of at most ``longest`` characters, is what the hook "clean" makes of it. ``takes_result``: the last hook
    receives what the call returns, before ``exit``. ``in_context``: a generator has the hooks of a function, around its
    whole life. ``is_current``: a generator's hooks follow every step of it.
    """

    entry: tuple[str, ...] = ()
    in_passing: tuple[tuple[str, str], ...] = ()
    longest: int = 0
    exit: tuple[str, ...] = ()
    takes_result: bool = False
    in_context: bool = False
    is_current: bool = True


@dataclass(frozen=True)
class Parameters:
    """The parameters of a code object, by name."""

    positional_only: tuple[str, ...]
    positional: tuple[str, ...]
    var_positional: str | None
    keyword_only: tuple[str, ...]
    var_keyword: str | None

    @classmethod
    def of(cls, code: CodeType) -> Parameters:
        """The parameters of ``code``, in the order of its ``co_varnames``."""
        names = iter(code.co_varnames)
        positional = [next(names) for _ in range(code.co_argcount)]
        keyword_only = tuple(next(names) for _ in range(code.co_kwonlyargcount))
        return cls(
            positional_only=tuple(positional[: code.co_posonlyargcount]),
            positional=tuple(positional[code.co_posonlyargcount :]),
            keyword_only=keyword_only,
            var_positional=next(names) if code.co_flags & inspect.CO_VARARGS else None,
            var_keyword=next(names) if code.co_flags & inspect.CO_VARKEYWORDS else None,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All names, whatever their kind."""
        starred = tuple(name for name in (self.var_positional, self.var_keyword) if name)
        return self.positional_only + self.positional + self.keyword_only + starred

    @property
    def signature(self) -> str:
        """As written between the parentheses of ``def``, without defaults: the function keeps its own."""
        parts = [*self.positional_only, *(["/"] if self.positional_only else []), *self.positional]
        if self.var_positional:
            parts.append(f"*{self.var_positional}")
        elif self.keyword_only:
            parts.append("*")
        parts += self.keyword_only
        return ", ".join(parts + ([f"**{self.var_keyword}"] if self.var_keyword else []))

    @property
    def call(self) -> str:
        """As written in a call that hands every parameter on."""
        parts = [*self.positional_only, *self.positional]
        parts += [f"*{self.var_positional}"] if self.var_positional else []
        parts += [f"{name}={name}" for name in self.keyword_only]
        return ", ".join(parts + ([f"**{self.var_keyword}"] if self.var_keyword else []))


def has_steps(code: CodeType, shape: Shape) -> bool:
    """Whether the trampoline has the hooks of generators, begin, resume, pause, finish and abort."""
    return bool(code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR)) and not shape.in_context


def follows(code: CodeType) -> bool:
    """Whether ``code`` is a plain function, which may return an awaitable: its last hook sees the result."""
    return not code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR)


def documentation(code: CodeType) -> str | None:
    """The docstring that functions made of ``code`` get: CPython keeps it as the first constant. Any string may stand
    there where a flag tells, as it does from 3.14 on.
    """
    first = code.co_consts[0] if code.co_consts and code.co_flags & _HAS_DOCSTRING == _HAS_DOCSTRING else None
    return first if isinstance(first, str) else None


def write(code: CodeType, shape: Shape) -> str:
    """The source of the trampoline for ``code``."""
    parameters = Parameters.of(code)
    body, head = _flavour(code, shape)
    free = f"\n    nonlocal {', '.join(code.co_freevars)}" if code.co_freevars else ""
    body = _filled(f"@free{_ORIGINAL}{body}", _words(code, shape))
    body = re.sub(r"\bHOOK_(\w+)", lambda hook: _hook(hook.group(1)), body)
    body = re.sub(r"\bLOCAL_(\w+)", lambda local: prefix(code) + local.group(1), body)
    # the function's own names come last: they may look like ours
    exit_ = "".join(f", {name}" for name in shape.exit)
    names = {"exit": exit_, "call": parameters.call, "free": free, "inner": _indented(free) or " pass"}
    body = _filled(body, {**names, "entry": _entry(shape)})
    documented = f"\n    {MARK + 'documentation'!r}" if documentation(code) is not None else ""
    source = f"{head} {NAME}({parameters.signature}):{documented}{body}"
    return _inside_owner(source, code.co_freevars) if code.co_freevars else source


def _hook(name: str) -> str:
    return f"('\\0erni:{name}' if 1 else 0)"


def _entry(shape: Shape) -> str:
    """The arguments of the first hook."""
    if not shape.in_passing:
        return ", ".join(shape.entry)
    values = [_value(name, of, shape.longest) for name, of in shape.in_passing]
    return values[0] if len(values) == 1 else f"({', '.join(values)})"


def _value(attribute: str, parameter: str, longest: int) -> str:
    """``parameter`` if it needs no work. Types are compared by identity: a metaclass has its own ``__eq__``."""
    kind = f"{_hook('type')}({parameter})"
    is_plain = f"{kind} is {_hook('str')} and {_hook('len')}({parameter}) <= {longest}"
    is_plain += "".join(f" or {kind} is {_hook(name)}" for name in ("int", "bool", "float"))
    return f"{parameter} if {is_plain} else {_hook('clean')}({attribute!r}, {parameter})"


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, replacement in words.items():
        text = text.replace(f"@{word}", replacement)
    return text


def _flavour(code: CodeType, shape: Shape) -> tuple[str, str]:
    if code.co_flags & inspect.CO_COROUTINE:
        return _FUNCTION.replace("@await", "await"), "async def"
    if code.co_flags & inspect.CO_ASYNC_GENERATOR:
        return _ASYNC_GENERATOR, "async def"
    if code.co_flags & inspect.CO_GENERATOR:
        return _GENERATOR if shape.is_current or shape.in_context else _DELEGATING, "def"
    return _FUNCTION.replace("@await ", ""), "def"


def _words(code: CodeType, shape: Shape) -> dict[str, str]:
    steps = has_steps(code, shape)
    begin, abort, last = ("begin", "abort", "finish") if steps else ("enter", "fail", "leave")
    end = f"HOOK_{last}(LOCAL_state)"
    returned = f"{end}\n        return LOCAL_result"
    if shape.takes_result or follows(code):
        with_result = f"HOOK_{last}(LOCAL_state, LOCAL_result@exit)"
        returned = f"{with_result}\n        return LOCAL_result" if steps else f"return {with_result}"
    is_current = steps and shape.is_current
    return {
        "begin": f"HOOK_{begin}",
        "abort": f"HOOK_{abort}",
        "resume": "LOCAL_token = HOOK_resume(LOCAL_state)" if is_current else "pass",
        "pause": "HOOK_pause(LOCAL_state, LOCAL_token); LOCAL_token = None" if is_current else "pass",
        "token": ", LOCAL_token" if is_current else "",
        "last": f"if LOCAL_state is None:\n            return LOCAL_result\n        {returned}",
        "end": end,
    }


def prefix(code: CodeType) -> str:
    """A beginning that none of the names of ``code`` has."""
    start = "_erni_"
    while any(name.startswith(start) for name in code.co_varnames + code.co_freevars):
        start = f"_{start}"
    return start


def _inside_owner(source: str, free: tuple[str, ...]) -> str:
    """``source`` within a function that owns the free variables: ``nonlocal`` makes the compiler list them."""
    return f"def _erni_owner():\n    {' = '.join(free)} = None\n    {_indented(source)}"


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")
