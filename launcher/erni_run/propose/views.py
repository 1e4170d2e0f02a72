"""Classes whose methods answer requests: views of web frameworks, and the servicers of gRPC."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from erni_run.propose.candidate import Candidate, arguments, bases, calls, decorated, imports
from erni_run.propose.outline import Class, Outline, dotted
from erni_run.propose.package import Package

_FRAMEWORKS = frozenset(
    {"django", "rest_framework", "flask", "flask_restful", "flask_restx", "quart", "starlette", "fastapi", "aiohttp"}
    | {"tornado", "sanic", "channels", "falcon"}
)
_KINDS = ("View", "ViewSet", "Resource", "Endpoint", "Handler", "Consumer")
_VERBS = ("get", "post", "put", "patch", "delete")
_METHODS = (
    *_VERBS,
    *(f"on_{verb}" for verb in _VERBS),
    *("list", "create", "retrieve", "update", "partial_update", "destroy"),
    *("on_connect", "on_receive", "on_message"),
)


def views(package: Package, is_route_call: Callable[[str, str, Outline], bool]) -> Iterator[Candidate]:
    """Methods that answer requests: of classes in a table of routes, and of those with a base of a framework."""
    for outline, call, _, why in calls(package, is_route_call):
        for argument in arguments(call):
            owner = package.klass(_name(argument), outline)
            if owner is not None:
                yield from _answering(owner, package, why)
    for outline in package.outlines:
        for owner in outline.classes.values():
            base = next(filter(_is_view, bases(owner, package)), "")
            if base:
                yield from _answering(owner, package, f"a view, by its base {base}")
    of_rest = decorated(
        package, frozenset({"api_view", "action"}), lambda _, f, __: imports(f.outline, "rest_framework")
    )
    yield from of_rest


def servicers(package: Package) -> Iterator[Candidate]:
    """The methods of gRPC's servicers."""
    for outline in package.outlines:
        for owner in outline.classes.values():
            base = next((base for base in bases(owner, package) if base.endswith("Servicer")), "")
            for function in outline.functions.values() if base else ():
                if function.scope.path == tuple(owner.qualname.split(".")) and not function.node.name.startswith("_"):
                    yield Candidate(function, f"a method of a servicer, by its base {base}")


def _name(argument: ast.expr) -> str:
    """``View`` of ``View``, ``View()`` and ``View.as_view()``."""
    return (dotted(argument) or "").removesuffix(".as_view")


def _is_view(base: str) -> bool:
    return base.partition(".")[0] in _FRAMEWORKS and base.endswith(_KINDS)


def _answering(owner: Class, package: Package, why: str) -> Iterator[Candidate]:
    for name in _METHODS:
        function = package.method(owner, name)
        if function is not None:
            yield Candidate(function, why)
