"""Functions that are worth a span, and why: a table of kinds, each with what gives it away in the source."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from erni_run.propose.outline import Class, Function, Outline, Scope, assignments, dotted
from erni_run.propose.package import Package


@dataclass(frozen=True, eq=False)
class Candidate:
    """A function, and what in the source proposes it: one short clause."""

    function: Function
    why: str


Finder = Callable[[Package], Iterator[Candidate]]

_HTTP = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace", "route", "view"})
_ROUTE_DECORATORS = _HTTP | {"api_route", "websocket", "websocket_route"}
_ROUTERS = frozenset(
    {"FastAPI", "APIRouter", "Starlette", "Router", "Flask", "Blueprint", "Quart", "RouteTableDef", "Sanic", "Litestar"}
)
_ROUTE_CALLS = frozenset(
    {"Route", "WebSocketRoute", "add_api_route", "add_api_websocket_route", "add_route", "add_websocket_route"}
    | {"add_url_rule", "add_get", "add_post", "add_put", "add_patch", "add_delete", "add_view"}
)
_ROUTE_MODULES = ("aiohttp.web.", "django.urls.", "django.conf.urls.")
_TASK_DECORATORS = frozenset(
    {"task", "shared_task", "periodic_task", "db_task", "db_periodic_task", "actor", "job", "scheduled_job", "cron"}
)
_TASK_CALLS = frozenset({"enqueue", "enqueue_in", "enqueue_at", "enqueue_call", "add_job", "add_periodic_task"})
_TOOLS = frozenset({"function_tool", "tool", "tool_plain"})
_RUNS = ("run", "arun", "invoke", "ainvoke", "execute", "aexecute")


def agent_runs(package: Package) -> Iterator[Candidate]:
    """``run`` and its kin of classes called ...Agent, or derived from such a class."""
    for outline in package.outlines:
        for owner in outline.classes.values():
            reason = _agent(owner, package)
            for name in _RUNS if reason else ():
                function = outline.functions.get(f"{owner.qualname}.{name}")
                if function is not None:
                    yield Candidate(function, f"{name}() of {reason}")


def routes(package: Package) -> Iterator[Candidate]:
    """Handlers of web frameworks: decorated, or handed to a table of routes."""
    yield from _decorated(package, _ROUTE_DECORATORS, _is_route)
    yield from _handed_over(package, lambda name, origin, _: name in _ROUTE_CALLS or origin.startswith(_ROUTE_MODULES))


def tasks(package: Package) -> Iterator[Candidate]:
    """What workers and schedulers run: Celery, RQ, Dramatiq, Huey, APScheduler, arq."""
    yield from _decorated(package, _TASK_DECORATORS, lambda *_: True)
    yield from _handed_over(package, lambda name, *_: name in _TASK_CALLS)
    yield from _arq(package)


def tools(package: Package) -> Iterator[Candidate]:
    """Functions that a language model may call."""
    yield from _decorated(package, _TOOLS, lambda *_: True)
    yield from _handed_over(package, lambda name, *_: name == "function_tool")


def nodes(package: Package) -> Iterator[Candidate]:
    """Nodes of a LangGraph graph."""
    yield from _handed_over(package, lambda name, _, outline: name == "add_node" and _imports(outline, "langgraph"))


KINDS: dict[str, Finder] = {
    "Agents": agent_runs,
    "Route handlers": routes,
    "Tasks": tasks,
    "Tools of agents": tools,
    "Nodes of graphs": nodes,
}
"""What to look for, in the order of the proposal. A function that two kinds claim is the first one's."""


def _decorated(
    package: Package, names: frozenset[str], fits: Callable[[Package, Function, ast.expr], bool]
) -> Iterator[Candidate]:
    for function in package.functions():
        for decorator in function.node.decorator_list:
            name = dotted(decorator) or ""
            origin = package.origin(name, function.outline)
            if origin.rpartition(".")[2] in names and fits(package, function, decorator):
                yield Candidate(function, f"decorated with @{name}")


def _is_route(package: Package, function: Function, decorator: ast.expr) -> bool:
    """Whether ``decorator`` has a path, or belongs to what was made as a router."""
    if not isinstance(decorator, ast.Call):
        return False
    first = decorator.args[0] if decorator.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.startswith("/"):
        return True
    receiver = (dotted(decorator) or "").rpartition(".")[0]
    made = package.value(receiver, function.outline, function.scope) if receiver else None
    if made is None and receiver:
        imported = package.elsewhere(receiver, function.outline)
        made = imported[1] if imported else None
    return isinstance(made, ast.Call) and (dotted(made) or "").rpartition(".")[2] in _ROUTERS


def _handed_over(package: Package, is_meant: Callable[[str, str, Outline], bool]) -> Iterator[Candidate]:
    """The first function of the package among the arguments of each call that is meant."""
    for outline, call, scope in package.calls():
        called = dotted(call.func) or ""
        if is_meant(called.rpartition(".")[2], package.origin(called, outline), outline):
            arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
            found = (package.function(argument, outline, scope) for argument in arguments)
            function = next(filter(None, found), None)
            if function is not None:
                yield Candidate(function, f"handed to {called}() in {outline.place(call)}")


def _arq(package: Package) -> Iterator[Candidate]:
    """The functions that a class ``WorkerSettings`` lists, those inside ``cron()`` and ``func()`` too."""
    for outline in package.outlines:
        owner = outline.classes.get("WorkerSettings")
        for target, value in assignments(owner.node) if owner is not None else ():
            if dotted(target) in ("functions", "cron_jobs") and isinstance(value, (ast.List, ast.Tuple)):
                for item in value.elts:
                    node = item.args[0] if isinstance(item, ast.Call) and item.args else item
                    function = package.function(node, outline, Scope())
                    if function is not None:
                        yield Candidate(function, f"listed by WorkerSettings in {outline.place(item)}")


def _agent(owner: Class, package: Package, below: tuple[Class, ...] = ()) -> str:
    """What makes ``owner`` an agent, "" if it is none. ``below`` are the classes that led to it as a base."""
    if owner.node.name.endswith("Agent"):
        return f"the agent {owner.node.name}"
    for base in owner.node.bases:
        plain = base.value if isinstance(base, ast.Subscript) else base
        name = dotted(plain) or ""
        if name.endswith("Agent"):
            return f"an agent, by its base {name}"
        parent = package.klass(name, owner.outline)
        if parent is not None and parent not in (owner, *below) and _agent(parent, package, (owner, *below)):
            return f"an agent, by its base {name}"
    return ""


def _imports(outline: Outline, library: str) -> bool:
    return any(origin.partition(".")[0] == library for origin in outline.imports.values())
