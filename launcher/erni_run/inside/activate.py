"""The one place that knows the rooms below and wires them. The hook calls it once, at the start of every process.

Nothing is done here that can wait: each room is imported when a module that concerns it has been. A process that
imports none of them has paid for a few small files and for reading the first lines of the plan.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident  # threading itself is for the application to import

from erni_run.inside import ending  # first of all, so that its end is the last of all
from erni_run.inside.imports import is_glob, when_imported
from erni_run.inside.notice import describe, say_once
from erni_run.inside.ourselves import aside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import FunctionType, ModuleType

    from erni_run.inside.reload import Watcher
    from erni_run.plan import Plan

    Work = Callable[[ModuleType], None]

IN_THE_SCRIPT = (
    "is in the script itself, which runs before it could be instrumented: "
    "not traced; move it into a module, or use @traced_span"
)
_LOGS = ("structlog", "logging", "loguru")

_wiring: _Wiring | None = None


def activate(text: str) -> None:
    """Start tracing by the plan in ``text`` (see ``erni_run.plan.encode``). Never raises."""
    global _wiring  # noqa: PLW0603  # once per process is what this module is for
    if not _has_global_lock():
        say_once("this process is not traced: its Python runs threads without a global lock, on which erni-run relies")
        return
    try:
        if _wiring is None:
            _wiring = _Wiring(text)
            _wiring.wire()
    except Exception as error:
        say_once(f"this process is not traced: {describe(error)}")


def activate_functions(plan: Plan) -> None:
    """Trace the functions of ``plan`` and nothing else: libraries and exporter are somebody else's here."""
    global _wiring  # noqa: PLW0603  # as above
    if _wiring is None:
        from erni_run.plan import encode

        _wiring = _Wiring(encode(plan))
        _wiring.wire_functions()


def current_plan() -> Plan | None:
    """The plan that this process is traced by, None if it is not traced."""
    return _wiring.plan if _wiring is not None else None


