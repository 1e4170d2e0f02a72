"""Libraries are instrumented at their first import, each for itself: one that fails never disables another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from erni_run.config.libraries import LIBRARIES, Library, installation
from erni_run.inside import django
from erni_run.inside.imports import when_imported
from erni_run.inside.notice import describe, say_once
from erni_run.plan import LibrariesPlan

_Wrapping = Callable[[Any, str, Any], object]
_NONE: Mapping[str, object] = {}

NATIVE = {"fastapi": "fastapi.telemetry"}
"""Libraries that speak OpenTelemetry themselves from some version on, and the module by which that version is known.
With a tracer provider in place they need no instrumentor. The name is also that of their instrumentation scope."""


def muted_scopes(plan: LibrariesPlan) -> frozenset[str]:
    """The instrumentation scopes of native libraries that ``plan`` wants silent."""
    return frozenset(name for name in NATIVE if not plan.wants(name, auto=LIBRARIES[name].auto))


def switch_on(module: ModuleType, plan: LibrariesPlan, run_around: django.RunAround) -> None:
    """Instrument every enabled library whose module is ``module``; say once what prevents it."""
    for library in LIBRARIES.values():
        if library.module == module.__name__ and plan.wants(library.name, auto=library.auto):
            if library.name == "django":
                django.attend(module, partial(_attempt, library, plan), run_around)
            else:
                _attempt(library, plan)


def obstacle(library: Library) -> str:
    """Why ``library`` cannot be instrumented here, with what to do about it; "" if it can."""
    if is_native(library):
        return ""
    if not is_installed(library):
        return installation([library.distribution])
    conflict = _conflict(_instrumentor(library))
    return f"{conflict}: the instrumentation does not support that version" if conflict else ""


def is_native(library: Library) -> bool:
    """Whether the installed version of ``library`` speaks OpenTelemetry itself."""
    return library.name in NATIVE and find_spec(NATIVE[library.name]) is not None


def _attempt(library: Library, plan: LibrariesPlan, stand_ins: Mapping[str, object] = _NONE) -> None:
    try:
        problem = _switch_on(library, plan, stand_ins)
    except Exception as error:  # an instrumentor is foreign code: whatever it raises stays here
        problem = describe(error)
    if problem:
        say_once(f"{library.name} is not traced: {problem}")


def _switch_on(library: Library, plan: LibrariesPlan, stand_ins: Mapping[str, object]) -> str:
    options = plan.options.get(library.name, {})
    if is_native(library):
        import_module("opentelemetry.trace")  # our provider is installed with it
        names = ", ".join(options)
        return f"this version speaks OpenTelemetry itself and takes no options: {names}" if names else ""
    if plan.enable is None and not is_installed(library):
        return ""  # "auto" takes what is there
    problem = obstacle(library)
    instrumentor = None if problem else _instrumentor(library)
    if instrumentor is not None and not instrumentor.is_instrumented_by_opentelemetry:
        vars(sys.modules[type(instrumentor).__module__]).update(stand_ins)
        before = dict(vars(sys.modules[library.module]))
        instrumentor.instrument(skip_dep_check=True, **options)
        _keep_generic(before, vars(sys.modules[library.module]))
    return problem


def _keep_generic(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Let a class that stands in for a generic one be subscripted as that can: ``falcon.App[Request, Response]``."""
    for name, own in before.items():
        stand_in = after.get(name)
        if stand_in is not own and isinstance(own, type) and isinstance(stand_in, type) and issubclass(stand_in, own):
            parameters = getattr(own, "__parameters__", ())
            if parameters and not getattr(stand_in, "__parameters__", ()):
                stand_in.__parameters__ = parameters  # type: ignore[attr-defined]  # typing.Generic's


def is_installed(library: Library) -> bool:
    """Whether the instrumentation of ``library`` is installed."""
    try:
        return find_spec(library.instrumentor.partition(":")[0]) is not None
    except ModuleNotFoundError:  # not even its parent package
        return False


def _instrumentor(library: Library) -> Any:
    """The instrumentor, told to patch a submodule when the application imports it instead of importing it for that."""
    module, _, name = library.instrumentor.partition(":")
    package = import_module(module)
    from wrapt import wrap_function_wrapper  # late: it imports asyncio, 9 MB that an instrumentor brings along anyway

    for alias, value in list(vars(package).items()):
        if value is wrap_function_wrapper:
            setattr(package, alias, partial(_wrap_when_imported, wrap_function_wrapper))
    return getattr(package, name)()


def _wrap_when_imported(wrap: _Wrapping, target: Any, name: str, wrapper: Any) -> None:
    """What ``wrap``, which is ``wrapt.wrap_function_wrapper``, does, but for the import of a module that ``target``
    names: sqlalchemy's takes 55 ms of CPU.
    """
    if isinstance(target, str):
        when_imported(target, lambda module: _wrap(wrap, module, name, wrapper))
    else:
        wrap(target, name, wrapper)


def _wrap(wrap: _Wrapping, module: ModuleType, name: str, wrapper: Any) -> None:
    try:
        wrap(module, name, wrapper)
    except Exception as error:  # when_imported allows none
        say_once(f"{module.__name__}.{name} is not traced: {describe(error)}")


def _conflict(instrumentor: Any) -> str:
    """What the instrumentor requires and what is there instead, "" if they agree."""
    from opentelemetry.instrumentation.dependencies import get_dependency_conflicts

    conflict = get_dependency_conflicts(instrumentor.instrumentation_dependencies())
    if conflict is None:
        return ""
    wanted = conflict.required or " or ".join(map(str, conflict.required_any))
    found = conflict.found or " or ".join(map(str, conflict.found_any)) or "nothing"
    return f"it wants {wanted} and finds {found}"
