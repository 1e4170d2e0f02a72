"""What the bench knows of an application: data alone. How it is run and compared stands in ``bench.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NO_FILE = "no tracing.toml here or above: no function is traced, a library if its instrumentation is installed"
"""What is said where there is no tracing.toml."""


@dataclass(frozen=True, kw_only=True)
class Application:
    """One application and one way to start it: a row of docs/compatibility.md.

    ``program`` is a folder of ``programs/``, or "" for none; ``command`` runs in a copy of it. With ``asks`` it is that
    of a server, stopped once it has answered; without, it runs to its end. ``{port}`` is a free port.
    """

    name: str
    program: str
    command: str
    """As a user types it, without erni-run."""
    traces: tuple[str, ...]
    """All traces that must arrive, and no other: see ``traces.py`` for how they are written."""
    tracing: str = ""
    """The text of tracing.toml; "": there is no such file, and erni-run goes by its defaults."""
    asks: tuple[str, ...] = ()
    """Requests, one after the other: ``METHOD PATH``, or ``METHOD PATH BODY``; or ``$ COMMAND``, which runs beside the
    application, traced as that is, and whose output is the answer.
    """
    has_broker: bool = False
    """Whether a broker runs beside it, see ``broker.py``."""
    prepare: tuple[str, ...] = ()
    """Commands that run first, untraced and once for both runs, or for each if there is a broker."""
    environ: Mapping[str, str] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()
    """Attributes that are compared with those of ``traces``."""
    is_interrupted: bool = False
    """Stopped by Ctrl-C at a terminal, which every process of it gets, instead of SIGTERM for the first of them."""
    is_ordered: bool = True
    """Whether lines of output have an order: those of several processes or threads have none."""
    varies: Mapping[str, str] = field(default_factory=dict)
    """What differs between any two runs: a regular expression, and the word that stands in for what it matches."""
    says: tuple[str, ...] = ()
    """Lines of ours on standard error, without the ``erni-run:`` in front."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Pythons ("3.15") on which it cannot be had, each with why."""
    wrong: str = ""
    """Why the row cannot hold yet."""


def spans(*targets: str) -> str:
    """The text of a tracing.toml that names ``targets``."""
    return "".join(f'[[span]]\ntarget = "{target}"\n' for target in targets)
