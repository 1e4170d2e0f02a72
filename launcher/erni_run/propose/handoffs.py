"""Handoffs between agents: the functions that run when one agent hands over to another, and the other's name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from erni_run.propose.candidate import Candidate
from erni_run.propose.deed import deed, words_of
from erni_run.propose.outline import Function, Outline, Scope, dotted
from erni_run.propose.package import Package

_DEEPEST = 12  # functions that return what functions return
_BY_NAME = re.compile(
    r"_*(?:on|handle|do|perform)_(?P<before>\w+?)_(?:handoff|hand_off|handover)"
    r"|_*(?:handoff|hand_off|handover|hand_over|transfer)_to_(?P<after>\w+)"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Handoff(Candidate):
    """A handoff with the name of the ``agent`` that takes over, and the ``type`` that the name suggests."""

    agent: str
    type: str
    agent_from: str


def handoffs(package: Package) -> Iterator[Handoff | str]:
    """All handoffs; a line of text for a callback that the source does not lead to."""
    known = set()
    for outline, call, scope in package.calls():
        callback = _argument(call, "on_handoff")
        if callback is None:
            continue
        function = package.function(callback, outline, scope)
        if function is None:
            yield f"{outline.place(callback)}: on_handoff={ast.unparse(callback)}"
            continue
        known.add(function)
        yield _handoff(function, _why(call, callback, outline), _taker(call, outline, scope, package))
    for function in package.functions():
        if function not in known and _BY_NAME.fullmatch(function.node.name):
            yield _handoff(function, "named like a handoff", _alike(_stem(function), package))


def _why(call: ast.Call, callback: ast.expr, outline: Outline) -> str:
    return f"on_handoff={ast.unparse(callback)} of {dotted(call.func) or 'a call'}() in {outline.place(call)}"


def _argument(call: ast.Call, name: str) -> ast.expr | None:
    found = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    return None if isinstance(found, ast.Constant) else found  # on_handoff=None is the default


def _handoff(function: Function, why: str, taker: tuple[str, str] | None) -> Handoff:
    agent, agent_from = taker or (_stem(function), "")
    return Handoff(function, why, agent=agent, type=deed(agent), agent_from=agent_from)


def _taker(call: ast.Call, outline: Outline, scope: Scope, package: Package) -> tuple[str, str] | None:
    """Name of the agent that ``handoff(agent, ...)`` hands over to, and the place that says so."""
    agent = _argument(call, "agent") or (call.args[0] if call.args else None)
    return _name_of(agent, outline, scope, package, 0) if agent is not None else None


def _name_of(node: ast.expr, outline: Outline, scope: Scope, package: Package, depth: int) -> tuple[str, str] | None:
    """Follows variables, factories and imports to ``Agent(name=...)``."""
    if depth > _DEEPEST:
        return None
    if isinstance(node, ast.Call):
        return _name_of_made(node, outline, scope, package, depth + 1)
    variable = dotted(node)
    if variable is None:
        return None
    meant = package.meaning(variable, outline, scope)
    return _name_of(*meant, package, depth + 1) if meant else None


def _name_of_made(
    call: ast.Call, outline: Outline, scope: Scope, package: Package, depth: int
) -> tuple[str, str] | None:
    """The name that ``Agent(name=...)`` gives, or the agent has that a factory of the package returns."""
    if (dotted(call.func) or "").endswith("Agent"):
        given = _argument_of_agent(call)
        name = package.text(given, outline, scope) if given is not None else None
        return (name, outline.place(call)) if name else None
    factory = package.function(call.func, outline, scope)
    if factory is None:
        return None
    names = (_name_of(*value, package, depth) for value in package.returned(factory))
    return next(filter(None, names), None)


def _argument_of_agent(call: ast.Call) -> ast.expr | None:
    by_name = next((keyword.value for keyword in call.keywords if keyword.arg == "name"), None)
    return by_name if by_name is not None else next(iter(call.args), None)


def _stem(function: Function) -> str:
    """``vision`` of ``_on_vision_handoff``; the bare name of a function that is not called like that."""
    found = _BY_NAME.fullmatch(function.node.name)
    return (found["before"] or found["after"]) if found else function.node.name.strip("_")


def _alike(stem: str, package: Package) -> tuple[str, str] | None:
    """The one agent among those made in the package whose name holds the words of ``stem``."""
    words = set(stem.split("_"))
    fitting = {name: place for name, place in _agents(package) if words <= set(words_of(name))}
    return next(iter(fitting.items())) if len(fitting) == 1 else None


def _agents(package: Package) -> Iterator[tuple[str, str]]:
    for outline, call, scope in package.calls():
        if (dotted(call.func) or "").endswith("Agent"):
            made = _name_of_made(call, outline, scope, package, 0)
            if made is not None:
                yield made
