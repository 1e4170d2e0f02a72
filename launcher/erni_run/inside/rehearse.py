"""A scratch process for ``erni-run check``: import what the plan names, resolve it, report. Nothing is instrumented.

Reads an encoded plan on standard input and writes rows, each a line of JSON, to the file descriptor in its first
argument: the modules that it imports may print whatever they like. Further arguments tell of the application.

The ``state`` of a row is "ok", "fails" (it would not be traced), "untried" (its module can only be imported by the
application itself, or not at all) or "missing" (a library without its instrumentation, which nobody asked for by name).
"""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from itertools import chain
from types import ModuleType
from typing import Any, NoReturn

from erni_run.config.installed import Installed
from erni_run.config.libraries import LIBRARIES, Library
from erni_run.inside import modules
from erni_run.inside.activate import IN_THE_SCRIPT
from erni_run.inside.application import Application, source_of
from erni_run.inside.functions import native
from erni_run.inside.functions.resolve import Found, Native, NotFound, resolve
from erni_run.inside.functions.site import Wish, without_conflicts, wrong_captures
from erni_run.inside.libraries import is_installed, is_native
from erni_run.inside.libraries import obstacle as library_obstacle
from erni_run.inside.notice import describe
from erni_run.plan import CONTROL_FLOW, CapturePlan, Plan, SpanPlan, decode

_ASKS_FOR_SCRIPT = re.compile(r"""^if\s+\(?__name__\s*==\s*["']__main__["']""", re.MULTILINE)


def main() -> NoReturn:
    """Rehearse the plan on standard input."""
    plan = decode(sys.stdin.read())
    ours = frozenset(sys.modules)
    kind, name, *arguments = sys.argv[2:] or ("", "")
    application = Application(kind, name, tuple(arguments))
    with open(int(sys.argv[1]), "w", encoding="utf-8", buffering=1) as report:  # whole lines, whatever comes after them
        for problem in application.set_up(os.path.dirname(plan.config)):
            print(f"erni-run: {problem}", file=sys.stderr)
        rows = chain(_functions(plan, application), _libraries(plan, application, ours))
        report.writelines(f"{json.dumps(row)}\n" for row in rows)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # an imported module may have started threads that do not end


def _functions(plan: Plan, application: Application) -> Iterator[dict[str, Any]]:
    """A row for each entry: ``functions`` that it names, ``places`` where they stand, ``notes`` on what to know."""
    known: dict[Any, list[Wish]] = {}
    for span in plan.spans:
        row: dict[str, Any] = {
            "kind": "span",
            "state": "ok",
            "line": span.line,
            "target": span.target,
            "captures": span.capture,
            "functions": [],
            "places": [],
            "notes": [],
            "problem": "",
        }
        try:
            for hit in _resolve(span, application, row["notes"]):
                row["functions"].append(f"{hit.module}:{hit.qualname}")
                row["places"].append(_place(hit))
                row["notes"] += _notes(hit, span)
                row["problem"] = row["problem"] or _problem(hit, span, known)
            row["problem"] = row["problem"] or "; ".join(_not_exceptions(span))
            row["state"] = "fails" if row["problem"] else "ok"
        except NotFound as missing:
            row |= {"state": "fails", "problem": str(missing)}
        except modules.Untried as untried:
            row |= {"state": "untried", "problem": f"could not be tried: {untried}"}
        except (Exception, SystemExit) as error:  # what an application puts into its modules may answer with anything
            row |= {"state": "fails", "problem": describe(error)}
        yield row


def _resolve(span: SpanPlan, application: Application, notes: list[str]) -> Iterator[Found | Native]:
    """What ``span`` names; ``notes`` takes what there is to know of its modules."""
    missing: NotFound | None = None
    untried = []
    found = False
    for name in modules.names(span.module):
        try:
            module = _module(name, application)
            yield from resolve(module, span.qualname, span.layer)
            found = True
            notes += _notes_on_scripts(module, application)
        except NotFound as error:
            missing = error
        except modules.Untried as error:
            untried.append(str(error))
    if not found and untried:
        raise modules.Untried("; ".join(untried))
    if not found:
        raise missing or NotFound(f"no module matches {span.module!r}")
    notes += untried


