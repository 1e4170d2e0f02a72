"""Which libraries are installed here, and which of them lack their instrumentation. Told without importing one.

For ``check`` and ``--explain`` alone: looking through what is installed takes too long for a start.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.machinery import PathFinder

from erni_run.config.libraries import LIBRARIES, Library
from erni_run.plan import LibrariesPlan


class Installed:
    """The distributions of this environment, looked through once."""

    def __init__(self) -> None:
        self._providers = metadata.packages_distributions()

    def has(self, library: Library) -> bool:
        """Whether the module of ``library`` is that library's, and not one of the application that bears its name."""
        top = library.module.partition(".")[0]
        return top in sys.stdlib_module_names or top in self._providers

    def wanted(self, plan: LibrariesPlan) -> list[Library]:
        """The libraries that ``plan`` wants and that are here."""
        wanted = [library for library in LIBRARIES.values() if plan.wants(library.name, auto=library.auto)]
        return list(filter(self.has, wanted))


def has_instrumentation(library: Library) -> bool:
    """Whether the package that instruments ``library`` is installed."""
    try:
        metadata.version(library.distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def is_there(module: str) -> bool:
    """Whether the dotted ``module`` can be found, told without importing what it is in."""
    places: Sequence[str] | None = None
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:length]), places)
        if spec is None:
            return False
        places = spec.submodule_search_locations or ()
    return True