class _Wiring:
    """The plan, decoded when somebody needs it, and who waits for which module."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._plan: Plan | None = None
        self._turns: dict[tuple[int, int], list[tuple[Work, ModuleType]]] = {}
        self._awaited: set[str] = set()
        self._watcher: Watcher | None = None

    @property
    def plan(self) -> Plan:
        if self._plan is None:
            from erni_run.plan import decode

            self._plan = decode(self._text)
        return self._plan

    def wire(self) -> None:
        libraries = self._text.split("\n", 2)[1].split()
        if not sys.stdlib_module_names.isdisjoint(libraries):
            # Named by the user alone. Their instrumentors import logging, which imports some of these itself.
            import logging  # noqa: F401
        for name in ("opentelemetry.environment_variables", "opentelemetry.sdk.environment_variables"):
            self._at_once(name, self._hide)  # who imports them reads next
        self._when("opentelemetry.propagate", self._propagate)
        self._at_once("opentelemetry.trace", self._record)  # an instrumentor that imports it asks for a tracer next
        for name in _LOGS:
            self._when(name, self._correlate)
        for module in libraries:
            self._when(module, self._switch_on)
        self.wire_functions()

    def wire_functions(self) -> None:
        patterns = self._text.partition("\n")[0].split()
        if any(map(_may_be_of_the_standard_library, patterns)):
            # We need that library ourselves. Loaded in the middle of an import, we would meet modules half executed:
            # json imports re, and a call after the import of re could not decode the plan.
            from erni_run.inside.functions import instrument  # noqa: F401  # loaded before it is needed

            self.plan  # noqa: B018  # decoded before it is needed
        self._wait_for(patterns)
        self._when("threading", lambda _: self._report_script())
        ending.at_end(self._report_script)
        if self._text.split("\n", 3)[2]:
            environ = dict(os.environ)  # as the plan was read with it: the application may change its own
            self._when("threading", lambda _: self._watch(environ))

    def _wait_for(self, patterns: Iterable[str]) -> None:
        for pattern in patterns:
            if pattern not in self._awaited:
                self._awaited.add(pattern)
                if pattern != "__main__":
                    self._when(pattern, self._instrument)

    def _when(self, module: str, work: Work) -> None:
        """Do ``work`` when ``module`` has been imported.

        Work imports modules itself, some of which others wait for: their turn comes when it is done.
        """

        def call(imported: ModuleType) -> None:
            thread = os.getpid(), get_ident()  # a forked child may have a thread of the same number
            if thread in self._turns:
                self._turns[thread].append((work, imported))
                return
            turns = self._turns[thread] = [(work, imported)]
            try:
                for next_work, next_module in turns:
                    _attempt(next_work, next_module)
            finally:
                del self._turns[thread]

        when_imported(module, call)

    def _at_once(self, module: str, work: Work) -> None:
        """As ``_when``, and if it is other work that imports ``module``, in the middle of that."""
        when_imported(module, lambda imported: _attempt(work, imported))

    def _hide(self, names: ModuleType) -> None:
        if self.plan.variables.ignored or self.plan.variables.plugins:
            from erni_run.inside.variables import hide

            hide(names, self.plan.variables)

    def _propagate(self, module: ModuleType) -> None:
        if self.plan.variables.plugins:
            from erni_run.inside.variables import propagate

            propagate(module, self.plan.variables)

    def _record(self, _: ModuleType) -> None:
        from erni_run.inside.libraries import muted_scopes
        from erni_run.inside.recorder.provider import install

        install(self.plan, muted_scopes(self.plan.libraries), _run_after)

    def _correlate(self, module: ModuleType) -> None:
        from erni_run.inside.logs import correlate

        correlate(module, lambda: self.plan)

    def _switch_on(self, module: ModuleType) -> None:
        from erni_run.inside.libraries import switch_on

        switch_on(module, self.plan.libraries, _run_around)

    def _instrument(self, module: ModuleType) -> None:
        from erni_run.inside.functions.instrument import instrument

        instrument(module, lambda: self.plan)

    def _report_script(self) -> None:
        """Say which targets are functions of the script itself: its module is running, and its import never ends."""
        main = sys.modules.get("__main__")
        spec = getattr(main, "__spec__", None)
        file = getattr(getattr(main, "__loader__", None), "path", "")  # __file__ is gone when the script has ended
        name = spec.name if spec is not None else os.path.basename(file).removesuffix(".py")
        for module in {"__main__", name} & self._awaited:
            if module == "__main__" or module not in sys.modules:
                for span in self.plan.spans:
                    if span.module == module:
                        say_once(f"{os.path.basename(self.plan.config)}:{span.line}: {span.target} {IN_THE_SCRIPT}")

    def _watch(self, environ: Mapping[str, str]) -> None:
        from erni_run.inside.reload import Watcher

        if self._watcher is None:
            every = float(self._text.split("\n", 3)[2])
            self._watcher = Watcher(lambda: self.plan, self._take_over, environ, every)
        self._watcher.start()

    def _take_over(self, plan: Plan) -> None:
        """Go on by ``plan``, which differs in its spans, captures or sampling."""
        from erni_run.inside.functions.instrument import apply

        self._plan = plan
        self._wait_for({span.module for span in plan.spans})
        apply(plan)


def _has_global_lock() -> bool:
    """Whether one thread runs at a time (PEP 703)."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def _run_after(function: FunctionType, call: Callable[[], object]) -> None:
    from erni_run.inside.functions.around import run_after

    run_after(function, call)


def _run_around(function: FunctionType, before: Callable[[], object], after: Callable[[], object]) -> None:
    from erni_run.inside.functions.around import run_around

    run_around(function, before, after)


def _may_be_of_the_standard_library(pattern: str) -> bool:
    top = pattern.partition(".")[0]
    return is_glob(top) or top in sys.stdlib_module_names


def _attempt(work: Work, module: ModuleType) -> None:
    """Whatever goes wrong in one stays without effect on the others, and on the import that brought it about."""
    try:
        aside(work, module)
    except Exception as error:
        say_once(f"{module.__name__} is not traced: {describe(error)}")