def _module(name: str, application: Application) -> ModuleType:
    if name == "__main__" or (name == application.script and name not in sys.modules):
        raise NotFound(IN_THE_SCRIPT)
    return modules.imported(name)


def _notes_on_scripts(module: ModuleType, application: Application) -> Iterator[str]:
    """What to know of a module that is written to be started as a script, where no command says what is started."""
    file = getattr(module, "__file__", None) or ""
    if not application.kind and file.endswith(".py") and _ASKS_FOR_SCRIPT.search(source_of(file)):
        with suppress(OSError, ValueError):
            file = min(os.path.relpath(file), file, key=len)
        yield f"if the command is `python {file}`, this is the script itself: try `erni-run check python {file}`"


def _problem(hit: Found | Native, span: SpanPlan, known: dict[Any, list[Wish]]) -> str:
    """What keeps ``span`` from being recorded as the file says, "" if nothing does."""
    code = hit.code if isinstance(hit, Found) else None
    only, receiver = (hit.only, hit.receiver) if isinstance(hit, Found) else (None, ())
    wish = Wish(span, CapturePlan(), hit.module, hit.qualname, only, receiver)
    mistakes = "; ".join(wrong_captures(wish, code))
    if mistakes:
        return f"{hit.qualname}: {mistakes}"
    if isinstance(hit, Native):
        obstacle = native.obstacle(hit)
        return f"{hit.qualname} {obstacle}" if obstacle else ""
    wishes = known.setdefault((hit.function, hit.inner), [])
    wishes.append(wish)
    for refused, by in without_conflicts(wishes)[1]:
        if refused is wish:
            return f"{hit.module}:{hit.qualname} is traced already, by line {by.line}: remove one of the two"
    return ""


def _not_exceptions(span: SpanPlan) -> Iterator[str]:
    """What is wrong with the exceptions that ``span`` ignores."""
    for entry in span.ignore:
        if entry in CONTROL_FLOW:  # of libraries that need not be there
            continue
        module, _, qualname = entry.partition(":")
        try:
            found: Any = import_module(module)
            for name in qualname.split("."):
                found = getattr(found, name)
        except (ImportError, AttributeError) as error:
            yield f"ignore {entry!r}: {error}"
        else:
            if not (isinstance(found, type) and issubclass(found, BaseException)):
                yield f"ignore {entry!r}: it is no exception"


def _notes(hit: Found | Native, span: SpanPlan) -> list[str]:
    if isinstance(hit, Native):
        note = f"{hit.qualname} has no Python code: references taken before the wrapper are not traced"
        return [] if native.obstacle(hit) else [note]
    if span.mode == "context" and not hit.code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
        return [f'{hit.qualname} is no generator: mode = "context" changes nothing']
    return []


def _place(hit: Found | Native) -> str:
    """``file:line``, relative to the working directory where that is shorter; "" for what has no source."""
    if isinstance(hit, Native):
        return ""
    path = hit.code.co_filename
    with suppress(OSError, ValueError):
        path = min(os.path.relpath(path), path, key=len)
    return f"{path}:{hit.code.co_firstlineno}"


def _libraries(plan: Plan, application: Application, ours: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Libraries that the application has imported, and those that the plan names. Where nothing says what to import,
    those that are installed.
    """
    imported = sys.modules.keys() - ours  # before any instrumentor is looked at: they import libraries, too
    installed = Installed()
    is_idle = not plan.spans and not application.kind
    here = {library.name for library in installed.wanted(plan.libraries)} if is_idle else set()
    for library in LIBRARIES.values():
        named = plan.libraries.enable is not None and library.name in plan.libraries.enable
        is_used = (library.module in imported and installed.has(library)) or library.name in here
        if plan.libraries.wants(library.name, auto=library.auto) and (named or is_used):
            yield _library(library, named=named)


def _library(library: Library, *, named: bool) -> dict[str, Any]:
    problem = library_obstacle(library)
    is_missing = bool(problem) and not is_installed(library)
    state = "ok" if not problem else "missing" if is_missing and not named else "fails"
    return {
        "kind": "library",
        "state": state,
        "name": library.name,
        "how": "speaks OpenTelemetry itself" if is_native(library) else library.instrumentor,
        "problem": "its instrumentation is not installed" if is_missing else problem,
        "package": library.distribution if is_missing else "",
    }


if __name__ == "__main__":
    main()
