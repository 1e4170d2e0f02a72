"""What one entry of tracing.toml means for one function: the name and attributes of its spans, and the hooks."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import CodeType

from erni_run.inside.functions.capture import Captures, compile_captures, mistakes, sound
from erni_run.inside.functions.probe import Probe, Site
from erni_run.inside.functions.redact import redact
from erni_run.inside.functions.source import Parameters, Shape, has_steps
from erni_run.inside.functions.trampoline import Around, Hooks
from erni_run.plan import CapturePlan, SpanPlan

_NAMED_BY_FUNCTION = frozenset({"code.function.name", "function.name"})


@dataclass(frozen=True)
class Wish:
    """``span`` for the function ``qualname`` of ``module``; ``only`` restricts an inherited method to calls whose
    receiver, the parameter in ``receiver``, is of that class. ``where`` and ``line`` are the entry's place.
    """

    span: SpanPlan
    capture: CapturePlan
    module: str
    qualname: str
    only: type | None = None
    receiver: tuple[str, ...] = ()
    where: str = field(default="", compare=False)

    @property
    def line(self) -> int:
        """The entry's line, 0 for a decorator."""
        return self.span.line

    @property
    def place(self) -> tuple[str, str, str]:
        """The entry's target, "" for a decorator, and the name by which it leads to the function: no two wishes have
        the same.
        """
        return self.span.target if self.line else "", self.module, self.qualname

    @property
    def filled(self) -> SpanPlan:
        """The entry with ``{module}``, ``{class}``, ``{function}`` and ``{qualname}`` filled in."""
        owner, _, name = self.qualname.rpartition(".")
        words = {"module": self.module, "class": owner, "function": name, "qualname": self.qualname}
        return replace(
            self.span,
            name=_fill(self.span.name or "{qualname}", words),
            attributes={
                key: _fill(str(value), words) if key in _NAMED_BY_FUNCTION else value
                for key, value in self.span.attributes.items()
            },
        )

    @property
    def essence(self) -> tuple[object, ...]:
        """What makes a difference to the spans: neither the entry's target nor its line does. A class counts by its
        identity: a metaclass has its own ``__eq__``.
        """
        return replace(self.filled, target="", line=0), self.capture, id(self.only), self.receiver

    def renewed(self, span: SpanPlan, capture: CapturePlan, where: str) -> Wish:
        """The same function by a newer plan."""
        return replace(self, span=span, capture=capture, where=where)


def without_conflicts(wishes: Iterable[Wish]) -> tuple[list[Wish], list[tuple[Wish, Wish]]]:
    """Of ``wishes`` for one function, one for each class of receivers; and those that are refused, each with the one
    that stands in its way: of two that differ, the first in the file wins.
    """
    kept: dict[int, Wish] = {}
    refused: list[tuple[Wish, Wish]] = []
    for wish in sorted(wishes, key=lambda wish: wish.line):
        rivals = [
            other
            for only, other in kept.items()
            if only == id(wish.only) or (other.span.mode, other.span.current) != (wish.span.mode, wish.span.current)
        ]
        if not rivals:
            kept[id(wish.only)] = wish
        elif rivals[0].span.target != wish.span.target and rivals[0].essence != wish.essence:
            refused.append((wish, rivals[0]))
    return list(kept.values()), refused


def around(wish: Wish, code: CodeType, *, is_alone: bool = True) -> Around:
    """The hooks that ``wish`` asks for, for functions with ``code``; ``is_alone`` if no other wish is on them."""
    captures = _captures(wish, Parameters.of(code), has_result=_has_result(code))
    in_passing = captures.in_passing if is_alone and not wish.only else ()
    shape = Shape(
        entry=(*(wish.receiver if wish.only else ()), *(() if in_passing else captures.entry)),
        in_passing=in_passing,
        longest=wish.capture.max_length,
        exit=captures.exit,
        takes_result=captures.at_exit is not None,
        in_context=wish.span.mode == "context",
        is_current=wish.span.current,
    )
    hooks = _hooks(wish, captures, has_steps=has_steps(code, shape), in_passing=tuple(name for name, _ in in_passing))
    return Around(hooks, shape)


def hooks_without_code(wish: Wish) -> Hooks:
    """The hooks for a callable that has no Python code: of what it is given nothing is known by name."""
    return _hooks(wish, _captures(wish, _NOTHING, has_result=True), has_steps=False)


def wrong_captures(wish: Wish, code: CodeType | None) -> Iterator[str]:
    """What ``wish`` cannot capture of functions with ``code``, None if there is none."""
    if code is None:
        yield from mistakes(wish.span.capture, _NOTHING)
    else:
        yield from mistakes(wish.span.capture, Parameters.of(code), has_result=_has_result(code))


_NOTHING = Parameters((), (), None, (), None)


def _has_result(code: CodeType) -> bool:
    return not code.co_flags & inspect.CO_ASYNC_GENERATOR


def _captures(wish: Wish, parameters: Parameters, *, has_result: bool) -> Captures:
    expressions = sound(wish.span.capture, parameters, has_result=has_result)
    return compile_captures(expressions, wish.capture, parameters, wish.where)


def _hooks(wish: Wish, captures: Captures, *, has_steps: bool, in_passing: tuple[str, ...] = ()) -> Hooks:
    span = wish.filled
    site = Site(
        name=span.name,
        kind=span.kind,
        attributes={key: redact(key, value, wish.capture) for key, value in span.attributes.items()},
        cancelled=span.cancelled,
        ignore=frozenset(span.ignore),
        record_exceptions=wish.capture.exceptions,
        only=wish.only,
        captures=captures if captures.expressions else None,
        in_passing=in_passing,
    )
    hooks = Probe(site).hooks(has_steps)
    return {**hooks, "clean": captures.clean} if in_passing else hooks


def _fill(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", value)
    return text
