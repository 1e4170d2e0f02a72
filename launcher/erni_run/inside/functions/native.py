"""What has no Python code is replaced where its name stands, by a wrapper of the same look.

Whoever has taken a reference before keeps the original: that is why this is the last resort.
"""

from __future__ import annotations

import sys
from _thread import _local  # threading itself is for the application to import
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from erni_run.inside.functions.build import NotInstrumentable
from erni_run.inside.functions.resolve import Native
from erni_run.inside.functions.trampoline import Hooks
from erni_run.inside.ourselves import thread


@dataclass(eq=False)
class _Replacement:
    holder: Any
    name: str
    original: Any
    wrapper: Any = None
    hooks: Hooks | None = None

    def call(self, wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        hooks = self.hooks
        if hooks is None or _hook.runs or thread.at_work or _is_ours(sys._getframe(1)):
            return wrapped(*args, **kwargs)
        state = _unseen(hooks["enter"])
        try:
            result = wrapped(*args, **kwargs)
            return result if state is None else _unseen(hooks["leave"], state, result)
        except BaseException:
            _unseen(hooks["fail"], state)
            raise


class _Hook(_local):
    runs = False


_hook = _Hook()
"""``_hook.runs`` is true while a hook of ours runs in this thread: it may use the very callable that it looks after."""


def _unseen(hook: Callable[..., Any], *arguments: Any) -> Any:
    _hook.runs = True
    try:
        return hook(*arguments)
    finally:
        _hook.runs = False


def _is_ours(caller: FrameType) -> bool:
    return str(caller.f_globals.get("__name__")).partition(".")[0] in ("erni_run", "opentelemetry")


_replacements: list[_Replacement] = []


def replace(native: Native, hooks: Hooks) -> None:
    """Let calls of ``native`` by its name run ``hooks``, those of a function. Raises NotInstrumentable."""
    known = _find(native)
    if known is not None:
        known.hooks = hooks
        return
    from wrapt import FunctionWrapper  # late: few need it

    problem = obstacle(native)
    if problem:
        raise NotInstrumentable(problem)
    replacement = _Replacement(native.holder, native.name, native.value, hooks=hooks)
    replacement.wrapper = FunctionWrapper(native.value, replacement.call)
    setattr(native.holder, native.name, replacement.wrapper)
    _replacements.append(replacement)


def obstacle(native: Native) -> str:
    """Why no wrapper can stand at the name of ``native``, "" if one can: the value that is there is bound anew."""
    try:
        setattr(native.holder, native.name, vars(native.holder)[native.name])
    except (TypeError, AttributeError) as refusal:
        return f"has no Python code, and its name cannot be bound to a wrapper: {refusal}"
    return ""


def put_back(native: Native) -> None:
    """Bind the name to the original again; calls through references to the wrapper run nothing of ours."""
    known = _find(native)
    if known is not None:
        _replacements.remove(known)
        known.hooks = None
        if vars(known.holder).get(known.name) is known.wrapper:
            setattr(known.holder, known.name, known.original)


def _find(native: Native) -> _Replacement | None:
    return next((one for one in _replacements if one.holder is native.holder and one.name == native.name), None)
