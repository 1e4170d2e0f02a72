"""Functions that run a graph or an agent: where LangGraph, pydantic-ai, the Agents SDK or CrewAI are called."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from erni_run.propose.candidate import Candidate, imports
from erni_run.propose.outline import Function, Outline, Scope, dotted
from erni_run.propose.package import Package

_DEEPEST = 8  # functions that return what functions return
_GRAPHS = frozenset({"invoke", "ainvoke", "stream", "astream", "astream_events", "batch", "abatch"})
_AGENTS = frozenset({"run", "run_sync", "run_stream", "run_stream_sync", "iter"})
_METHODS = {  # by the last name of what made the receiver
    "compile": _GRAPHS,
    "create_react_agent": _GRAPHS,
    "create_agent": _GRAPHS,
    "Agent": _AGENTS,
    "Crew": frozenset({"kickoff", "kickoff_async", "akickoff"}),
}
_BY_NAME = {  # where the source does not tell: the library that the module imports, how the receiver is called
    "langgraph": (re.compile(r"graph|workflow|agent|chain"), _GRAPHS),
    "pydantic_ai": (re.compile(r"agent"), _AGENTS),
}
_RUNNER = frozenset({"run", "run_sync", "run_streamed"})


def runs(package: Package) -> Iterator[Candidate]:
    """The innermost function around each call that runs a graph or an agent."""
    for outline, call, scope in package.calls():
        if isinstance(call.func, ast.Attribute) and scope.functions and _runs(call.func, outline, scope, package):
            function = _around(scope, outline)
            if function is not None:
                yield Candidate(function, f"runs {dotted(call.func)}() in {outline.place(call)}")


def _runs(called: ast.Attribute, outline: Outline, scope: Scope, package: Package) -> bool:
    receiver = dotted(called.value) or ""
    if package.origin(receiver, outline) == "agents.Runner":
        return called.attr in _RUNNER
    made = _made(called.value, outline, scope, package, 0)
    if made is not None:
        return called.attr in _METHODS.get(made, ())
    last = receiver.rpartition(".")[2].lower()
    return any(
        called.attr in methods and imports(outline, library) and name.search(last) is not None
        for library, (name, methods) in _BY_NAME.items()
    )


def _made(node: ast.expr, outline: Outline, scope: Scope, package: Package, depth: int) -> str | None:
    """The last name of the call that made ``node``, through variables, imports and factories; None if unknown."""
    if depth > _DEEPEST:
        return None
    if isinstance(node, ast.Call):
        factory = package.function(node.func, outline, scope)
        if factory is None:
            return (dotted(node.func) or "").rpartition(".")[2] or None
        made = (_made(*value, package, depth + 1) for value in package.returned(factory))
        return next(filter(None, made), None)
    name = dotted(node)
    meant = package.meaning(name, outline, scope) if name else None
    return _made(*meant, package, depth + 1) if meant else None


def _around(scope: Scope, outline: Outline) -> Function | None:
    node = scope.functions[-1]
    return next((function for function in outline.functions.values() if function.node is node), None)
