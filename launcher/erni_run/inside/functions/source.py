r"""The source text of trampolines: a function with the same parameters and flavour that runs hooks around the original.

A trampoline must look nothing up in the application's globals, so what it calls is put among its constants. The source
spells such a callable ``('\0erni:enter' if 1 else 0)``: the compiler folds that to one constant, which ``trampoline``
then exchanges. A bare string that is called would draw a SyntaxWarning.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from types import CodeType

NAME = "_erni_trampoline"
MARK = "\0erni:"

# HOOK_x is a callable among the constants, LOCAL_x a variable that must not clash with a parameter.
_FUNCTION = """
    LOCAL_state = HOOK_enter(@captured)
    try:
        LOCAL_result = @await HOOK_original(@call)
    except:
        HOOK_fail(LOCAL_state)
        raise
    HOOK_leave(LOCAL_state)
    return LOCAL_result
"""

# PEP 380 written out, so that the span is current only while the body runs. throw() forwards every exception,
# GeneratorExit included: close() is a throw(GeneratorExit), and whatever the inner generator answers is what the
# outer one does.
_GENERATOR = """
    LOCAL_inner = HOOK_original(@call)
    LOCAL_state = HOOK_begin(@captured)
    LOCAL_value = LOCAL_error = None
    try:
        while 1:
            LOCAL_token = HOOK_resume(LOCAL_state)
            try:
                if LOCAL_error is None:
                    LOCAL_value = LOCAL_inner.send(LOCAL_value)
                else:
                    LOCAL_value, LOCAL_error = LOCAL_error, None
                    LOCAL_value = LOCAL_inner.throw(LOCAL_value)
            finally:
                HOOK_pause(LOCAL_state, LOCAL_token)
            try:
                LOCAL_value = yield LOCAL_value
            except:
                LOCAL_error = HOOK_exc_info()[1]
                LOCAL_value = None
    except HOOK_StopIteration as LOCAL_stop:
        LOCAL_value = LOCAL_stop.value
    except:
        LOCAL_value = LOCAL_error = None
        HOOK_abort(LOCAL_state)
        raise
    HOOK_finish(LOCAL_state)
    return LOCAL_value
"""

# The same for PEP 525. The first step goes through HOOK_first, which keeps the inner generator out of the event loop's
# book of open generators: the loop would otherwise close the same body twice.
_ASYNC_GENERATOR = """
    LOCAL_inner = HOOK_original(@call)
    LOCAL_state = HOOK_begin(@captured)
    LOCAL_value = LOCAL_error = None
    LOCAL_step = HOOK_first
    try:
        while 1:
            LOCAL_token = HOOK_resume(LOCAL_state)
            try:
                if LOCAL_error is None:
                    LOCAL_value = await LOCAL_step(LOCAL_inner, LOCAL_value)
                else:
                    LOCAL_value, LOCAL_error = LOCAL_error, None
                    LOCAL_value = await LOCAL_inner.athrow(LOCAL_value)
            finally:
                HOOK_pause(LOCAL_state, LOCAL_token)
            LOCAL_step = HOOK_asend
            try:
                LOCAL_value = yield LOCAL_value
            except:
                LOCAL_error = HOOK_exc_info()[1]
                LOCAL_value = None
    except HOOK_StopAsyncIteration:
        pass
    except:
        LOCAL_value = LOCAL_error = None
        HOOK_abort(LOCAL_state)
        raise
    HOOK_finish(LOCAL_state)
"""


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


def write(code: CodeType, captured: tuple[str, ...]) -> str:
    """The source of the trampoline for ``code``; the hook that starts it receives the parameters named in
    ``captured``.
    """
    parameters = Parameters.of(code)
    body, head = _flavour(code)
    body = re.sub(r"\bHOOK_(\w+)", lambda hook: f"('\\0erni:{hook.group(1)}' if 1 else 0)", body)
    body = re.sub(r"\bLOCAL_(\w+)", lambda local: _prefix(code) + local.group(1), body)
    body = body.replace("@captured", ", ".join(captured)).replace("@call", parameters.call)
    closure = f"\n    nonlocal {', '.join(code.co_freevars)}" if code.co_freevars else ""
    source = f"{head} {NAME}({parameters.signature}):{closure}{body}"
    return _inside_owner(source, code.co_freevars) if code.co_freevars else source


def _flavour(code: CodeType) -> tuple[str, str]:
    if code.co_flags & inspect.CO_COROUTINE:
        return _FUNCTION.replace("@await", "await"), "async def"
    if code.co_flags & inspect.CO_ASYNC_GENERATOR:
        return _ASYNC_GENERATOR, "async def"
    if code.co_flags & inspect.CO_GENERATOR:
        return _GENERATOR, "def"
    return _FUNCTION.replace("@await ", ""), "def"


def _prefix(code: CodeType) -> str:
    prefix = "_erni_"
    while any(name.startswith(prefix) for name in code.co_varnames + code.co_freevars):
        prefix = f"_{prefix}"
    return prefix


def _inside_owner(source: str, free: tuple[str, ...]) -> str:
    """``source`` within a function that owns the free variables: ``nonlocal`` makes the compiler list them."""
    indented = "\n".join(f"    {line}" for line in source.splitlines())
    return f"def _erni_owner():\n    {' = '.join(free)} = None\n{indented}"
