"""A scratch process for ``erni-run check``: import what the plan names, resolve it, report. Nothing is instrumented.

Reads an encoded plan on standard input and writes rows as JSON to the file descriptor in its first argument: the
modules that it imports may print whatever they like.
"""

from __future__ import annotations

import difflib
import inspect
import json
import os
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

from erni_run.config.libraries import LIBRARIES
from erni_run.inside.functions import native
from erni_run.inside.functions.resolve import Found, Native, NotFound, resolve
from erni_run.inside.functions.site import Wish, without_conflicts, wrong_captures
from erni_run.inside.imports import is_glob, matches
from erni_run.inside.libraries import is_installed, is_native
from erni_run.inside.libraries import obstacle as library_obstacle
from erni_run.inside.notice import describe
from erni_run.plan import CapturePlan, LibrariesPlan, Plan, SpanPlan, decode


def main() -> None:
    """Rehearse the plan on standard input."""
    plan = decode(sys.stdin.read())
    with suppress(FileNotFoundError):  # the working directory has been removed
        sys.path.insert(0, os.getcwd())  # as uvicorn, gunicorn and `python -m` do
    rows = [*_functions(plan), *_libraries(plan.libraries)]
    with open(int(sys.argv[1]), "w", encoding="utf-8") as report:
        json.dump(rows, report)


def _functions(plan: Plan) -> Iterator[dict[str, Any]]:
    """A row for each entry: ``functions`` that it names, ``places`` where they stand, ``notes`` on what to know."""
    known: dict[Any, list[Wish]] = {}
    for span in plan.spans:
        row: dict[str, Any] = {
            "kind": "span",
            "line": span.line,
            "target": span.target,
            "captures": span.capture,
            "functions": [],
            "places": [],
            "notes": [],
            "problem": "",
        }
        try:
            for hit in _resolve(span):
                row["functions"].append(f"{hit.module}:{hit.qualname}")
                row["places"].append(_place(hit))
                row["notes"] += _notes(hit, span)
                row["problem"] = row["problem"] or _problem(hit, span, known)
            row["problem"] = row["problem"] or "; ".join(_not_exceptions(span))
        except (Exception, SystemExit) as error:  # a script without a guard ends the process that imports it
            row["problem"] = str(error) if isinstance(error, NotFound) else describe(error)
        yield row


def _resolve(span: SpanPlan) -> Iterator[Found | Native]:
    if span.module == "__main__":
        raise NotFound(
            "functions of the script itself run before they could be found: move it into a module, or use @traced_span"
        )
    missing: NotFound | None = None
    found = False
    for module in _modules(span.module):
        try:
            yield from resolve(module, span.qualname, span.layer)
            found = True
        except NotFound as error:
            missing = error
    if not found:
        raise missing or NotFound(f"no module matches {span.module!r}")


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


def _modules(pattern: str) -> Iterator[ModuleType]:
    """The modules that ``pattern`` names, imported, and no others but the packages that lead to them."""
    if is_glob(pattern):
        yield from _below(None, "", pattern.split("."), 1)
    else:
        yield _import(pattern)


def _import(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if not f"{name}.".startswith(f"{missing}."):
            raise  # what it imports itself
        package, _, last = missing.rpartition(".")
        siblings = pkgutil.iter_modules(sys.modules[package].__path__ if package else None)
        near = difflib.get_close_matches(last, [info.name for info in siblings], n=1, cutoff=0.6 if package else 0.8)
        place = "" if package else "; check where the application starts, or set PYTHONPATH as it has it"
        hint = f"; did you mean {near[0]!r}?" if near else place
        raise NotFound(f"no module {missing!r}{hint}") from None


def _below(path: Any, prefix: str, parts: list[str], depth: int) -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(path, prefix):
        if matches(".".join(parts[:depth]), info.name):
            if depth == len(parts):
                yield import_module(info.name)
            elif info.ispkg:
                yield from _below(import_module(info.name).__path__, f"{info.name}.", parts, depth + 1)


def _libraries(plan: LibrariesPlan) -> Iterator[dict[str, Any]]:
    """Libraries that the application has imported, and those that the plan names."""
    for library in LIBRARIES.values():
        named = plan.enable is not None and library.name in plan.enable
        if plan.wants(library.name, auto=library.auto) and (named or library.module in sys.modules):
            problem = library_obstacle(library)
            yield {
                "kind": "library",
                "name": library.name,
                "how": "speaks OpenTelemetry itself" if is_native(library) else library.instrumentor,
                "problem": problem,
                "fails": bool(problem) and (named or is_installed(library)),
            }


if __name__ == "__main__":
    main()
