"""Captures: expressions over parameters and results, compiled into functions that store attribute values.

A parameter that is a string, number or boolean costs tens of nanoseconds. What runs code of the application's, a
property or a ``__str__``, runs untraced; what it raises leaves the attribute out and is counted. Subscripts run none.
"""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from erni_run.config.expression import CALLS, names_in
from erni_run.inside.counts import failed_captures
from erni_run.inside.functions.item import item
from erni_run.inside.functions.redact import bounded, is_redacted, written
from erni_run.inside.functions.source import Parameters
from erni_run.inside.functions.value import INT64
from erni_run.inside.functions.written import REDACTED
from erni_run.inside.notice import describe, say_once
from erni_run.inside.ourselves import aside, is_to_be_raised, thread, under_way
from erni_run.plan import CapturePlan

RESULT = "result"
ABSENT = ...


@dataclass(frozen=True)
class Captures:
    """What one function captures: ``at_entry(attributes, *entry)`` and ``at_exit(attributes, result, *exit)`` store
    attribute values; ``entry`` and ``exit`` name the parameters that they take. Neither raises. Where nothing but
    parameters themselves is captured at entry, ``in_passing`` holds the attribute and the parameter of each, and
    ``clean(attribute, value)`` is for values that need work.
    """

    expressions: Mapping[str, str]
    bounds: CapturePlan
    parameters: Parameters
    where: str
    entry: tuple[str, ...]
    in_passing: tuple[tuple[str, str], ...]
    exit: tuple[str, ...]
    at_entry: Callable[..., None] | None
    at_exit: Callable[..., None] | None

    @property
    def clean(self) -> Callable[[str, Any], Any]:
        """An attribute value, or ``ABSENT`` if there is none to be had."""
        return partial(_clean_in_passing, self.bounds, self.where)

    def __reduce__(self) -> tuple[Any, ...]:
        """Compiled anew where a function is unpickled that has been pickled by value."""
        return compile_captures, (self.expressions, self.bounds, self.parameters, self.where)


def compile_captures(
    expressions: Mapping[str, str], bounds: CapturePlan, parameters: Parameters, where: str = ""
) -> Captures:
    """The captures of a function with ``parameters``: ``expressions`` by attribute name, all of whose names are known
    (see ``mistakes``). ``where`` is the place in the configuration that is named when one of them raises.
    """
    before = {name: text for name, text in expressions.items() if RESULT not in names_in(text)}
    after = {name: text for name, text in expressions.items() if name not in before}
    entry, exit_ = _names(before, bounds, parameters), _names(after, bounds, parameters)
    return Captures(
        expressions,
        bounds,
        parameters,
        where,
        entry,
        _in_passing(before, bounds, entry),
        exit_,
        _compile(before, bounds, entry, where) if before else None,
        _compile(after, bounds, (RESULT, *exit_), where) if after else None,
    )


