"""Functions that are worth a span, and why: a table of kinds, each with what gives it away in the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from erni_run.propose.candidate import Candidate, Finder, bases, decorated, handed_over, imports
from erni_run.propose.commands import commands, entries
from erni_run.propose.outline import Class, Function, Outline, Scope, assignments, dotted
from erni_run.propose.package import Package
from erni_run.propose.runs import runs
from erni_run.propose.views import servicers, views

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
    | {"flow", "subscriber", "entrypoint"}
)
_TASK_CALLS = frozenset(
    {"enqueue", "enqueue_in", "enqueue_at", "enqueue_call", "add_job", "add_periodic_task"}
    | {"async_task", "PythonOperator"}
)
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
    yield from decorated(package, _ROUTE_DECORATORS, _is_route)
    yield from handed_over(package, is_route_call)
    yield from views(package, is_route_call)


def is_route_call(name: str, origin: str, _: Outline) -> bool:
    """Whether a call of ``name`` puts what it is given into a table of routes."""
    return name in _ROUTE_CALLS or origin.startswith(_ROUTE_MODULES)


def tasks(package: Package) -> Iterator[Candidate]:
    """What workers and schedulers run: Celery, RQ, Dramatiq, Huey, APScheduler, arq, Prefect, FastStream."""
    yield from decorated(package, _TASK_DECORATORS, lambda *_: True)
    yield from handed_over(package, lambda name, *_: name in _TASK_CALLS)
    yield from _arq(package)


def tools(package: Package) -> Iterator[Candidate]:
    """Functions that a language model may call."""
    yield from decorated(package, _TOOLS, lambda *_: True)
    yield from handed_over(package, lambda name, *_: name == "function_tool")


def nodes(package: Package) -> Iterator[Candidate]:
    """Nodes of a LangGraph graph."""
    yield from handed_over(package, lambda name, _, outline: name == "add_node" and imports(outline, "langgraph"))


KINDS: dict[str, Finder] = {
    "Agents": agent_runs,
    "Route handlers": routes,
    "Remote procedures": servicers,
    "Tasks": tasks,
    "Tools of agents": tools,
    "Nodes of graphs": nodes,
    "What runs agents and graphs": runs,
    "Commands": commands,
    "Entry points": entries,
}
"""What to look for, in the order of the proposal. A function that two kinds claim is the first one's."""


def _is_route(package: Package, function: Function, decorator: ast.expr) -> bool:
    """Whether ``decorator`` has a path, or belongs to what was made as a router."""
    if not isinstance(decorator, ast.Call):
        return False
    first = decorator.args[0] if decorator.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.startswith("/"):
        return True
    receiver = (dotted(decorator) or "").rpartition(".")[0]
    meant = package.meaning(receiver, function.outline, function.scope) if receiver else None
    made = meant[0] if meant else None
    return isinstance(made, ast.Call) and (dotted(made) or "").rpartition(".")[2] in _ROUTERS


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


def _agent(owner: Class, package: Package) -> str:
    """What makes ``owner`` an agent, "" if it is none."""
    if owner.node.name.endswith("Agent"):
        return f"the agent {owner.node.name}"
    name = next((name for name in bases(owner, package) if name.endswith("Agent")), "")
    return f"an agent, by its base {name}" if name else ""
