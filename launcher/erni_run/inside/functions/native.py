"""What has no Python code is replaced where its name stands, by a wrapper of the same look.

Whoever has taken a reference before keeps the original: that is why this is the last resort.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from erni_run.inside.functions.build import NotInstrumentable
from erni_run.inside.functions.resolve import Native
from erni_run.inside.functions.trampoline import Hooks


@dataclass(eq=False)
class _Replacement:
    holder: Any
    name: str
    original: Any
    wrapper: Any = None
    hooks: Hooks | None = None

    def call(self, wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        hooks = self.hooks
        if hooks is None:
            return wrapped(*args, **kwargs)
        state = hooks["enter"]()
        try:
            result = wrapped(*args, **kwargs)
        except BaseException:
            hooks["fail"](state)
            raise
        return hooks["leave"](state, result)


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
