"""Several spans on one function, of which the receiver's class chooses: an inherited method that is named through more
than one class.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from erni_run.inside.classes import bases
from erni_run.inside.functions.trampoline import Around


@dataclass(frozen=True)
class Option:
    """What is put around calls whose receiver is an ``only``, a class; None stands for every receiver."""

    only: type | None
    around: Around


def choose(options: list[Option], receiver: tuple[str, ...]) -> Around:
    """One set of hooks for all ``options``, the most special class first. ``receiver`` names the parameter that holds
    the receiver. All shapes are alike but for the parameters that they name.
    """
    if len(options) == 1:
        return options[0].around
    ordered = sorted(options, key=lambda option: -len(bases(option.only)) if option.only is not None else 0)
    choice = _Choice(ordered)
    shapes = [option.around.shape for option in ordered]
    shape = replace(
        shapes[0],
        entry=(*receiver, *(name for shape in shapes for name in shape.entry)),
        exit=tuple(name for shape in shapes for name in shape.exit),
        takes_result=any(shape.takes_result for shape in shapes),
    )
    return Around({name: getattr(choice, name) for name in options[0].around.hooks}, shape)


class _Choice:
    """Hooks that hand on to those of the option that was chosen. A state is that option and its own state, None where
    that is None.
    """

    def __init__(self, options: list[Option]) -> None:
        self._options = options

    def enter(self, receiver: Any, *entry: Any) -> Any:
        return self._start("enter", receiver, entry)

    def leave(self, state: Any, *last: Any) -> Any:
        return self._last("leave", state, last)

    def fail(self, state: Any) -> None:
        self._hand_on("fail", state)

    def begin(self, receiver: Any, *entry: Any) -> Any:
        return self._start("begin", receiver, entry)

    def resume(self, state: Any) -> Any:
        return self._hand_on("resume", state)

    def pause(self, state: Any, token: Any) -> None:
        self._hand_on("pause", state, token)

    def finish(self, state: Any, *last: Any) -> None:
        self._last("finish", state, last)

    def abort(self, state: Any, *token: Any) -> None:
        self._hand_on("abort", state, *token)

    def _start(self, hook: str, receiver: Any, entry: tuple[Any, ...]) -> Any:
        start = 0
        for option in self._options:
            end = start + len(option.around.shape.entry)
            if option.only is None or is_for(receiver, option.only):
                inner = option.around.hooks[hook](*entry[start:end])
                return None if inner is None else (option, inner)
            start = end
        return None

    def _last(self, hook: str, state: Any, last: tuple[Any, ...]) -> Any:
        """``last`` is what the call returns, if it is known, and the parameters at exit."""
        option, inner = state  # two references to the inner state, as there are to what the call returns (see follow)
        start = 1 + sum(len(other.around.shape.exit) for other in self._options[: self._options.index(option)])
        arguments = inner, *last[:1], *last[start : start + len(option.around.shape.exit)]
        return option.around.hooks[hook](*arguments)

    def _hand_on(self, hook: str, state: Any, *more: Any) -> Any:
        option, inner = state if state is not None else (self._options[0], None)
        return option.around.hooks[hook](inner, *more)


def is_for(receiver: Any, only: type) -> bool:
    """Whether a method that was called on ``receiver``, an object or a class, is one of ``only``; by the order of
    classes alone, for ``isinstance`` asks metaclasses.
    """
    kind = type(receiver)
    return any(base is only for base in bases(receiver if issubclass(kind, type) else kind))
