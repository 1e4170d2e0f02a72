"""The modules that a target names, imported to see what is in them. Only the scratch process of ``check`` does that."""

from __future__ import annotations

import difflib
import pkgutil
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from erni_run.inside.functions.resolve import NotFound
from erni_run.inside.imports import is_glob, matches
from erni_run.inside.notice import describe


class Untried(Exception):
    """A module cannot be imported here; whether its application can, this process cannot tell."""


def names(pattern: str) -> Iterator[str]:
    """The names of the modules that ``pattern`` names; of those, the packages that lead to others are imported."""
    if is_glob(pattern):
        yield from _below(None, "", pattern.split("."), 1)
    else:
        yield pattern


def imported(name: str) -> ModuleType:
    """The module ``name``. Raises NotFound if there is none, Untried if its import fails."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if not f"{name}.".startswith(f"{missing}."):
            raise Untried(f"importing {name} here raises {describe(error)}") from None  # in what it imports itself
        package, _, last = missing.rpartition(".")
        siblings = pkgutil.iter_modules(getattr(sys.modules[package], "__path__", ()) if package else None)
        near = difflib.get_close_matches(last, [info.name for info in siblings], n=1, cutoff=0.6 if package else 0.8)
        place = "" if package else "; check where the application starts, or set PYTHONPATH as it has it"
        hint = f"; did you mean {near[0]!r}?" if near else place
        raise NotFound(f"no module {missing!r}{hint}") from None
    except (Exception, SystemExit) as error:  # a script without a guard ends the process that imports it
        raise Untried(f"importing {name} here raises {describe(error)}") from None


def _below(path: Any, prefix: str, parts: list[str], depth: int) -> Iterator[str]:
    for info in pkgutil.iter_modules(path, prefix):
        if matches(".".join(parts[:depth]), info.name):
            if depth == len(parts):
                yield info.name
            elif info.ispkg:
                try:
                    path_below = imported(info.name).__path__
                except (NotFound, Untried):
                    yield info.name  # whoever imports it is told the same
                else:
                    yield from _below(path_below, f"{info.name}.", parts, depth + 1)