def mistakes(expressions: Mapping[str, str], parameters: Parameters, *, has_result: bool = True) -> Iterator[str]:
    """What of ``expressions`` cannot be captured: one sentence for each attribute that names what is not there."""
    known = {*parameters.names, RESULT} if has_result else set(parameters.names)
    for attribute, expression in expressions.items():
        unknown = sorted(names_in(expression) - known)
        if unknown == [RESULT]:
            yield f"capture {attribute!r}: an async generator has no result"
        elif unknown:
            near = difflib.get_close_matches(unknown[0], known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            yield f"capture {attribute!r}: there is no parameter {unknown[0]!r}{hint}"


def sound(expressions: Mapping[str, str], parameters: Parameters, *, has_result: bool = True) -> dict[str, str]:
    """Those of ``expressions`` in which ``mistakes`` finds none."""
    return {
        attribute: expression
        for attribute, expression in expressions.items()
        if not any(mistakes({attribute: expression}, parameters, has_result=has_result))
    }


def _names(expressions: Mapping[str, str], bounds: CapturePlan, parameters: Parameters) -> tuple[str, ...]:
    """The parameters that ``expressions`` read, in their order; what is redacted is not read."""
    read = {
        name
        for attribute, text in expressions.items()
        if not _is_redacted(attribute, text, bounds)
        for name in names_in(text)
    }
    return tuple(name for name in parameters.names if name in read and name != RESULT)


def _in_passing(
    expressions: Mapping[str, str], bounds: CapturePlan, parameters: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Attributes and parameters, if ``expressions`` are parameters and nothing else, none of them redacted."""
    if all(text in parameters and not _is_redacted(name, text, bounds) for name, text in expressions.items()):
        return tuple(expressions.items())
    return ()


def _is_redacted(attribute: str, expression: str, bounds: CapturePlan) -> bool:
    """Whether the attribute's name, or any name or key that the expression reads, is one that stays here."""
    words = {attribute, *names_in(expression)}
    for node in ast.walk(ast.parse(expression, mode="eval")):
        if isinstance(node, ast.Attribute):
            words.add(node.attr)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            words.add(str(node.slice.value))
    return any(is_redacted(word, bounds) for word in words)


def _compile(
    expressions: Mapping[str, str], bounds: CapturePlan, names: tuple[str, ...], where: str
) -> Callable[..., None]:
    """A function ``(attributes, *names)``; its own names begin with ``own``, which no parameter does."""
    own = "_erni_"
    while any(name.startswith(own) for name in names):
        own = f"_{own}"
    plain: list[str] = []
    guarded: list[str] = []
    for attribute, text in expressions.items():
        store = f"{own}attributes[{attribute!r}] = "
        if _is_redacted(attribute, text, bounds):
            plain.append(f"    {store}{REDACTED!r}")
        elif text in names:
            plain += _stored(text, store, own, f"{own}aside({own}attributes, {attribute!r}, {text})", bounds.max_length)
        else:
            guarded += _guarded(_calling_ours(text, own), store, own, attribute, bounds.max_length)
    lines = [f"def {own}capture({', '.join((f'{own}attributes', *names))}, /):", *plain]
    if guarded:
        lines += [f"    {own}before = {own}thread.at_work", f"    {own}under_way.work += 1", "    try:"]
        lines += [f"        {own}thread.at_work = True", *guarded, "    finally:"]
        lines += [f"        {own}thread.at_work = {own}before", f"        {own}under_way.work -= 1"]
    namespace = {
        "__name__": __name__,
        f"{own}thread": thread,
        f"{own}under_way": under_way,
        f"{own}clean": partial(bounded, bounds=bounds),
        f"{own}aside": partial(_aside, bounds, where),
        f"{own}failed": partial(_failed, where),
        f"{own}BaseException": BaseException,
        **{own + name: vars(builtins)[name] for name in CALLS},
        f"{own}text": partial(written, bounds=bounds),
        f"{own}item": item,
    }
    exec(compile("\n".join(lines), "<erni_run capture>", "exec"), namespace)  # noqa: S102  # written here, out of checked expressions
    capture: Callable[..., None] = namespace[f"{own}capture"]
    return capture


def _stored(name: str, store: str, own: str, otherwise: str, most: int) -> list[str]:
    """Lines that store the variable ``name``: at once, if it needs no work."""
    return [
        f"    {own}kind = {own}type({name})",
        f"    if {own}kind is {own}str and {own}len({name}) <= {most} and {name}.isascii():",
        f"        {store}{name}",
        f"    elif {own}kind is {own}int and {-INT64} <= {name} < {INT64}:",
        f"        {store}{name}",
        f"    elif {own}kind is {own}bool or {own}kind is {own}float:",
        f"        {store}{name}",
        "    else:",
        f"        {otherwise}",
    ]


def _guarded(expression: str, store: str, own: str, attribute: str, most: int) -> list[str]:
    """Lines that store what ``expression`` comes to, or count that it raises."""
    value = f"{own}value"
    return [
        "        try:",
        f"            {value} = {expression}",
        *(f"        {line}" for line in _stored(value, store, own, f"{store}{own}clean({value})", most)),
        f"        except {own}BaseException as {own}error:",
        f"            {own}failed({attribute!r}, {own}error)",
    ]


class _CallingOurs(ast.NodeTransformer):
    """Functions are called under names of ours, for a parameter may be called ``type``; texts and items we make."""

    def __init__(self, own: str) -> None:
        self._own = own

    def visit_Call(self, node: ast.Call) -> ast.Call:
        name = getattr(node.func, "id", "")
        return self._call("text" if name == "str" else name, *node.args)

    def visit_Subscript(self, node: ast.Subscript) -> ast.Call:
        return self._call("item", node.value, node.slice)

    def _call(self, name: str, *values: ast.expr) -> ast.Call:
        return ast.Call(ast.Name(self._own + name, ast.Load()), [self.visit(value) for value in values], [])


def _calling_ours(expression: str, own: str) -> str:
    return ast.unparse(_CallingOurs(own).visit(ast.parse(expression, mode="eval")))


def _aside(bounds: CapturePlan, where: str, attributes: dict[str, Any], attribute: str, value: Any) -> None:
    """Store ``value``, whose ``str()`` may run code of the application's."""
    try:
        attributes[attribute] = aside(bounded, value, bounds)
    except BaseException as error:  # whatever the application's code raises
        _failed(where, attribute, error)


def _clean_in_passing(bounds: CapturePlan, where: str, attribute: str, value: Any) -> Any:
    found: dict[str, Any] = {}
    _aside(bounds, where, found, attribute, value)
    return found.get(attribute, ABSENT)


def _failed(where: str, attribute: str, error: BaseException) -> None:
    """Count what the expression has raised; what a signal's handler has raised meanwhile goes on its way."""
    if is_to_be_raised(error):
        raise error
    failed_captures[where or "@traced_span"] += 1
    what = f"{where or 'capture'}: {attribute!r} is left out where its expression fails"
    say_once(f"{what}: {describe(error)}", kind=what)
