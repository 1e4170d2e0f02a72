"""A scratch process for ``erni-run check``: import what the plan names, resolve it, report. Nothing is instrumented.

Reads an encoded plan on standard input and writes rows as JSON to the file descriptor in its first argument: the
modules that it imports may print whatever they like.
"""

from __future__ import annotations

import json
import os
import pkgutil
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from erni_run.config.libraries import LIBRARIES
from erni_run.inside.functions.resolve import Native, NotFound, resolve
from erni_run.inside.functions.source import Parameters
from erni_run.inside.imports import is_glob, matches
from erni_run.inside.libraries import is_native, obstacle
from erni_run.inside.notice import describe
from erni_run.plan import LibrariesPlan, Plan, SpanPlan, decode


def main() -> None:
    """Rehearse the plan on standard input."""
    plan = decode(sys.stdin.read())
    sys.path.insert(0, os.getcwd())  # as uvicorn, gunicorn and `python -m` do
    rows = [*_functions(plan), *_libraries(plan.libraries)]
    with open(int(sys.argv[1]), "w", encoding="utf-8") as report:
        json.dump(rows, report)


def _functions(plan: Plan) -> Iterator[dict[str, Any]]:
    lines: dict[Any, int] = {}
    for span in plan.spans:
        row: dict[str, Any] = {"kind": "span", "line": span.line, "target": span.target, "functions": [], "problem": ""}
        try:
            row["functions"] = list(_resolve(span, lines))
        except Exception as error:
            row["problem"] = str(error) if isinstance(error, NotFound) else describe(error)
        yield row


def _resolve(span: SpanPlan, lines: dict[Any, int]) -> Iterator[str]:
    missing: NotFound | None = None
    found = False
    for module in _modules(span.module):
        try:
            hits = resolve(module, span.qualname, span.layer)
        except NotFound as error:
            missing = error
            continue
        for hit in hits:
            if isinstance(hit, Native):
                continue
            _check_capture(span, hit.function)
            if lines.setdefault(hit.function, span.line) != span.line:
                raise NotFound(f"{hit.module}:{hit.qualname} is traced already, by line {lines[hit.function]}")
            found = True
            yield f"{hit.module}:{hit.qualname}"
    if not found:
        raise missing or NotFound(f"no module matches {span.module!r}")


def _check_capture(span: SpanPlan, function: Any) -> None:
    from erni_run.config.expression import names_in

    known = {*Parameters.of(function.__code__).names, "result"}
    for attribute, expression in span.capture.items():
        unknown = sorted(names_in(expression) - known)
        if unknown:
            raise NotFound(f"capture {attribute!r}: {function.__qualname__} has no parameter {unknown[0]!r}")


def _modules(pattern: str) -> Iterator[ModuleType]:
    """The modules that ``pattern`` names, imported."""
    if not is_glob(pattern):
        yield import_module(pattern)
        return
    fixed = []
    for part in pattern.split("."):
        if is_glob(part):
            break
        fixed.append(part)
    package = import_module(".".join(fixed)) if fixed else None
    prefix = ".".join(fixed) + "." if fixed else ""
    for info in pkgutil.walk_packages(getattr(package, "__path__", None), prefix, onerror=lambda _: None):
        if matches(pattern, info.name):
            yield import_module(info.name)


def _libraries(plan: LibrariesPlan) -> Iterator[dict[str, Any]]:
    """Libraries that the application has imported, and those that the plan names."""
    for library in LIBRARIES.values():
        named = plan.enable is not None and library.name in plan.enable
        if plan.wants(library.name, auto=library.auto) and (named or library.module in sys.modules):
            problem = obstacle(library)
            how = "speaks OpenTelemetry itself" if is_native(library) else library.instrumentor
            wanted = named or not problem.startswith("pip install")
            yield {
                "kind": "library",
                "name": library.name,
                "how": how,
                "problem": problem,
                "fails": bool(problem) and wanted,
            }


if __name__ == "__main__":
    main()
