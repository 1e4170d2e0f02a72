"""What a command line starts: commands of Click and Typer and of Django's manage.py, ``main``, what Lambda calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from erni_run.propose.candidate import Candidate, bases, decorated, imports
from erni_run.propose.outline import Function, Scope
from erni_run.propose.package import Package

_LIBRARIES = ("click", "typer", "asyncclick", "rich_click", "cyclopts")
_SERVING = frozenset({"serve", "server", "run", "runserver", "start", "worker", "watch", "shell", "beat", "listen"})
_FOR_EVER = "It may serve until it is stopped, and all of that becomes one trace."
_WHOLE_RUN = "All that the program does becomes one trace, and a script's own functions are out of reach."


def commands(package: Package) -> Iterator[Candidate]:
    """Commands of Click and Typer, and ``handle`` of Django's management commands."""
    for found in decorated(package, frozenset({"command"}), lambda _, f, __: imports(f.outline, *_LIBRARIES)):
        yield Candidate(found.function, found.why, _FOR_EVER if found.function.node.name in _SERVING else "")
    for outline in package.outlines:
        owner, handle = outline.classes.get("Command"), outline.functions.get("Command.handle")
        if owner is not None and handle is not None and any(base.endswith("Command") for base in bases(owner, package)):
            yield Candidate(handle, f"the management command {outline.module.rpartition('.')[2]}")


def entries(package: Package) -> Iterator[Candidate]:
    """``main`` of a module, and what AWS Lambda calls."""
    for outline in package.outlines:
        for name, function in outline.functions.items():
            arguments = [argument.arg for argument in function.node.args.args]
            if arguments == ["event", "context"] and "." not in name:
                yield Candidate(function, "takes the event and the context of AWS Lambda")
            elif name == "main":
                yield Candidate(function, f"main() of {outline.module}", _WHOLE_RUN)


def public(package: Package) -> Iterator[Candidate]:
    """What the top modules offer: their own functions and methods, and the functions that they import from below. For
    packages in which nothing else was found.
    """
    depth = min((outline.module.count(".") for outline in package.outlines), default=0)
    for outline in package.outlines:
        if outline.module.count(".") == depth:
            imported = (package.function(ast.Name(name), outline, Scope()) for name in outline.imports)
            for function in (*outline.functions.values(), *filter(None, imported)):
                names = function.qualname.split(".")
                if not any(name.startswith(("_", "<")) for name in names) and _calls_something(function):
                    yield Candidate(function, f"a public name of {outline.module}")


def _calls_something(function: Function) -> bool:
    return any(isinstance(node, ast.Call) for statement in function.node.body for node in ast.walk(statement))
